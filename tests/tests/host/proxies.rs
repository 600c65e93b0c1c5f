//! A host behind nginx and behind Caddy, with the configuration files of `packaging/`: at the root of a name, and below a
//! prefix of another one.

use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use guildhall_tests::proxy::{NAME, PREFIXED, Program, ProxiedSocket, Proxy};
use guildhall_tests::{Host, blueprint, chat, component, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_tungstenite::tungstenite::Message;

/// A host that answers to the names of the proxies.
async fn host() -> Host {
    Host::spawn(super::options().set("http.hosts", format!("{NAME},{PREFIXED}"))).await
}

/// The name and the prefix of each way to the host.
const WAYS: [(&str, &str); 2] = [(NAME, ""), (PREFIXED, "/guildhall")];

#[tokio::test]
async fn nginx_serves_a_host_at_a_root_and_below_a_prefix() {
    serves(Program::Nginx).await;
}

#[tokio::test]
async fn caddy_serves_a_host_at_a_root_and_below_a_prefix() {
    serves(Program::Caddy).await;
}

async fn serves(program: Program) {
    if !program.is_installed() {
        return;
    }
    let host = host().await;
    let guild = host.rest().launch_spec(&with_files(blueprint::echo())).await;
    let proxy = Proxy::start(program, host.rest().authority()).await;
    for (name, prefix) in WAYS {
        pages(&proxy, name, prefix).await;
        errors(&proxy, name, prefix).await;
        chats(&proxy, name, prefix, &guild).await;
        files(&proxy, name, prefix, &guild).await;
    }
    followed_logs(&host, &proxy).await;
}

fn with_files(mut spec: Value) -> Value {
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    spec
}

/// The console, `/docs` and what they load, whose addresses are relative.
async fn pages(proxy: &Proxy, name: &str, prefix: &str) {
    for (path, part) in [
        ("/", "console/app.js"),
        ("/console/app.js", "import"),
        ("/console/console.css", "{"),
        ("/docs", "<!doctype html>"),
        ("/openapi.json", "\"openapi\""),
        ("/catalog/blueprints/", "["),
    ] {
        let page = proxy.curl(&[&proxy.url(name, &format!("{prefix}{path}"))]).await;
        assert!(page.contains(part), "{name}{prefix}{path} has no `{part}`: {}", &page[..page.len().min(500)]);
    }
    let above = proxy.url(name, if prefix.is_empty() { "/" } else { prefix });
    let code = proxy.curl(&["-L", "-o", "/dev/null", "-w", "%{http_code}", &above]).await;
    assert_eq!(code, "200", "{above} leads to the console");
}

/// An error has the request id that the proxy gave it and logs; pages of other sites change nothing.
async fn errors(proxy: &Proxy, name: &str, prefix: &str) {
    let missing = proxy.url(name, &format!("{prefix}/api/guilds/nobody"));
    let answer = proxy.curl(&["-i", &missing]).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let given =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-request-id: ").map(str::to_owned));
    let given = given.expect("the proxy names the request").replace('-', "");
    let error: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&error["code"], &error["trace_id"]), (&json!("guild_not_found"), &json!(given)), "{answer}");

    let category = proxy.url(name, &format!("{prefix}/catalog/categories/"));
    let body = json!({"name": format!("of {name}"), "description": "d"}).to_string();
    let from = async |origin: &str| {
        let origin = format!("origin: {origin}");
        let ask = ["-o", "/dev/null", "-w", "%{http_code}", "-H", &origin, "-H", "content-type: application/json"];
        proxy.curl(&[&ask[..], &["-d", &body, &category]].concat()).await
    };
    assert_eq!(from("https://evil.example").await, "403", "a page of another site");
    assert_eq!(from(&proxy.origin(name)).await, "201", "a page of the proxy's own name");
    // A page under a name of its own that resolves to this machine (DNS rebinding) reads nothing.
    let answer = proxy.curl(&["-H", "host: other.example", &missing]).await;
    assert!(!answer.contains("guild_not_found"), "the host serves another name: {answer}");
}

async fn chats(proxy: &Proxy, name: &str, prefix: &str, guild: &str) {
    let origin = proxy.origin(name);
    let path = |socket: &str, rest: &str| format!("{prefix}/ws/guilds/{guild}/{socket}/ann{rest}");
    let mut system = proxy.socket(name, &path("syscomms", ""), &origin).await.expect("a page of its own name");
    frame_with(&mut system, "a report that says ok", |text| text.contains("\"guild_health\"")).await;
    let mut user = proxy.socket(name, &path("usercomms", "/Ann"), &origin).await.expect("a page of its own name");
    let said = format!("through {name}");
    let message = json!({"format": "text", "payload": {"text": said}}).to_string();
    user.send(Message::text(message)).await.expect("the socket is open");
    frame_with(&mut user, "the echo", |text| text.contains(&format!("Echo: {said}"))).await;
    let foreign = proxy.socket(name, &path("usercomms", "/Ann"), "https://evil.example").await;
    assert_eq!(foreign.err(), Some(403), "a page of another site");
}

async fn frame_with(socket: &mut ProxiedSocket, what: &str, wanted: impl Fn(&str) -> bool) {
    let found = async {
        while let Some(Ok(frame)) = socket.next().await {
            if frame.to_text().is_ok_and(&wanted) {
                return;
            }
        }
        panic!("the socket ended before {what}");
    };
    within(Duration::from_secs(20), what, found).await;
}

/// 20 MB go up and come back; what is larger than the limit is refused.
async fn files(proxy: &Proxy, name: &str, prefix: &str, guild: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let content: Vec<u8> = (0..20_000_000_u32).map(|at| (at / 7 % 251) as u8).collect();
    std::fs::write(file("large.bin"), &content).expect("a file can be written");
    let files = proxy.url(name, &format!("{prefix}/api/guilds/{guild}/files/"));
    let named = format!("file=@{};filename=large-{name}.bin", file("large.bin"));
    let stored = proxy.curl(&["-F", &named, &files]).await;
    assert!(stored.contains("\"content_length\":20000000"), "{stored}");
    proxy.curl(&["-o", &file("back.bin"), &format!("{files}large-{name}.bin")]).await;
    assert!(std::fs::read(file("back.bin")).expect("it came back") == content, "the file is the same");

    std::fs::File::create(file("huge.bin")).and_then(|huge| huge.set_len(70 << 20)).expect("a file can be made");
    let named = format!("file=@{}", file("huge.bin"));
    let refused = proxy.curl(&["-o", "/dev/null", "-w", "%{http_code}", "-F", &named, &files]).await;
    assert!(refused.starts_with("413"), "{refused}");
}

/// A line of a log reaches a reader while the answer goes on.
async fn followed_logs(host: &Host, proxy: &Proxy) {
    let digest = host.rest().upload(component::hostile()).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let chat = chat::join(host, &guild, "ann").await;
    let agent = host.rest().guild(&guild).await["agents"][0]["id"].as_str().expect("an id").to_owned();
    let logs = proxy.url(PREFIXED, &format!("/guildhall/api/guilds/{guild}/agents/{agent}/logs?follow=1"));
    let mut curl = tokio::process::Command::new("curl");
    let resolved = format!("{PREFIXED}:{}:127.0.0.1", proxy.port());
    curl.args(["-sNk", "--resolve", &resolved, &logs]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut curl = curl.spawn().expect("curl is installed");
    let mut lines = BufReader::new(curl.stdout.take().expect("it was piped")).lines();
    chat.say("log 1");
    let line = within(Duration::from_secs(20), "a line of the log", lines.next_line()).await.expect("bytes");
    assert!(line.is_some_and(|line| line.contains("line 0")));
}

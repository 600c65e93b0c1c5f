//! Grants: a blueprint asks for them, the operator's policy allows them, and agents reach nothing else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall_tests::{Chat, Host, Options, blueprint, chat, component, frame};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers every request with 200 and `hello`, and keeps the requests.
struct Server {
    origin: String,
    heard: Arc<Mutex<Vec<String>>>,
}

async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let all = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let all = all.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                all.lock().expect("a lock").push(String::from_utf8_lossy(&head).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
                    head.clear();
                }
            });
        }
    });
    Server { origin, heard }
}

/// Returns an agent that uses capabilities, with this sandbox.
fn reaching(digest: &str, name: &str, sandbox: &Value) -> Value {
    json!({
        "id": name.to_lowercase(), "name": name, "description": "Reaches for what it is told",
        "class_name": "guildhall.tests.ReachingAgent", "component": digest, "sandbox": sandbox,
    })
}

/// Returns a sandbox that asks for every capability.
fn everything(server: &Server) -> Value {
    json!({
        "http": [server.origin], "http_calls": 3, "keyvalue": true, "keyvalue_keys": 10, "keyvalue_kib": 64,
        "config": {"greeting": "good morning"}, "secrets": ["KEY", "OTHER"], "reveal": ["OTHER"], "env": ["PATH", "HOME"],
    })
}

struct Granted {
    host: Host,
    server: Server,
    digest: String,
    _secrets: tempfile::TempDir,
}

/// Starts a server that grants everything in [`everything`] except the variable `HOME`.
async fn granted() -> Granted {
    let server = server().await;
    let secrets = tempfile::tempdir().expect("a directory");
    for (name, value) in [("KEY", "hush"), ("OTHER", "psst")] {
        std::fs::write(secrets.path().join(name), value).expect("a secret");
    }
    let options = super::options()
        .set("policy.http", &server.origin)
        .set("policy.secrets", "KEY,OTHER")
        .set("policy.reveal", "OTHER")
        .set("policy.secrets_dir", secrets.path().display())
        .set("policy.env", "PATH");
    let host = Host::spawn(options).await;
    let digest = host.rest().upload(component::reaching()).await;
    Granted { host, server, digest, _secrets: secrets }
}

impl Granted {
    async fn chat(&self) -> (String, Chat) {
        let spec = json!({"name": "Reaching", "description": "Reaches",
            "agents": [reaching(&self.digest, "Reaching", &everything(&self.server))]});
        let guild = self.host.rest().launch_spec(&spec).await;
        let chat = chat::join(&self.host, &guild, "ann").await;
        (guild, chat)
    }
}

/// Returns the agent's reply.
async fn ask(chat: &mut Chat, order: &str) -> String {
    chat.say(order);
    let what = format!("an answer to `{order}`");
    let answer = chat.socket.wait_within(Duration::from_secs(30), &what, |frame| {
        frame::is_error(frame) || (!frame::text(frame).is_empty() && frame::text(frame) != order)
    });
    let answer = answer.await;
    if frame::is_error(&answer) { answer["payload"].to_string() } else { frame::text(&answer).to_owned() }
}

#[tokio::test]
async fn an_agent_gets_the_grants_that_it_asks_for() {
    let granted = granted().await;
    let (_, mut chat) = granted.chat().await;
    let origin = granted.server.origin.clone();
    let chat = &mut chat;
    assert_eq!(ask(chat, &format!("get {origin}/path")).await, "200 hello");
    assert_eq!(ask(chat, "secret KEY").await, "{{secret:KEY}}");
    assert_eq!(ask(chat, &format!("auth {origin}/ {{{{secret:KEY}}}}")).await, "200 hello");
    let heard = granted.server.heard.lock().expect("a lock").join("\n");
    assert!(heard.contains("GET /path ") && heard.contains("authorization: hush\r\n"), "{heard}");
    assert_eq!(ask(chat, "reveal OTHER").await, "psst");
    assert_eq!(ask(chat, "config greeting").await, "good morning");
    assert_eq!(ask(chat, "config nothing-such").await, "nothing");
    assert_ne!(ask(chat, "env PATH").await, "nothing");
    assert_eq!(ask(chat, "env HOME").await, "nothing");
    assert_eq!(ask(chat, "log well-logged").await, "logged");
    assert!(granted.host.stderr_tail().contains("reaching: well-logged"), "{}", granted.host.stderr_tail());
}

#[tokio::test]
async fn a_missing_grant_is_named_and_reported_once() {
    let granted = granted().await;
    let (_, mut chat) = granted.chat().await;
    let chat = &mut chat;
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost:8880/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "https://example.com/",
    ] {
        assert_eq!(ask(chat, &format!("get {url}")).await, "refused: ErrorCode::HttpRequestDenied", "{url}");
    }
    assert!(ask(chat, "secret NONE").await.contains("`NONE` is not granted"));
    for path in ["/etc/passwd", "/proc/self/environ", "guildhall.db", "../journal.db"] {
        let answer = ask(chat, &format!("file {path}")).await;
        assert!(answer.starts_with("refused: "), "{path}: {answer}");
    }
    assert!(ask(chat, "open others").await.contains("NoSuchStore"));
    // The function can only refuse by ending the instance.
    let denied = ask(chat, "reveal KEY").await;
    assert!(denied.contains(r#""kind":"denied""#) && denied.contains("sandbox.reveal"), "{denied}");
    let log = granted.host.stderr_tail();
    assert!(log.contains("a request to http://10.0.0.1: it needs the grant `sandbox.http`"), "{log}");
    assert!(!log.contains("hush") && !log.contains("psst"), "{log}");
}

#[tokio::test]
async fn a_flood_ends_with_the_name_of_its_limit() {
    let granted = granted().await;
    let (_, mut chat) = granted.chat().await;
    let (chat, origin) = (&mut chat, granted.server.origin.clone());
    assert_eq!(ask(chat, &format!("gets 10 {origin}/")).await, "answered 3");
    assert!(ask(chat, "fill own 100 1").await.contains("sandbox.keyvalue_keys"));
    // Stored values cost the turn as emitted messages do.
    let metrics = async || granted.host.rest().get("/metrics").await.body.to_string();
    let paid = "setting=\\\"host.emit_rate\\\"} 1";
    assert!(!metrics().await.contains(paid));
    assert_eq!(ask(chat, "fill own 10 6000").await, "filled");
    assert!(metrics().await.contains(paid), "{}", metrics().await);
    assert!(ask(chat, "fill own 10 10000").await.contains("sandbox.keyvalue_kib"));
    assert!(ask(chat, "fill own 1 1200000").await.contains("host.payload_bytes"));
    // The server answers before it has read the whole body.
    ask(chat, &format!("upload 2000000 {origin}/")).await;
    let handles = ask(chat, "buckets").await;
    assert!(handles.contains("host.handles"), "{handles}");
    let log = granted.host.stderr_tail();
    assert!(log.contains("`sandbox.http_calls`") && log.contains("`host.http_request_kib`"), "{log}");
    chat.say("still here");
    let still_here = |frame: &Value| frame::says(frame, "ok: still here");
    chat.socket.wait_within(Duration::from_secs(60), "the next message to be served", still_here).await;
}

/// Returns the number of files and sockets that the server has open.
fn descriptors(host: &Host) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", host.pid())).expect("Linux has it").count()
}

#[tokio::test]
async fn wasi_functions_without_a_grant_reach_nothing_and_cost_the_server_nothing() {
    let granted = granted().await;
    let (_, mut chat) = granted.chat().await;
    let chat = &mut chat;
    assert_eq!(ask(chat, "probe").await, "0 arguments, 0 directories, 0 bytes");
    assert_eq!(ask(chat, "file /etc/passwd").await.split(':').next(), Some("refused"));
    for name in ["localhost", "169.254.169.254", "example.com"] {
        let refused = ask(chat, &format!("lookup {name}")).await;
        assert!(refused.contains("permanent-resolver-failure"), "{name}: {refused}");
    }
    let before = descriptors(&granted.host);
    assert_eq!(ask(chat, "sockets 500").await, "got 0");
    assert!(descriptors(&granted.host) <= before + 2, "{} and {before} before", descriptors(&granted.host));
    let dropped = ask(chat, &format!("drop 10 {}/", granted.server.origin)).await;
    assert_eq!(dropped, "dropped 10", "that it may send three is told to whoever waits for an answer");
    assert!(granted.server.heard.lock().expect("a lock").len() <= 3);
    assert_eq!(ask(chat, "after").await, "ok: after");
}

#[tokio::test]
async fn an_agent_that_waits_forever_or_asks_for_too_much_ends_with_a_named_fault() {
    let granted = granted().await;
    let sandbox = json!({"http": [granted.server.origin], "keyvalue": true, "config": {}, "secrets": ["KEY"],
        "reveal": ["OTHER"], "timeout_ms": 300});
    for (order, kind, setting) in [
        ("sleep 3600000", "deadline", Some("sandbox.timeout_ms")),
        ("sleeps 400", "deadline", Some("sandbox.timeout_ms")),
        ("sleeps 100000", "trap", Some("host.handles")),
        ("random 1000000000", "trap", None),
        ("zeroes 1000000000000", "trap", None),
    ] {
        let spec = json!({"name": "Reaching", "description": "Reaches",
            "agents": [reaching(&granted.digest, "Reaching", &sandbox)]});
        let guild = granted.host.rest().launch_spec(&spec).await;
        let mut chat = chat::join(&granted.host, &guild, "ann").await;
        chat.say(order);
        let what = format!("the end of `{order}`");
        let error = chat.socket.wait_within(Duration::from_secs(30), &what, frame::is_error).await;
        let fault = &error["payload"];
        assert_eq!((fault["kind"].as_str(), fault["setting"].as_str()), (Some(kind), setting), "`{order}`: {fault}");
    }
    let (_, mut neighbour) = granted.chat().await;
    assert_eq!(ask(&mut neighbour, "hello").await, "ok: hello");
}

#[tokio::test]
async fn committed_values_survive_a_crash_and_those_of_a_failed_turn_do_not_exist() {
    let mut granted = granted().await;
    let (guild, mut chat) = granted.chat().await;
    assert_eq!(ask(&mut chat, "keep own a 1").await, "1");
    assert_eq!(ask(&mut chat, "keep guild shared 7").await, "7");
    assert_eq!(ask(&mut chat, "add own n 40").await, "40");
    assert_eq!(ask(&mut chat, "add own n 2").await, "42");
    assert!(ask(&mut chat, "keep-trap own a 2").await.contains("told to trap"));
    granted.host.kill().await;
    granted.host.start_again().await;
    let mut chat = chat::join(&granted.host, &guild, "bob").await;
    assert_eq!(ask(&mut chat, "read own a").await, "1");
    assert_eq!(ask(&mut chat, "read own n").await, "42");
    assert_eq!(ask(&mut chat, "read guild shared").await, "7");
    assert_eq!(ask(&mut chat, "keys own").await, "2");
}

/// Returns the answer to the launch of an agent that cannot start. Its blueprint is taken with a warning.
async fn refusal(host: &Host, agent: &Value) -> Value {
    let spec = json!({"name": "Lacking", "description": "Lacks a grant", "agents": [agent]});
    let made = host.rest().post("/catalog/blueprints/", &blueprint::of(&spec, "none")).await.expect(&[201]);
    assert!(made["warnings"].to_string().contains("agents.0: the agent cannot start"), "{made}");
    let launched = host.rest().post("/api/guilds", &json!({"org_id": "o", "spec": spec})).await;
    assert_eq!(launched.body["code"], "missing_capability", "{}", launched.body);
    launched.expect(&[409])
}

#[tokio::test]
async fn an_agent_without_a_grant_is_not_launched_and_the_answer_names_it() {
    let server = server().await;
    let host = Host::spawn(super::options()).await;
    let digest = host.rest().upload(component::reaching()).await;
    let nothing = refusal(&host, &reaching(&digest, "Nothing", &json!({}))).await;
    let grants = nothing["context"]["agents"][0]["missing"].to_string();
    for missing in ["sandbox.http", "policy.http", "sandbox.keyvalue"] {
        assert!(grants.contains(missing), "not {missing}: {nothing}");
    }
    let all = refusal(&host, &reaching(&digest, "All", &everything(&server))).await;
    assert!(all["detail"].to_string().contains("`policy."), "{all}");
}

#[tokio::test]
async fn a_blueprint_above_a_ceiling_is_refused_with_both_numbers() {
    let host = Host::spawn(Options::clone(&super::options()).set("sandbox.http_calls", 5)).await;
    let category = host.rest().category().await;
    for (asked, words) in [
        (json!({"http_calls": 6}), "less than or equal to 5"),
        (json!({"http": ["example.com"]}), "write `https://host`"),
        (json!({"secrets": ["../KEY"]}), "a name has letters"),
        (json!({"htpp": []}), "Extra inputs"),
    ] {
        let mut spec = blueprint::echo();
        spec["agents"][0]["sandbox"] = asked.clone();
        let answer = host.rest().post("/catalog/blueprints/", &blueprint::of(&spec, &category)).await;
        let refused = answer.expect(&[400, 422]).to_string();
        assert!(refused.contains(words), "{asked}: {refused}");
    }
}

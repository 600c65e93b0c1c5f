//! The configuration of a host: its file, variables and options, what changes while it runs, where it listens, and what it
//! tells systemd.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use guildhall_tests::{Host, blueprint, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::cli::{program, run};

/// How long a change may take until it is in effect.
const SOON: Duration = Duration::from_secs(20);

fn written(folder: &Path, text: &str) -> String {
    let file = folder.join("guildhall.toml");
    std::fs::write(&file, text).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

async fn signal(host: &Host, name: &str) {
    let sent = Command::new("kill").args([name, &host.pid().to_string()]).status().await;
    assert!(sent.expect("`kill` runs").success());
}

#[tokio::test]
async fn config_print_says_where_each_value_comes_from_and_check_finds_mistakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(
        folder.path(),
        "[limits]\nframe_bytes = 1000\n\n[serve]\ndatabase_url = \"postgres://me:hush@db/name\"\n",
    );
    let print = |arguments: &[&str]| {
        let mut command = program();
        command.args(["config", "print", "--config", &file]).args(arguments);
        command.env("GUILDHALL__LIMITS__BODY_BYTES", "2000").current_dir(folder.path());
        command
    };
    let shown: Value = run(&mut print(&["--listen", "unix:/a.sock", "--json"])).await.json();
    let of = |name: &str| (shown[name]["value"].clone(), shown[name]["origin"].clone());
    assert_eq!(of("limits.frame_bytes"), (json!("1000"), json!(format!("{file}:2"))));
    assert_eq!(of("limits.body_bytes"), (json!("2000"), json!("GUILDHALL__LIMITS__BODY_BYTES")));
    assert_eq!(of("serve.listen"), (json!("unix:/a.sock"), json!("--listen")));
    assert_eq!(of("serve.database_url").0, "postgres://me:***@db/name");
    assert_eq!(of("host.max_agents").1, "default");
    let table = run(&mut print(&["--changed"])).await.ok();
    assert!(table.contains("limits.frame_bytes") && !table.contains("host.max_agents"), "{table}");
    assert!(!table.contains("hush"), "{table}");

    let check = |file: &str| {
        let mut command = program();
        command.args(["config", "check", "--config", file]);
        command
    };
    run(&mut check(&file)).await.ok();
    // The file of the working directory is found without being named.
    let found = run(program().args(["config", "check"]).current_dir(folder.path())).await.ok();
    assert!(found.contains("guildhall.toml"), "{found}");
    let wrong = written(folder.path(), "[limits]\nframe_byte = 1\nhead_s = 0\n\n[serve]\nlisten = \"0.0.0.0:1\"\n");
    let mistakes = run(&mut check(&wrong)).await.failed(1);
    assert!(mistakes.contains("guildhall.toml:2: there is no setting `limits.frame_byte`; did you mean"), "{mistakes}");
    assert!(mistakes.contains("guildhall.toml:3: `limits.head_s` is 0 and may be 1 to 86400"), "{mistakes}");
    let listed = run(check(&wrong).arg("--json")).await;
    assert_eq!((listed.code, listed.out.contains("`limits.head_s` is 0")), (Some(1), true), "{}", listed.out);
    run(program().args(["config", "check", "--nothing"])).await.failed(2);
    let refused = run(program().args(["serve", "--config", &wrong])).await.failed(2);
    assert!(refused.contains("guildhall.toml:3"), "{refused}");
    let open = written(folder.path(), "[serve]\nlisten = [\"127.0.0.1:1\", \"0.0.0.0:1\"]\n");
    assert!(run(&mut check(&open)).await.failed(1).contains("0.0.0.0:1 is reachable from other machines"));
}

#[tokio::test]
async fn a_reload_applies_what_can_change_and_names_what_needs_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(folder.path(), "[log]\nlevel = \"info\"\n");
    let host = Host::spawn(super::options().argument("--config").argument(&file)).await;
    let from = |origin: &'static str, body: String| {
        let request = host.rest().request(Method::POST, "/catalog/categories/").header("origin", origin);
        let request = request.header("content-type", "application/json").body(body);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    let category = json!({"name": "A", "description": "b".repeat(2_000)}).to_string();
    assert_eq!(from("https://ui.example", category.clone()).await, 403);
    assert_eq!(from("http://localhost:1", category.clone()).await, 201);

    written(
        folder.path(),
        "[log]\nlevel = \"info\"\naccess = true\n[cors]\norigin = [\"https://ui.example\"]\n\
         [limits]\nbody_bytes = 1000\nframe_bytes = 1000\n[host]\nmax_agents = 7\n",
    );
    signal(&host, "-HUP").await;
    let small = json!({"name": "A", "description": "b"}).to_string();
    eventually(SOON, "the origin to be let in", async || match from("https://ui.example", small.clone()).await {
        201 => Ok(()),
        status => Err(status.to_string()),
    })
    .await;
    assert_eq!(from("http://localhost:1", category.clone()).await, 413);
    let log = host.stderr_tail();
    assert!(log.contains("a setting has changed setting=\"cors.origin\""), "{log}");
    assert!(log.contains("needs a restart setting=\"host.max_agents\""), "{log}");
    assert!(log.contains("method=POST path=/catalog/categories/ status=413"), "{log}");

    // A wrong file changes nothing, and the host goes on.
    written(folder.path(), "[limits]\nbody_bytes = 0\n");
    signal(&host, "-HUP").await;
    eventually(SOON, "the mistake to be told", async || {
        let log = host.stderr_tail();
        if log.contains("guildhall.toml:2: `limits.body_bytes` is 0") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(from("https://ui.example", small).await, 201);
    assert_eq!(from("http://localhost:1", category).await, 413);
}

#[tokio::test]
async fn a_host_listens_on_several_addresses_and_on_a_socket_that_is_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("guildhall.sock");
    // What a host that was killed leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let place = format!("unix:{}", path.display());
    let options = super::options().argument("--listen").argument(&place);
    let mut host = Host::spawn(options.clone()).await;
    assert!(host.printed().iter().any(|line| line == &format!("listening on {place}")), "{:?}", host.printed());
    assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o660);
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let listed = run(program().args(["guild", "ls", "--url", &place])).await.ok();
    assert!(listed.contains(&guild), "{listed}");
    let echo = format!("echo Hello | {} guild chat {guild} --url {place}", env!("CARGO_BIN_EXE_host"));
    let said = run(Command::new("sh").arg("-c").arg(echo)).await.ok();
    assert!(said.contains("Echo: Hello"), "{said}");

    let refused = Host::refused(&options).await;
    assert!(refused.contains("cannot listen on unix:") && refused.contains("another program listens"), "{refused}");
    assert!(path.exists(), "the socket of a running host stays");
    host.ask_to_stop().await;
    assert!(host.ended().await.success());
    assert!(!path.exists(), "it is removed");
    let open = Host::refused(&super::options().argument("--listen").argument("0.0.0.0:0")).await;
    assert!(open.contains("0.0.0.0:0 is reachable from other machines"), "{open}");
}

#[tokio::test]
async fn systemd_is_told_how_the_host_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_nonblocking(true).expect("set");
    let options = super::options().variable("NOTIFY_SOCKET", path.to_str().expect("UTF-8"));
    let mut host = Host::spawn(options.variable("WATCHDOG_USEC", "400000")).await;
    let told = |wanted: &'static str| {
        let socket = &socket;
        async move {
            eventually(SOON, wanted, async || {
                let mut buffer = [0; 1024];
                while let Ok(size) = socket.recv(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
                    if text.lines().any(|line| line == wanted) {
                        return Ok(text);
                    }
                }
                Err("not yet".to_owned())
            })
            .await
        }
    };
    told("READY=1").await;
    told("WATCHDOG=1").await;
    signal(&host, "-HUP").await;
    assert!(told("RELOADING=1").await.contains("MONOTONIC_USEC="));
    told("READY=1").await;
    host.ask_to_stop().await;
    told("STOPPING=1").await;
    assert!(host.ended().await.success());
}

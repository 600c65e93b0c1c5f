//! A server that is asked to stop closes its sockets in order, and a restart keeps all data.

use std::process::Stdio;
use std::time::Duration;

use guildhall_tests::{DEADLINE, blueprint, chat, frame, within};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn sigterm_closes_sockets_with_1001_and_the_exit_code_is_0() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.echo("hello").await;
    host.ask_to_stop().await;
    assert_eq!(chat.system.close_code().await, 1001);
    assert_eq!(chat.socket.close_code().await, 1001);
    let status = host.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
}

#[tokio::test]
async fn sigterm_ends_a_host_that_starts() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    // Its cache is empty, so it compiles for some time before it is ready.
    let command = command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.path());
    let mut host = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the host can be run");
    let mut log = BufReader::new(host.stderr.take().expect("it is piped")).lines();
    let started = async {
        while let Some(line) = log.next_line().await.expect("the log is text") {
            if line.contains("starting") {
                return;
            }
        }
        panic!("the host ended before it started");
    };
    within(DEADLINE, "the line that it starts", started).await;
    let pid = host.id().expect("it was not waited for").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.expect("`kill` runs").success());
    let status = within(Duration::from_secs(10), "the host to end", host.wait()).await.expect("a child ends");
    assert_eq!(status.code(), Some(0), "{status}");
}

#[tokio::test]
async fn a_restart_keeps_all_data_and_runs_the_guilds() {
    let mut host = super::host().await;
    let agent = json!({"qualified_class_name": "app.agents.Mine", "description": "Mine", "properties_schema": {}, "dependencies": []});
    host.rest().post("/catalog/agents", &agent).await.expect(&[201]);
    let blueprint = host.rest().blueprint(&blueprint::echo()).await;
    let guild = host.rest().launch(&blueprint).await;
    let stopped = host.rest().launch(&blueprint).await;
    let other = chat::join(&host, &stopped, "ann").await;
    other.stop_guild();
    host.rest().guild_is(&stopped, "stopped").await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.echo("before").await;

    let paths = [
        "/catalog/agents".to_owned(),
        "/catalog/categories/".to_owned(),
        format!("/catalog/blueprints/{blueprint}"),
        format!("/api/guilds/{guild}/ann/messages"),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(host.rest().get(path).await.expect(&[200]));
    }

    host.ask_to_stop().await;
    host.ended().await;
    host.start_again().await;

    for (path, before) in paths.iter().zip(before) {
        assert_eq!(host.rest().get(path).await.expect(&[200]), before, "{path}");
    }
    host.rest().guild_is(&guild, "running").await;
    assert_eq!(host.rest().guild(&stopped).await["status"], "stopped");
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.echo("after").await;
    let history = host.rest().history(&guild, "ann").await;
    let texts: Vec<_> = history.iter().map(frame::text).filter(|text| !text.is_empty()).collect();
    assert_eq!(texts, ["before", "Echo: before", "after", "Echo: after"]);
}

#[tokio::test]
async fn sockets_resume_after_a_restart() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    let last = frame::id(&chat.echo("before").await);
    host.ask_to_stop().await;
    host.ended().await;
    host.start_again().await;
    let mut chat = chat::join_with(&host, &guild, "ann", &format!("?after={last}")).await;
    let echo = chat.echo("after").await;
    assert!(frame::id(&echo) > last);
}

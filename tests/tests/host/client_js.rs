//! Runs the JavaScript client of the guide, unchanged, against the server.

use std::process::Stdio;
use std::time::Duration;

use guildhall_tests::within;
use tokio::process::Command;

const RUNNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/document/run.mjs");
/// The first major version that has `WebSocket` without a flag.
const WEBSOCKET_IS_GLOBAL: u32 = 22;
/// The first major version that has `WebSocket`.
const WEBSOCKET_IS_THERE: u32 = 20;

/// Returns the major version of `node`, if it is installed.
async fn node() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().await.ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Runs the client `times` times with a user socket that is delayed by `delay_ms`.
async fn run(times: usize, delay_ms: u32) {
    let version = match node().await {
        Some(version) if version >= WEBSOCKET_IS_THERE => version,
        found => {
            assert!(std::env::var_os("CI").is_none(), "node {WEBSOCKET_IS_THERE} or later is needed, found {found:?}");
            eprintln!("SKIPPED: node {WEBSOCKET_IS_THERE} or later is needed, found {found:?}");
            return;
        }
    };
    let host = super::host().await;
    let mut command = Command::new("node");
    if version < WEBSOCKET_IS_GLOBAL {
        command.arg("--experimental-websocket");
    }
    command.args([RUNNER, host.rest().authority(), &times.to_string(), &delay_ms.to_string()]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let output = child.expect("node starts").wait_with_output();
    let limit = Duration::from_secs(30) + Duration::from_secs(10) * u32::try_from(times).unwrap_or(u32::MAX);
    let output = within(limit, "the document's client", output).await.expect("node can be waited for");
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the document's client fails:\n{printed}\n{errors}");
    println!("{printed}");
}

#[tokio::test]
async fn the_client_of_the_guide_never_loses_its_first_message() {
    run(super::times("CHATS", 5), 0).await;
}

#[tokio::test]
async fn the_first_message_is_not_lost_when_the_user_socket_is_slower_than_the_system_socket() {
    run(super::times("CHATS", 5), 30).await;
}

//! Guilds that are stopped and started again over REST.

use guildhall_tests::{DEADLINE, blueprint, chat, eventually, frame};
use serde_json::json;

#[tokio::test]
async fn a_guild_that_was_stopped_starts_again_with_its_messages_and_states() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut before = chat::join(&host, &guild, "ann").await;
    before.echo("before").await;

    let path = |what: &str| format!("/api/guilds/{guild}/{what}");
    let stopped = host.rest().post(&path("stop"), &json!({})).await.expect(&[200]);
    assert_eq!(stopped, json!({"is_stopping": true}));
    assert_eq!(before.socket.close_code().await, 1000, "sockets of a guild that was stopped are closed");
    host.rest().guild_is(&guild, "stopped").await;
    let again = host.rest().post(&path("stop"), &json!({})).await.expect(&[200]);
    assert_eq!(again, json!({"is_stopping": false}));
    let refused = host.rest().post(&path("relaunch"), &json!({})).await;
    assert_eq!(refused.status, 400, "clients of the reference know that a stopped guild is not relaunched");

    // A guild that was stopped stays so until somebody starts it.
    host.kill().await;
    host.start_again().await;
    host.rest().guild_is(&guild, "stopped").await;
    eventually(DEADLINE, "the start", async || {
        let answer = host.rest().post(&path("start"), &json!({})).await;
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    })
    .await;
    host.rest().guild_is(&guild, "running").await;
    let running = host.rest().post(&path("start"), &json!({})).await.expect(&[200]);
    assert_eq!(running, json!({"is_starting": false}));

    let mut after = chat::join(&host, &guild, "ann").await;
    after.echo("after").await;
    let history = host.rest().history(&guild, "ann").await;
    let echoes = |text: &str| history.iter().filter(|message| frame::says(message, text)).count();
    assert_eq!((echoes("Echo: before"), echoes("Echo: after")), (1, 1), "nothing is handled a second time");
}

#[tokio::test]
async fn a_guild_that_is_not_there_is_neither_stopped_nor_started() {
    let host = super::host().await;
    for what in ["stop", "start"] {
        let answer = host.rest().post(&format!("/api/guilds/none/{what}"), &json!({})).await;
        assert_eq!(answer.status, 404, "{what}: {}", answer.body);
    }
}

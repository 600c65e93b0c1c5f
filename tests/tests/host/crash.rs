//! `kill -9` at any time loses no acknowledged message and repeats no reply.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_tests::redis::Redis;
use guildhall_tests::{Host, blueprint, chat, eventually, frame};
use serde_json::{Value, json};

use crate::said::{Said, check, say_again};

/// The number of messages that wait for an answer at any time.
const IN_FLIGHT: usize = 32;
/// The number of acknowledged messages in each round before the server is killed.
const BEFORE_KILL: usize = 200;

#[tokio::test]
async fn a_killed_server_loses_no_acknowledged_message_and_repeats_no_reply() {
    kill_and_compare(super::host().await, || ()).await;
}

/// The journal is in Redis, which is killed as well.
#[tokio::test]
async fn a_killed_server_and_a_killed_redis_lose_no_acknowledged_message_and_repeat_no_reply() {
    if !Redis::is_installed() {
        return;
    }
    let mut redis = Redis::durable();
    let host = Host::spawn(super::options().argument("--redis-url").argument(redis.url())).await;
    let again = || {
        redis.kill();
        redis.start_again();
    };
    kill_and_compare(host, again).await;
}

/// Kills the host while clients send, calls `meanwhile` before it is started again, and compares what it has then.
async fn kill_and_compare(mut host: Host, mut meanwhile: impl FnMut()) {
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut said = Said::default();

    for round in 0..super::times("CRASHES", 3) {
        let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
        say_again(&mut chat, &mut said).await;

        let enough = said.acked.len() + BEFORE_KILL + round * 7;
        for _ in 0..IN_FLIGHT {
            said.say(&chat);
        }
        while said.acked.len() < enough {
            let frame = chat.socket.next().await;
            if said.note(&frame) {
                said.say(&chat);
            }
        }
        host.kill().await;
        // Frames that the killed server had already sent count too.
        for frame in chat.socket.collect_until_idle(Duration::from_secs(2)).await {
            said.note(&frame);
        }

        meanwhile();
        host.start_again().await;
        host.rest().guild_is(&guild, "running").await;
        check(&host, &guild, &said).await;
    }

    let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
    say_again(&mut chat, &mut said).await;
    assert_eq!(said.acked.len(), said.next, "every message is acknowledged in the end");
    check(&host, &guild, &said).await;
    chat.echo("all well").await;
}

/// The turn emits more than fits into one transaction.
#[tokio::test]
async fn a_kill_keeps_a_turn_with_many_messages_completely_or_not_at_all() {
    const EACH: usize = 200;
    let mut host = super::host().await;
    let digest = host.rest().upload(super::faults::hostile_component()).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    for round in 0..super::times("CRASHES", 3) {
        let mut chat = chat::join(&host, &guild, "ann").await;
        for _ in 0..8 {
            chat.say(&format!("flood {EACH}"));
        }
        let is_flood = |heard: &Value| frame::text(heard).starts_with("flood ") && heard["in_response_to"].is_u64();
        for _ in 0..1 + 70 * round {
            chat.socket.wait_for("a part of a flood", is_flood).await;
        }
        host.kill().await;
        host.start_again().await;
        host.rest().guild_is(&guild, "running").await;
        eventually(Duration::from_secs(30), "every flood to be answered", async || {
            let history = host.rest().history(&guild, "ann").await;
            let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
            for message in &history {
                match message["in_response_to"].as_u64() {
                    Some(order) if is_flood(message) => *answers.entry(order).or_default() += 1,
                    _ => {}
                }
            }
            let parts: Vec<_> = answers.values().filter(|count| **count != EACH).collect();
            assert!(parts.is_empty(), "of {EACH} messages there are {parts:?}");
            let orders = history.iter().filter(|message| frame::text(message) == format!("flood {EACH}")).count();
            if answers.len() == orders { Ok(()) } else { Err(format!("{} of {orders} are", answers.len())) }
        })
        .await;
    }
}

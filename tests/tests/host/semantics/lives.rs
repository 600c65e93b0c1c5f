//! The lifetime of messages, the health of agents, the size of states, and delivery in a guild with several users.

use std::time::Duration;

use guildhall_tests::{blueprint, chat, frame};
use serde_json::json;

use super::super::faults::hostile_component;
use super::{MODELS, STATES, WIRING, agent, ask, from_user, guild};

#[tokio::test]
async fn a_message_that_outlives_its_ttl_becomes_a_dead_letter_and_its_user_is_notified() {
    let host = super::super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let id = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let mut chat = chat::join(&host, &id, "ann").await;
    // Two restarts, 1 s and 2 s apart, a quarter less by chance.
    chat.say("trap");
    chat.socket.wait_for("the trap", frame::is_error).await;
    chat.socket.send(&json!({"format": "text", "payload": {"text": "late"}, "ttl": 1}));
    let expired = |heard: &serde_json::Value| heard["payload"]["error_type"] == "EXPIRED";
    let told = chat.socket.wait_within(Duration::from_secs(40), "that it is over", expired).await;
    assert_eq!((&told["payload"]["limit"], &told["payload"]["dead_lettered"]), (&json!(1_000), &json!(true)), "{told}");
}

#[tokio::test]
async fn a_health_check_is_answered_with_the_heartbeat_of_each_agent() {
    let host = super::super::host().await;
    let mut slow = agent("w", WIRING, "in");
    slow["qos"] = json!({"latency": 60_000});
    let mut chat = guild(&host, &[slow], &[]).await;
    chat.system.send(&json!({"format": "HealthCheckRequest", "payload": {"checktime": "2026-01-01T00:00:00"}}));
    let is_answer = |heard: &serde_json::Value| {
        frame::format(heard) == "Heartbeat" && heard["payload"]["checktime"] == "2026-01-01T00:00:00.000Z"
    };
    let beat = chat.system.wait_for("the heartbeat that answers", is_answer).await;
    assert_eq!((&beat["sender"]["id"], &beat["payload"]["checkstatus"]), (&json!("w"), &json!("ok")), "{beat}");
    assert_eq!(beat["payload"]["checkmeta"]["qos_latency"], 60_000);
    assert!(beat["payload"]["responsetime"].as_str() > beat["payload"]["checktime"].as_str(), "{beat}");
    assert_eq!((beat["in_response_to"].is_u64(), &beat["priority"]), (true, &json!(2)));
}

#[tokio::test]
async fn a_state_that_is_too_large_is_refused_with_its_size() {
    let host = super::super::host().await;
    let mut chat = guild(&host, &[], &[]).await;
    let format = format!("{STATES}.StateUpdateRequest");
    let text = "x".repeat(240 << 10);
    for n in 0..5 {
        let update = json!({"state_owner": "guild", "guild_id": chat.guild, "state_update": {n.to_string(): text}});
        let answer = ask(&mut chat, "state_topic", &format, &update).await;
        if n < 4 {
            assert_eq!(answer["payload"]["version"], n + 1);
        } else {
            let error = answer["payload"]["error"].as_str().unwrap_or_default();
            assert!(error.starts_with("state_too_large: ") && error.contains("1048576"), "{error}");
        }
    }
}

#[tokio::test]
async fn users_see_each_others_messages_and_changes_are_announced() {
    let host = super::super::host().await;
    let mut ann = guild(&host, &[agent("w", WIRING, "in")], &[from_user("in", &json!({}))]).await;
    let mut bob = chat::join_with(&host, &ann.guild, "bob", "?dialect=rustic").await;
    ann.say("hello all");
    let heard = bob.socket.wait_for("ann's words", |heard| frame::says(heard, "hello all")).await;
    assert_eq!(heard["forward_header"]["on_behalf_of"]["id"], "user_socket:ann", "{heard}");
    let rule = json!({"routing_rule": {"agent": {"name": "w"}, "destination": {"topics": "t"}}});
    ask(&mut ann, "system_topic", &format!("{MODELS}.AddRoutingRuleRequest"), &rule).await;
    let is_news = |heard: &serde_json::Value| {
        frame::format(heard) == "GuildUpdatedAnnouncement"
            && heard["payload"]["guild_spec"]["routes"]["steps"].as_array().is_some_and(|steps| steps.len() == 2)
    };
    bob.system.wait_for("the announcement", is_news).await;
}

#[tokio::test]
async fn an_agent_whose_messages_wait_longer_than_its_latency_is_backlogged() {
    let host = super::super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let mut spec = blueprint::hostile(&digest, &json!({"timeout_ms": 5_000, "fuel": 2_000_000_000_u64}));
    spec["agents"][0]["qos"] = json!({"latency": 1});
    let id = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &id, "ann").await;
    chat.say("loop");
    chat.say("count");
    let asking = async {
        loop {
            let check = json!({"format": "HealthCheckRequest", "payload": {"checktime": "2026-01-01T00:00:00Z"}});
            chat.system.send(&check);
            let report = chat.system.wait_for("a report", frame::is_report).await;
            if report["payload"]["guild_health"] == "backlogged" {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it is never backlogged");
}

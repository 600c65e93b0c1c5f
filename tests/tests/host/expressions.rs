//! Expressions of clients, rules and agents: what they cost is charged to their guild, and nobody else waits.

use std::time::Duration;

use guildhall_tests::{Host, blueprint, chat, frame};
use serde_json::{Value, json};

const ENDLESS: &str = "($f := function() { $f() }; $f())";

/// Returns the processor time that the server has used.
fn processor_time(host: &Host) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", host.pid())).expect("Linux has it");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a line").split_whitespace().collect();
    let ticks = [11, 12].map(|field: usize| fields[field].parse::<u64>().expect("a number"));
    Duration::from_millis((ticks[0] + ticks[1]) * 10)
}

#[tokio::test]
async fn an_endless_slip_costs_its_time_once_and_messages_keep_their_order() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    // The first expression may wait until the evaluator is loaded.
    chat.socket.send(&blueprint::frame_with_slip("warm", "{'text': text}"));
    chat.hear("warm").await;
    chat.socket.send(&blueprint::frame_with_slip("x", ENDLESS));
    chat.echo("after the first").await;
    let before = processor_time(&host);
    for _ in 0..50 {
        chat.socket.send(&blueprint::frame_with_slip("x", ENDLESS));
    }
    chat.echo("after fifty").await;
    let took = processor_time(&host) - before;
    assert!(took < Duration::from_secs(3), "fifty times 100 ms are 5 s; it took {took:?}");
    for number in 0..20 {
        let text = number.to_string();
        if number % 2 == 0 {
            chat.socket.send(&blueprint::frame_with_slip(&text, "{'text': text}"));
        } else {
            chat.say(&text);
        }
    }
    let mut heard = Vec::new();
    while heard.len() < 20 {
        let is_echo = |heard: &Value| heard["sender"]["name"] == "EchoAgent";
        let echo = chat.socket.wait_for("an echo", is_echo).await;
        heard.push(frame::text(&echo).trim_start_matches("Echo: ").parse::<u32>().unwrap());
    }
    assert_eq!(heard, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_guild_evaluates_at_the_same_time_is_limited_and_its_other_messages_wait() {
    let host = Host::spawn(super::options().set("guild.evaluations", 1).set("host.failed_expressions_s", 0)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut users = Vec::new();
    for name in ["ann", "bob", "cid"] {
        users.push(chat::join(&host, &guild, name).await);
    }
    for chat in &users {
        chat.socket.send(&blueprint::frame_with_slip("x", ENDLESS));
    }
    for chat in &mut users {
        chat.echo("after it").await;
    }
    let metrics = host.rest().get("/metrics").await.body.to_string();
    let met = metrics.split("setting=\\\"guild.evaluations\\\"} ").nth(1).expect("it is counted");
    assert!(!met.starts_with('0'), "some of them have waited");
}

#[tokio::test]
async fn an_agent_pays_for_its_expressions_with_its_fuel() {
    let host = super::host().await;
    let costly = "{'text': $string($count($map([1..5000], function($v) { $v * 2 })))}";
    let mut spec = blueprint::evaluating(costly);
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("go");
    chat.hear("5000").await;
    // Enough for the agent alone.
    spec["agents"][0]["sandbox"] = json!({"fuel": 3_000_000});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("go");
    let error = chat.socket.wait_for("an error", frame::is_error).await;
    assert_eq!(error["payload"]["setting"], "sandbox.fuel", "{error}");
}

#[tokio::test]
async fn a_schema_whose_patterns_are_large_is_refused_with_the_pattern_and_the_setting() {
    let host = super::host().await;
    let mut spec = blueprint::echo();
    let patterns: Value =
        (0..600).map(|n| (n.to_string(), json!({"pattern": format!("^{n}[\\p{{L}}]{{1,40}}$")}))).collect();
    spec["configuration_schema"] = json!({"properties": patterns});
    let before = processor_time(&host);
    let refused = host.rest().post("/api/guilds", &json!({"org_id": "o", "spec": spec})).await;
    assert!((400..500).contains(&refused.status), "{}", refused.body);
    let text = refused.body.to_string();
    assert!(text.contains("/properties/") && text.contains("host.schema_pattern"), "{text}");
    assert!(processor_time(&host) - before < Duration::from_secs(3), "it stops at the limit");
}

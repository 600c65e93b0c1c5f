//! A message that goes nowhere is not lost in silence: the user whose message led to it is told why.

use guildhall_tests::{Host, Socket, blueprint, chat, frame};
use serde_json::{Value, json};

fn echo(name: &str, topic: &str) -> Value {
    json!({"id": name.to_lowercase(), "name": name, "description": "Echoes", "class_name": blueprint::ECHO_CLASS,
           "additional_topics": [topic], "listen_to_default_topic": false})
}

fn spec(agents: &[Value], steps: &[Value]) -> Value {
    json!({"name": "G", "description": "Of a test", "agents": agents, "routes": {"steps": steps}})
}

fn from_users(topic: &str) -> Value {
    json!({"agent_type": "*UserProxyAgent", "destination": {"topics": topic}, "route_times": -1})
}

/// Launches a guild, sends one text, and returns the error that comes of it. Checks that exactly one comes.
async fn error_of(host: &Host, spec: &Value) -> Value {
    let guild = host.rest().launch_spec(spec).await;
    let mut chat = chat::join(host, &guild, "ann").await;
    chat.say("first");
    let error = chat.socket.wait_for("an error", frame::is_error).await["payload"].clone();
    // A frame that cannot be read is answered after everything that came of the first.
    chat.socket.send(&json!({"format": "x"}));
    let next = chat.socket.wait_for("the next error", frame::is_error).await;
    assert_eq!(next["payload"]["error_type"], "INVALID_FRAME", "one error for one message: {next}");
    error
}

#[tokio::test]
async fn a_user_is_told_why_a_message_goes_nowhere() {
    let host = super::host().await;
    let to_nowhere = json!({"agent": {"name": "E"}, "destination": {"topics": "nowhere"}, "route_times": -1});
    let with = |transformer: Value| json!({"agent": {"name": "E"}, "destination": {"topics": "user_message_broadcast"}, "transformer": transformer});
    let payload = |text: &str| with(json!({"expression": text}));
    let topics = |text: &str| with(json!({"handler": text}));
    let mut picky = echo("E", "in");
    picky["predicates"] = json!({"echo_message": {"predicate_type": "type_equals", "expected_type": "a.Other"}});
    let mut shy = echo("E", "in");
    shy["act_only_when_tagged"] = json!(true);
    let cases = [
        (spec(&[echo("E", "in")], &[from_users("elsewhere")]), "NO_RECIPIENT", "elsewhere"),
        (spec(&[echo("E", "in")], &[from_users("in"), to_nowhere]), "NO_RECIPIENT", "nowhere"),
        (spec(&[echo("E", "in")], &[from_users("in"), payload("$number('x')")]), "RULE_FAILED", "the rule for E"),
        (spec(&[echo("E", "in")], &[from_users("in"), payload("nothing.here")]), "RULE_DROPPED", "no message"),
        (spec(&[echo("E", "in")], &[from_users("in"), topics("{'topics': 'system_topic'}")]), "DENIED", "system_topic"),
        (spec(&[echo("E", "in")], &[from_users("in"), topics("{'priority': 99}")]), "RULE_FAILED", "priority"),
        (spec(&[picky], &[from_users("in")]), "NOT_ACCEPTED", "predicates"),
        (spec(&[shy], &[from_users("in")]), "NOT_ACCEPTED", "mention"),
    ];
    for (spec, kind, part) in cases {
        let error = error_of(&host, &spec).await;
        assert_eq!(error["error_type"], kind, "{error}");
        assert!(error["error_message"].as_str().is_some_and(|text| text.contains(part)), "{part}: {error}");
    }
    let metrics = host.rest().get("/metrics").await.body.to_string();
    assert!(metrics.contains("guildhall_faults_total{kind=\\\"not_accepted\\\"}"), "{metrics}");
}

#[tokio::test]
async fn who_writes_to_an_agent_that_does_not_run_or_was_removed_is_told() {
    let host = super::host().await;
    let tally = json!({
        "id": "tally", "name": "Tally", "description": "Counts", "class_name": "guildhall.agents.tally.TallyAgent",
        "properties": {"options": ["yes", "Yes"]}, "additional_topics": ["votes"],
    });
    let guild = host.rest().launch_spec(&spec(&[tally], &[])).await;
    let mut socket = Socket::connect(&chat::user_url(&host, &guild, "ann", "")).await;
    for text in ["before or after it failed", "after"] {
        socket.send(&json!({"format": "text", "payload": {"text": text}, "topics": "votes"}));
        let error = socket.wait_for("an error", frame::is_error).await;
        assert_eq!(error["payload"]["error_type"], "AGENT_UNAVAILABLE", "{error}");
        assert!(error["payload"]["error_message"].to_string().contains("twice"), "why it does not start: {error}");
    }
    let format = "rustic_ai.core.agents.system.models.RemoveAgentRequest";
    socket.send(&json!({"format": format, "topics": "system_topic", "payload": {"agent_id": "tally"}}));
    let removed = |frame: &Value| frame::format(frame) == "AgentRemovalResponse";
    socket.wait_for("the removal", removed).await;
    socket.send(&json!({"format": "text", "payload": {"text": "too late"}, "topics": "votes"}));
    let error = socket.wait_for("an error", frame::is_error).await;
    assert_eq!(error["payload"]["error_type"], "NO_RECIPIENT", "{error}");
}

#[tokio::test]
async fn what_is_for_other_users_stays_silent() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&spec(&[echo("E", "in")], &[from_users("user_message_broadcast")])).await;
    let mut ann = chat::join(&host, &guild, "ann").await;
    let mut bob = chat::join(&host, &guild, "bob").await;
    ann.say("hello people");
    bob.hear("hello people").await;
    ann.socket.send(&json!({"format": "x"}));
    let error = ann.socket.wait_for("an error", frame::is_error).await;
    assert_eq!(error["payload"]["error_type"], "INVALID_FRAME", "{error}");
}

#[tokio::test]
async fn a_flood_of_lost_messages_is_told_so_often_in_a_second() {
    let host = Host::spawn(super::options().set("limits.notices", 1)).await;
    let guild = host.rest().launch_spec(&spec(&[echo("E", "in")], &[from_users("elsewhere")])).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    for number in 0..200 {
        chat.say(&format!("{number}"));
    }
    let frames = chat.socket.collect_until("the last message", |frame| frame::says(frame, "199")).await;
    let told = frames.iter().filter(|frame| frame["payload"]["error_type"] == "NO_RECIPIENT").count();
    assert!((1..100).contains(&told), "{told}");
    let metrics = host.rest().get("/metrics").await.body.to_string();
    assert!(metrics.contains("guildhall_limits_met_total{setting=\\\"limits.notices\\\"}"), "{metrics}");
}

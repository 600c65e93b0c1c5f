//! Limits hold, and reaching one is reported.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use guildhall_tests::{DEADLINE, Host, blueprint, chat, eventually, frame, within};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

async fn host_with(key: &str, value: u64) -> Host {
    Host::spawn(super::options().set(key, value)).await
}

#[tokio::test]
async fn a_user_who_writes_faster_than_an_agent_reads_gets_a_busy_error() {
    let host = host_with("limits.agent_lag", 5).await;
    let digest = host.rest().upload(super::faults::hostile_component()).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    for _ in 0..20 {
        chat.say("burn 20");
    }
    let busy = chat.socket.wait_for("a BUSY error", frame::is_error).await;
    assert_eq!(busy["payload"]["error_type"], "BUSY", "{busy}");
    let served = |frame: &Value| frame::text(frame).starts_with("burnt");
    chat.socket.wait_within(Duration::from_secs(40), "what was taken to be served", served).await;
}

#[tokio::test]
async fn an_agent_that_emits_many_messages_at_once_pauses_and_its_log_says_why() {
    let host = host_with("host.emit_rate", 200).await;
    let digest = host.rest().upload(super::faults::hostile_component()).await;
    let mut spec = blueprint::hostile(&digest, &json!({}));
    spec["agents"][0]["id"] = "hostile".into();
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    // The rate is 200 a second. Of the second flood only the limit of one turn is staged.
    for (order, pause_ms) in [("flood 116", 500), ("flood 300", 1_200)] {
        let began = Instant::now();
        chat.say(order);
        chat.say(&format!("after {order}"));
        let answer = format!("ok: after {order}");
        chat.socket.wait_for("the next answer", |heard| frame::says(heard, &answer)).await;
        assert!(began.elapsed() > Duration::from_millis(pause_ms - 50), "{order}: {:?}", began.elapsed());
    }
    let logs = host.rest().get(&format!("/api/guilds/{guild}/agents/hostile/logs")).await;
    assert!(logs.body.to_string().contains("host.emit_rate"), "{}", logs.body);
    let metrics = host.rest().get("/metrics").await.body.to_string();
    assert!(metrics.contains("guildhall_limits_met_total{setting=\\\"host.emit_rate\\\"} 2"), "{metrics}");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_closed_with_1013_and_misses_nothing() {
    const MESSAGES: usize = 200;
    let host = Host::spawn(super::options().set("limits.socket_lag", 20).set("host.emit_rate", 10_000_000)).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    let first = frame::id(&chat.echo("first").await);

    // This socket is not read, so its messages fill every buffer on the way.
    let (mut slow, _) = connect_async(chat::user_url(&host, &guild, "ann", "")).await.expect("a socket");
    let filler = "x".repeat(200_000);
    for number in 0..MESSAGES {
        chat.socket.send(&json!({"format": "text", "payload": {"text": format!("{number}"), "filler": filler}}));
        let wanted = format!("Echo: {number}");
        chat.socket.wait_for(&wanted, |frame| frame::says(frame, &wanted)).await;
    }
    let (mut last, mut heard) = (first, Vec::new());
    let code = loop {
        match within(DEADLINE, "the slow socket to be closed", slow.next()).await {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                last = frame::id(&message);
                heard.push(frame::text(&message).to_owned());
            }
            Some(Ok(Message::Close(close))) => break close.map(|close| u16::from(close.code)),
            Some(Ok(_)) => {}
            other => panic!("no close frame but {other:?}"),
        }
    };
    assert_eq!(code, Some(1013));
    assert!(heard.len() < 2 * MESSAGES, "something was left");

    let url = chat::user_url(&host, &guild, "ann", &format!("?after={last}"));
    let (mut again, _) = connect_async(url).await.expect("a socket");
    while heard.len() < 2 * MESSAGES {
        if let Some(Ok(Message::Text(text))) = within(DEADLINE, "what was missed", again.next()).await {
            let message: Value = serde_json::from_str(&text).expect("JSON");
            heard.push(frame::text(&message).to_owned());
        }
    }
    let wanted: Vec<_> = (0..MESSAGES).flat_map(|number| [format!("{number}"), format!("Echo: {number}")]).collect();
    assert_eq!(heard, wanted);
    again.close(None).await.expect("closed");
    again.flush().await.ok();
}

#[tokio::test]
async fn agents_that_answer_each_other_endlessly_are_stopped_and_the_user_is_notified() {
    let host = host_with("limits.hops", 20).await;
    let echo = |name: &str, topic: &str| {
        json!({"name": name, "description": "Echoes", "class_name": blueprint::ECHO_CLASS,
               "additional_topics": [topic], "listen_to_default_topic": false})
    };
    let spec = json!({
        "name": "For ever", "description": "Two that answer each other", "agents": [echo("A", "a"), echo("B", "b")],
        "routes": {"steps": [
            {"agent_type": "*UserProxyAgent", "destination": {"topics": "a"}},
            {"agent": {"name": "A"}, "message_format": "ping", "destination": {"topics": "b"}, "route_times": -1},
            {"agent": {"name": "B"}, "message_format": "ping", "destination": {"topics": "a"}, "route_times": -1},
        ]},
    });
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.socket.send(&json!({"format": "ping", "payload": {"n": 1}}));
    let error = chat.socket.wait_for("the hop limit", frame::is_error).await;
    assert_eq!(error["payload"]["error_type"], "HOP_LIMIT", "{error}");
    assert_eq!(error["payload"]["limit"], 20);
    assert_eq!(error["payload"]["setting"], "limits.hops");
}

#[tokio::test]
async fn an_agent_that_refuses_its_properties_says_why_and_the_others_run() {
    let host = super::host().await;
    let mut spec = blueprint::echo();
    let agents = spec["agents"].as_array_mut().expect("agents");
    agents.push(json!({
        "id": "tally", "name": "Tally", "description": "Counts", "class_name": "guildhall.agents.tally.TallyAgent",
        "properties": {"options": ["yes", "Yes"]},
    }));
    agents.push(json!({
        "id": "nobody", "name": "Nobody", "description": "Has no code", "class_name": "acme.Nobody",
    }));
    let class = json!({"qualified_class_name": "acme.Nobody", "description": "No component serves it"});
    host.rest().post("/catalog/agents", &class).await.expect(&[201]);
    let guild = host.rest().launch_spec(&spec).await;
    host.rest().guild_is(&guild, "warning").await;

    let mut system = guildhall_tests::Socket::connect(&chat::system_url(&host, &guild, "ann", "")).await;
    let report = system
        .wait_within(Duration::from_secs(15), "a report with the errors", |frame| {
            frame::is_report(frame) && frame["payload"]["guild_health"] == "error"
        })
        .await;
    let agents = &report["payload"]["agents"];
    let detail = |id: &str| agents[id]["checkmeta"]["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail("tally").contains("twice"), "{report}");
    assert!(detail("nobody").contains("acme.Nobody"), "{report}");
    let (mut socket, _) = connect_async(chat::user_url(&host, &guild, "ann", "")).await.expect("a socket");
    let hello = json!({"format": "text", "payload": {"text": "hello"}, "topics": "echo_topic"});
    socket.send(Message::text(hello.to_string())).await.expect("sent");
    loop {
        if let Some(Ok(Message::Text(text))) = within(DEADLINE, "the echo", socket.next()).await
            && text.contains("Echo: hello")
        {
            break;
        }
    }
}

async fn hostile_guild(host: &Host) -> String {
    let digest = host.rest().upload(super::faults::hostile_component()).await;
    host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await
}

async fn is_met(host: &Host, setting: &str) {
    let counter = format!("guildhall_limits_met_total{{setting=\\\"{setting}\\\"}} 0");
    eventually(DEADLINE, "the limit to be met", async || {
        let metrics = host.rest().get("/metrics").await.body.to_string();
        if metrics.contains(setting) && !metrics.contains(&counter) { Ok(()) } else { Err(counter.clone()) }
    })
    .await;
}

#[tokio::test]
async fn a_session_state_that_grows_from_turn_to_turn_meets_the_limit_of_a_payload() {
    let host = Host::spawn(super::options().set("host.emit_rate", 10_000_000)).await;
    let guild = hostile_guild(&host).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("hoard 100");
    let error = chat.socket.wait_for("the limit", frame::is_error).await;
    assert_eq!(error["payload"]["error_type"], "INVALID_PAYLOAD", "{error}");
    assert_eq!(error["payload"]["setting"], "host.payload_bytes");
    assert_eq!(error["payload"]["limit"], 1_048_576);
    chat.say("hello");
    chat.socket.wait_for("the next answer", |heard| frame::says(heard, "ok: hello")).await;
}

#[tokio::test]
async fn an_agent_that_sends_itself_two_messages_a_turn_is_paused_and_stops_with_its_guild() {
    let host = Host::spawn(super::options().set("host.emit_rate", 200)).await;
    let guild = hostile_guild(&host).await;
    let chat = chat::join(&host, &guild, "ann").await;
    chat.say("double");
    is_met(&host, "host.emit_rate").await;
    let began = Instant::now();
    chat.stop_guild();
    host.rest().guild_is(&guild, "stopped").await;
    assert!(began.elapsed() < Duration::from_secs(3), "its queued work is dropped: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_guild_with_too_many_rules_is_refused_with_both_numbers() {
    let host = super::host().await;
    let mut spec = blueprint::echo();
    spec["routes"] = json!({"steps": vec![json!({"agent": {"name": "x"}, "destination": {"topics": "t"}}); 5_000]});
    let category = host.rest().category().await;
    let refused = host.rest().post("/catalog/blueprints/", &blueprint::of(&spec, &category)).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body.to_string().contains("1000 rules, not 5000 (`host.slip_rules`)"), "{}", refused.body);
}

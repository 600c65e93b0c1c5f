//! Metrics and logs of agents.

use std::time::Duration;

use guildhall_tests::{Chat, DEADLINE, Host, blueprint, chat, eventually, frame, within};
use reqwest::Method;
use serde_json::{Value, json};

use super::faults::{PATIENCE, hostile_component};

async fn joined() -> (Host, Chat) {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let mut spec = blueprint::hostile(&digest, &json!({"fuel": 100_000_000}));
    spec["agents"][0]["id"] = json!("hostile");
    let guild = host.rest().launch_spec(&spec).await;
    let chat = chat::join(&host, &guild, "ann").await;
    (host, chat)
}

/// Returns the value of a metric with these labels, which are written as in the text format.
fn value(text: &str, metric: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(metric));
    line.and_then(|value| value.trim().parse().ok())
}

#[tokio::test]
async fn turns_and_faults_are_counted() {
    let (host, mut chat) = joined().await;
    chat.say("hello");
    chat.hear("ok: hello").await;
    chat.say("loop");
    chat.socket.wait_within(PATIENCE, "the fault", frame::is_error).await;
    let text = host.rest().get("/metrics").await.expect(&[200]);
    let text = text.as_str().expect("text");
    let class = "class=\"guildhall.tests.HostileAgent\"";
    let of = |name: &str| value(text, &format!("{name}{{{class}}}")).unwrap_or_default();
    assert_eq!(value(text, &format!("guildhall_turns_total{{{class},outcome=\"done\"}}")), Some(1.0), "{text}");
    assert!(of("guildhall_turn_fuel_total") > 100_000_000.0, "{text}");
    assert!(of("guildhall_turn_cpu_seconds_total") > 0.0, "{text}");
    assert!(of("guildhall_turn_host_calls_total") >= 1.0, "{text}");
    assert!(of("guildhall_turn_seconds_count") >= 2.0, "{text}");
    assert!(value(text, "guildhall_faults_total{kind=\"fuel\"}").is_some_and(|count| count >= 1.0), "{text}");
    assert!(value(text, "guildhall_agent_starts_total{reason=\"launch\"}") == Some(1.0), "{text}");
    let answer = host.rest().request(Method::GET, "/metrics").send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
}

#[tokio::test]
async fn the_span_of_a_turn_has_its_costs() {
    let host = Host::spawn(super::options().variable("GUILDHALL_LOG", "guildhall=debug")).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("hello").await;
    eventually(DEADLINE, "the span of the turn in the log", async || {
        let log = host.stderr_tail();
        let turn = log.lines().find(|line| line.contains("a turn has ended")).map(str::to_owned);
        let turn = turn.ok_or_else(|| log.clone())?;
        let fields = ["fuel", "peak_memory_bytes", "cpu_us", "wall_us", "host_calls", "outcome", "attempt", &guild];
        if fields.iter().all(|field| turn.contains(field)) { Ok(()) } else { Err(turn) }
    })
    .await;
}

#[tokio::test]
async fn an_agents_log_can_be_filtered_by_level_and_followed() {
    let (host, chat) = joined().await;
    let path = format!("/api/guilds/{}/agents/hostile/logs", chat.guild);
    chat.say("log 3");
    let lines = eventually(DEADLINE, "three lines", async || {
        let logs = host.rest().get(&path).await.expect(&[200]);
        if logs["lines"].as_array().is_some_and(|lines| lines.len() == 3) {
            Ok(logs["lines"].clone())
        } else {
            Err(logs)
        }
    })
    .await;
    assert_eq!((&lines[0]["text"], &lines[0]["level"]), (&json!("line 0"), &json!("info")), "{lines}");
    assert_eq!((&lines[2]["number"], &lines[2]["source"]), (&json!(3), &json!("agent")), "{lines}");
    let last = host.rest().get(&format!("{path}?limit=1")).await.expect(&[200]);
    assert_eq!(last["lines"][0]["text"], "line 2", "{last}");

    let followed = host.rest().request(Method::GET, &format!("{path}?level=error&follow=1")).send().await;
    let mut followed = followed.expect("an answer");
    assert_eq!(followed.headers()["content-type"], "application/x-ndjson");
    chat.say("trap");
    let line = within(PATIENCE, "the trap to be told", async {
        loop {
            let chunk = followed.chunk().await.expect("bytes").expect("it goes on");
            if !chunk.is_empty() {
                return serde_json::from_slice::<Value>(&chunk).expect("a line of JSON");
            }
        }
    })
    .await;
    assert_eq!((&line["level"], &line["source"]), (&json!("error"), &json!("host")), "{line}");
    assert!(line["text"].as_str().is_some_and(|text| text.contains("told to trap")), "{line}");

    chat.stop_guild();
    let ended = async { while followed.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
    within(Duration::from_secs(20), "the stream to end with the agent", ended).await;
}

#[tokio::test]
async fn a_wrong_query_of_logs_is_refused_with_a_reason() {
    let (host, chat) = joined().await;
    let path = format!("/api/guilds/{}/agents", chat.guild);
    for query in ["level=loud", "limit=501", "limit=x", "follow=maybe"] {
        host.rest().get(&format!("{path}/hostile/logs?{query}")).await.expect(&[422]);
    }
    assert_eq!(host.rest().get(&format!("{path}/nobody/logs")).await.expect(&[404])["code"], "agent_not_found");
    host.rest().get("/api/guilds/nowhere/agents/hostile/logs").await.expect(&[404]);
}

#[tokio::test]
async fn what_agents_have_used_is_shown_with_their_limits() {
    let (host, mut chat) = joined().await;
    let guild = chat.guild.clone();
    chat.say("count");
    chat.hear("1").await;
    chat.say("reject no");
    chat.socket.wait_within(PATIENCE, "the rejection", frame::is_error).await;
    let path = format!("/api/guilds/{guild}");
    let used = eventually(DEADLINE, "both turns", async || {
        let used = host.rest().get(&format!("{path}/usage")).await.expect(&[200])[0].clone();
        if used["turns"] == 2 && used["busy_ms"].is_null() { Ok(used) } else { Err(used) }
    })
    .await;
    assert_eq!((&used["agent_id"], &used["failed"], &used["health"]), (&json!("hostile"), &json!(1), &json!("ok")));
    assert_eq!(used["limits"]["fuel"], 100_000_000, "{used}");
    let held = used["peak_memory_bytes"].as_u64().expect("a number");
    assert!(held > 0 && held <= used["limits"]["memory_bytes"].as_u64().expect("a number"), "{used}");
    assert!(used["most_fuel"].as_u64() <= used["fuel"].as_u64(), "{used}");

    let listed = host.rest().get("/api/guilds?usage=1").await.expect(&[200])[0]["usage"].clone();
    assert_eq!(
        (&listed["agents"], &listed["healthy"], &listed["turns"]),
        (&json!(1), &json!(1), &json!(2)),
        "{listed}"
    );
    assert!(host.rest().get("/api/guilds").await.expect(&[200])[0].get("usage").is_none());
    host.rest().get("/api/guilds?usage=perhaps").await.expect(&[422]);
    host.rest().get("/api/guilds/nowhere/usage").await.expect(&[404]);

    chat.stop_guild();
    host.rest().guild_is(&guild, "stopped").await;
    let after = host.rest().get(&format!("{path}/usage")).await.expect(&[200])[0].clone();
    assert_eq!((&after["turns"], &after["health"]), (&json!(0), &Value::Null), "nothing runs: {after}");
}

#[tokio::test]
async fn the_states_of_a_guild_and_its_agents_can_be_read() {
    let (host, mut chat) = joined().await;
    let path = format!("/api/guilds/{}", chat.guild);
    let never = host.rest().get(&format!("{path}/state")).await.expect(&[200]);
    assert_eq!(never, json!({"state": {}, "version": 0, "updated_at": null}));
    chat.say("count");
    chat.hear("1").await;
    let state = host.rest().get(&format!("{path}/agents/hostile/state")).await.expect(&[200]);
    assert_eq!((&state["state"], &state["version"]), (&json!({"count": 1}), &json!(1)), "{state}");
    assert!(state["updated_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{state}");
    assert_eq!(host.rest().get(&format!("{path}/agents/nobody/state")).await.expect(&[404])["code"], "agent_not_found");
    host.rest().get("/api/guilds/nowhere/state").await.expect(&[404]);
}

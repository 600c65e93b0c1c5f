//! The description of the sockets, compared with the frames that a host sends, and the page that shows it.

use std::collections::BTreeSet;

use guildhall_tests::{Chat, Host, blueprint, chat, component, frame};
use reqwest::Method;
use serde_json::{Value, json};

async fn description(host: &Host) -> Value {
    host.rest().get("/asyncapi.json").await.expect(&[200])
}

/// The schema that the description has for a frame.
fn schema_of(dialect: &str, frame: &Value) -> &'static str {
    if dialect == "ui" {
        return "UiMessage";
    }
    match frame::format(frame) {
        "Ack" => "AckFrame",
        "ErrorMessage" => "ErrorFrame",
        "AgentsHealthReport" => "HealthReportFrame",
        "Participants" | "ParticipantList" => "ParticipantsFrame",
        "Heartbeat" => "HeartbeatFrame",
        "Event" => "EventFrame",
        "StopGuildResponse" => "StoppingFrame",
        _ if frame["process_status"] == "running" => "ProgressFrame",
        _ => "MessageFrame",
    }
}

/// Talks about everything that sockets send, and returns the frames of both.
async fn frames(host: &Host, digest: &str, dialect: &str) -> Vec<Value> {
    let guild = host.rest().launch_spec(&blueprint::hostile(digest, &json!({}))).await;
    let query = format!("?dialect={dialect}&ack=1&events=1");
    let mut found = Vec::new();
    // As `chat::join`, which does not know `ui`.
    let mut system = guildhall_tests::Socket::connect(&chat::system_url(host, &guild, "ann", &query)).await;
    found.push(system.next().await);
    let mut user = guildhall_tests::Socket::connect(&chat::user_url(host, &guild, "ann", &query)).await;
    let is_ok = |frame: &Value| frame.to_string().contains(r#""guild_health":"ok""#);
    found.extend(system.collect_until("ok", is_ok).await);
    user.send(&json!({"id": "m1", "format": "text", "payload": {"text": "progress 2"}}));
    user.send_text("no JSON");
    user.send(&json!({"id": 7, "format": "text", "payload": [1]}));
    user.send(&json!({"format": "text", "payload": {"text": "trap"}, "conversation_id": "c"}));
    let has = |text: &'static str| move |frame: &Value| frame.to_string().contains(text);
    found.extend(user.collect_until("the error of the trap", has("told to trap")).await);
    system.send(&json!({"format": "HealthCheckRequest"}));
    system.send(&json!({"format": "participantsRequest", "payload": {"guild_id": guild}}));
    system.send(&json!({"format": "no.such.Request"}));
    found.extend(system.collect_until("the refusal", has("UNKNOWN_FORMAT")).await);
    system.send(&json!({"format": "stopGuildRequest", "payload": {"guild_id": guild}}));
    while let Some(frame) = system.frame().await {
        found.push(frame);
    }
    while let Some(frame) = user.frame().await {
        found.push(frame);
    }
    found
}

#[tokio::test]
async fn the_frames_of_a_host_are_as_they_are_described() {
    let host = super::host().await;
    let digest = host.rest().upload(component::hostile()).await;
    let document = description(&host).await;
    for dialect in ["guide", "rustic", "ui"] {
        let mut met = BTreeSet::new();
        for frame in frames(&host, &digest, dialect).await {
            let name = schema_of(dialect, &frame);
            met.insert(name);
            let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
            let validator = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&frame).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{dialect}: {name}: {frame}\n{}", errors.join("\n"));
        }
        let all = ["AckFrame", "ErrorFrame", "HealthReportFrame", "ParticipantsFrame", "HeartbeatFrame", "EventFrame"];
        let all = all.into_iter().chain(["StoppingFrame", "ProgressFrame", "MessageFrame"]);
        let due: BTreeSet<_> = if dialect == "ui" { BTreeSet::from(["UiMessage"]) } else { all.collect() };
        assert!(met.is_superset(&due), "{dialect}: not met: {:?}", due.difference(&met));
    }
}

#[tokio::test]
async fn frames_that_are_not_stored_have_the_time_at_which_they_were_sent() {
    let host = super::host().await;
    let digest = host.rest().upload(component::hostile()).await;
    let now = || u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let began = now();
    for frame in frames(&host, &digest, "guide").await {
        let sent = frame["timestamp"].as_u64().unwrap();
        assert!((began - 1_000..=now() + 1_000).contains(&sent), "{began}: {frame}");
    }
}

#[tokio::test]
async fn the_frames_of_the_socket_itself_are_in_the_dialect_ui_too() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let Chat { guild, .. } = chat::join(&host, &guild, "ann").await;
    let url = chat::user_url(&host, &guild, "ann", "?dialect=ui&ack=1");
    let mut socket = guildhall_tests::Socket::connect(&url).await;
    socket.send(&json!({"id": "m1", "format": "text", "data": {"text": "hello"}}));
    let ack = socket.wait_for("the ack", |frame| frame["format"] == "Ack").await;
    assert_eq!((&ack["data"]["client_id"], &ack["payload"]), (&json!("m1"), &Value::Null), "{ack}");
    assert!(ack["id"].is_string() && ack["timestamp"].is_string(), "{ack}");
    socket.send_text("no JSON");
    let error = socket.wait_for("the error", |frame| frame["format"] == "ErrorMessage").await;
    assert_eq!((&error["data"]["error_type"], &error["isErrorMessage"]), (&json!("INVALID_JSON"), &json!(true)));
}

#[tokio::test]
async fn every_option_that_is_described_is_read() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let document = description(&host).await;
    for (channel, path) in [
        ("system", format!("/ws/guilds/{guild}/syscomms/ann")),
        ("user", format!("/ws/guilds/{guild}/usercomms/ann/Ann")),
    ] {
        let query = document["channels"][channel]["bindings"]["ws"]["query"]["properties"].as_object().unwrap();
        for (name, schema) in query {
            let good = schema["enum"][0].as_str().unwrap_or("1");
            guildhall_tests::Socket::connect(&host.ws(&format!("{path}?{name}={good}"))).await.close().await;
            let bad = guildhall_tests::Socket::try_connect(&host.ws(&format!("{path}?{name}=nonsense"))).await;
            assert_eq!(bad.err(), Some(400), "{channel}: {name}");
        }
    }
}

#[tokio::test]
async fn the_page_of_the_sockets_is_linked_and_loads_nothing_from_other_hosts() {
    let host = super::host().await;
    for (path, other) in [("/docs", "/docs/sockets"), ("/docs/sockets", "/docs")] {
        let page = host.rest().request(Method::GET, path).send().await.unwrap();
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"), "{policy}");
        let page = page.text().await.unwrap();
        assert!(page.contains(&format!("${{prefix}}{other}`")), "{path} has a link to {other}");
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("/* s"), "{path}");
    }
}

#[tokio::test]
async fn the_page_for_authors_of_clients_has_each_close_code_and_each_option() {
    let host = super::host().await;
    let document = description(&host).await;
    let page = include_str!("../../../docs/clients.md");
    for code in document["x-close-codes"].as_array().unwrap() {
        let row = page.lines().find(|line| line.starts_with(&format!("| {} |", code["code"])));
        let again = row.and_then(|row| row.split('|').nth(3)).unwrap_or_default().trim();
        assert_eq!(again.starts_with("yes"), code["reconnect"] == true, "{code}: {row:?}");
    }
    for channel in ["system", "user"] {
        for name in document["channels"][channel]["bindings"]["ws"]["query"]["properties"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("| `{name}=")), "{name}");
        }
    }
}

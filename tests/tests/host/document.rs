//! The flow of the client guide, with the guide's requests and messages.

use std::time::Duration;

use guildhall_tests::document::{self, USER, USER_NAME, fill};
use guildhall_tests::{Chat, Host, Socket, chat, frame};
use serde_json::{Value, json};

/// Runs phases 1 and 2 and returns the guild's id.
async fn launch(host: &Host) -> String {
    let rest = host.rest();
    rest.post("/catalog/agents", &fill(document::AGENT, &[])).await.expect(&[201, 409]);
    let category = rest.post("/catalog/categories/", &fill(document::CATEGORY, &[])).await.created();
    let blueprint = fill(document::BLUEPRINT, &[("category_id", &category)]);
    let blueprint = rest.post("/catalog/blueprints/", &blueprint).await.created();
    let path = format!("/catalog/blueprints/{blueprint}/guilds");
    rest.post(&path, &fill(document::LAUNCH, &[])).await.created()
}

async fn joined() -> (Host, Chat) {
    let host = super::host().await;
    let guild = launch(&host).await;
    let chat = chat::join(&host, &guild, USER).await;
    (host, chat)
}

fn text_of(chat: &Chat) -> Value {
    let places = [("guild_id", chat.guild.as_str()), ("user_id", USER), ("user_name", USER_NAME)];
    fill(document::TEXT, &places)
}

/// Returns the ids of the agents in a health report.
fn reported(report: &Value) -> Vec<&str> {
    let agents = report["payload"]["agents"].as_object().expect("a report lists agents");
    agents.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_agent_class_can_be_registered_once() {
    let host = super::host().await;
    let agent = fill(document::AGENT, &[]);
    host.rest().post("/catalog/agents", &agent).await.expect(&[201, 409]);
    host.rest().post("/catalog/agents", &agent).await.expect(&[409]);
    let other = json!({"qualified_class_name": "app.agents.Other", "description": "Another", "properties_schema": {}, "dependencies": []});
    host.rest().post("/catalog/agents", &other).await.expect(&[201]);
}

#[tokio::test]
async fn the_first_health_report_is_starting_and_lists_only_the_manager() {
    let (_host, chat) = joined().await;
    assert_eq!(chat.first_report["payload"]["guild_health"], "starting");
    assert_eq!(reported(&chat.first_report), [format!("{}#manager_agent", chat.guild)]);
}

#[tokio::test]
async fn the_health_report_that_is_ok_lists_all_agents_and_the_user() {
    let (host, chat) = joined().await;
    let agents = reported(&chat.ok_report);
    assert!(agents.iter().any(|id| id.starts_with("echoagent-")), "{agents:?}");
    assert!(agents.contains(&"upa-testuser123"), "{agents:?}");
    for (id, heartbeat) in chat.ok_report["payload"]["agents"].as_object().unwrap() {
        assert_eq!(heartbeat["checkstatus"], "ok", "{id}");
        for time in ["checktime", "responsetime"] {
            assert!(heartbeat[time].as_str().is_some_and(|time| time.ends_with('Z')), "{id}: {heartbeat}");
        }
        let meta = heartbeat["checkmeta"].as_object().expect("an object");
        assert!(meta.contains_key("qos_latency"), "{id}: {heartbeat}");
    }
    host.rest().guild_is(&chat.guild, "running").await;
}

#[tokio::test]
async fn the_echo_has_the_form_of_the_client_guide() {
    let (_host, mut chat) = joined().await;
    chat.socket.send(&text_of(&chat));
    let echo = chat.socket.next().await;

    let id = frame::id(&echo);
    let asked = echo["in_response_to"].as_u64().expect("the id of the user's message");
    assert_eq!(echo["format"], "text");
    assert_eq!(echo["payload"], json!({"text": "Echo: Hello Echo!"}));
    assert!(echo["sender"]["id"].as_str().is_some_and(|id| id.starts_with("echoagent-")), "{echo}");
    assert_eq!(echo["sender"]["name"], "EchoAgent");
    assert_eq!(echo["topics"], json!(["user:testuser123:notifications"]));
    assert_eq!(echo["thread"], json!([asked, id]));
    assert!(asked < id, "an answer is younger than its question");
    assert_eq!(echo["priority"], 4);
    let timestamp = echo["timestamp"].as_u64().expect("whole milliseconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!(now.abs_diff(u128::from(timestamp)) < 60_000, "{timestamp} is not the time in milliseconds");
}

#[tokio::test]
async fn the_participants_are_the_agents_and_the_user() {
    let (_host, mut chat) = joined().await;
    let places = [("guild_id", chat.guild.as_str()), ("user_id", USER)];
    chat.system.send(&fill(document::PARTICIPANTS_REQUEST, &places));
    let answer = chat.system.wait_for("the participants", |frame| frame["format"] == "Participants").await;
    let participants = answer["payload"]["participants"].as_array().expect("a list");
    let is_there = |name: &str, kind: &str| participants.iter().any(|one| one["name"] == name && one["type"] == kind);
    assert!(is_there("EchoAgent", "bot"), "{answer}");
    assert!(is_there("The testuser123", "human"), "{answer}");
    assert!(participants.iter().all(|one| one["id"].is_string()), "{answer}");
}

#[tokio::test]
async fn a_stopped_guild_reports_it_and_refuses_sockets() {
    let (host, mut chat) = joined().await;
    let places = [("guild_id", chat.guild.as_str()), ("user_id", USER)];
    chat.system.send(&fill(document::STOP_REQUEST, &places));
    chat.system.wait_for("the answer to the stop", |frame| frame::format(frame) == "StopGuildResponse").await;
    host.rest().guild_is(&chat.guild, "stopped").await;

    for socket in [&mut chat.system, &mut chat.socket] {
        if let Some(code) = socket.close_code_within(Duration::from_secs(1)).await {
            assert!([1000, 1001].contains(&code), "closed with {code}");
        }
    }
    for url in [chat::system_url(&host, &chat.guild, USER, ""), chat::user_url(&host, &chat.guild, USER, "")] {
        assert_eq!(Socket::try_connect(&url).await.err(), Some(409), "{url}");
    }
}

#[tokio::test]
async fn a_stop_request_for_another_guild_stops_nothing() {
    let (host, mut chat) = joined().await;
    chat.system.send(&fill(document::STOP_REQUEST, &[("guild_id", "another"), ("user_id", USER)]));
    chat.echo("still there").await;
    assert_eq!(host.rest().guild(&chat.guild).await["status"], "running");
}

//! A socket's dialect changes what it sends, not what it accepts.

use guildhall_tests::{Chat, Host, Socket, blueprint, chat, frame};
use serde_json::json;

const TEXT_FORMAT: &str = "rustic_ai.core.ui_protocol.types.TextFormat";
const PARTICIPANT_LIST: &str = "rustic_ai.core.agents.utils.user_proxy_agent.ParticipantList";

async fn joined(query: &str) -> (Host, Chat) {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let chat = chat::join_with(&host, &guild, "ann", query).await;
    (host, chat)
}

#[tokio::test]
async fn the_rustic_dialect_mirrors_own_messages_and_writes_full_names() {
    let (_host, mut chat) = joined("?dialect=rustic").await;
    assert_eq!(chat.participants["format"], PARTICIPANT_LIST);
    chat.socket.send(&json!({"format": TEXT_FORMAT, "payload": {"text": "hello"}, "topics": "default_topic"}));
    let own = chat.hear("hello").await;
    let echo = chat.hear("Echo: hello").await;
    for frame in [&own, &echo] {
        assert_eq!(frame["format"], TEXT_FORMAT);
        assert_eq!(frame::topics(frame), ["user_notifications:ann"]);
        assert!(frame["payload"].is_object());
        assert!(frame::id(frame) > 0);
    }
    assert!(frame::id(&own) < frame::id(&echo));
}

#[tokio::test]
async fn the_guide_dialect_is_the_default_and_does_not_mirror() {
    for query in ["", "?dialect=guide"] {
        let (_host, mut chat) = joined(query).await;
        assert_eq!(chat.participants["format"], "Participants");
        chat.say("hello");
        let first = chat.socket.next().await;
        assert_eq!(frame::text(&first), "Echo: hello");
        assert_eq!(first["format"], "text");
        assert_eq!(frame::topics(&first), ["user:ann:notifications"]);
    }
}

#[tokio::test]
async fn the_ui_dialect_writes_data_short_names_and_ids_as_text() {
    let (host, mut chat) = joined("?dialect=guide").await;
    let url = chat::user_url(&host, &chat.guild, "ann", "?dialect=ui");
    let mut ui = Socket::connect(&url).await;
    chat.echo("hello").await;
    let echo = ui.wait_for("the echo", |frame| frame["data"]["text"] == "Echo: hello").await;
    assert!(echo["id"].is_string(), "{echo}");
    assert!(echo["payload"].is_null(), "{echo}");
    assert_eq!(echo["format"], "TextFormat");
}

#[tokio::test]
async fn every_dialect_is_understood_on_every_socket() {
    let (_host, mut chat) = joined("").await;
    for message in [
        json!({"format": "text", "data": {"text": "a"}}),
        json!({"format": TEXT_FORMAT, "payload": {"text": "a"}}),
        json!({"format": "TextFormat", "data": {"text": "a"}, "topic": "default_topic"}),
        json!({"format": "text", "payload": {"text": "a"}, "topics": ["default_topic"], "priority": "4"}),
        json!({"format": "text", "payload": {"text": "a"}, "topics": "user:ann:inbox"}),
        json!({"format": "text", "payload": {"text": "a"}, "topics": "user:ann"}),
    ] {
        chat.socket.send(&message);
        let answer = chat.socket.next().await;
        assert_eq!(frame::text(&answer), "Echo: a", "{message}: {answer}");
    }
}

#[tokio::test]
async fn a_users_message_reaches_the_users_other_sockets() {
    let (host, mut chat) = joined("").await;
    let mut other = chat::join(&host, &chat.guild, "ann").await;
    chat.echo("hello").await;
    other.hear("hello").await;
    other.hear("Echo: hello").await;
}

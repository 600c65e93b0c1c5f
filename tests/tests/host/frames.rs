//! No frame closes a socket, and each frame is answered.

use guildhall_tests::{Chat, Host, Socket, blueprint, chat, frame};
use serde_json::{Value, json};

async fn joined(query: &str) -> (Host, Chat) {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let chat = chat::join_with(&host, &guild, "ann", query).await;
    (host, chat)
}

/// The answer that a frame must have.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Error,
    Echo,
    Either,
}
use Answer::{Echo, Either, Error};

const FRAMES: &[(&str, Answer, &str)] = &[
    ("not JSON", Error, "hello"),
    ("half an object", Error, r#"{"format":"text","payload":{"text":"x"}"#),
    ("nothing", Error, ""),
    ("blanks", Error, "  \n "),
    ("an array", Error, "[]"),
    ("a number", Error, "7"),
    ("a string", Error, r#""text""#),
    ("null", Error, "null"),
    ("an empty object", Error, "{}"),
    ("a name as id", Echo, r#"{"id":"msg-a","format":"text","payload":{"text":"x"}}"#),
    ("a UUID as id", Echo, r#"{"id":"0b9c3f56-7a0f-4f38-8a63-31b1cb2b2f0f","format":"text","payload":{"text":"x"}}"#),
    ("null as id", Echo, r#"{"id":null,"format":"text","payload":{"text":"x"}}"#),
    ("a number as id", Echo, r#"{"id":123456789,"format":"text","payload":{"text":"x"}}"#),
    ("an id of 64 bits", Either, r#"{"id":18446744073709551615,"format":"text","payload":{"text":"x"}}"#),
    ("an id of more bits", Either, r#"{"id":1180591620717411303424,"format":"text","payload":{"text":"x"}}"#),
    ("a negative id", Either, r#"{"id":-5,"format":"text","payload":{"text":"x"}}"#),
    ("a broken number as id", Either, r#"{"id":1.5,"format":"text","payload":{"text":"x"}}"#),
    ("an object as id", Either, r#"{"id":{},"format":"text","payload":{"text":"x"}}"#),
    ("priority 9", Either, r#"{"priority":9,"format":"text","payload":{"text":"x"}}"#),
    ("priority HIGH", Echo, r#"{"priority":"HIGH","format":"text","payload":{"text":"x"}}"#),
    ("priority null", Either, r#"{"priority":null,"format":"text","payload":{"text":"x"}}"#),
    ("unknown members", Echo, r#"{"format":"text","payload":{"text":"x"},"colour":"red","x":[1]}"#),
    ("the same member twice", Either, r#"{"format":"text","format":"text","payload":{"text":"x"}}"#),
    ("no payload", Error, r#"{"format":"text"}"#),
    ("payload null", Error, r#"{"format":"text","payload":null}"#),
    ("a text as payload", Error, r#"{"format":"text","payload":"x"}"#),
    ("an array as payload", Error, r#"{"format":"text","payload":[1]}"#),
    ("no format", Either, r#"{"payload":{"text":"x"}}"#),
    ("a number as format", Either, r#"{"format":7,"payload":{"text":"x"}}"#),
    ("a text as thread", Either, r#"{"thread":"7","format":"text","payload":{"text":"x"}}"#),
    ("a number as topics", Either, r#"{"topics":7,"format":"text","payload":{"text":"x"}}"#),
    ("an object as history", Either, r#"{"message_history":{},"format":"text","payload":{"text":"x"}}"#),
    ("a number as timestamp", Echo, r#"{"timestamp":1642234567890,"format":"text","payload":{"text":"x"}}"#),
    ("nonsense as timestamp", Either, r#"{"timestamp":"soon","format":"text","payload":{"text":"x"}}"#),
    ("a forged sender", Echo, r#"{"sender":{"id":"eve","name":"Eve"},"format":"text","payload":{"text":"x"}}"#),
    ("a lone surrogate", Either, r#"{"format":"text","payload":{"text":"\ud800"}}"#),
    ("a zero character", Either, r#"{"format":"text","payload":{"text":"a\u0000b"}}"#),
    ("NaN", Error, r#"{"format":"text","payload":{"text":"x","n":NaN}}"#),
    ("Infinity", Error, r#"{"format":"text","payload":{"text":"x","n":Infinity}}"#),
    ("a number beyond every float", Either, r#"{"format":"text","payload":{"text":"x","n":1e999}}"#),
];

/// Checks that a frame was answered with the right kind of message.
fn check(name: &str, due: Answer, answers: &[Value]) {
    assert!(!answers.is_empty(), "{name}: no answer");
    for answer in answers {
        let fits = match due {
            Error => frame::is_error(answer),
            Echo => !frame::is_error(answer),
            Either => true,
        };
        assert!(fits, "{name}: answered {answer}");
    }
}

/// Returns the frames that come before the echo of a text that is sent afterwards.
async fn answers(chat: &mut Chat, number: usize) -> Vec<Value> {
    let after = format!("after {number}");
    chat.say(&after);
    let wanted = format!("Echo: {after}");
    let mut frames = chat.socket.collect_until(&wanted, |frame| frame::says(frame, &wanted)).await;
    frames.pop();
    frames
}

#[tokio::test]
async fn every_frame_is_answered_and_the_socket_serves_the_next() {
    let (_host, mut chat) = joined("").await;
    for (number, (name, due, text)) in FRAMES.iter().enumerate() {
        chat.socket.send_text(*text);
        check(name, *due, &answers(&mut chat, number).await);
    }
}

#[tokio::test]
async fn deep_nesting_and_binary_frames_are_answered() {
    let (_host, mut chat) = joined("").await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    chat.socket.send_text(format!(r#"{{"format":"text","payload":{{"text":"x","deep":{deep}}}}}"#));
    check("nesting of 200", Either, &answers(&mut chat, 0).await);
    chat.socket.send_text("[".repeat(100_000));
    check("nesting of 100,000", Error, &answers(&mut chat, 1).await);
    for bytes in [&b""[..], &[0, 159, 146, 150], br#"{"format":"text","payload":{"text":"x"}}"#] {
        chat.socket.send_binary(bytes);
        check("a binary frame", Either, &answers(&mut chat, 2 + bytes.len()).await);
    }
}

#[tokio::test]
async fn no_frame_kills_the_system_socket() {
    let (_host, mut chat) = joined("").await;
    for (name, _, text) in FRAMES {
        chat.system.send_text(*text);
        chat.system.send(&json!({"format": "participantsRequest", "payload": {"guild_id": chat.guild}}));
        let what = format!("the participants after {name}");
        chat.system.wait_for(&what, |frame| frame["format"] == "Participants").await;
    }
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_1009() {
    let (host, mut chat) = joined("").await;
    let text = "x".repeat((2 << 20) + 1024);
    chat.socket.send(&json!({"format": "text", "payload": {"text": text}}));
    assert_eq!(chat.socket.close_code().await, 1009);
    let guild = chat.guild.clone();
    chat::join(&host, &guild, "ann").await.echo("once more").await;
}

#[tokio::test]
async fn a_payload_over_the_limit_is_answered() {
    let (_host, mut chat) = joined("").await;
    chat.socket.send(&json!({"format": "text", "payload": {"text": "x".repeat(1 << 20)}}));
    check("a payload of 1 MiB", Error, &answers(&mut chat, 0).await);
}

#[tokio::test]
async fn the_same_client_id_twice_is_one_message() {
    let (host, mut chat) = joined("").await;
    chat.say_as("once", "hello");
    let echo = chat.hear("Echo: hello").await;
    chat.say_as("once", "hello");
    let ack = chat.socket.next().await;
    assert_eq!(ack["format"], "Ack", "{ack}");
    assert_eq!(ack["payload"]["client_id"], "once");
    assert_eq!(ack["payload"]["id"], echo["in_response_to"]);

    chat.echo("and on").await;
    let history = host.rest().history(&chat.guild, "ann").await;
    assert_eq!(history.iter().filter(|message| frame::says(message, "Echo: hello")).count(), 1);
}

#[tokio::test]
async fn a_socket_that_asks_for_acks_gets_one_for_each_message() {
    let (host, mut chat) = joined("?ack=1").await;
    chat.say_as("my name for it", "hello");
    let mut frames = [chat.socket.next().await, chat.socket.next().await];
    frames.sort_by_key(|frame| frame["format"] != "Ack");
    let [ack, echo] = frames;
    assert_eq!(ack["payload"], json!({"client_id": "my name for it", "id": echo["in_response_to"]}));
    let history = host.rest().history(&chat.guild, "ann").await;
    assert!(history.iter().any(|message| message["id"] == ack["payload"]["id"]), "{history:?}");
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (_host, mut chat) = joined("").await;
    chat.socket.ping().await;
    chat.system.ping().await;
}

#[tokio::test]
async fn an_unknown_guild_is_refused_before_the_upgrade() {
    let host = super::host().await;
    for url in [chat::system_url(&host, "nowhere", "ann", ""), chat::user_url(&host, "nowhere", "ann", "")] {
        assert_eq!(Socket::try_connect(&url).await.err(), Some(404), "{url}");
    }
}

#[tokio::test]
async fn a_conversation_id_is_kept_in_answers() {
    let (_host, mut chat) = joined("").await;
    for (member, conversation) in
        [("conversationId", json!("conv_789")), ("conversation_id", json!("conv_790")), ("conversationId", json!(7))]
    {
        chat.socket.send(&json!({"format": "text", "payload": {"text": "hi"}, member: conversation}));
        let echo = chat.hear("Echo: hi").await;
        assert_eq!(echo["conversation_id"], conversation, "{echo}");
    }
}

#[tokio::test]
async fn the_sender_comes_from_the_connection() {
    let (host, mut chat) = joined("").await;
    chat.socket
        .send(&json!({"format": "text", "payload": {"text": "it is me"}, "sender": {"id": "eve", "name": "Eve"}}));
    chat.hear("Echo: it is me").await;
    let history = host.rest().history(&chat.guild, "ann").await;
    assert!(!history.is_empty());
    assert!(history.iter().all(|message| message["sender"]["id"] != "eve"), "{history:?}");
    assert!(host.rest().history(&chat.guild, "eve").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_handshake_has_an_error_body() {
    let host = super::host().await;
    let key = [("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    for (method, path, headers, status, code) in [
        ("GET", "/ws/guilds/x/syscomms/u", vec![], 404, "no_such_path"),
        ("GET", "/ws/guilds/x/usercomms/u/n", vec![], 404, "no_such_path"),
        ("POST", "/ws/guilds/x/syscomms/u", vec![], 405, "method_not_allowed"),
        ("GET", "/ws/guilds/x/syscomms/u", upgrade.to_vec(), 400, "invalid_upgrade"),
        ("GET", "/ws/guilds/x/syscomms/u", [upgrade, key].concat(), 404, "guild_not_found"),
        ("GET", "/ws/guilds/x/syscomms/u?dialect=z", [upgrade, key].concat(), 400, "invalid_query"),
        ("GET", "/ws/guilds/x/syscomms/%ff", [upgrade, key].concat(), 400, "bad_request"),
        ("GET", "/ws/guilds/x/syscomms/u?after=1&after=2", [upgrade, key].concat(), 400, "bad_request"),
    ] {
        let mut request = host.rest().request(method.parse().unwrap(), path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let (got, allow) = (answer.status().as_u16(), answer.headers().contains_key("allow"));
        let body: serde_json::Value = answer.json().await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert_eq!((got, allow, body["code"].as_str()), (status, status == 405, Some(code)), "{method} {path}: {body}");
        assert!(body["detail"].is_string() && body["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{body}");
    }
}

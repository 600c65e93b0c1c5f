//! A client that reconnects receives the messages that it missed, each once and in order.

use guildhall_tests::{Chat, Socket, blueprint, chat, frame};
use serde_json::Value;

/// Returns the echoes among frames or messages, as (id, text).
fn echoes(messages: &[Value]) -> Vec<(u64, String)> {
    let echoes = messages.iter().filter(|message| frame::text(message).starts_with("Echo: "));
    echoes.map(|message| (frame::id(message), frame::text(message).to_owned())).collect()
}

/// Sends `text n` for each number and waits for the echo of the last.
async fn say_all(chat: &mut Chat, numbers: std::ops::Range<usize>) -> Vec<Value> {
    for number in numbers.clone() {
        chat.say(&format!("text {number}"));
    }
    let last = format!("Echo: text {}", numbers.end - 1);
    chat.socket.collect_until(&last, |frame| frame::says(frame, &last)).await
}

#[tokio::test]
async fn after_a_reconnect_each_message_arrives_once_and_in_order() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;

    let mut heard = echoes(&say_all(&mut chat, 0..20).await);
    heard.truncate(8);
    let after = heard.last().expect("eight").0;
    chat.socket.close().await;

    let url = chat::user_url(&host, &guild, "ann", &format!("?after={after}"));
    chat.socket = Socket::connect(&url).await;
    let missed = chat.socket.collect_until("what was missed", |frame| frame::says(frame, "Echo: text 19")).await;
    assert!(missed.iter().all(|frame| frame::id(frame) > after), "older than asked for: {missed:?}");
    heard.extend(echoes(&missed));
    heard.extend(echoes(&say_all(&mut chat, 20..30).await));

    let texts: Vec<_> = heard.iter().map(|(_, text)| text.clone()).collect();
    let wanted: Vec<_> = (0..30).map(|number| format!("Echo: text {number}")).collect();
    assert_eq!(texts, wanted);
    assert!(heard.is_sorted_by(|left, right| left.0 < right.0), "ids grow");
    assert_eq!(echoes(&host.rest().history(&guild, "ann").await), heard, "the history is what was heard");
}

#[tokio::test]
async fn answers_are_kept_while_no_socket_is_connected() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    let after = frame::id(&chat.echo("first").await);
    for number in 0..5 {
        chat.say(&format!("text {number}"));
    }
    // The close frame follows the texts on the same connection.
    chat.socket.close().await;
    let url = chat::user_url(&host, &guild, "ann", &format!("?after={after}"));
    chat.socket = Socket::connect(&url).await;
    let frames = chat.socket.collect_until("the last echo", |frame| frame::says(frame, "Echo: text 4")).await;
    let texts: Vec<_> = echoes(&frames).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, (0..5).map(|number| format!("Echo: text {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_history_has_a_users_messages_and_answers_in_order() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    for text in ["one", "two"] {
        chat.echo(text).await;
    }
    let history = host.rest().history(&guild, "ann").await;
    let texts: Vec<_> = history.iter().map(frame::text).filter(|text| !text.is_empty()).collect();
    assert_eq!(texts, ["one", "Echo: one", "two", "Echo: two"]);
}

#[tokio::test]
async fn with_routes_all_users_receive_the_question_before_the_answer() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo_to_everybody()).await;
    let mut ann = chat::join(&host, &guild, "ann").await;
    let mut bob = chat::join(&host, &guild, "bob").await;
    for number in 0..10 {
        let text = format!("hello all {number}");
        let answer = format!("Echo: {text}");
        ann.say(&text);
        bob.hear(&text).await;
        let heard = bob.hear(&answer).await;
        assert_eq!(heard["sender"]["name"], "EchoAgent", "{heard}");
        ann.hear(&answer).await;
    }
}

#[tokio::test]
async fn without_routes_only_the_sender_receives_the_answer() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut ann = chat::join(&host, &guild, "ann").await;
    let mut bob = chat::join(&host, &guild, "bob").await;
    ann.echo("for me").await;
    bob.echo("for bob").await;
    let history = host.rest().history(&guild, "bob").await;
    assert!(history.iter().all(|message| !frame::says(message, "Echo: for me")), "{history:?}");
}

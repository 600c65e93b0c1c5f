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

#[tokio::test]
async fn a_page_of_a_history_names_the_next_one() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    for text in ["one", "two"] {
        chat.echo(text).await;
    }
    let whole = host.rest().history(&guild, "ann").await;
    let path = format!("/api/guilds/{guild}/ann/messages");
    let (mut found, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let answer = host.rest().request(reqwest::Method::GET, &format!("{path}{query}")).send().await.expect("a page");
        let link = answer.headers().get("link").map(|link| link.to_str().expect("text").to_owned());
        let page: Vec<Value> = answer.json().await.expect("a list");
        assert!(page.len() <= 1, "{page:?}");
        found.extend(page);
        let Some(link) = link else { break };
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        query = next.expect("a reference").to_owned();
    }
    assert_eq!(found, whole);
    let after = frame::id(&whole[0]);
    let rest: Vec<Value> = host
        .rest()
        .request(reqwest::Method::GET, &format!("{path}?after={after}"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("a list");
    assert_eq!(rest, whole[1..]);
    host.rest().get(&format!("{path}?limit=501")).await.expect(&[422]);
}

#[tokio::test]
async fn what_comes_before_an_ack_in_the_log_comes_before_it_on_the_socket() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    say_all(&mut chat, 0..300).await;
    let whole = echoes(&host.rest().history(&guild, "ann").await);
    for round in 0..3 {
        // A repeat, a new message and a frame that cannot be used: all answers wait for the history.
        chat.socket = Socket::connect(&chat::user_url(&host, &guild, "ann", "?after=1&ack=1")).await;
        chat.say_as(&format!("client {}", round / 2), "said while the history is read");
        chat.socket.send_text("no frame");
        let mut seen = Vec::new();
        let is_ack = |frame: &Value| {
            frame::id(frame) > whole[whole.len() - 1].0
                && frame["format"].as_str().is_some_and(|format| format.ends_with("Ack"))
        };
        let frames = chat.socket.collect_until("the ack", is_ack).await;
        let mut largest = 0;
        for frame in &frames {
            let id = frame::id(frame);
            if frame::text(frame).starts_with("Echo: text") {
                assert!(id > largest, "{id} comes after {largest}: a client that resumed after it misses this message");
                seen.push(id);
            }
            largest = largest.max(id);
        }
        assert_eq!(seen, whole.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_neighbour_is_answered_while_clients_ask_for_long_histories_and_leave() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    say_all(&mut chat, 0..1_000).await;
    let neighbours = host.rest().launch_spec(&blueprint::echo()).await;
    let mut neighbour = chat::join(&host, &neighbours, "bob").await;
    let url = chat::user_url(&host, &guild, "ann", "?after=1");
    let leaving = tokio::spawn(async move {
        loop {
            let open = futures_util::future::join_all((0..20).map(|_| Socket::connect(&url))).await;
            drop(open);
        }
    });
    for number in 0..100 {
        // Each has a client id of its own, which is looked up.
        let text = format!("beside {number}");
        neighbour.say_as(&format!("id {number}"), &text);
        neighbour.hear(&format!("Echo: {text}")).await;
    }
    leaving.abort();
}

#[tokio::test]
async fn a_message_is_confirmed_before_what_follows_from_it() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
    for number in 0..200 {
        let id = format!("m{number}");
        chat.say_as(&id, &id);
        let echo = format!("Echo: {id}");
        let frames = chat.socket.collect_until("the echo", |frame| frame::says(frame, &echo)).await;
        let is_ack = |frame: &Value| frame::format(frame) == "Ack" && frame["payload"]["client_id"] == id.as_str();
        assert_eq!(frames.iter().filter(|frame| is_ack(frame)).count(), 1, "{number}: {frames:?}");
    }
    // Of two with the same id, the repeat is confirmed last.
    for number in 0..50 {
        let id = format!("twice{number}");
        chat.say_as(&id, &id);
        chat.say_as(&id, &id);
        let mut repeats = Vec::new();
        while repeats.len() < 2 {
            let ack = chat.socket.wait_for("an Ack", |frame| frame["payload"]["client_id"] == id.as_str()).await;
            repeats.push(ack["payload"]["duplicate"] == true);
        }
        assert_eq!(repeats, [false, true], "{number}");
    }
}

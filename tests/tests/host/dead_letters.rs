//! Dead letters can be listed, shown, replayed and discarded, and attempt counts survive `kill -9`.

use guildhall_tests::{Chat, Host, blueprint, chat, eventually, frame};
use serde_json::{Value, json};

use super::faults::{PATIENCE, hostile_component};

async fn joined() -> (Host, Chat) {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let chat = chat::join(&host, &guild, "ann").await;
    (host, chat)
}

async fn letters(host: &Host, guild: &str) -> Vec<Value> {
    let page = host.rest().get(&format!("/api/guilds/{guild}/dead-letters")).await.expect(&[200]);
    page["dead_letters"].as_array().expect("a list").clone()
}

/// Sends a message that becomes a dead letter, and waits until the user is notified.
async fn give_up(chat: &mut Chat, text: &str) -> Value {
    chat.say(text);
    let is_last = |frame: &Value| frame::is_error(frame) && frame["payload"]["dead_lettered"] == true;
    chat.socket.wait_within(PATIENCE, &format!("`{text}` to be given up"), is_last).await
}

#[tokio::test]
async fn dead_letters_can_be_listed_in_pages_shown_and_discarded() {
    let (host, mut chat) = joined().await;
    for number in 0..3 {
        give_up(&mut chat, &format!("reject {number}")).await;
    }
    let path = format!("/api/guilds/{}/dead-letters", chat.guild);
    let first = host.rest().get(&format!("{path}?limit=2")).await.expect(&[200]);
    assert_eq!(first["dead_letters"].as_array().map(Vec::len), Some(2), "{first}");
    let rest = host.rest().get(&format!("{path}?limit=2&after={}", first["next"])).await.expect(&[200]);
    assert_eq!((rest["dead_letters"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null), "{rest}");

    let letter = &first["dead_letters"][0];
    assert_eq!(letter["fault"]["kind"], "rejected", "{letter}");
    assert_eq!(letter["attempts"], 1, "{letter}");
    assert_eq!(letter["agent"]["name"], "Hostile", "{letter}");
    assert_eq!(letter["message"]["payload"]["text"], "reject 0", "{letter}");
    let one = format!("{path}/{}", letter["id"]);
    assert_eq!(&host.rest().get(&one).await.expect(&[200]), letter);

    host.rest().delete(&one).await.expect(&[204]);
    assert_eq!(host.rest().get(&one).await.expect(&[404])["code"], "dead_letter_not_found");
    host.rest().delete(&one).await.expect(&[404]);
    assert_eq!(letters(&host, &chat.guild).await.len(), 2);
    host.rest().get("/api/guilds/nowhere/dead-letters").await.expect(&[404]);
    host.rest().get(&format!("{path}?limit=0")).await.expect(&[422]);
    host.rest().get(&format!("{path}/x")).await.expect(&[404]);
}

#[tokio::test]
async fn a_replayed_message_is_handled_again_in_its_thread_and_its_dead_letter_is_removed() {
    let (host, mut chat) = joined().await;
    give_up(&mut chat, "reject once").await;
    let letter = letters(&host, &chat.guild).await.remove(0);
    let replay = format!("/api/guilds/{}/dead-letters/{}/replay", chat.guild, letter["id"]);
    host.rest().post(&replay, &json!({})).await.expect(&[200]);
    let again = |frame: &Value| frame::is_error(frame) && frame["payload"]["dead_lettered"] == true;
    let error = chat.socket.wait_for("the second rejection", again).await;
    assert_ne!(error["payload"]["message_id"], letter["message_id"], "{error}");
    assert!(error["thread"].as_array().is_some_and(|thread| thread.contains(&letter["message_id"])), "{error}");
    host.rest().post(&replay, &json!({})).await.expect(&[404]);
    let letters = letters(&host, &chat.guild).await;
    assert_eq!(letters.len(), 1, "the old letter is gone and there is a new one: {letters:?}");
}

#[tokio::test]
async fn the_attempt_count_of_a_message_survives_a_kill() {
    let (mut host, mut chat) = joined().await;
    chat.say("trap");
    let tried = |frame: &Value| frame::is_error(frame) && frame["payload"]["attempt"] == 2;
    let error = chat.socket.wait_within(PATIENCE, "the second attempt to fail", tried).await;
    assert_eq!(error["payload"]["dead_lettered"], false, "{error}");
    let guild = chat.guild.clone();
    host.kill().await;
    host.start_again().await;
    let letter = eventually(PATIENCE, "the message to be given up at its third attempt", async || {
        letters(&host, &guild).await.pop().ok_or(json!("none"))
    })
    .await;
    assert_eq!(letter["attempts"], 3, "{letter}");
    assert_eq!(letter["fault"]["kind"], "panic", "{letter}");
    let errors = host.rest().history(&guild, "ann").await;
    let errors: Vec<_> = errors.iter().filter(|message| frame::is_error(message)).collect();
    assert_eq!(errors.len(), 3, "one for each attempt, however often the host was started: {errors:?}");
}

#[tokio::test]
async fn a_fault_has_a_backtrace_and_the_agents_output() {
    let (_host, mut chat) = joined().await;
    chat.say("trap");
    let error = chat.socket.wait_for("the fault", frame::is_error).await;
    let payload = &error["payload"];
    let backtrace = payload["backtrace"].to_string();
    assert!(backtrace.contains("obey"), "{backtrace}");
    assert!(payload["stderr"].as_str().is_some_and(|text| text.contains("told to trap")), "{payload}");
    assert!(payload["fuel_used"].as_u64().is_some_and(|fuel| fuel > 0), "{payload}");
    assert!(payload["peak_memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{payload}");
}

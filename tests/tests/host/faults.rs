//! Faults of agents: the sender of the message is notified, the agent handles the next message, and other agents are not
//! affected.

use std::time::Duration;

use futures_util::future::join_all;
use guildhall_tests::{Chat, Host, blueprint, chat, frame};
use serde_json::{Value, json};

/// The time of three attempts: pauses of 1 s and 2 s, and up to 25 % of jitter.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub fn hostile_component() -> Vec<u8> {
    // The build script of this crate builds it.
    let path = env!("HOSTILE_WASM");
    std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Starts a server with the hostile class. Returns both the server and the digest.
async fn host() -> (Host, String) {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    (host, digest)
}

async fn joined(host: &Host, digest: &str, sandbox: &Value) -> Chat {
    let guild = host.rest().launch_spec(&blueprint::hostile(digest, sandbox)).await;
    chat::join(host, &guild, "ann").await
}

/// Returns a small sandbox, which keeps the tests short.
fn small() -> Value {
    json!({"fuel": 100_000_000, "memory_mib": 16, "timeout_ms": 5_000})
}

/// Sends a text and returns the first error that it causes.
async fn fault(chat: &mut Chat, text: &str) -> Value {
    chat.say(text);
    let what = format!("an ErrorMessage for `{text}`");
    let error = chat.socket.wait_within(PATIENCE, &what, frame::is_error).await;
    error["payload"].clone()
}

/// Waits until the agent answers a text again.
async fn serves(chat: &mut Chat, text: &str) {
    chat.say(text);
    let wanted = format!("ok: {text}");
    chat.socket.wait_within(PATIENCE, &wanted, |frame| frame::says(frame, &wanted)).await;
}

/// The effect of a text on the agent: the allowed kinds of the fault, and the setting that the error names.
const FAULTS: &[(&str, &[&str], Option<&str>)] = &[
    ("loop", &["FUEL"], Some("sandbox.fuel")),
    ("eat", &["MEMORY"], Some("sandbox.memory_mib")),
    ("trap", &["TRAP", "PANIC"], None),
    ("exit 3", &["EXIT"], None),
    ("recurse", &["STACK"], None),
    ("reject x", &["REJECTED"], None),
    ("retry x", &["RETRIES_EXHAUSTED"], None),
    ("flood 10000", &["DENIED", "REJECTED"], None),
    ("big 2000000", &["INVALID_PAYLOAD", "COPY_LIMIT", "REJECTED"], None),
];

async fn check_fault(host: &Host, digest: &str, text: &str, kinds: &[&str], setting: Option<&str>) {
    let mut chat = joined(host, digest, &small()).await;
    serves(&mut chat, "before").await;
    let error = fault(&mut chat, text).await;

    let kind = error["error_type"].as_str().unwrap_or_default();
    assert!(kinds.contains(&kind), "`{text}` is one of {kinds:?}: {error}");
    assert_eq!(error["kind"], kind.to_lowercase(), "`{text}`: {error}");
    assert!(error["attempt"].as_u64().is_some_and(|attempt| attempt >= 1), "`{text}`: {error}");
    assert!(error["error_message"].as_str().is_some_and(|message| !message.is_empty()), "`{text}`: {error}");
    if let Some(setting) = setting {
        assert_eq!(error["setting"], setting, "`{text}`: {error}");
        assert!(error["limit"].is_u64(), "`{text}`: {error}");
    }
    serves(&mut chat, "after").await;
}

#[tokio::test]
async fn every_fault_is_reported_and_survived_and_harms_no_other_agent() {
    let (host, digest) = host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut neighbour = chat::join(&host, &guild, "bob").await;

    let faults = FAULTS.iter().map(|(text, kinds, setting)| check_fault(&host, &digest, text, kinds, *setting));
    let faults = join_all(faults);
    let mut faults = std::pin::pin!(faults);
    for number in 0.. {
        let text = format!("neighbour {number}");
        let echo = neighbour.echo_within(Duration::from_secs(5), &text);
        tokio::select! {
            biased;
            _ = &mut faults => break,
            _ = echo => {}
        }
    }
    neighbour.echo("still here").await;
    host.rest().guild_is(&guild, "running").await;
}

#[tokio::test]
async fn the_blueprint_sets_the_limits_that_an_error_names() {
    let (host, digest) = host().await;
    let mut chat = joined(&host, &digest, &json!({"fuel": 12_345_678, "memory_mib": 9, "timeout_ms": 5_000})).await;
    let error = fault(&mut chat, "loop").await;
    assert_eq!((&error["setting"], &error["limit"]), (&json!("sandbox.fuel"), &json!(12_345_678)), "{error}");
    serves(&mut chat, "next").await;
    let mut chat = joined(&host, &digest, &json!({"memory_mib": 9})).await;
    let error = fault(&mut chat, "eat").await;
    assert_eq!((&error["setting"], &error["limit"]), (&json!("sandbox.memory_mib"), &json!(9)), "{error}");
    let mut chat = joined(&host, &digest, &json!({"fuel": 100_000_000_000_u64, "timeout_ms": 200})).await;
    let error = fault(&mut chat, "loop").await;
    assert_eq!((&error["setting"], &error["limit"]), (&json!("sandbox.timeout_ms"), &json!(200)), "{error}");
}

#[tokio::test]
async fn a_message_that_fails_once_is_handled_at_the_second_attempt() {
    let (host, digest) = host().await;
    let mut chat = joined(&host, &digest, &small()).await;
    chat.say("crash-once");
    let served = |frame: &Value| !frame::is_error(frame) && !frame::text(frame).is_empty();
    chat.socket.wait_within(PATIENCE, "an answer to the second attempt", served).await;
    serves(&mut chat, "next").await;
}

#[tokio::test]
async fn a_trapped_turn_changes_nothing() {
    let (host, digest) = host().await;
    let mut chat = joined(&host, &digest, &small()).await;
    assert_eq!(count(&mut chat).await, 1);
    assert_eq!(count(&mut chat).await, 2);
    fault(&mut chat, "count-trap").await;
    assert_eq!(count(&mut chat).await, 3, "what the turn that trapped had counted is discarded");
}

/// Returns the number at the end of the answer to `count`.
async fn count(chat: &mut Chat) -> u64 {
    let number = |frame: &Value| {
        let digits = frame::text(frame).rsplit(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok())
    };
    chat.say("count");
    let what = "an answer to `count`";
    let answer = chat.socket.wait_within(PATIENCE, what, |frame| !frame::is_error(frame) && number(frame).is_some());
    number(&answer.await).expect("just looked at")
}

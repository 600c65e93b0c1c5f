//! Hostile agents at the same time: each fault is reported, nothing leaves its sandbox, and the server gets its memory back
//! afterwards.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use guildhall_tests::{Chat, Host, blueprint, chat, frame};
use serde_json::{Value, json};

use super::faults::hostile_component;

/// The time of three attempts: pauses of 1 s and 2 s, and up to 25 % of jitter.
const PATIENCE: Duration = Duration::from_secs(60);

async fn joined(host: &Host, digest: &str) -> Chat {
    let sandbox = json!({"fuel": 50_000_000, "memory_mib": 16, "timeout_ms": 5_000});
    let guild = host.rest().launch_spec(&blueprint::hostile(digest, &sandbox)).await;
    chat::join(host, &guild, "ann").await
}

async fn ask(chat: &mut Chat, order: &str) -> Value {
    chat.say(order);
    let wanted =
        |frame: &Value| frame::is_error(frame) || (!frame::text(frame).is_empty() && frame::text(frame) != order);
    chat.socket.wait_within(PATIENCE, &format!("an answer to `{order}`"), wanted).await
}

#[tokio::test]
async fn a_forbidden_emit_is_refused_in_the_call() {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let mut chat = joined(&host, &digest).await;
    for (order, words) in [
        ("topic? system_topic", "system_topic"),
        ("topic? dead_letter_queue", "dead_letter_queue"),
        ("topic? heartbeat", "heartbeat"),
        ("topic? user:bob", "user:bob"),
        ("topic? agent_inbox:somebody", "agent_inbox:somebody"),
        ("badjson?", "not valid"),
        ("array?", "not a JSON object"),
        ("big? 1048577", "1048576"),
    ] {
        let answer = ask(&mut chat, order).await;
        let text = frame::text(&answer);
        assert!(text.starts_with("refused: ") && text.contains(words), "`{order}`: {answer}");
    }
    let large = ask(&mut chat, "big 1048576").await;
    assert_eq!(large["payload"].to_string().len(), 1_048_576, "a payload at the limit is taken");
    assert_eq!(large["sender"]["name"], "Hostile", "the host says who speaks");
}

/// Returns the server's resident memory in bytes.
pub fn resident(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10
}

const HARM: &[&str] = &[
    "loop",
    "eat",
    "recurse",
    "trap",
    "exit 1",
    "flood 10000",
    "big 5000000",
    "log 100000",
    "progress 20000",
    "unreachable",
];

async fn round(host: &Host, digest: &str) {
    let harm = HARM.iter().map(|order| async move {
        let mut chat = joined(host, digest).await;
        if order.starts_with("log") {
            // Too much output is cut, not punished.
            chat.say(order);
        } else {
            ask(&mut chat, order).await;
        }
        chat.say("after");
        chat.socket
            .wait_within(PATIENCE, "the next message to be served", |frame| frame::says(frame, "ok: after"))
            .await;
        chat.stop_guild();
    });
    join_all(harm).await;
}

/// The number of hostile rounds while a user of another guild chats.
async fn beside(neighbour: &mut Chat, host: &Host, digest: &str, rounds: usize) {
    let harm = async {
        for _ in 0..rounds {
            round(host, digest).await;
        }
    };
    let mut harm = std::pin::pin!(harm);
    for number in 0.. {
        let text = format!("neighbour {number}");
        tokio::select! {
            biased;
            () = &mut harm => break,
            _ = neighbour.echo_within(Duration::from_secs(10), &text) => {}
        }
    }
}

#[tokio::test]
async fn other_agents_continue_and_the_server_gets_its_memory_back() {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut neighbour = chat::join(&host, &guild, "bob").await;
    // What is only paid once: code, pools, buffers of the database.
    beside(&mut neighbour, &host, &digest, 5).await;
    let before = resident(&host);
    beside(&mut neighbour, &host, &digest, 3).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    while resident(&host) > before + before / 20 {
        let now = resident(&host);
        assert!(Instant::now() < deadline, "the host has {now} bytes resident, {before} before");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    neighbour.echo("still here").await;
}

//! `kill -9` at any time loses no acknowledged message and repeats no reply.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guildhall_tests::{Chat, blueprint, chat, eventually, frame};
use serde_json::{Value, json};

/// The number of messages that wait for an answer at any time.
const IN_FLIGHT: usize = 32;
/// The number of acknowledged messages in each round before the server is killed.
const BEFORE_KILL: usize = 200;

/// What a client knows about its own messages.
#[derive(Default)]
struct Said {
    next: usize,
    /// The acknowledged ids by the numbers of the messages.
    acked: BTreeMap<usize, u64>,
    unacked: BTreeSet<usize>,
}

impl Said {
    fn say(&mut self, chat: &Chat) {
        let number = self.next;
        self.next += 1;
        self.unacked.insert(number);
        chat.say_as(&format!("c{number}"), &format!("m{number}"));
    }

    /// Records an acknowledgement. Returns whether the frame is one.
    fn note(&mut self, frame: &Value) -> bool {
        if frame["format"] != "Ack" {
            return false;
        }
        let number = frame["payload"]["client_id"].as_str().and_then(|id| id.strip_prefix('c')?.parse().ok());
        let number: usize = number.unwrap_or_else(|| panic!("a name of ours in {frame}"));
        let id = frame["payload"]["id"].as_u64().unwrap_or_else(|| panic!("an id in {frame}"));
        self.unacked.remove(&number);
        let before = self.acked.insert(number, id);
        assert!(before.is_none_or(|before| before == id), "c{number} is {before:?} and {id}");
        true
    }
}

#[tokio::test]
async fn a_killed_server_loses_no_acknowledged_message_and_repeats_no_reply() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut said = Said::default();

    for round in 0..super::times("CRASHES", 3) {
        let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
        say_again(&mut chat, &mut said).await;

        let enough = said.acked.len() + BEFORE_KILL + round * 7;
        for _ in 0..IN_FLIGHT {
            said.say(&chat);
        }
        while said.acked.len() < enough {
            let frame = chat.socket.next().await;
            if said.note(&frame) {
                said.say(&chat);
            }
        }
        host.kill().await;
        // Frames that the killed server had already sent count too.
        for frame in chat.socket.collect_until_idle(Duration::from_secs(2)).await {
            said.note(&frame);
        }

        host.start_again().await;
        host.rest().guild_is(&guild, "running").await;
        check(&host, &guild, &said).await;
    }

    let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
    say_again(&mut chat, &mut said).await;
    assert_eq!(said.acked.len(), said.next, "every message is acknowledged in the end");
    check(&host, &guild, &said).await;
    chat.echo("all well").await;
}

/// The turn emits more than fits into one transaction.
#[tokio::test]
async fn a_kill_keeps_a_turn_with_many_messages_completely_or_not_at_all() {
    const EACH: usize = 200;
    let mut host = super::host().await;
    let digest = host.rest().upload(super::faults::hostile_component()).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    for round in 0..super::times("CRASHES", 3) {
        let mut chat = chat::join(&host, &guild, "ann").await;
        for _ in 0..8 {
            chat.say(&format!("flood {EACH}"));
        }
        let is_flood = |heard: &Value| frame::text(heard).starts_with("flood ") && heard["in_response_to"].is_u64();
        for _ in 0..1 + 70 * round {
            chat.socket.wait_for("a part of a flood", is_flood).await;
        }
        host.kill().await;
        host.start_again().await;
        host.rest().guild_is(&guild, "running").await;
        eventually(Duration::from_secs(30), "every flood to be answered", async || {
            let history = host.rest().history(&guild, "ann").await;
            let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
            for message in &history {
                match message["in_response_to"].as_u64() {
                    Some(order) if is_flood(message) => *answers.entry(order).or_default() += 1,
                    _ => {}
                }
            }
            let parts: Vec<_> = answers.values().filter(|count| **count != EACH).collect();
            assert!(parts.is_empty(), "of {EACH} messages there are {parts:?}");
            let orders = history.iter().filter(|message| frame::text(message) == format!("flood {EACH}")).count();
            if answers.len() == orders { Ok(()) } else { Err(format!("{} of {orders} are", answers.len())) }
        })
        .await;
    }
}

/// Sends the messages that were not acknowledged again, with the same client ids.
async fn say_again(chat: &mut Chat, said: &mut Said) {
    for number in &said.unacked {
        chat.say_as(&format!("c{number}"), &format!("m{number}"));
    }
    while !said.unacked.is_empty() {
        let frame = chat.socket.wait_for("the ack of a message said again", |frame| frame["format"] == "Ack").await;
        said.note(&frame);
    }
}

/// Checks that every acknowledged message is in the history with its id and has one reply, and that no message has two.
async fn check(host: &guildhall_tests::Host, guild: &str, said: &Said) {
    eventually(Duration::from_secs(30), "every acknowledged message to be answered", async || {
        let history = host.rest().history(guild, "ann").await;
        let mut own: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for message in &history {
            own.entry(frame::text(message).to_owned()).or_default().push(frame::id(message));
        }
        let doubled: Vec<_> = own.iter().filter(|(text, ids)| !text.is_empty() && ids.len() > 1).collect();
        assert!(doubled.is_empty(), "twice in the history: {doubled:?}");
        let mut unanswered = 0;
        for (number, id) in &said.acked {
            assert_eq!(own.get(&format!("m{number}")), Some(&vec![*id]), "m{number} was acknowledged as {id}");
            unanswered += usize::from(!own.contains_key(&format!("Echo: m{number}")));
        }
        if unanswered == 0 { Ok(()) } else { Err(format!("{unanswered} of {} are not", said.acked.len())) }
    })
    .await;
}

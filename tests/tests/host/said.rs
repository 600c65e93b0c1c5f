//! A user who numbers messages and knows which of them were acknowledged, and the check that each of these is in the
//! history once and has one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guildhall_tests::{Chat, Host, eventually, frame};
use serde_json::Value;

/// What a client knows about its own messages.
#[derive(Default)]
pub struct Said {
    /// The number of the next message.
    pub next: usize,
    /// The acknowledged ids by the numbers of the messages.
    pub acked: BTreeMap<usize, u64>,
    pub unacked: BTreeSet<usize>,
}

impl Said {
    /// Sends the next message.
    pub fn say(&mut self, chat: &Chat) {
        let number = self.next;
        self.next += 1;
        self.unacked.insert(number);
        chat.say_as(&format!("c{number}"), &format!("m{number}"));
    }

    /// Records an acknowledgement. Returns whether the frame is one.
    pub fn note(&mut self, frame: &Value) -> bool {
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

/// Sends the messages that were not acknowledged again, with the same client ids.
pub async fn say_again(chat: &mut Chat, said: &mut Said) {
    for number in &said.unacked {
        chat.say_as(&format!("c{number}"), &format!("m{number}"));
    }
    while !said.unacked.is_empty() {
        let frame = chat.socket.wait_for("the ack of a message said again", |frame| frame["format"] == "Ack").await;
        said.note(&frame);
    }
}

/// Checks that every acknowledged message is in the history with its id and has one reply, and that no message has two.
pub async fn check(host: &Host, guild: &str, said: &Said) {
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

//! The guarantees of the journal, tested on files. The files of this folder have the tests by topic.

mod commits;
mod consumers;
mod file;
mod retention;
mod storages;
mod tails;
mod users;

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use guildhall_model::clock::Clock;
use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{AgentId, GuildId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::routing::Routed;
use guildhall_model::state::{StateChange, StateOwner};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_model::values::{ValueChange, ValueWrite};

fn message(topic: &str, payload: Value) -> Message {
    Message::draft(AgentTag::new("somebody", "Somebody"), Topics::One(topic.into()), "test", raw_json(&payload))
}

fn number(message: &Message) -> u64 {
    serde_json::from_str::<Value>(message.payload.get()).unwrap()["n"].as_u64().unwrap()
}

struct Bench {
    dir: TempDir,
    journal: Journal,
}

impl Bench {
    async fn new(limits: JournalLimits) -> Self {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir, limits).await;
        Self { dir, journal }
    }

    async fn log(&self) -> GuildLog {
        self.journal.guild(&GuildId::from("g")).await.unwrap()
    }

    /// Closes the journal and opens its file again.
    async fn reopen(self, limits: JournalLimits) -> Self {
        self.journal.close().await;
        let journal = open(&self.dir, limits).await;
        Self { dir: self.dir, journal }
    }
}

async fn open(dir: &TempDir, limits: JournalLimits) -> Journal {
    let file = dir.path().join("journal.db");
    Journal::open(&file, Durability::Process, limits, Retention::default(), Clock::system()).await.unwrap()
}

fn agent() -> AgentId {
    AgentId::from("a")
}

async fn take(consumer: &mut Consumer) -> Delivery {
    tokio::time::timeout(Duration::from_secs(10), consumer.next()).await.expect("a message waits").unwrap()
}

async fn see(tail: &mut Tail) -> std::sync::Arc<Message> {
    match tokio::time::timeout(Duration::from_secs(10), tail.next()).await.expect("a message waits").unwrap() {
        TailEvent::Message { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

fn keep(key: &str, value: &str) -> ValueWrite {
    ValueWrite { owner: StateOwner::Guild, key: key.into(), change: ValueChange::Set(value.as_bytes().into()) }
}

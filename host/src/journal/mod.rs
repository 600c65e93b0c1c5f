//! The journal: every guild's messages in one ordered, durable log, who has
//! consumed what, and the state that goes with it. Knows nothing of guilds but
//! their ids, and nothing of agents but the names of consumers.
//!
//! What always holds: a message's id is its place in the log; whoever waits for
//! [`Receipt`] learns that the message is in the log; a turn is committed in one
//! step or not at all; publishing never waits for a consumer.

mod checkpoint;
mod embedded;
mod guild_log;
mod pending;
mod queue;
mod retention;
mod snapshots;
mod states;
mod step;
mod subscription;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use embedded::Journal;
pub use guild_log::{Commit, GuildLog, Ingress, IngressError, Published};
pub use snapshots::Snapshot;
pub use subscription::{Consumer, Delivery, Gauge, Tail, TailEvent, Tries};

/// What a message in the log survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The end of the process, however it ends (`kill -9` included).
    #[default]
    Process,
    /// The end of the machine: every commit is flushed to the disk.
    Disk,
    /// Nothing for sure: for tests and benchmarks.
    None,
}

impl std::str::FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "process" => Ok(Self::Process),
            "disk" => Ok(Self::Disk),
            "none" => Ok(Self::None),
            other => Err(format!("durability is process, disk or none, not `{other}`")),
        }
    }
}

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Consumed messages older than this go.
    pub age: std::time::Duration,
    /// Above this many bytes of a guild the oldest consumed messages go.
    pub guild_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: std::time::Duration::from_secs(30 * 24 * 3600), guild_bytes: 256 << 20 }
    }
}

/// Bounds of the journal's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Messages that a subscription holds in memory; the rest waits in the log.
    pub window: usize,
    /// Bytes of payload that a subscription holds in memory.
    pub window_bytes: usize,
    /// Messages an agent may lag before users' messages to it are refused.
    pub agent_lag: usize,
    /// Messages a socket may lag before it is closed.
    pub socket_lag: usize,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { window: 256, window_bytes: 2 << 20, agent_lag: 10_000, socket_lag: 10_000 }
    }
}

/// Why the journal did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal's database failed: {0}")]
    Database(Arc<sqlx::Error>),
    #[error("the journal's database could not be made ready: {0}")]
    Migration(String),
    #[error("a stored message cannot be read: {0}")]
    Corrupt(String),
    #[error("the journal is closed")]
    Closed,
}

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Says when what was published is in the log. Waiting for it is optional: what
/// was published is written whether or not somebody waits.
#[derive(Debug)]
pub struct Receipt(tokio::sync::oneshot::Receiver<Result<(), JournalError>>);

impl std::future::Future for Receipt {
    type Output = Result<(), JournalError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx).map(|outcome| outcome.unwrap_or(Err(JournalError::Closed)))
    }
}

//! The settings of the journal: durability, retention and the bounds of its memory. Plain values; whoever opens the
//! journal reads them from the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a stored message survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The end of the process, however it ends (`kill -9` included).
    #[default]
    Process,
    /// The end of the machine: every commit is flushed to the disk.
    Disk,
    /// Nothing is guaranteed. For tests and benchmarks.
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

/// How long and how much of a guild's log is kept. A message that an agent has not consumed is always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Consumed messages older than this are removed.
    pub age: Duration,
    /// When a guild has more bytes than this, its oldest consumed messages are removed.
    pub guild_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 24 * 3600), guild_bytes: 256 << 20 }
    }
}

/// Bounds of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Messages that a subscription holds in memory. Further messages stay in the storage until they are read.
    pub window: usize,
    /// Bytes of payload that a subscription holds in memory.
    pub window_bytes: usize,
    /// Messages that may wait for an agent before messages of users to it are refused.
    pub agent_lag: usize,
    /// Messages that may wait for a socket before it is closed.
    pub socket_lag: usize,
    /// Bytes of JSON that a state may have.
    pub state_bytes: usize,
    /// Bytes that a guild's log may have before messages of users are refused and turns that emit fail.
    pub log_bytes: usize,
    /// Bytes of messages of all guilds that may wait for the writer before messages of users are refused.
    pub unwritten_bytes: usize,
    /// Pages of histories and for resuming sockets that are read at the same time, of all guilds. At least 1.
    pub histories: usize,
    /// The same of one guild. At least 1.
    pub guild_histories: usize,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self {
            window: 256,
            window_bytes: 2 << 20,
            agent_lag: 10_000,
            socket_lag: 10_000,
            state_bytes: 1 << 20,
            log_bytes: 1 << 30,
            unwritten_bytes: 128 << 20,
            histories: 2,
            guild_histories: 1,
        }
    }
}

//! What a turn takes and returns, and what an agent reports about itself. Plain data, and its reading out of the
//! generated bindings.

use crate::shortened::shortened;
use std::sync::Arc;
use std::time::Duration;

use guildhall_model::fault::Fault;
use guildhall_model::health::HealthStatus;
use guildhall_model::routing::Outgoing;
use guildhall_model::values::ValueWrite;

use crate::bindings::{export, types};
use crate::staged::LimitMet;

/// A message for a turn, and the states as they were last committed.
#[derive(Clone, Debug)]
pub struct TurnInput {
    /// The message.
    pub message: types::Message,
    /// The state of the agent, a JSON object.
    pub agent_state: Arc<str>,
    /// The state of the guild, a JSON object.
    pub guild_state: Arc<str>,
}

/// How a turn ended and what it used.
#[derive(Debug)]
pub struct TurnOutcome {
    /// How it ended.
    pub end: TurnEnd,
    /// What it used.
    pub usage: Usage,
    /// The limit that a declined turn met last.
    pub met: Option<LimitMet>,
}

/// How a turn ended.
#[derive(Debug)]
pub enum TurnEnd {
    /// The agent served the message. The effects are to be committed together.
    Done {
        /// The outgoing messages, in the order in which the agent emitted them.
        emits: Vec<Outgoing>,
        /// JSON merge patches of the agent's state, in order.
        agent_patches: Vec<String>,
        /// JSON merge patches of the guild's state, in order.
        guild_patches: Vec<String>,
        /// Changes of values, each key once.
        values: Vec<ValueWrite>,
    },
    /// The agent did not serve the message and returned why. The instance lives on.
    Declined(Failure),
    /// The host stopped the turn on request. The instance is dropped.
    Cancelled,
    /// The turn crossed a limit or trapped. The instance is dropped.
    Broken(Fault),
}

/// Why an agent did not serve a message. Its texts are the agent's own, at most 4 KiB each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt cannot help.
    Reject(String),
    /// Another attempt may help.
    Retry {
        /// Why, for people.
        reason: String,
        /// When the agent wants the next attempt, in milliseconds.
        after_ms: Option<u32>,
    },
    /// Another reason; the host treats it like `Reject`.
    Other(String),
}

/// What a turn used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Units of fuel, exact to a million.
    pub fuel_used: u64,
    /// The most linear memory that the instance has held since it started.
    pub peak_memory_bytes: u64,
    /// The time from the beginning of the turn to its end.
    pub wall: Duration,
    /// The time on a processor.
    pub cpu: Duration,
    /// Calls of imports of the contract.
    pub host_calls: u64,
    /// What the turn emitted and wrote, by weight. It counts also when the turn was declined, because the host has
    /// done the work. `host.emit_rate` bounds it.
    ///
    /// | kind | weight |
    /// |---|---|
    /// | message | 1 |
    /// | progress frame | ½ |
    /// | value | 1 |
    /// | KiB of messages, progress frames and state patches | 1 |
    /// | KiB of values | 2 |
    pub emitted: u64,
    /// Whether the turn ended in the low-priority pool.
    pub ended_slow: bool,
}

/// What an agent reports about itself while it is idle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `Ok`, `Warning` or `Error`.
    pub status: HealthStatus,
    /// An explanation for people, at most 4 KiB.
    pub detail: Option<String>,
}

/// The longest text of an agent in a report, in bytes.
const MAX_REASON_BYTES: usize = 4 << 10;

/// Cuts a text of an agent to 4 KiB, with an ellipsis at its end.
pub(crate) fn shortened_reason(reason: &str) -> String {
    shortened(reason, MAX_REASON_BYTES)
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::Reject(reason) => Self::Reject(shortened_reason(&reason)),
            types::Failure::Retry(hint) => {
                Self::Retry { reason: shortened_reason(&hint.reason), after_ms: hint.after_ms }
            }
            types::Failure::Other(reason) => Self::Other(shortened_reason(&reason)),
        }
    }
}

impl From<export::Health> for Health {
    fn from(health: export::Health) -> Self {
        let status = match health.status {
            export::Status::Ok => HealthStatus::Ok,
            export::Status::Warning => HealthStatus::Warning,
            export::Status::Error => HealthStatus::Error,
        };
        Self { status, detail: health.detail.map(|detail| shortened_reason(&detail)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(shortened_reason(&"é".repeat(3)), "ééé");
        let cut = shortened_reason(&format!("x{}", "é".repeat(MAX_REASON_BYTES)));
        assert_eq!(cut.len(), MAX_REASON_BYTES - 1 + '…'.len_utf8());
    }
}

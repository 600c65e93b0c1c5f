//! Faults: why an attempt failed. The kinds are a closed set with stable names, which authors, operators and clients
//! read in `ErrorMessage` frames, dead letters, health reports and metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FaultKind {
    /// A WebAssembly trap without a kind of its own.
    Trap,
    /// A panic or an abort of the guest.
    Panic,
    /// The turn used all of its fuel.
    Fuel,
    /// The instance asked for more memory than its limit.
    Memory,
    /// The turn took longer than its time limit.
    Deadline,
    /// The guest used up its stack.
    Stack,
    /// One call passed more bytes through the sandbox than the host copies.
    CopyLimit,
    /// The guest called `exit`.
    Exit,
    /// The agent rejected the message, so it is not redelivered.
    Rejected,
    /// The agent asked for a retry after the last attempt.
    RetriesExhausted,
    /// The thread has more hops than its limit.
    HopLimit,
    /// The grants or the rules of the host do not allow the call.
    Denied,
    /// A payload cannot be sent.
    InvalidPayload,
    /// No agent listens to the topics of the message.
    NoRecipient,
    /// A rule could not be applied: its expression failed, or its result is not usable.
    RuleFailed,
    /// A rule made no message: its expression has no result.
    RuleDropped,
    /// No agent that received the message acts on it: their predicates do not hold, or it is not tagged for them.
    NotAccepted,
    /// The agent does not run: it cannot start, has failed or was removed.
    AgentUnavailable,
    /// The time to live of the message was over before the turn.
    Expired,
    /// A state would be larger than its limit.
    StateTooLarge,
    /// The host cannot accept the message now.
    Busy,
    /// The host has no room for another instance.
    HostFull,
    /// The host failed.
    HostError,
    /// The turn was cancelled on request.
    Cancelled,
}

impl FaultKind {
    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Panic => "panic",
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::Deadline => "deadline",
            Self::Stack => "stack",
            Self::CopyLimit => "copy_limit",
            Self::Exit => "exit",
            Self::Rejected => "rejected",
            Self::RetriesExhausted => "retries_exhausted",
            Self::HopLimit => "hop_limit",
            Self::Denied => "denied",
            Self::InvalidPayload => "invalid_payload",
            Self::NoRecipient => "no_recipient",
            Self::RuleFailed => "rule_failed",
            Self::RuleDropped => "rule_dropped",
            Self::NotAccepted => "not_accepted",
            Self::AgentUnavailable => "agent_unavailable",
            Self::Expired => "expired",
            Self::StateTooLarge => "state_too_large",
            Self::Busy => "busy",
            Self::HostFull => "host_full",
            Self::HostError => "host_error",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure with the details that a person needs to act on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// The kind of the failure.
    pub kind: FaultKind,
    /// A sentence for people: what happened, with the value and the limit.
    pub message: String,
    /// The limit that was reached, in the unit of the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The value that exceeded the limit, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// The setting that changes the limit, such as `sandbox.fuel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// The fuel that the turn used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_used: Option<u64>,
    /// The most memory that the instance held, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The last bytes that the guest wrote to its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The names of the guest's functions, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
}

impl Fault {
    /// Returns a fault without a limit and without details of the instance.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            limit: None,
            value: None,
            setting: None,
            fuel_used: None,
            peak_memory_bytes: None,
            stderr: None,
            backtrace: Vec::new(),
        }
    }

    /// Adds the limit that was reached, the value that exceeded it and the setting of the limit.
    #[must_use]
    pub fn over(mut self, limit: u64, value: Option<u64>, setting: &str) -> Self {
        self.limit = Some(limit);
        self.value = value;
        self.setting = Some(setting.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

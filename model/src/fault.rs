//! Why a message was not served. A closed set with stable names: authors,
//! operators and clients read them, in `ErrorMessage` frames, dead letters,
//! health reports and metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FaultKind {
    /// A WebAssembly trap that has no name of its own here.
    Trap,
    /// The guest's own panic or abort.
    Panic,
    Fuel,
    Memory,
    Deadline,
    Stack,
    /// More bytes crossed the sandbox in one call than the host copies.
    CopyLimit,
    /// The guest called `exit`.
    Exit,
    /// The agent said that redelivery cannot help.
    Rejected,
    RetriesExhausted,
    HopLimit,
    Denied,
    InvalidPayload,
    NoRecipient,
    /// Its time to live was over before it was served.
    Expired,
    /// A state would be larger than one may be.
    StateTooLarge,
    Busy,
    HostFull,
    HostError,
    /// Somebody ended the turn.
    Cancelled,
}

impl FaultKind {
    /// The stable name, as it is written everywhere.
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

/// A failure with what a person needs to act on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    pub kind: FaultKind,
    /// One sentence for people: what happened, with the value and the limit.
    pub message: String,
    /// The limit that was met, in the unit of the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What was asked for or used, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// The setting that changes the limit, such as `sandbox.fuel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_used: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The end of what the guest wrote to its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Guest function names, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
}

impl Fault {
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

    /// Names the limit that was met, the value that met it, and the setting.
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

//! The statuses of guilds, agents and work, as they are stored and shown. Their names are part of the wire format.

use serde::{Deserialize, Serialize};

/// The status of a guild (section 2.3 of the wire document). It is lower case on the wire, where `PENDING_LAUNCH` has
/// the reference's spelling `not_launched`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GuildStatus {
    /// The launch was requested.
    Requested,
    /// The guild exists and was not started yet.
    #[serde(rename = "not_launched")]
    PendingLaunch,
    /// The agents are being started.
    Starting,
    /// All agents are healthy.
    Running,
    /// An agent reported a warning.
    Warning,
    /// An agent lags more than its limit.
    Backlogged,
    /// An agent has not reported its health.
    Unknown,
    /// An agent failed.
    Error,
    /// The guild is being stopped.
    Stopping,
    /// The guild was stopped.
    Stopped,
}

impl GuildStatus {
    /// All statuses.
    pub const ALL: [Self; 10] = [
        Self::Requested,
        Self::PendingLaunch,
        Self::Starting,
        Self::Running,
        Self::Stopped,
        Self::Stopping,
        Self::Unknown,
        Self::Warning,
        Self::Backlogged,
        Self::Error,
    ];

    /// Returns the name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::PendingLaunch => "not_launched",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Warning => "warning",
            Self::Backlogged => "backlogged",
            Self::Unknown => "unknown",
            Self::Error => "error",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Reads a status in any case. The wire document's `PENDING_LAUNCH` is accepted too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "pending_launch" {
            return Some(Self::PendingLaunch);
        }
        Self::ALL.into_iter().find(|status| status.name() == text)
    }

    /// Returns whether the guild was stopped on request. Such a guild is not resumed and accepts no sockets.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Stopping | Self::Stopped)
    }
}

/// The stored status of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// The agent was not started yet.
    NotLaunched,
    /// The agent is being started.
    Starting,
    /// The agent handles messages.
    Running,
    /// The agent failed and is not restarted.
    Error,
    /// The agent was stopped with its guild.
    Stopped,
    /// The agent was removed from its guild.
    Deleted,
}

impl AgentStatus {
    /// All statuses.
    pub const ALL: [Self; 6] =
        [Self::NotLaunched, Self::Starting, Self::Running, Self::Error, Self::Stopped, Self::Deleted];

    /// Returns the name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotLaunched => "not_launched",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Error => "error",
            Self::Stopped => "stopped",
            Self::Deleted => "deleted",
        }
    }

    /// Reads a status by its name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }
}

/// The state of the work that a message belongs to, as its sender reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ProcessStatus {
    /// The work goes on.
    Running,
    /// The work failed.
    Error,
    /// The work is done.
    Completed,
}

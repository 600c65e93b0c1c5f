//! The words for how guilds and agents are, as they are stored and shown.

use serde::{Deserialize, Serialize};

/// Where a guild is in its life (the document's section 2.3; lower case on the
/// wire, and the reference's spelling `not_launched` of `PENDING_LAUNCH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GuildStatus {
    Requested,
    #[serde(rename = "not_launched")]
    PendingLaunch,
    Starting,
    Running,
    Warning,
    Backlogged,
    Unknown,
    Error,
    Stopping,
    Stopped,
}

impl GuildStatus {
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

    /// Reads a status; capitals and the document's `PENDING_LAUNCH` pass.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "pending_launch" {
            return Some(Self::PendingLaunch);
        }
        Self::ALL.into_iter().find(|status| status.name() == text)
    }

    /// Whether the guild was told to end: it is not resumed and takes no sockets.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Stopping | Self::Stopped)
    }
}

/// How an agent's row says the agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    NotLaunched,
    Starting,
    Running,
    Error,
    Stopped,
    Deleted,
}

impl AgentStatus {
    pub const ALL: [Self; 6] =
        [Self::NotLaunched, Self::Starting, Self::Running, Self::Error, Self::Stopped, Self::Deleted];

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

//! Health as it is reported: one heartbeat an agent, aggregated for the guild.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::AgentId;
use crate::status::GuildStatus;

/// What a heartbeat says; lower case only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    Ok,
    Warning,
    Error,
    Backlogged,
    Unknown,
    Starting,
    PendingLaunch,
}

/// One agent's answer to a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// RFC 3339, UTC, milliseconds.
    pub checktime: String,
    pub checkstatus: HealthStatus,
    pub responsetime: String,
    pub checkmeta: serde_json::Map<String, serde_json::Value>,
}

/// Every agent's last heartbeat and what follows for the guild.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    pub agents: BTreeMap<AgentId, Heartbeat>,
    pub guild_health: HealthStatus,
}

/// The health of a guild: the first of error, backlogged, warning, unknown and
/// starting that one of its agents has; `ok` when all are. A guild without
/// agents is `ok`: nothing in it is amiss, and the document's client waits for it.
pub fn aggregate(agents: impl IntoIterator<Item = HealthStatus>) -> HealthStatus {
    use HealthStatus::{Backlogged, Error, Ok, PendingLaunch, Starting, Unknown, Warning};
    let seen: Vec<_> = agents.into_iter().collect();
    let has = |status| seen.contains(&status);
    for status in [Error, Backlogged, Warning, Unknown, Starting] {
        if has(status) {
            return status;
        }
    }
    if has(PendingLaunch) { Unknown } else { Ok }
}

/// Whether an agent that lets messages wait is `backlogged`: more than its limit, in
/// milliseconds, if it has one; 0 is none.
#[must_use]
pub fn by_latency(limit: Option<i64>, observed: i64) -> HealthStatus {
    match limit {
        Some(limit) if limit != 0 && observed > limit => HealthStatus::Backlogged,
        _ => HealthStatus::Ok,
    }
}

impl HealthStatus {
    /// The status of a guild of this health.
    #[must_use]
    pub const fn guild_status(self) -> GuildStatus {
        match self {
            Self::Ok => GuildStatus::Running,
            Self::Warning => GuildStatus::Warning,
            Self::Error => GuildStatus::Error,
            Self::Backlogged => GuildStatus::Backlogged,
            Self::Unknown | Self::PendingLaunch => GuildStatus::Unknown,
            Self::Starting => GuildStatus::Starting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HealthStatus::*;
    use super::*;

    #[test]
    fn the_worst_agent_decides() {
        assert_eq!(aggregate([]), Ok);
        assert_eq!(aggregate([Ok, Ok]), Ok);
        assert_eq!(aggregate([Ok, Warning, Backlogged, Starting]), Backlogged);
        assert_eq!(aggregate([Ok, Starting]), Starting);
        assert_eq!(aggregate([Ok, PendingLaunch]), Unknown);
    }
}

//! The health of agents and guilds: each agent sends a heartbeat, and the health of a guild follows from all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::clock::rfc3339_ms;
use crate::ids::AgentId;
use crate::message::{Message, raw_json};
use crate::status::GuildStatus;

/// The health of an agent, in lower case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HealthStatus {
    /// The agent is healthy.
    Ok,
    /// The agent works with problems.
    Warning,
    /// The agent failed.
    Error,
    /// The agent lags more than its limit.
    Backlogged,
    /// The health is not known.
    Unknown,
    /// The agent is being started.
    Starting,
    /// The agent was not started yet.
    PendingLaunch,
}

/// An agent's answer to a health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    /// The time of the check, RFC 3339 in UTC with milliseconds.
    pub checktime: String,
    /// The health of the agent.
    pub checkstatus: HealthStatus,
    /// The time of the answer, RFC 3339 in UTC with milliseconds.
    pub responsetime: String,
    /// Details, by name.
    pub checkmeta: serde_json::Map<String, serde_json::Value>,
}

/// The last heartbeat of every agent, and the health of the guild that follows from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthReport {
    /// The last heartbeats, by agent.
    pub agents: BTreeMap<AgentId, Heartbeat>,
    /// The health of the guild.
    pub guild_health: HealthStatus,
}

/// Returns the health of a guild: the first of error, backlogged, warning, unknown and starting that one of its agents
/// has. It is `ok` when all agents are, and also without agents, because the wire document's client waits for `ok`.
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

/// Returns the payload of a health report with its sender, the guild's manager, among the agents. A report that lists
/// the manager is returned as it is; `None` if the payload is not that of a report.
#[must_use]
pub fn with_manager(report: &Message) -> Option<Box<RawValue>> {
    /// A report whose heartbeats are not parsed.
    #[derive(Serialize, Deserialize)]
    struct Report {
        agents: BTreeMap<String, Box<RawValue>>,
        guild_health: HealthStatus,
    }
    let mut shown: Report = serde_json::from_str(report.payload.get()).ok()?;
    let time = rfc3339_ms(report.timestamp_ms());
    let heartbeat = || {
        raw_json(&json!({
            "checktime": time,
            "checkstatus": HealthStatus::Ok,
            "responsetime": time,
            "checkmeta": {"qos_latency": null, "observed_latency": 0},
        }))
    };
    shown.agents.entry(report.sender.id.clone()?).or_insert_with(heartbeat);
    Some(raw_json(&shown))
}

/// Returns `Backlogged` when a message waits longer than an agent's limit, both in milliseconds. A limit of `None` or 0
/// is no limit.
#[must_use]
pub fn by_latency(limit: Option<i64>, observed: i64) -> HealthStatus {
    match limit {
        Some(limit) if limit != 0 && observed > limit => HealthStatus::Backlogged,
        _ => HealthStatus::Ok,
    }
}

impl HealthStatus {
    /// Returns the status of a guild with this health.
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
    fn the_health_of_a_guild_is_that_of_its_worst_agent() {
        assert_eq!(aggregate([]), Ok);
        assert_eq!(aggregate([Ok, Ok]), Ok);
        assert_eq!(aggregate([Ok, Warning, Backlogged, Starting]), Backlogged);
        assert_eq!(aggregate([Ok, Starting]), Starting);
        assert_eq!(aggregate([Ok, PendingLaunch]), Unknown);
    }
}

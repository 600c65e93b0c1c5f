//! What decides when a guild may sleep, and what it takes into its sleep.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::guild::running::RunningGuilds;
use guildhall_model::ids::AgentId;

/// The agents that had failed when a guild fell asleep, each with the reason.
pub type Failed = BTreeMap<AgentId, String>;

/// Decides when a guild may sleep.
pub struct Sleeper {
    /// The guilds that run here.
    pub(in crate::guild) running: RunningGuilds,
    /// How long nobody must have used the guild; `None`: it never sleeps.
    pub(in crate::guild) after: Option<Duration>,
}

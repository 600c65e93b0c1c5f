//! What the host passes to a new instance. Plain data: it decides nothing.

use std::sync::Arc;

use guildhall_model::spec::SandboxSpec;
use guildhall_model::values::Values;

use crate::limits::Limits;
use crate::memory::MemoryBudget;
use crate::stdio::LogSink;

/// The names of an agent, as the agent can ask for them (`context.whoami`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The id of the agent's guild.
    pub guild_id: String,
    /// The name of the agent's guild, for people.
    pub guild_name: String,
    /// The id of the agent, unique in its guild.
    pub agent_id: String,
    /// The name of the agent, for people.
    pub agent_name: String,
    /// The agent class that the blueprint names.
    pub class_name: String,
}

/// A progress frame: it goes to the user at once and is never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The format of the payload.
    pub format: String,
    /// A JSON object.
    pub payload: String,
}

/// Everything that one instance is started with.
pub struct Setup {
    /// The names of the agent.
    pub identity: Identity,
    /// The blueprint's properties, a JSON object.
    pub properties: String,
    /// The limits of the agent.
    pub limits: Limits,
    /// What the blueprint asks for. The agent gets the part of it that the operator's policy grants.
    pub asked: SandboxSpec,
    /// The memory that all agents of the guild share.
    pub guild_memory: Arc<MemoryBudget>,
    /// The committed values of the guild's buckets.
    pub values: Values,
    /// Receives progress frames. It is called in the middle of a turn and must not wait.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    /// Receives the lines that the agent prints.
    pub log: LogSink,
    /// The last committed state of the agent, a JSON object.
    pub agent_state: Arc<str>,
    /// The last committed state of the guild, a JSON object.
    pub guild_state: Arc<str>,
}

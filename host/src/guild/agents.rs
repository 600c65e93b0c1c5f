//! One agent of a guild that runs here, reached from outside: its log, its running turn, its component.

use crate::agent::{Handle, LogReader, ResolveError, SwapError};
use guildhall_model::ids::{AgentId, Digest, GuildId, MessageId};

use super::error::GuildError;
use super::guilds::Guilds;

/// Why an agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its guild is unknown or stopped, or the host fails.
    #[error(transparent)]
    Guild(#[from] GuildError),
    /// The agent has no task on this host.
    #[error("the guild has no agent {0} that runs here")]
    Unknown(AgentId),
    /// The agent is in no turn.
    #[error("the agent {0} is in no turn")]
    Idle(AgentId),
    /// The component cannot be used.
    #[error(transparent)]
    Component(#[from] ResolveError),
    /// The agent keeps its component.
    #[error(transparent)]
    Swap(#[from] SwapError),
}

impl Guilds {
    /// Reads the lines that an agent printed lately, and follows it. Cancel safe.
    ///
    /// # Errors
    /// There is no such guild or agent, or the guild does not run here.
    pub async fn logs(&self, guild: &GuildId, agent: &AgentId) -> Result<LogReader, AgentError> {
        Ok(self.agent(guild, agent).await?.logs())
    }

    /// Cancels the running turn of an agent, and returns the id of its message, which becomes a dead letter. Cancel
    /// safe.
    ///
    /// # Errors
    /// `Idle` when the agent is in no turn; there is no such guild or agent.
    pub async fn cancel_turn(&self, guild: &GuildId, agent: &AgentId) -> Result<MessageId, AgentError> {
        self.agent(guild, agent).await?.cancel().ok_or_else(|| AgentError::Idle(agent.clone()))
    }

    /// Changes an agent to another component, which is stored in the guild's spec. Returns when the new instance runs
    /// and the change is stored. Dropping the future withdraws the swap, unless the new component runs by then.
    ///
    /// # Errors
    /// The agent keeps its component.
    pub async fn swap_component(&self, guild: &GuildId, agent: &AgentId, digest: &Digest) -> Result<(), AgentError> {
        let handle = self.agent(guild, agent).await?;
        let component = match self.built_in().into_iter().find(|component| component.digest == *digest) {
            Some(component) => component,
            None => self.0.setup.components.get(digest).await?,
        };
        Ok(handle.swap(component).await?)
    }

    async fn agent(&self, guild: &GuildId, agent: &AgentId) -> Result<Handle, AgentError> {
        let roster = self.0.running.roster(guild);
        if let Some(handle) = roster.and_then(|roster| roster.lock().get(agent).cloned()) {
            return Ok(handle);
        }
        match self.0.setup.store.guild_status(guild).await.map_err(GuildError::Store)? {
            None => Err(GuildError::Unknown.into()),
            Some(status) if status.is_over() => Err(GuildError::Stopped.into()),
            Some(_) => Err(AgentError::Unknown(agent.clone())),
        }
    }
}

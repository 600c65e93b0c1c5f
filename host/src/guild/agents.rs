//! One agent of a guild that runs here, reached from outside: its log, its running turn, its component.

use crate::agent::{Handle, LogReader, ResolveError, SwapError};
use guildhall_model::ids::{AgentId, Digest, GuildId, MessageId};

use super::awake::Awake;
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
    /// Reads the lines that an agent printed lately, and follows it. The guild stays awake while the result is held. Cancel
    /// safe.
    ///
    /// # Errors
    /// There is no such guild or agent, or the guild does not run here.
    pub async fn logs(&self, guild: &GuildId, agent: &AgentId) -> Result<(LogReader, Awake), AgentError> {
        let (handle, awake) = self.agent(guild, agent).await?;
        Ok((handle.logs(), awake))
    }

    /// Cancels the running turn of an agent, and returns the id of its message, which becomes a dead letter. Cancel
    /// safe.
    ///
    /// # Errors
    /// `Idle` when the agent is in no turn; there is no such guild or agent.
    pub async fn cancel_turn(&self, guild: &GuildId, agent: &AgentId) -> Result<MessageId, AgentError> {
        let (handle, _awake) = self.agent(guild, agent).await?;
        handle.cancel().ok_or_else(|| AgentError::Idle(agent.clone()))
    }

    /// Changes an agent to another component, which is stored in the guild's spec. Returns when the new instance runs
    /// and the change is stored. Dropping the future withdraws the swap, unless the new component runs by then.
    ///
    /// # Errors
    /// The agent keeps its component.
    pub async fn swap_component(&self, guild: &GuildId, agent: &AgentId, digest: &Digest) -> Result<(), AgentError> {
        let (handle, _awake) = self.agent(guild, agent).await?;
        let component = match self.built_in().into_iter().find(|component| component.digest == *digest) {
            Some(component) => component,
            None => self.0.setup.components.get(digest).await?,
        };
        Ok(handle.swap(component).await?)
    }

    /// An agent of a guild, which is woken for it.
    async fn agent(&self, guild: &GuildId, agent: &AgentId) -> Result<(Handle, Awake), AgentError> {
        let awake = self.awake(guild).await?;
        let roster = self.0.running.roster(guild);
        let handle = roster.and_then(|roster| roster.lock().get(agent).cloned());
        Ok((handle.ok_or_else(|| AgentError::Unknown(agent.clone()))?, awake))
    }
}

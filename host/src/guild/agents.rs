//! One agent of a guild that runs here, reached from outside: its log, the turn it
//! is in, the component it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::agent::{Handle, LogReader, ResolveError, SwapError};
use guildhall_model::ids::{AgentId, Digest, GuildId, MessageId};

use super::{GuildError, Guilds, lock};

/// The agents of one guild that have a task here.
pub(super) type Roster = Arc<Mutex<BTreeMap<AgentId, Handle>>>;

/// Why an agent did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Guild(#[from] GuildError),
    #[error("the guild has no agent {0} that runs here")]
    Unknown(AgentId),
    #[error("the agent {0} is in no turn")]
    Idle(AgentId),
    #[error(transparent)]
    Component(#[from] ResolveError),
    #[error(transparent)]
    Swap(#[from] SwapError),
}

impl Guilds {
    /// The lines that an agent printed lately, and those that it will print.
    ///
    /// # Errors
    /// There is no such guild or agent, or the guild does not run here.
    pub async fn logs(&self, guild: &GuildId, agent: &AgentId) -> Result<LogReader, AgentError> {
        Ok(self.agent(guild, agent).await?.logs())
    }

    /// Ends the turn that an agent is in; gives the message that it was about, which
    /// becomes a dead letter.
    ///
    /// # Errors
    /// `Idle` when the agent is in no turn; there is no such guild or agent.
    pub async fn cancel_turn(&self, guild: &GuildId, agent: &AgentId) -> Result<MessageId, AgentError> {
        self.agent(guild, agent).await?.cancel().ok_or_else(|| AgentError::Idle(agent.clone()))
    }

    /// Has an agent go on with another component, which is kept in the guild's spec.
    /// Returns when the new one runs and that is kept.
    ///
    /// # Errors
    /// The agent goes on with the component it has.
    pub async fn swap_component(&self, guild: &GuildId, agent: &AgentId, digest: &Digest) -> Result<(), AgentError> {
        let handle = self.agent(guild, agent).await?;
        let component = match self.built_in().into_iter().find(|component| component.digest == *digest) {
            Some(component) => component,
            None => self.0.setup.components.get(digest).await?,
        };
        Ok(handle.swap(component).await?)
    }

    async fn agent(&self, guild: &GuildId, agent: &AgentId) -> Result<Handle, AgentError> {
        let roster = lock(&self.0.running).get(guild).map(|seat| seat.agents.clone());
        if let Some(handle) = roster.and_then(|roster| lock(&roster).get(agent).cloned()) {
            return Ok(handle);
        }
        match self.0.setup.store.guild_status(guild).await.map_err(GuildError::Store)? {
            None => Err(GuildError::Unknown.into()),
            Some(status) if status.is_over() => Err(GuildError::Stopped.into()),
            Some(_) => Err(AgentError::Unknown(agent.clone())),
        }
    }
}

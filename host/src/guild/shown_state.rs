//! The states of a guild and of its agents, as people look at them. Agents and users read them by messages to the manager.

use super::agents::AgentError;
use super::error::GuildError;
use super::guilds::Guilds;
use guildhall_model::ids::GuildId;
use guildhall_model::state::{StateOwner, VersionedState};
use guildhall_model::status::AgentStatus;

impl Guilds {
    /// The last stored state of a guild or of one of its agents. The guild is not woken for it. Cancel safe.
    ///
    /// # Errors
    /// There is no such guild or agent, or the store or the journal cannot be read.
    pub async fn state(&self, id: &GuildId, owner: &StateOwner) -> Result<VersionedState, AgentError> {
        let setup = &self.0.setup;
        if setup.store.guild_status(id).await.map_err(GuildError::from)?.is_none() {
            return Err(GuildError::Unknown.into());
        }
        if let StateOwner::Agent(agent) = owner {
            let rows = setup.store.agents(id).await.map_err(GuildError::from)?;
            if !rows.iter().any(|row| row.id == *agent && row.status != AgentStatus::Deleted) {
                return Err(AgentError::Unknown(agent.clone()));
            }
        }
        let log = setup.journal.guild(id).await.map_err(GuildError::from)?;
        Ok(log.versioned_state(owner))
    }
}

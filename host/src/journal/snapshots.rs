//! What agents want to remember over the end of an instance, as the journal keeps
//! it: one snapshot a consumer, gone with the consumer.

use guildhall_model::ids::AgentId;

use super::guild_log::GuildLog;
use super::step::SideWrite;
use super::{JournalError, Receipt};

/// What an agent has saved of its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version of the component that saved it.
    pub version: String,
    /// For the agent's eyes alone.
    pub data: Vec<u8>,
}

impl GuildLog {
    /// Keeps what an agent wants to remember, instead of what was kept before.
    pub fn keep_snapshot(&self, agent: &AgentId, snapshot: Snapshot) -> Receipt {
        let Snapshot { version, data } = snapshot;
        self.write(SideWrite::Snapshot { consumer: agent.as_str().into(), version, data: Some(data) })
    }

    /// Forgets what an agent wanted to remember.
    pub fn forget_snapshot(&self, agent: &AgentId) -> Receipt {
        self.write(SideWrite::Snapshot { consumer: agent.as_str().into(), version: String::new(), data: None })
    }

    /// What was kept last and is durable.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn snapshot(&self, agent: &AgentId) -> Result<Option<Snapshot>, JournalError> {
        let (shared, key) = self.place();
        let row: Option<(String, Vec<u8>)> =
            sqlx::query_as("SELECT version, data FROM snapshots WHERE guild = ? AND consumer = ?")
                .bind(key)
                .bind(agent.as_str())
                .fetch_optional(&shared.readers)
                .await?;
        Ok(row.map(|(version, data)| Snapshot { version, data }))
    }
}

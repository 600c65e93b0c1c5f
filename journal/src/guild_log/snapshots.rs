//! Snapshots: what agents save before their instance ends. Each agent has at most one; it is removed with the agent.

use guildhall_model::ids::AgentId;

use super::GuildLog;
use crate::error::JournalError;
use crate::receipt::Receipt;
use crate::step::{SideWrite, Snapshot};

impl GuildLog {
    /// Stores the snapshot of an agent in place of an earlier one.
    pub fn keep_snapshot(&self, agent: &AgentId, snapshot: Snapshot) -> Receipt {
        self.enqueue_with_receipt(vec![SideWrite::Snapshot { agent: agent.clone(), snapshot }])
    }

    /// Removes the snapshot of an agent.
    pub fn forget_snapshot(&self, agent: &AgentId) -> Receipt {
        self.enqueue_with_receipt(vec![SideWrite::ForgetSnapshot { agent: agent.clone() }])
    }

    /// Reads the stored snapshot of an agent. Cancel safe.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn snapshot(&self, agent: &AgentId) -> Result<Option<Snapshot>, JournalError> {
        self.0.shared.storage.snapshot(self.0.key, agent).await
    }
}

//! Stores what a manager could not store before.

use super::active::ActiveManager;
use crate::store::{MemberChange, StoreError};

impl ActiveManager {
    /// Stores what waits, up to the first error. Dropping the future leaves the rest for the next try.
    pub(super) async fn save_again(&mut self) {
        self.unsaved.due = None;
        if let Err(error) = self.save_unsaved().await {
            tracing::debug!(%error, guild = %self.spec.id, "the store is not back");
            self.unsaved.tries = self.unsaved.tries.saturating_add(1);
        }
        self.unsaved.note();
    }

    async fn save_unsaved(&mut self) -> Result<(), StoreError> {
        let (id, now_ms) = (self.spec.id.clone(), self.clock.now_ms());
        if self.unsaved.spec {
            self.store.change_guild(&self.spec, MemberChange::None, now_ms).await?;
            self.unsaved.spec = false;
        }
        while let Some((agent, row)) = self.unsaved.rows.first_key_value() {
            self.store.upsert_agent(&id, row).await?;
            let agent = agent.clone();
            self.unsaved.rows.remove(&agent);
        }
        let statuses: Vec<_> = self.unsaved.agents.iter().map(|(id, status)| (id.clone(), *status)).collect();
        self.store.set_agent_statuses(&id, &statuses).await?;
        self.unsaved.agents.clear();
        if let Some(status) = self.unsaved.status {
            self.store.set_guild_status(&id, status, now_ms).await?;
            self.unsaved.status = None;
        }
        Ok(())
    }
}

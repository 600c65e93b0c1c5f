//! What a manager could not store, and stores as soon as the store is back: statuses, users, and components that agents
//! have changed to. Requests are not among it: a request that cannot be stored is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::active::ActiveManager;
use crate::store::{AgentRow, MemberChange, StoreError};
use guildhall_model::ids::AgentId;
use guildhall_model::status::{AgentStatus, GuildStatus};

/// The wait before the first try and before later ones.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// What waits for the store. The last change of each thing is kept.
#[derive(Default)]
pub(super) struct Unsaved {
    status: Option<GuildStatus>,
    agents: BTreeMap<AgentId, AgentStatus>,
    rows: BTreeMap<AgentId, AgentRow>,
    spec: bool,
    tries: u32,
    /// When it is tried next; `None`: nothing waits.
    pub(super) due: Option<Instant>,
}

impl Unsaved {
    /// Keeps the guild's status, or forgets an older one.
    pub(super) fn status(&mut self, status: Option<GuildStatus>) {
        self.status = status;
        self.note();
    }

    /// Keeps the statuses of agents.
    pub(super) fn agents(&mut self, statuses: Vec<(AgentId, AgentStatus)>) {
        self.agents.extend(statuses);
        self.note();
    }

    /// Keeps the row of an agent or a user's proxy.
    pub(super) fn row(&mut self, row: AgentRow) {
        self.rows.insert(row.id.clone(), row);
        self.note();
    }

    /// Keeps that the guild's spec has changed.
    pub(super) fn spec(&mut self) {
        self.spec = true;
        self.note();
    }

    /// Forgets an agent that was removed.
    pub(super) fn forget(&mut self, id: &AgentId) {
        self.agents.remove(id);
        self.rows.remove(id);
    }

    fn is_empty(&self) -> bool {
        self.status.is_none() && self.agents.is_empty() && self.rows.is_empty() && !self.spec
    }

    fn note(&mut self) {
        if self.is_empty() {
            (self.due, self.tries) = (None, 0);
        } else if self.due.is_none() {
            let wait = if self.tries == 0 { WAITS.0 } else { WAITS.1 };
            self.due = Some(Instant::now() + wait);
        }
    }
}

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

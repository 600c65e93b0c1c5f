//! What a manager could not store, and stores as soon as the store is back: statuses, users, and components that agents
//! have changed to. Requests are not among it: a request that cannot be stored is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::AgentRow;
use guildhall_model::ids::AgentId;
use guildhall_model::status::{AgentStatus, GuildStatus};

/// The wait before the first try and before later ones.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// What waits for the store. The last change of each thing is kept.
#[derive(Default)]
pub(super) struct Unsaved {
    pub(super) status: Option<GuildStatus>,
    pub(super) agents: BTreeMap<AgentId, AgentStatus>,
    pub(super) rows: BTreeMap<AgentId, AgentRow>,
    pub(super) spec: bool,
    pub(super) tries: u32,
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

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.status.is_none() && self.agents.is_empty() && self.rows.is_empty() && !self.spec
    }

    /// Decides when it is tried next.
    pub(super) fn note(&mut self) {
        if self.is_empty() {
            (self.due, self.tries) = (None, 0);
        } else if self.due.is_none() {
            let wait = if self.tries == 0 { WAITS.0 } else { WAITS.1 };
            self.due = Some(Instant::now() + wait);
        }
    }
}

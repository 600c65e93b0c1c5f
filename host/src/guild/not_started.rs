//! The guilds that should run here and could not be started, each with the reason.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use guildhall_model::ids::GuildId;

/// The guilds that could not be started, each with the reason.
#[derive(Default)]
pub(super) struct NotStarted {
    guilds: Mutex<BTreeMap<GuildId, String>>,
    /// Wakes whoever starts them again.
    pub(super) added: Notify,
}

impl NotStarted {
    /// Adds a guild, or replaces its reason.
    pub(super) fn add(&self, id: &GuildId, reason: String) {
        self.guilds.lock().insert(id.clone(), reason);
        self.added.notify_one();
    }

    /// Removes a guild that runs or is over.
    pub(super) fn remove(&self, id: &GuildId) {
        self.guilds.lock().remove(id);
    }

    /// Whether a guild could not be started.
    pub(super) fn contains(&self, id: &GuildId) -> bool {
        self.guilds.lock().contains_key(id)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.guilds.lock().len()
    }

    /// Their ids, in order.
    pub(super) fn ids(&self) -> Vec<GuildId> {
        self.guilds.lock().keys().cloned().collect()
    }
}

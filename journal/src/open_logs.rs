//! The logs that are open in this process: one for each guild, opened when it is first asked for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use guildhall_model::ids::GuildId;

use super::error::JournalError;
use super::guild_log::GuildLog;
use super::queued::QueuedStep;
use super::shared::Shared;
use super::step::{SideWrite, Step};

/// The open logs.
#[derive(Debug)]
pub struct OpenLogs {
    pub shared: Arc<Shared>,
    logs: Mutex<HashMap<GuildId, GuildLog>>,
}

impl OpenLogs {
    /// Returns a map without open logs.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, logs: Mutex::default() }
    }

    /// Returns the log of a guild, which is opened if needed. Cancel safe.
    pub async fn get(&self, id: &GuildId) -> Result<GuildLog, JournalError> {
        if let Some(log) = self.logs.lock().get(id) {
            return Ok(log.clone());
        }
        let (key, is_new) = self.shared.key_of(id);
        let log = GuildLog::new(id.clone(), key, self.shared.clone());
        if is_new {
            let side_writes = vec![SideWrite::NewGuild { id: id.clone() }];
            let step = Step { guild: key, side_writes, ..Step::default() };
            self.shared.enqueue(QueuedStep { step, ..QueuedStep::default() });
        } else {
            log.restore(self.shared.storage.restore(key).await?)?;
        }
        Ok(self.logs.lock().entry(id.clone()).or_insert(log).clone())
    }

    /// Closes the logs that nobody holds. They are restored from the storage when somebody asks for them, so this does
    /// nothing while a step waits to be stored.
    pub fn close_idle(&self) {
        let mut logs = self.logs.lock();
        if self.shared.is_settled() {
            logs.retain(|_, log| log.is_held());
        }
    }

    /// Returns all open logs.
    pub fn all(&self) -> Vec<GuildLog> {
        self.logs.lock().values().cloned().collect()
    }
}

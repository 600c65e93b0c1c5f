//! The logs that are open in this process: one for each guild, opened when it is first asked for, and closed when nobody
//! holds it. A log that is closed takes no memory.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use guildhall_model::ids::GuildId;

use super::error::JournalError;
use super::guild_log::GuildLog;
use super::queued::QueuedStep;
use super::shared::Shared;
use super::step::{GuildKey, SideWrite, Step};

/// The place of a log; empty while it is being opened.
type Place = Arc<OnceCell<GuildLog>>;

/// The open logs.
#[derive(Debug)]
pub struct OpenLogs {
    pub shared: Arc<Shared>,
    logs: Mutex<HashMap<GuildId, Place>>,
}

impl OpenLogs {
    /// Returns a map without open logs.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, logs: Mutex::default() }
    }

    /// Returns the log of a guild, which is opened if needed. Who asks for it meanwhile waits for the same log. Cancel
    /// safe.
    pub async fn get(&self, id: &GuildId) -> Result<GuildLog, JournalError> {
        let place = self.place_of(id);
        Ok(place.get_or_try_init(|| self.open(id)).await?.clone())
    }

    fn place_of(&self, id: &GuildId) -> Place {
        let mut logs = self.logs.lock();
        match logs.get(id) {
            Some(place) => place.clone(),
            None => logs.entry(id.clone()).or_default().clone(),
        }
    }

    async fn open(&self, id: &GuildId) -> Result<GuildLog, JournalError> {
        let shared = &self.shared;
        if let Some(key) = shared.storage.find(id).await? {
            let log = GuildLog::new(id.clone(), key, shared.clone());
            let restored = shared.storage.restore(key).await?;
            // Another host may have written to it, with a clock that is ahead.
            shared.continue_after(restored.last);
            log.restore(restored)?;
            return Ok(log);
        }
        let log = GuildLog::new(id.clone(), shared.new_key(), shared.clone());
        let side_writes = vec![SideWrite::NewGuild { id: id.clone() }];
        let step = Step { guild: log.key(), side_writes, ..Step::default() };
        shared.enqueue(QueuedStep { step, ..QueuedStep::default() });
        if shared.storage.shared().is_some() {
            // The other hosts must find its owner before anybody asks them for it.
            shared.stored(log.key()).await;
        }
        Ok(log)
    }

    /// Closes the logs that nobody holds and of which every step is stored. They are restored from the storage when
    /// somebody asks for them.
    /// Cancel safe: a log that is closed may keep its guild on this host until somebody needs it.
    pub async fn close_idle(&self) {
        let mut closed = Vec::new();
        {
            let mut logs = self.logs.lock();
            logs.retain(|_, place| {
                let closes = may_close(place);
                closed.extend(place.get().filter(|_| closes).map(GuildLog::key));
                !closes
            });
            logs.shrink_to_fit();
        }
        for key in closed {
            self.release(key).await;
        }
    }

    /// Gives a guild up whose log is closed, if hosts share the storage.
    async fn release(&self, key: GuildKey) {
        if let Some(shared) = self.shared.storage.shared()
            && let Err(error) = shared.release(key).await
        {
            tracing::warn!(%error, "a guild stays on this host until somebody needs it");
        }
    }

    /// Closes the log of a guild once every step of it is stored, unless somebody holds it then. Cancel safe.
    pub async fn let_go(&self, id: &GuildId) {
        let Some(key) = self.logs.lock().get(id).and_then(|place| place.get()).map(GuildLog::key) else { return };
        self.shared.stored(key).await;
        {
            let mut logs = self.logs.lock();
            if !logs.get(id).is_some_and(may_close) {
                return;
            }
            logs.remove(id);
        }
        self.release(key).await;
    }

    /// Ends the log of a guild that another host has taken over. Who holds it can write nothing any more.
    pub fn end(&self, key: GuildKey) -> Option<GuildId> {
        let log = self.all().into_iter().find(|log| log.key() == key)?;
        log.end();
        Some(log.guild().clone())
    }

    /// Forgets the log of a guild that another host has taken over, so that it may be opened again. Cancel safe: a later call
    /// completes it.
    pub async fn forget(&self, id: &GuildId) {
        let Some(key) = self.logs.lock().get(id).and_then(|place| place.get()).map(GuildLog::key) else { return };
        self.end(key);
        self.shared.stored(key).await;
        self.release(key).await;
        self.logs.lock().remove(id);
    }

    /// Removes what is stored of a guild. Who asks for its log meanwhile waits. Cancel safe: a later call removes the rest.
    pub async fn remove(&self, id: &GuildId) -> Result<(), JournalError> {
        self.let_go(id).await;
        let place = Place::default();
        self.logs.lock().insert(id.clone(), place.clone());
        let mut removed = Ok(());
        // The place stays empty, so who waits for it opens the log after the removal.
        let _: Result<_, ()> = place
            .get_or_try_init(|| async {
                removed = self.remove_stored(id).await;
                Err(())
            })
            .await;
        let mut logs = self.logs.lock();
        let is_unused = |held: &Place| Arc::ptr_eq(held, &place) && Arc::strong_count(held) == 2;
        if logs.get(id).is_some_and(|held| is_unused(held) && held.get().is_none()) {
            logs.remove(id);
        }
        removed
    }

    async fn remove_stored(&self, id: &GuildId) -> Result<(), JournalError> {
        let storage = &self.shared.storage;
        match storage.find(id).await? {
            Some(key) => storage.remove(key).await,
            None => Ok(()),
        }
    }

    /// Returns all open logs.
    pub fn all(&self) -> Vec<GuildLog> {
        self.logs.lock().values().filter_map(|place| place.get().cloned()).collect()
    }
}

/// Whether a place may be removed. The caller holds the lock, so nobody takes the place or its log meanwhile.
fn may_close(place: &Place) -> bool {
    Arc::strong_count(place) == 1 && place.get().is_none_or(GuildLog::may_close)
}

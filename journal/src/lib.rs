//! The journal: the messages of every guild in one ordered, durable log, how far each agent has got, and the states
//! that are committed with turns. It knows guilds only by their ids and agents only as consumers.
//!
//! What always holds: a message's id is its place in the log. A [`Receipt`] is ready when the message is stored. A turn
//! is committed in one step or not at all. Publishing never waits for a consumer.
//!
//! The files form layers, from the bottom: `room`, `settings`, `error`, `time`, `cursors`, `columns`, `step` and
//! `storage` (what every storage keeps and guarantees), `sqlite` and `redis` (the storages of the server), `queue`,
//! `subscriber` and `subscribers` (subscriptions in memory), `marks`, `queued`, `pending`, `shared` and `writer` (from a
//! step to the storage), `guild_log` (the log of one
//! guild), `open_logs` and `retention`, and [`Journal`] on top. A file uses only what is below it.

mod client_ids;
mod columns;
mod cursors;
mod error;
mod guild_log;
pub mod hosts;
mod ingress;
mod marks;
mod open_logs;
mod pending;
mod queue;
mod queued;
mod receipt;
mod redis;
mod retention;
pub mod room;
mod settings;
mod shared;
mod sqlite;
mod states;
mod step;
mod storage;
mod subscriber;
mod subscribers;
mod supervise;
#[cfg(test)]
mod tests;
mod time;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use guildhall_model::clock::Clock;
use guildhall_model::ids::{GuildId, MessageId};

pub use self::redis::settings::{HostSettings, RedisSettings};
pub use cursors::Attempts;
pub use error::{JournalError, StorageFailure, StorageTrouble};
pub use guild_log::GuildLog;
pub use guild_log::commit::Commit;
pub use guild_log::consumer::{Consumer, Delivery};
pub use guild_log::tail::{Tail, TailEvent};
pub use ingress::{Ingress, IngressError, Published};
pub use receipt::Receipt;
pub use settings::{Durability, JournalLimits, Retention};
pub use sqlite::check::{JournalCheck, check};
pub use sqlite::copy::{copy_at_one_moment, shrink_file};
pub use step::Snapshot;
pub use subscriber::Lag;
pub use supervise::keep_running;

use self::redis::RedisStorage;
use hosts::{Hosts, Owner};
use open_logs::OpenLogs;
use shared::Shared;
use sqlite::SqliteStorage;
use step::GuildKey;
use storage::{SharedStorage, Storage};

/// The journal of this process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    logs: Arc<OpenLogs>,
    retention: Arc<watch::Sender<Retention>>,
    /// The guilds that another host has taken over.
    lost: Arc<Mutex<mpsc::UnboundedReceiver<GuildKey>>>,
}

impl Journal {
    /// Opens or creates the journal in a file and starts its tasks. Cancel safe.
    ///
    /// # Errors
    /// The file cannot be opened, is not a journal, or was written by a newer version of the host.
    pub async fn open(
        file: &Path,
        durability: Durability,
        limits: JournalLimits,
        retention: Retention,
        clock: Clock,
    ) -> Result<Self, JournalError> {
        let storage = Arc::new(SqliteStorage::open(file, durability).await?);
        Self::with_storage(storage, limits, retention, clock).await
    }

    /// Connects to the journal in Redis and starts its tasks. Cancel safe.
    ///
    /// # Errors
    /// The server cannot be reached, or its settings cannot promise the durability.
    pub async fn open_redis(
        settings: RedisSettings,
        durability: Durability,
        limits: JournalLimits,
        retention: Retention,
        clock: Clock,
    ) -> Result<Self, JournalError> {
        let storage = Arc::new(RedisStorage::open(settings, durability).await?);
        Self::with_storage(storage, limits, retention, clock).await
    }

    /// Continues the journal that a storage keeps and starts its tasks. Cancel safe.
    async fn with_storage(
        storage: Arc<dyn Storage>,
        limits: JournalLimits,
        retention: Retention,
        clock: Clock,
    ) -> Result<Self, JournalError> {
        let recovered = storage.recover().await?;
        let (lost, lost_here) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(storage, recovered, limits, clock, lost));
        let logs = Arc::new(OpenLogs::new(shared.clone()));
        tokio::spawn(writer::run(shared));
        let (retention, kept) = watch::channel(retention);
        let trimmed = logs.clone();
        tokio::spawn(async move {
            keep_running("retention", || retention::run(trimmed.clone(), kept.clone())).await;
        });
        Ok(Self { logs, retention: Arc::new(retention), lost: Arc::new(Mutex::new(lost_here)) })
    }

    /// Returns the log of a guild, which is created if needed. Cancel safe.
    ///
    /// # Errors
    /// What is stored of the guild cannot be read.
    pub async fn guild(&self, id: &GuildId) -> Result<GuildLog, JournalError> {
        self.logs.get(id).await
    }

    /// Closes the log of a guild once all of it is stored, unless somebody holds it. It is opened again when somebody asks
    /// for it. Cancel safe: a log that is not closed is closed within a minute after it was let go.
    pub async fn let_go(&self, id: &GuildId) {
        self.logs.let_go(id).await;
    }

    /// Changes how much of each log is kept. It holds from the next trim on, which is within a minute.
    pub fn set_retention(&self, retention: Retention) {
        self.retention.send_replace(retention);
    }

    /// Removes everything that is stored of a guild. Nobody writes to its log meanwhile; who reads it finds less and less.
    /// Afterwards the guild may begin again with an empty log. Cancel safe: a later call removes the rest.
    ///
    /// # Errors
    /// The storage cannot be written.
    pub async fn remove(&self, id: &GuildId) -> Result<(), JournalError> {
        self.logs.remove(id).await
    }

    /// Trims all logs now and returns the number of removed messages. Cancel safe: a later call continues the work.
    ///
    /// # Errors
    /// The storage cannot be written.
    pub async fn trim(&self, retention: Retention) -> Result<u64, JournalError> {
        retention::trim(&self.logs, retention).await
    }

    /// Returns why the storage takes no writes at present; `None` if it takes them.
    #[must_use]
    pub fn trouble(&self) -> Option<StorageTrouble> {
        self.logs.shared.trouble().or_else(|| self.logs.shared.storage.trouble())
    }

    /// Returns how many batches were stored since the start, and how long that took together.
    #[must_use]
    pub fn stored_batches(&self) -> (u64, Duration) {
        self.logs.shared.stored_batches()
    }

    /// Returns for how long what is being written has not been stored.
    #[must_use]
    pub fn stalled_for(&self) -> Duration {
        self.logs.shared.stalled_for()
    }

    /// Returns whether the journal has the log of any guild.
    #[must_use]
    pub fn has_guilds(&self) -> bool {
        self.logs.shared.has_guilds()
    }

    /// Returns the random id that the journal was created with.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.logs.shared.identity
    }

    /// Returns the id up to which all messages are stored.
    #[must_use]
    pub fn durable(&self) -> MessageId {
        self.logs.shared.durable()
    }

    /// Lets the next ids be larger than `last`, which the journal has had and lost.
    pub fn continue_after(&self, last: MessageId) {
        self.logs.shared.continue_after(last);
    }

    fn shared(&self) -> Option<&dyn SharedStorage> {
        self.logs.shared.storage.shared()
    }

    /// Returns the hosts that share the journal and are alive, and is notified when one comes or goes; `None`: this host has
    /// the journal alone.
    #[must_use]
    pub fn hosts(&self) -> Option<watch::Receiver<Arc<Hosts>>> {
        self.shared().map(SharedStorage::hosts)
    }

    /// Tells the other hosts how many guilds run here.
    pub fn set_guilds(&self, guilds: u64) {
        if let Some(shared) = self.shared() {
            shared.set_guilds(guilds);
        }
    }

    /// Returns who has each of some guilds. A host that has the journal alone has all. Cancel safe.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn owners(&self, guilds: &[GuildId]) -> Result<Vec<Owner>, JournalError> {
        match self.shared() {
            Some(shared) => shared.owners(guilds).await,
            None => Ok(vec![Owner::Here; guilds.len()]),
        }
    }

    /// Waits until another host has taken over a guild whose log is open here, and ends the log. Cancel safe.
    pub async fn taken_over(&self) -> GuildId {
        loop {
            let Some(key) = self.lost.lock().await.recv().await else { std::future::pending().await };
            // Each step that was refused has told it; the guild may have come back since.
            if self.shared().is_some_and(|shared| shared.is_lost(key))
                && let Some(guild) = self.logs.end(key)
            {
                return guild;
            }
        }
    }

    /// Ends the log of a guild that another host has taken over, and forgets it. It may be opened again, if this host takes
    /// the guild over. Cancel safe: a later call completes it.
    pub async fn forget(&self, id: &GuildId) {
        self.logs.forget(id).await;
    }

    /// Is ready, with the reason, when nothing can be written any more. Cancel safe.
    pub async fn failed(&self) -> String {
        self.logs.shared.failed.cancelled().await;
        self.logs.shared.failure().unwrap_or_default().to_owned()
    }

    /// Stores what waits and closes the storage. Cancel safe: the steps that wait are stored in any case, and a second
    /// call closes the storage.
    pub async fn close(&self) {
        let shared = &self.logs.shared;
        shared.start_closing();
        shared.closed.cancelled().await;
        shared.storage.close().await;
    }
}

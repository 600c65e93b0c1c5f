//! The storage of a host that is alone: one SQLite file, one connection that writes, and pools of readers. The only part
//! of the journal that names sqlx. It gives no ids and knows no subscriptions.
//!
//! A batch is one transaction. A task moves the write-ahead log into the file beside the writer.

mod arguments;
pub mod check;
mod checkpoint;
mod commit;
pub mod copy;
mod error;
mod read;
mod readers;
mod remove;
mod schema;
mod side_writes;
mod stretches;
#[cfg(test)]
mod tests;
mod trim;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;

use super::error::JournalError;
use super::settings::Durability;
use super::step::{GuildKey, Snapshot, Step};
use super::storage::{Page, PageSize, Range, Recovered, Refused, Restored, Storage, Stored, Trim};
use super::supervise::keep_running;
use commit::{Statements, Writer};
use readers::Readers;
use stretches::OpenStretches;
use trim::Trimmer;

/// The bytes to which the file of the write-ahead log shrinks when it starts again from its beginning: 64 MiB.
const WAL_BYTES: &str = "67108864";

/// A journal in one SQLite file.
#[derive(Debug)]
pub struct SqliteStorage {
    file: PathBuf,
    /// `None` once the storage is closed.
    writer: Arc<Mutex<Option<Writer>>>,
    readers: Readers,
    /// Batches committed so far. The checkpointer reads it.
    commits: Arc<AtomicU64>,
    closed: CancellationToken,
    /// How far client ids were removed. A new journal begins with a walk.
    client_ids_before: AtomicI64,
}

impl SqliteStorage {
    /// Opens the file, creates it if it does not exist, and starts the checkpointer. Cancel safe.
    ///
    /// # Errors
    /// The file cannot be opened, is not a journal, or was written by a newer version of the host.
    pub async fn open(file: &Path, durability: Durability) -> Result<Self, JournalError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::Disk => SqliteSynchronous::Full,
                Durability::None => SqliteSynchronous::Off,
            })
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(512)
            .pragma("wal_autocheckpoint", "0")
            .pragma("journal_size_limit", WAL_BYTES)
            .disable_statement_logging();
        let mut db = options.connect().await?;
        schema::prepare(&mut db, file).await?;
        let storage = Self {
            file: file.to_owned(),
            writer: Arc::new(Mutex::new(Some(Writer {
                db,
                statements: Statements::default(),
                stretches: OpenStretches::default(),
            }))),
            readers: Readers::new(file),
            commits: Arc::default(),
            closed: CancellationToken::new(),
            client_ids_before: AtomicI64::new(i64::MIN),
        };
        let (file, commits, closed) = (file.to_owned(), storage.commits.clone(), storage.closed.clone());
        tokio::spawn(async move {
            keep_running("checkpoint", || checkpoint::run(file.clone(), commits.clone(), closed.clone())).await;
        });
        Ok(storage)
    }

    async fn recover(&self) -> Result<Recovered, JournalError> {
        let mut writer = self.writer.lock().await;
        let db = &mut writer.as_mut().ok_or(JournalError::Closed)?.db;
        // Before incomplete steps are removed: their ids must not be given again.
        let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM log").fetch_one(&mut *db).await?;
        commit::discard_unfinished(db).await?;
        // Each is one look into an index, however many guilds there are.
        let last_key: Option<i64> = sqlx::query_scalar("SELECT MAX(key) FROM guilds").fetch_one(&mut *db).await?;
        let trimmed: Option<i64> = sqlx::query_scalar("SELECT MAX(trimmed) FROM guilds").fetch_one(&mut *db).await?;
        let removed: Option<(i64, i64)> =
            sqlx::query_as("SELECT last_key, last_id FROM removed").fetch_optional(&mut *db).await?;
        let (removed_key, removed_id) = removed.unwrap_or_default();
        let identity = sqlx::query_scalar("SELECT id FROM identity").fetch_one(&mut *db).await?;
        Ok(Recovered {
            last_key: GuildKey(last_key.unwrap_or(0).max(removed_key)),
            has_guilds: last_key.is_some(),
            identity,
            last: MessageId::from_i64(last.max(trimmed.unwrap_or(0)).max(removed_id)),
        })
    }

    async fn commit(&self, batch: &[Step]) -> Result<(), JournalError> {
        let mut writer = self.writer.lock().await;
        let writer = writer.as_mut().ok_or(JournalError::Closed)?;
        let written = commit::transact(writer, batch).await;
        if written.is_err() {
            let _ = sqlx::query("ROLLBACK").execute(&mut writer.db).await;
            writer.stretches.forget();
        } else {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(written?)
    }

    async fn discard(&self, guild: GuildKey, first: MessageId, last: MessageId) -> Result<(), JournalError> {
        let mut writer = self.writer.lock().await;
        let db = &mut writer.as_mut().ok_or(JournalError::Closed)?.db;
        Ok(commit::discard(db, guild, first, last).await?)
    }

    async fn trim(&self, trim: Trim<'_>) -> Result<u64, JournalError> {
        self.trimmer()?.trim(trim).await
    }

    fn trimmer(&self) -> Result<Trimmer<'_>, JournalError> {
        if self.closed.is_cancelled() {
            return Err(JournalError::Closed);
        }
        Ok(Trimmer {
            file: &self.file,
            readers: &self.readers.retention,
            writer: &self.writer,
            client_ids_before: &self.client_ids_before,
        })
    }

    async fn close(&self) {
        let mut writer = self.writer.lock().await;
        // The readers first: one that reads would keep a part of the write-ahead log.
        self.closed.cancel();
        self.readers.close().await;
        if let Some(Writer { mut db, .. }) = writer.take() {
            // So that the file is complete alone, and no large write-ahead log stays.
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut db).await {
                tracing::warn!(%error, "the journal's write-ahead log could not be moved into its file");
            }
            if let Err(error) = db.close().await {
                tracing::warn!(%error, "the journal's database did not close cleanly");
            }
        }
    }
}

impl Drop for SqliteStorage {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl Storage for SqliteStorage {
    fn recover(&self) -> Stored<'_, Recovered> {
        self.recover().boxed()
    }

    fn find<'a>(&'a self, guild: &'a GuildId) -> Stored<'a, Option<GuildKey>> {
        read::find(&self.readers.inboxes, guild).boxed()
    }

    fn guilds_after(&self, after: GuildKey, most: usize) -> Stored<'_, Vec<GuildKey>> {
        read::guilds_after(&self.readers.retention, after, most).boxed()
    }

    fn restore(&self, guild: GuildKey) -> Stored<'_, Restored> {
        read::restore(&self.readers.inboxes, guild).boxed()
    }

    fn commit<'a>(&'a self, batch: &'a [Step]) -> Stored<'a, Refused> {
        async { self.commit(batch).await.map(|()| Refused::new()) }.boxed()
    }

    fn discard(&self, guild: GuildKey, first: MessageId, last: MessageId) -> Stored<'_, ()> {
        self.discard(guild, first, last).boxed()
    }

    fn read<'a>(&'a self, range: Range<'a>, lane: Option<usize>, most: PageSize) -> Stored<'a, Page> {
        // Only consumers read single lanes.
        let readers = if lane.is_some() { &self.readers.inboxes } else { &self.readers.histories };
        read::page(readers, range, lane, most).boxed()
    }

    fn read_back<'a>(&'a self, range: Range<'a>, most: PageSize) -> Stored<'a, Page> {
        read::page_back(&self.readers.histories, range, most).boxed()
    }

    fn count<'a>(&'a self, range: Range<'a>) -> Stored<'a, usize> {
        read::count(&self.readers.inboxes, range).boxed()
    }

    fn by_ids<'a>(&'a self, guild: GuildKey, ids: &'a [MessageId]) -> Stored<'a, Vec<Message>> {
        read::by_ids(&self.readers.lookups, guild, ids).boxed()
    }

    fn find_client_id<'a>(
        &'a self,
        guild: GuildKey,
        user: &'a UserId,
        client_id: &'a str,
        since: MessageId,
    ) -> Stored<'a, Option<MessageId>> {
        read::find_client_id(&self.readers.lookups, guild, user, client_id, since).boxed()
    }

    fn snapshot<'a>(&'a self, guild: GuildKey, agent: &'a AgentId) -> Stored<'a, Option<Snapshot>> {
        read::snapshot(&self.readers.lookups, guild, agent).boxed()
    }

    fn trim<'a>(&'a self, trim: Trim<'a>) -> Stored<'a, u64> {
        self.trim(trim).boxed()
    }

    fn remove(&self, guild: GuildKey) -> Stored<'_, ()> {
        async move { self.trimmer()?.remove(guild).await }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.close().boxed()
    }
}

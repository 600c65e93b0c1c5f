//! Keeps a second host from the same database: an advisory lock of PostgreSQL, on a connection of its own, or a lock of
//! a file beside the file of SQLite. A lock of PostgreSQL ends with its connection, so it is watched and taken again.
//!
//! The lock of PostgreSQL belongs to a transaction that stays open. A pooler keeps a connection for a transaction, while
//! it may give a session's lock to whoever comes next. The transaction reads nothing after the lock, so it delays no
//! vacuum.

use std::fs::{File, TryLockError};
use std::time::Duration;

use sqlx::{AnyConnection, ConnectOptions, Connection};

use super::database::Store;
use super::error::StoreError;

/// The lock of Guildhall in a database; a schema of its own is a database of its own.
const TAKE: &str =
    "SELECT CASE WHEN pg_try_advisory_xact_lock(1735749740, hashtext(current_schema())) THEN 1 ELSE 0 END";
/// The same lock, which hosts that share the database hold together.
const TAKE_TOGETHER: &str =
    "SELECT CASE WHEN pg_try_advisory_xact_lock_shared(1735749740, hashtext(current_schema())) THEN 1 ELSE 0 END";
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// How often the connection of the lock is tested.
const EVERY: Duration = Duration::from_secs(1);
/// How long one test may take.
const WITHIN: Duration = Duration::from_secs(2);
/// How long a start waits for the lock: a host that was just killed still has it until the server notices.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keeps the lock of a SQLite file until it is dropped. PostgreSQL's ends when the store is closed.
#[derive(Debug)]
pub struct StoreLock(#[expect(dead_code, reason = "holds the lock until it is dropped")] Option<File>);

impl Store {
    /// Keeps other hosts from this database until the lock is dropped and the store is closed.
    ///
    /// Dropping the future leaves the database unlocked.
    ///
    /// # Errors
    /// `InUse` if another host has it, or the database fails.
    pub async fn lock(&self) -> Result<StoreLock, StoreError> {
        if self.is_sqlite() { self.lock_file().map(StoreLock) } else { self.lock_server(TAKE).await }
    }

    /// Keeps hosts that are alone from this database of PostgreSQL, and lets in those that share it. Otherwise as
    /// [`Self::lock`].
    ///
    /// # Errors
    /// `InUse` if a host that is alone has it, or the database fails.
    pub async fn lock_together(&self) -> Result<StoreLock, StoreError> {
        self.lock_server(TAKE_TOGETHER).await
    }

    /// Is ready when another host has taken the database, which this host must not use any more. Cancel safe.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    fn lock_file(&self) -> Result<Option<File>, StoreError> {
        if self.place.contains(":memory:") {
            return Ok(None);
        }
        let file = File::create(format!("{}.lock", self.place)).map_err(sqlx::Error::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { place: self.place.to_string() }),
            Err(TryLockError::Error(error)) => Err(sqlx::Error::Io(error).into()),
        }
    }

    async fn lock_server(&self, take: &'static str) -> Result<StoreLock, StoreError> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(connection) = self.take(take).await? {
                tokio::spawn(self.clone().keep(connection, take));
                return Ok(StoreLock(None));
            }
            if tokio::time::Instant::now() > end {
                return Err(StoreError::InUse { place: self.place.to_string() });
            }
            tokio::time::sleep(EVERY / 4).await;
        }
    }

    /// Opens a connection and takes the lock; `None` if another host has it.
    async fn take(&self, take: &'static str) -> Result<Option<AnyConnection>, StoreError> {
        let mut connection = self.writer.connect_options().connect().await?;
        sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
        let taken: i32 = sqlx::query_scalar(take).fetch_one(&mut connection).await?;
        Ok((taken == 1).then_some(connection))
    }

    /// Tests the lock until the store is closed, and takes it again when its connection is lost.
    async fn keep(self, mut connection: AnyConnection, take: &'static str) {
        loop {
            tokio::select! {
                () = self.closed.cancelled() => {
                    let _ = connection.close().await;
                    return;
                }
                () = tokio::time::sleep(EVERY) => {}
            }
            if matches!(tokio::time::timeout(WITHIN, connection.ping()).await, Ok(Ok(()))) {
                continue;
            }
            tracing::warn!(place = %self.place, "the lock of the database is lost; taking it again");
            match self.take_again(take).await {
                Some(again) => connection = again,
                None => return,
            }
        }
    }

    /// Takes the lock again; `None` if the store was closed, or another host has the database.
    async fn take_again(&self, take: &'static str) -> Option<AnyConnection> {
        let mut refused_since = None;
        loop {
            let taken = tokio::select! {
                () = self.closed.cancelled() => return None,
                taken = tokio::time::timeout(WITHIN, self.take(take)) => taken,
            };
            match taken {
                Ok(Ok(Some(connection))) => return Some(connection),
                // The server may still hold the lock for this host's own lost connection.
                Ok(Ok(None)) => {
                    let since = *refused_since.get_or_insert_with(tokio::time::Instant::now);
                    if since.elapsed() > PATIENCE {
                        tracing::error!(place = %self.place, "another host has taken the database");
                        self.lost.cancel();
                        return None;
                    }
                }
                Ok(Err(_)) | Err(_) => refused_since = None,
            }
            tokio::time::sleep(EVERY / 4).await;
        }
    }
}

//! Removes what retention does not keep and gives the space back to the file system. The journal decides when.
//!
//! All of it happens in steps that are bounded in rows and bytes, on the writer's connection: the writer takes its turn
//! between two steps and never waits for a lock of the file. The bytes of each guild's log are kept beside it, so that
//! only new messages are counted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::sync::Mutex;
use tokio::time::Instant;

use guildhall_model::ids::MessageId;

use super::commit::Writer;
use crate::columns::read_cursors;
use crate::error::JournalError;
use crate::step::GuildKey;
use crate::storage::Trim;

/// Guilds whose logs are looked at together.
const STEP_GUILDS: usize = 256;
/// Rows that one step removes or counts at most.
const STEP_ROWS: i64 = 500;
/// Bytes after which a step ends.
const STEP_BYTES: u64 = 1 << 20;
/// Pages of 4 KiB that one step gives back.
const STEP_PAGES: u32 = 128;
/// The longest pause between two steps. A pause is as long as the step before it.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What trims a journal: its reads, its writer and its file.
pub struct Trimmer<'t> {
    pub file: &'t Path,
    pub readers: &'t SqlitePool,
    pub writer: &'t Arc<Mutex<Option<Writer>>>,
    /// Client ids of messages before this id were removed last.
    pub client_ids_before: &'t AtomicI64,
}

/// The key of a client id: guild, user, text.
#[derive(Clone, Debug, Default)]
struct ClientIdRow(i64, String, String);

/// An hour of message ids, which count milliseconds above 12 bits.
const HOUR: i64 = (60 * 60 * 1_000) << 12;

/// A guild's log as it is before it is trimmed.
struct Size {
    guild: GuildKey,
    bytes: u64,
    /// Messages up to this id are in `bytes`.
    sized_to: i64,
    /// The ids of the oldest and of the newest message.
    ends: Option<(i64, i64)>,
}

impl Trimmer<'_> {
    /// Trims the guilds and shrinks the file. Returns the number of removed messages. Cancel safe: a later call
    /// continues.
    pub async fn trim(&self, trim: Trim<'_>) -> Result<u64, JournalError> {
        let mut removed = 0;
        for guilds in trim.guilds.chunks(STEP_GUILDS) {
            for mut size in self.sizes(guilds).await? {
                self.count_new(&mut size).await?;
                removed += self.trim_guild(&mut size, &trim).await?;
                (trim.on_sized)(size.guild, size.bytes);
            }
        }
        let ids = self.forget_client_ids(trim.client_ids_before).await?;
        if removed > 0 || ids > 0 {
            self.shrink().await?;
        }
        Ok(removed)
    }

    async fn sizes(&self, guilds: &[GuildKey]) -> Result<Vec<Size>, JournalError> {
        let places = vec!["?"; guilds.len()].join(",");
        let sql = format!(
            "SELECT key, bytes, sized_to, (SELECT MIN(id) FROM log WHERE guild = key),
             (SELECT MAX(id) FROM log WHERE guild = key) FROM guilds WHERE key IN ({places})"
        );
        // The text has as many forms as there are numbers of guilds, so it is not kept.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false);
        let rows = guilds.iter().fold(query, |query, guild| query.bind(guild.0)).fetch_all(self.readers).await?;
        let size = |row: &sqlx::sqlite::SqliteRow| Size {
            guild: GuildKey(row.get(0)),
            bytes: u64::try_from(row.get::<i64, _>(1)).unwrap_or(0),
            sized_to: row.get(2),
            ends: row.get::<Option<i64>, _>(3).zip(row.get(4)),
        };
        Ok(rows.iter().map(size).collect())
    }

    /// Counts the messages that came since the last trim. A log without messages has no bytes.
    async fn count_new(&self, size: &mut Size) -> Result<(), JournalError> {
        let Some((_, newest)) = size.ends else {
            if size.bytes > 0 {
                size.bytes = 0;
                self.store_size(size).await?;
            }
            return Ok(());
        };
        if newest <= size.sized_to {
            return Ok(());
        }
        let new: i64 = sqlx::query_scalar(
            "SELECT COALESCE(SUM(octet_length(body) + octet_length(topics)), 0) FROM log
             WHERE guild = ? AND id > ? AND id <= ?",
        )
        .bind(size.guild.0)
        .bind(size.sized_to)
        .bind(newest)
        .fetch_one(self.readers)
        .await?;
        size.bytes += u64::try_from(new).unwrap_or(0);
        size.sized_to = newest;
        self.store_size(size).await
    }

    async fn store_size(&self, size: &Size) -> Result<(), JournalError> {
        let (guild, bytes, sized_to) = (size.guild.0, signed(size.bytes), size.sized_to);
        self.step(move |db| {
            let sql = "UPDATE guilds SET bytes = ?, sized_to = ? WHERE key = ?";
            async move { sqlx::query(sql).bind(bytes).bind(sized_to).bind(guild).execute(db).await }.boxed()
        })
        .await?;
        Ok(())
    }

    async fn trim_guild(&self, size: &mut Size, trim: &Trim<'_>) -> Result<u64, JournalError> {
        let Some((oldest, _)) = size.ends else { return Ok(0) };
        if size.bytes <= trim.guild_bytes && oldest >= trim.too_old.as_i64() {
            return Ok(0);
        }
        let guild = size.guild;
        let mut end = i64::MAX;
        for row in
            sqlx::query("SELECT lanes FROM cursors WHERE guild = ?").bind(guild.0).fetch_all(self.readers).await?
        {
            let consumed = read_cursors(row.try_get(0)?).and_then(|cursors| cursors.into_iter().min());
            end = end.min(consumed.unwrap_or_default().as_i64());
        }
        let mut removed = 0;
        loop {
            let excess = size.bytes.saturating_sub(trim.guild_bytes);
            let Some(portion) = self.portion(guild, end, trim.too_old, excess).await? else { return Ok(removed) };
            let next = portion.last + 1;
            // Before the first message is removed: a reader that resumes must learn that messages are missing.
            (trim.on_trim)(guild, MessageId::from_i64(next));
            let bytes = signed(portion.bytes);
            removed += self
                .step(move |db| {
                    async move {
                        sqlx::query(
                            "BEGIN IMMEDIATE;
                             UPDATE guilds SET trimmed = ?, bytes = MAX(0, bytes - ?) WHERE key = ?;
                             DELETE FROM log WHERE guild = ? AND id < ?;
                             DELETE FROM stretches WHERE guild = ? AND first < ? AND last < ?;
                             COMMIT",
                        )
                        .bind(next)
                        .bind(bytes)
                        .bind(guild.0)
                        .bind(guild.0)
                        .bind(next)
                        .bind(guild.0)
                        .bind(next)
                        .bind(next)
                        .execute(db)
                        .await?;
                        Ok(portion.rows)
                    }
                    .boxed()
                })
                .await?;
            size.bytes = size.bytes.saturating_sub(portion.bytes);
        }
    }

    /// Returns the oldest messages before `end` that are too old, or in excess of the bytes that a guild may keep.
    pub(super) async fn portion(
        &self,
        guild: GuildKey,
        end: i64,
        too_old: MessageId,
        excess: u64,
    ) -> Result<Option<Portion>, JournalError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, octet_length(body) + octet_length(topics) FROM log WHERE guild = ? AND id < ? ORDER BY id LIMIT ?",
        )
        .bind(guild.0)
        .bind(end)
        .bind(STEP_ROWS)
        .fetch_all(self.readers)
        .await?;
        let mut portion: Option<Portion> = None;
        for (id, bytes) in rows {
            let so_far = portion.as_ref().map_or(0, |portion| portion.bytes);
            if so_far >= STEP_BYTES || (id >= too_old.as_i64() && so_far >= excess) {
                break;
            }
            let portion = portion.get_or_insert_default();
            portion.last = id;
            portion.bytes += u64::try_from(bytes).unwrap_or(0);
            portion.rows += 1;
        }
        Ok(portion)
    }

    /// Removes the client ids of messages before an id. It walks along all client ids, so that they need no index by
    /// message, which each new one would have to be written to; a walk begins when there is an hour's worth to remove.
    async fn forget_client_ids(&self, before: MessageId) -> Result<u64, JournalError> {
        let last = self.client_ids_before.load(Ordering::Relaxed);
        if before.as_i64() <= last.saturating_add(HOUR) {
            return Ok(0);
        }
        let (mut forgotten, mut after) = (0, Some(ClientIdRow::default()));
        while let Some(from) = after {
            let rows = self.client_ids_after(&from).await?;
            after = (rows.len() == STEP_ROWS as usize).then(|| rows.last().map(|(row, _)| row.clone())).flatten();
            if rows.iter().any(|(_, id)| *id < before.as_i64()) {
                forgotten += self.forget_between(from, rows, before).await?;
            }
        }
        self.client_ids_before.store(before.as_i64(), Ordering::Relaxed);
        Ok(forgotten)
    }

    /// Returns the next client ids in the order of their table, at most [`STEP_ROWS`], with the ids of their messages.
    async fn client_ids_after(&self, from: &ClientIdRow) -> Result<Vec<(ClientIdRow, i64)>, JournalError> {
        let sql = "SELECT guild, user, client_id, id FROM client_ids WHERE (guild, user, client_id) > (?, ?, ?)
            ORDER BY guild, user, client_id LIMIT ?";
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(sql)
            .bind(from.0)
            .bind(&from.1)
            .bind(&from.2)
            .bind(STEP_ROWS)
            .fetch_all(self.readers)
            .await?;
        Ok(rows.into_iter().map(|(guild, user, client_id, id)| (ClientIdRow(guild, user, client_id), id)).collect())
    }

    /// Removes the old ones of some client ids that follow `from`.
    async fn forget_between(
        &self,
        from: ClientIdRow,
        rows: Vec<(ClientIdRow, i64)>,
        before: MessageId,
    ) -> Result<u64, JournalError> {
        let Some((to, _)) = rows.into_iter().next_back() else { return Ok(0) };
        self.step(move |db| {
            let sql = "DELETE FROM client_ids WHERE (guild, user, client_id) > (?, ?, ?)
                AND (guild, user, client_id) <= (?, ?, ?) AND id < ?";
            let query = sqlx::query(sql).bind(from.0).bind(from.1.clone()).bind(from.2.clone());
            let query = query.bind(to.0).bind(to.1.clone()).bind(to.2.clone()).bind(before.as_i64());
            async move { Ok(query.execute(db).await?.rows_affected()) }.boxed()
        })
        .await
    }

    /// Gives the free pages back. The checkpoint on a connection of its own makes the file smaller; it does not make the
    /// writer wait.
    pub(super) async fn shrink(&self) -> Result<(), JournalError> {
        loop {
            let free = self
                .step(|db| {
                    async move {
                        let sql = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({STEP_PAGES})"));
                        sqlx::query(sql).fetch_all(&mut *db).await?;
                        sqlx::query_scalar::<_, i64>("PRAGMA freelist_count").fetch_one(db).await
                    }
                    .boxed()
                })
                .await?;
            if free == 0 {
                break;
            }
        }
        let options = SqliteConnectOptions::new().filename(self.file).busy_timeout(Duration::from_secs(5));
        let mut db = options.disable_statement_logging().connect().await?;
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_all(&mut db).await?;
        Ok(db.close().await?)
    }

    /// Does one step on the writer's connection, then pauses. A step that has begun ends also if the future is dropped.
    pub(super) async fn step<T, W>(&self, work: W) -> Result<T, JournalError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let writer = self.writer.clone();
        let step = tokio::spawn(async move {
            let mut writer = writer.lock().await;
            let db = &mut writer.as_mut().ok_or(JournalError::Closed)?.db;
            let began = Instant::now();
            let done = work(db).await;
            if done.is_err() {
                let _ = sqlx::query("ROLLBACK").execute(db).await;
            }
            Ok::<_, JournalError>((done?, began.elapsed()))
        });
        let (done, took) = step.await.map_err(|_| JournalError::Closed)??;
        tokio::time::sleep(took.min(LONGEST_PAUSE)).await;
        Ok(done)
    }
}

/// The messages that one step removes: those up to `last`.
#[derive(Default)]
pub(super) struct Portion {
    pub(super) last: i64,
    bytes: u64,
    rows: u64,
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

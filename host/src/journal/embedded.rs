//! The embedded journal: one SQLite file, one writer, readers beside it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use guildhall_model::clock::Clock;
use guildhall_model::ids::{GuildId, IdGenerator, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::priority::Priority;

use super::guild_log::GuildLog;
use super::pending::Pending;
use super::queue::{Cursors, read_cursors};
use super::step::{SideWrite, Step};
use super::subscription::Tries;
use super::writer;
use super::{Durability, JournalError, JournalLimits, Retention, checkpoint, retention};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS guilds (
    key INTEGER PRIMARY KEY, guild TEXT NOT NULL UNIQUE, trimmed BIGINT NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, guild BIGINT NOT NULL, lane BIGINT NOT NULL, topics TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_guild ON log (guild);
CREATE TABLE IF NOT EXISTS cursors (
    guild BIGINT NOT NULL, consumer TEXT NOT NULL, lanes TEXT NOT NULL,
    attempt_id BIGINT NOT NULL, attempts BIGINT NOT NULL, declined BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (guild, consumer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states (
    guild BIGINT NOT NULL, owner TEXT NOT NULL, version BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (guild, owner)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keyvalues (
    guild BIGINT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (guild, owner, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client_ids (
    guild BIGINT NOT NULL, user TEXT NOT NULL, client_id TEXT NOT NULL, id BIGINT NOT NULL,
    PRIMARY KEY (guild, user, client_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (
    guild BIGINT NOT NULL, consumer TEXT NOT NULL, version TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (guild, consumer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unfinished (
    first INTEGER PRIMARY KEY, guild BIGINT NOT NULL, last BIGINT NOT NULL);
PRAGMA user_version = 3;
";

/// What the tables of version 1 lack.
const FROM_1: &str = "BEGIN; ALTER TABLE cursors ADD COLUMN declined BIGINT NOT NULL DEFAULT 0;
    PRAGMA user_version = 2; COMMIT;";

/// How long a client's own message id is known.
pub const CLIENT_IDS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// The journal of this process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Shared>);

/// What the logs, the writer and the readers share.
#[derive(Debug)]
pub struct Shared {
    pub limits: JournalLimits,
    pub work: Notify,
    pub closed: CancellationToken,
    clock: Clock,
    sequence: Mutex<Sequence>,
    /// All messages up to this id are in the database.
    durable: AtomicU64,
    pub readers: SqlitePool,
    logs: Mutex<HashMap<GuildId, GuildLog>>,
    keys: Mutex<Keys>,
    closing: AtomicBool,
    writable: AtomicBool,
    is_writing: AtomicBool,
    ephemeral: AtomicU64,
    batches: AtomicU64,
}

/// Where the next message goes, and what the writer has not taken yet.
#[derive(Debug)]
pub struct Sequence {
    ids: IdGenerator,
    last_logged: MessageId,
    pub pending: Pending,
}

impl Sequence {
    pub fn next_logged(&mut self, now_ms: u64) -> MessageId {
        self.last_logged = self.ids.next(now_ms);
        self.last_logged
    }
}

#[derive(Debug, Default)]
struct Keys {
    by_guild: HashMap<GuildId, i64>,
    trimmed: HashMap<i64, MessageId>,
    last: i64,
}

impl Journal {
    /// Opens or creates the journal in a file and starts its writer.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a journal or is of a newer version.
    pub async fn open(
        file: &Path,
        durability: Durability,
        limits: JournalLimits,
        retention: Retention,
        clock: Clock,
    ) -> Result<Self, JournalError> {
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
            .disable_statement_logging();
        let mut db = options.connect().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut db).await?;
        if version > 3 {
            return Err(JournalError::Migration(format!(
                "{} is of version {version}, this host knows 3",
                file.display()
            )));
        }
        if version == 1 {
            sqlx::raw_sql(FROM_1).execute(&mut db).await?;
        }
        sqlx::raw_sql(SCHEMA).execute(&mut db).await?;
        let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM log").fetch_one(&mut db).await?;
        writer::discard_unfinished(&mut db).await?;
        let mut keys = Keys::default();
        for row in sqlx::query("SELECT key, guild, trimmed FROM guilds").fetch_all(&mut db).await? {
            let key = row.get(0);
            keys.by_guild.insert(row.get::<String, _>(1).into(), key);
            keys.trimmed.insert(key, MessageId::from_i64(row.get(2)));
            keys.last = keys.last.max(key);
        }
        let last = MessageId::from_i64(last).max(keys.trimmed.values().max().copied().unwrap_or_default());
        let readers = SqlitePoolOptions::new()
            .min_connections(0)
            .max_connections(4)
            .connect_lazy_with(SqliteConnectOptions::new().filename(file).read_only(true).disable_statement_logging());
        let shared = Arc::new(Shared {
            limits,
            work: Notify::new(),
            closed: CancellationToken::new(),
            clock,
            sequence: Mutex::new(Sequence {
                ids: IdGenerator::after(0, last),
                last_logged: last,
                pending: Pending::default(),
            }),
            durable: AtomicU64::new(last.get()),
            readers,
            logs: Mutex::default(),
            keys: Mutex::new(keys),
            closing: AtomicBool::new(false),
            writable: AtomicBool::new(true),
            is_writing: AtomicBool::new(false),
            ephemeral: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        });
        tokio::spawn(writer::run(shared.clone(), db));
        tokio::spawn(checkpoint::run(shared.clone(), file.to_owned()));
        tokio::spawn(retention::run(shared.clone(), file.to_owned(), retention));
        Ok(Self(shared))
    }

    /// The log of one guild, made when there is none.
    ///
    /// # Errors
    /// When what the database knows of it cannot be read.
    pub async fn guild(&self, id: &GuildId) -> Result<GuildLog, JournalError> {
        if let Some(log) = lock(&self.0.logs).get(id) {
            return Ok(log.clone());
        }
        let (key, is_new) = self.0.key_of(id);
        let log = GuildLog::new(id.clone(), key, self.0.clone());
        if is_new {
            let rare = vec![SideWrite::NewGuild { name: id.to_string() }];
            self.0.sequence().pending.push(Step { guild: key, rare, ..Step::default() });
            self.0.work.notify_one();
        } else {
            log.restore(self.0.restore(key).await?)?;
        }
        Ok(lock(&self.0.logs).entry(id.clone()).or_insert(log).clone())
    }

    /// Trims the log now; gives the number of messages removed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn trim(&self, file: &Path, retention: Retention) -> Result<u64, JournalError> {
        retention::trim(&self.0, file, retention).await
    }

    /// Whether the database takes writes at present.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.0.writable.load(Ordering::Relaxed)
    }

    /// Writes what waits and closes the file.
    pub async fn close(&self) {
        self.0.closing.store(true, Ordering::SeqCst);
        self.0.work.notify_one();
        self.0.closed.cancelled().await;
        self.0.readers.close().await;
    }
}

/// What the database knows of a guild.
pub struct Restored {
    /// Consumer, position, the message being tried and how often it was.
    pub cursors: Vec<(String, Cursors, (MessageId, Tries))>,
    /// Owner, version, time of the last change, state.
    pub states: Vec<(String, i64, i64, String)>,
    /// Owner, key, value.
    pub values: Vec<(String, String, Vec<u8>)>,
}

impl Shared {
    pub fn sequence(&self) -> MutexGuard<'_, Sequence> {
        lock(&self.sequence)
    }

    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// An id for something that is not stored: smaller than that of anything that
    /// may still be on its way from the log, so that a client that resumes after
    /// the largest id it has seen misses nothing.
    pub fn next_id(&self) -> MessageId {
        let number = self.ephemeral.fetch_add(1, Ordering::Relaxed);
        MessageId::new(self.durable.load(Ordering::Relaxed)).before(number)
    }

    pub fn last_logged(&self) -> MessageId {
        self.sequence().last_logged
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Relaxed);
    }

    /// What the writer takes next.
    pub fn take_batch(&self) -> Vec<Step> {
        let mut sequence = self.sequence();
        let batch = sequence.pending.take();
        self.is_writing.store(!batch.is_empty(), Ordering::SeqCst);
        batch
    }

    /// Notes that the batch that was taken last is written.
    pub fn has_written(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        let sequence = self.sequence();
        let durable = match sequence.pending.first_id() {
            Some(first) => first.get().saturating_sub(1),
            None => sequence.last_logged.get(),
        };
        self.durable.store(durable, Ordering::Relaxed);
    }

    /// Whether the database knows everything.
    pub fn is_settled(&self) -> bool {
        // With the lock: what is taken is being written from then on.
        self.sequence().pending.is_empty() && !self.is_writing.load(Ordering::SeqCst)
    }

    /// How many batches have been written.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Forgets the logs that nobody holds any more; what the database knows of
    /// them is read again when somebody asks. Only while nothing waits to be
    /// written, so that it knows everything.
    pub fn close_idle_logs(&self) {
        let mut logs = lock(&self.logs);
        if self.is_settled() {
            logs.retain(|_, log| log.is_held());
        }
    }

    /// The logs that are open here.
    pub fn open_logs(&self) -> Vec<GuildLog> {
        lock(&self.logs).values().cloned().collect()
    }

    fn key_of(&self, id: &GuildId) -> (i64, bool) {
        let mut keys = lock(&self.keys);
        if let Some(key) = keys.by_guild.get(id) {
            return (*key, false);
        }
        keys.last += 1;
        let key = keys.last;
        keys.by_guild.insert(id.clone(), key);
        (key, true)
    }

    pub fn guild_keys(&self) -> Vec<i64> {
        lock(&self.keys).by_guild.values().copied().collect()
    }

    pub fn trimmed_to(&self, key: i64) -> MessageId {
        lock(&self.keys).trimmed.get(&key).copied().unwrap_or_default()
    }

    pub fn set_trimmed(&self, key: i64, id: MessageId) {
        lock(&self.keys).trimmed.insert(key, id);
    }

    async fn restore(&self, key: i64) -> Result<Restored, JournalError> {
        let mut cursors = Vec::new();
        let rows = sqlx::query("SELECT consumer, lanes, attempt_id, attempts, declined FROM cursors WHERE guild = ?")
            .bind(key)
            .fetch_all(&self.readers)
            .await?;
        for row in rows {
            let (consumer, lanes): (String, String) = (row.get(0), row.get(1));
            let lanes = read_cursors(&lanes)
                .ok_or_else(|| JournalError::Corrupt(format!("cursor of {consumer} is `{lanes}`")))?;
            let count = |column: usize| u32::try_from(row.get::<i64, _>(column)).unwrap_or(0);
            let tries = Tries { broken: count(3), declined: count(4) };
            cursors.push((consumer, lanes, (MessageId::from_i64(row.get(2)), tries)));
        }
        let states = sqlx::query_as("SELECT owner, version, updated_ms, state FROM states WHERE guild = ?")
            .bind(key)
            .fetch_all(&self.readers)
            .await?;
        let values = sqlx::query_as("SELECT owner, key, value FROM keyvalues WHERE guild = ?")
            .bind(key)
            .fetch_all(&self.readers)
            .await?;
        Ok(Restored { cursors, states, values })
    }

    pub async fn find_client_id(
        &self,
        key: i64,
        user: &UserId,
        client_id: &str,
    ) -> Result<Option<MessageId>, JournalError> {
        let id: Option<i64> =
            sqlx::query_scalar("SELECT id FROM client_ids WHERE guild = ? AND user = ? AND client_id = ? AND id >= ?")
                .bind(key)
                .bind(user.as_str())
                .bind(client_id)
                .bind(self.client_ids_since().as_i64())
                .fetch_optional(&self.readers)
                .await?;
        Ok(id.map(MessageId::from_i64))
    }

    pub fn client_ids_since(&self) -> MessageId {
        let kept = u64::try_from(CLIENT_IDS_KEPT.as_millis()).unwrap_or(u64::MAX);
        MessageId::first_at(self.clock.now_ms().saturating_sub(kept))
    }

    pub async fn read(
        &self,
        key: i64,
        topics: &[String],
        (after, until): (MessageId, MessageId),
        lane: Option<usize>,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), JournalError> {
        let lane_is = if lane.is_some() { "lane = ?" } else { "?" };
        let sql = format!(
            "SELECT id, body FROM log WHERE guild = ? AND id > ? AND id <= ? AND {lane_is} AND {} ORDER BY id LIMIT ?",
            any_topic(topics)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(key).bind(after.as_i64()).bind(until.as_i64());
        query = query.bind(lane.map_or(1, |lane| i64::try_from(lane).unwrap_or(0)));
        for topic in topics {
            query = query.bind(writer::topic_pattern(topic));
        }
        let mut rows = query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch(&self.readers);
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            bytes += row.get::<&str, _>(1).len();
            messages.push(read_row(&row)?);
            if bytes >= self.limits.window_bytes {
                return Ok((messages, true));
            }
        }
        let more = messages.len() == limit;
        Ok((messages, more))
    }

    /// Messages by their ids.
    pub async fn by_ids(&self, key: i64, ids: &[MessageId]) -> Result<Vec<Message>, JournalError> {
        let places = vec!["?"; ids.len().max(1)].join(",");
        let sql = format!("SELECT id, body FROM log WHERE guild = ? AND id IN ({places}) ORDER BY id");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(key);
        for id in ids {
            query = query.bind(id.as_i64());
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        query.fetch_all(&self.readers).await?.iter().map(read_row).collect()
    }

    /// How many messages of some topics there are after an id, up to another.
    pub async fn count(
        &self,
        key: i64,
        topics: &[String],
        after: MessageId,
        cut: MessageId,
    ) -> Result<usize, JournalError> {
        let sql = format!("SELECT COUNT(*) FROM log WHERE guild = ? AND id > ? AND id <= ? AND {}", any_topic(topics));
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(key).bind(after.as_i64()).bind(cut.as_i64());
        for topic in topics {
            query = query.bind(writer::topic_pattern(topic));
        }
        let count: i64 = query.fetch_one(&self.readers).await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }
}

/// A condition with one placeholder a topic.
fn any_topic(topics: &[String]) -> String {
    format!("({})", vec!["instr(topics, ?)"; topics.len().max(1)].join(" OR "))
}

fn read_row(row: &sqlx::sqlite::SqliteRow) -> Result<Message, JournalError> {
    let id = MessageId::from_i64(row.get(0));
    let mut message: Message =
        serde_json::from_str(row.get(1)).map_err(|error| JournalError::Corrupt(format!("message {id}: {error}")))?;
    message.id = id;
    Ok(message)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const _: () = assert!(Priority::LANES == 8, "cursors are stored with eight lanes");

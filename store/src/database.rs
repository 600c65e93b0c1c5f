//! The database behind the store: opening it, its connections, and the encoding of columns.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr, Transaction};
use tokio_util::sync::CancellationToken;

use super::error::{StoreError, is_damage};
use super::pooler;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) readers: AnyPool,
    /// One connection with SQLite, which has one writer at a time: waiting for a connection is fairer and cheaper than
    /// waiting for the lock of the file. With PostgreSQL the pool of the readers.
    pub(super) writer: AnyPool,
    /// The statement that begins a transaction.
    begin: &'static str,
    /// Where the database is, without a password.
    pub(super) place: Arc<str>,
    /// Cancelled when the store is closed, or when another host took its database.
    pub(super) closed: CancellationToken,
    pub(super) lost: CancellationToken,
}

/// Whether every transaction of a SQLite store is flushed to the disk before it is confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// A transaction survives the end of the process, and may be lost when the machine ends.
    #[default]
    Later,
    /// A transaction survives the end of the machine.
    Always,
}

impl Store {
    /// Opens `sqlite://path`, which is created when it does not exist, or `postgres://…`, and migrates its tables.
    ///
    /// Dropping the future may leave some of the migrations undone; the next start does them.
    ///
    /// # Errors
    /// When the database cannot be reached or its tables belong to a later version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Flush::default()).await
    }

    /// Opens a database as [`Self::open`] does. `flush` has no meaning for PostgreSQL, whose operator decides.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(url: &str, flush: Flush) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let scheme = url.split(':').next().unwrap_or(url);
        let store = match scheme {
            "sqlite" => Self::sqlite(url, flush).await?,
            "postgres" | "postgresql" => Self::postgres(url).await?,
            _ => return Err(StoreError::UnknownScheme { scheme: scheme.to_owned() }),
        };
        store.migrate().await?;
        Ok(store)
    }

    fn new(readers: AnyPool, writer: AnyPool, begin: &'static str, place: &str) -> Self {
        let (closed, lost) = (CancellationToken::new(), CancellationToken::new());
        Self { readers, writer, begin, place: place.into(), closed, lost }
    }

    /// Whether the database is SQLite.
    pub(super) fn is_sqlite(&self) -> bool {
        self.begin == BEGIN_SQLITE
    }

    async fn sqlite(url: &str, flush: Flush) -> Result<Self, StoreError> {
        let begin = BEGIN_SQLITE;
        if url.contains(":memory:") {
            // Each connection to it would have a database of its own, which would end with the connection.
            let only = sqlite_pool(1, flush).idle_timeout(None).max_lifetime(None).connect_with(options(url)?).await?;
            return Ok(Self::new(only.clone(), only, begin, url));
        }
        let created = match (url.contains("mode="), url.contains('?')) {
            (true, _) => url.to_owned(),
            (false, true) => format!("{url}&mode=rwc"),
            (false, false) => format!("{url}?mode=rwc"),
        };
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let readers = u32::try_from(cores.clamp(2, 8)).unwrap_or(2);
        read_file(&created).await?;
        let writer = sqlite_pool(1, flush).connect_with(options(&created)?).await?;
        let readers = sqlite_pool(readers, flush).connect_with(options(&created)?).await?;
        let place = url.split('?').next().unwrap_or(url).trim_start_matches("sqlite:").trim_start_matches("//");
        Ok(Self::new(readers, writer, begin, place))
    }

    async fn postgres(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?;
        let place = place_of(&options);
        reach(&options, &place).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(ACQUIRE)
            .after_release(|connection, _| Box::pin(is_clean(connection)))
            .connect_with(options)
            .await?;
        Ok(Self::new(pool.clone(), pool, "BEGIN", &place))
    }

    /// Begins a transaction that may read before it writes.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.writer.begin_with(self.begin).await?)
    }

    /// Closes the connections after the statements that run. A SQLite file is complete without its write-ahead log
    /// afterwards.
    pub async fn close(&self) {
        self.closed.cancel();
        self.readers.close().await;
        if self.is_sqlite()
            && let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&self.writer).await
        {
            tracing::warn!(%error, "the write-ahead log of the store could not be moved into its file");
        }
        self.writer.close().await;
    }
}

const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
/// The time to wait for a connection. Requests are answered within two seconds while the database is away.
const ACQUIRE: Duration = Duration::from_secs(1);
/// How long a statement waits while another program has locked the file of SQLite.
const BUSY_MS: u32 = 700;
/// How long the start waits for a database server.
const REACH: Duration = Duration::from_secs(10);

fn options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    Ok(AnyConnectOptions::from_str(url)?.disable_statement_logging())
}

/// Opens two connections, to report their errors: a pool tries again until its time is over and reports only that.
async fn reach(options: &AnyConnectOptions, place: &str) -> Result<(), StoreError> {
    let connect = async || {
        let (one, two) = (options.connect().await?, options.connect().await?);
        sqlx::Result::Ok([one, two])
    };
    let unreachable = |cause: String| StoreError::Unreachable { place: place.to_owned(), cause };
    match tokio::time::timeout(REACH, connect()).await {
        Ok(Ok(connections)) => pooler::check(connections, place).await,
        Ok(Err(error)) => Err(unreachable(pooler::explain(&error))),
        Err(_) => Err(unreachable(format!("no answer in {} s", REACH.as_secs()))),
    }
}

/// The server of a URL, without the password.
fn place_of(options: &AnyConnectOptions) -> String {
    let url = &options.database_url;
    let socket = url.query_pairs().find(|(key, _)| key == "host").map(|(_, folder)| folder.into_owned());
    let host = socket.as_deref().or(url.host_str()).unwrap_or("localhost");
    format!("{host}:{}", url.port().unwrap_or(5432))
}

/// Returns the file of a URL of SQLite; `None` for another database.
#[must_use]
pub fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?.split('?').next()?;
    Some(PathBuf::from(path.trim_start_matches("//")))
}

/// Opens a file of SQLite once, to report its error: a pool tries again until its time is over and reports only that.
async fn read_file(url: &str) -> Result<(), StoreError> {
    let file =
        || url.split('?').next().unwrap_or(url).trim_start_matches("sqlite:").trim_start_matches("//").to_owned();
    let damaged = |error: sqlx::Error| match is_damage(&error) {
        true => StoreError::Damaged { file: file(), cause: error.to_string() },
        false => error.into(),
    };
    let mut connection = AnyConnection::connect_with(&options(url)?).await.map_err(damaged)?;
    let read = sqlx::query("SELECT COUNT(*) FROM sqlite_master").fetch_one(&mut connection).await;
    connection.close().await.map_err(damaged)?;
    read.map(|_| ()).map_err(damaged)
}

/// Whether a connection may go back into the pool. One whose transaction could not be ended may not: SQLite ends a
/// transaction itself when the disk is full, and the connection would count it for ever.
async fn is_clean(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    // The rollback of a transaction that was dropped runs before this returns.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

fn sqlite_pool(connections: u32, flush: Flush) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .after_release(|connection, _| Box::pin(is_clean(connection)))
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        // A file stays reachable; a test before each use would double the round trips.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let synchronous = match flush {
                    Flush::Later => "PRAGMA synchronous = NORMAL",
                    Flush::Always => "PRAGMA synchronous = FULL",
                };
                let busy = AssertSqlSafe(format!("PRAGMA busy_timeout = {BUSY_MS}")).into_sql_str();
                let others = ["PRAGMA journal_mode = WAL", synchronous, "PRAGMA foreign_keys = ON"];
                for pragma in [busy].into_iter().chain(others.map(SqlSafeStr::into_sql_str)) {
                    sqlx::query(pragma).persistent(false).execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
}

/// Reads the JSON of a column.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()).into())
}

/// Returns the JSON of a column as its text.
pub(super) fn raw(text: String) -> Result<Box<RawValue>, StoreError> {
    RawValue::from_string(text).map_err(|error| sqlx::Error::Decode(error.into()).into())
}

/// Writes JSON for a column.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}

/// Reads a column that holds one of a closed set of words.
pub(super) fn word<T>(parse: fn(&str) -> Option<T>, text: &str) -> Result<T, StoreError> {
    parse(text).ok_or_else(|| sqlx::Error::Decode(format!("unknown word {text}").into()).into())
}

/// Converts a time or a size for a column.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a time or a size of a column.
pub(super) fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

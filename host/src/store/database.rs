//! The database behind the store: opening it, its connections and errors, and the encoding of columns.

use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Transaction};

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no row of this kind with this id.
    #[error("{what} {id} is not there")]
    NotFound { what: &'static str, id: String },
    /// There already is a row of this kind with this id.
    #[error("{what} {id} already exists")]
    Conflict { what: &'static str, id: String },
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The server of the database does not accept connections; `cause` has no password.
    #[error("the database at {place} cannot be reached: {cause}")]
    Unreachable { place: String, cause: String },
}

impl StoreError {
    /// The error of a row that does not exist.
    pub(super) fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound { what, id: id.to_owned() }
    }

    /// The error of an insert that failed: the id is taken, or the database failed.
    pub(super) fn on_insert(error: sqlx::Error, what: &'static str, id: &str) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Conflict { what, id: id.to_owned() }
            }
            _ => Self::Database(error),
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) readers: AnyPool,
    /// One connection with SQLite, which has one writer at a time: waiting for a connection is fairer and cheaper than
    /// waiting for the lock of the file. With PostgreSQL the pool of the readers.
    pub(super) writer: AnyPool,
    /// The statement that begins a transaction.
    begin: &'static str,
}

impl Store {
    /// Opens `sqlite://path`, which is created when it does not exist, or `postgres://…`, and migrates its tables.
    ///
    /// Dropping the future may leave some of the migrations undone; the next start does them.
    ///
    /// # Errors
    /// When the database cannot be reached or its tables belong to a later version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = if url.starts_with("sqlite:") { Self::sqlite(url).await? } else { Self::postgres(url).await? };
        super::migrations::migrator().run(&store.writer).await.map_err(sqlx::Error::from)?;
        Ok(store)
    }

    async fn sqlite(url: &str) -> Result<Self, StoreError> {
        let begin = "BEGIN IMMEDIATE";
        if url.contains(":memory:") {
            // Each connection to it would have a database of its own, which would end with the connection.
            let only = sqlite_pool(1).idle_timeout(None).max_lifetime(None).connect_with(options(url)?).await?;
            return Ok(Self { readers: only.clone(), writer: only, begin });
        }
        let created = match (url.contains("mode="), url.contains('?')) {
            (true, _) => url.to_owned(),
            (false, true) => format!("{url}&mode=rwc"),
            (false, false) => format!("{url}?mode=rwc"),
        };
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let readers = u32::try_from(cores.clamp(2, 8)).unwrap_or(2);
        let writer = sqlite_pool(1).connect_with(options(&created)?).await?;
        let readers = sqlite_pool(readers).connect_with(options(&created)?).await?;
        Ok(Self { readers, writer, begin })
    }

    async fn postgres(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?;
        reach(&options).await?;
        let pool = AnyPoolOptions::new().max_connections(16).acquire_timeout(ACQUIRE).connect_with(options).await?;
        Ok(Self { readers: pool.clone(), writer: pool, begin: "BEGIN" })
    }

    /// Begins a transaction that may read before it writes.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.writer.begin_with(self.begin).await?)
    }

    /// Closes the connections after the statements that run.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The time to wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);

fn options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    Ok(AnyConnectOptions::from_str(url)?.disable_statement_logging())
}

/// Opens one connection, to report its error: a pool tries again until its time is over and reports only that.
async fn reach(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let url = &options.database_url;
    let socket = url.query_pairs().find(|(key, _)| key == "host").map(|(_, folder)| folder.into_owned());
    let host = socket.as_deref().or(url.host_str()).unwrap_or("localhost");
    let port = url.port().unwrap_or(5432);
    let unreachable = |cause: String| StoreError::Unreachable { place: format!("{host}:{port}"), cause };
    match tokio::time::timeout(ACQUIRE, AnyConnection::connect_with(options)).await {
        Ok(Ok(connection)) => Ok(connection.close().await?),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!("no answer in {} s", ACQUIRE.as_secs()))),
    }
}

fn sqlite_pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        // A file stays reachable; a test before each use would double the round trips.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for pragma in [
                    "PRAGMA busy_timeout = 5000",
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA synchronous = NORMAL",
                    "PRAGMA foreign_keys = ON",
                ] {
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

//! What outlives the process: the catalog and the guilds, in SQLite or PostgreSQL.
//! With the embedded journal the only place that names sqlx. Every query is
//! written once and runs on both; a change of state is one compare-and-set.

mod agents;
mod blueprints;
mod boards;
mod categories;
mod components;
mod guilds;
mod icons;
mod listings;
mod members;
mod reviews;
mod shares;
mod users;

use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Transaction};

pub use blueprints::{BlueprintRow, LaunchableBlueprint, Pins};
pub use components::{ComponentRow, ComponentState};
pub use guilds::{GuildRow, GuildSummary, NewGuild};
pub use listings::BlueprintInfo;
pub use members::{AgentKind, AgentRow};
pub use users::GuildOf;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} {id} is not there")]
    NotFound { what: &'static str, id: String },
    #[error("{what} {id} already exists")]
    Conflict { what: &'static str, id: String },
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database at {place} cannot be reached: {cause}")]
    Unreachable { place: String, cause: String },
}

impl StoreError {
    fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound { what, id: id.to_owned() }
    }

    /// What a failed insert means: the id is taken, or the database failed.
    fn on_insert(error: sqlx::Error, what: &'static str, id: &str) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Conflict { what, id: id.to_owned() }
            }
            _ => Self::Database(error),
        }
    }
}

/// The database. Cheap to clone. No operation holds a lock while it waits for
/// another; each is one round trip or one transaction, so dropping a call half
/// way leaves nothing half done.
#[derive(Clone, Debug)]
pub struct Store {
    readers: AnyPool,
    /// SQLite has one writer at a time: waiting in the pool is fairer, and cheaper,
    /// than waiting for its lock. With PostgreSQL the same pool as the readers.
    writer: AnyPool,
    begin: &'static str,
}

impl Store {
    /// Opens `sqlite://path` (made when it is not there) or `postgres://…` and brings
    /// its tables up to date.
    ///
    /// # Errors
    /// When the database cannot be reached or its tables belong to a later version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = if url.starts_with("sqlite:") { Self::sqlite(url).await? } else { Self::postgres(url).await? };
        sqlx::migrate!("./migrations").run(&store.writer).await.map_err(sqlx::Error::from)?;
        Ok(store)
    }

    async fn sqlite(url: &str) -> Result<Self, StoreError> {
        let begin = "BEGIN IMMEDIATE";
        if url.contains(":memory:") {
            // Each connection to it would be a database of its own, and would end with it.
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

    /// A transaction that may read before it writes.
    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.writer.begin_with(self.begin).await?)
    }

    /// Ends the connections; what is under way is finished first.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

const ACQUIRE: Duration = Duration::from_secs(10);

fn options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    Ok(AnyConnectOptions::from_str(url)?.disable_statement_logging())
}

/// Tries a connection once: a pool tries until its time is over and then says only that.
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
        // A file does not go away; asking before each use would double the round trips.
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

/// JSON of a column.
fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()).into())
}

/// JSON of a column, passed through unread.
fn raw(text: String) -> Result<Box<RawValue>, StoreError> {
    RawValue::from_string(text).map_err(|error| sqlx::Error::Decode(error.into()).into())
}

/// JSON for a column.
fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}

/// A column that holds one of a closed set of words.
fn word<T>(parse: fn(&str) -> Option<T>, text: &str) -> Result<T, StoreError> {
    parse(text).ok_or_else(|| sqlx::Error::Decode(format!("unknown word {text}").into()).into())
}

/// Times and sizes as the database keeps them.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;

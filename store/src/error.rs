//! Why an operation of the store failed, and which failures are outages: the same operation may succeed later.

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no row of this kind with this id.
    #[error("{what} {id} is not there")]
    NotFound { what: &'static str, id: String },
    /// There already is a row of this kind with this id.
    #[error("{what} {id} already exists")]
    Conflict { what: &'static str, id: String },
    /// What is to be removed is in use: kinds and ids, at most 20.
    #[error("{what} {id} is needed by {}", by.join(", "))]
    Needed { what: &'static str, id: String, by: Vec<String> },
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The server of the database does not accept connections; `cause` has no password.
    #[error("the database at {place} cannot be reached: {cause}")]
    Unreachable { place: String, cause: String },
    /// The file of the database cannot be read as one.
    #[error(
        "the database {file} is damaged or is no database: {cause}; restore it from a backup, or look at it with \
         `guildhall db check`"
    )]
    Damaged { file: String, cause: String },
    /// The URL is of another kind of database.
    #[error("`{scheme}` is no database that can be used: write sqlite://path or postgres://user:password@host/name")]
    UnknownScheme { scheme: String },
    /// A pooler between host and database loses prepared statements.
    #[error(
        "the database at {place} is behind a pooler that does not keep prepared statements: {cause}; set \
         `max_prepared_statements = 200` in PgBouncer 1.21 or later, or `pool_mode = session`"
    )]
    Pooled { place: String, cause: String },
    /// Another host uses the database.
    #[error("another host uses the database {place}: two hosts would run every guild twice")]
    InUse { place: String },
}

/// An outage of the store: the same operation may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutage {
    /// The database cannot be reached, is locked by another program, or does not answer.
    Unavailable,
    /// The disk of the database is full.
    DiskFull,
}

// SQLite's primary result codes (https://sqlite.org/rescode.html).
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;
/// The low byte of a result code is the primary code; the rest says more about it.
const PRIMARY_CODE: i32 = 0xff;

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

    /// The outage that the error reports; `None` if repeating the operation does not help.
    #[must_use]
    pub fn outage(&self) -> Option<StoreOutage> {
        match self {
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Needed { .. }
            | Self::Damaged { .. }
            | Self::UnknownScheme { .. }
            | Self::Pooled { .. }
            | Self::InUse { .. } => None,
            Self::Unreachable { .. } => Some(StoreOutage::Unavailable),
            Self::Database(error) => outage(error),
        }
    }
}

/// Whether an error of SQLite says that the file is damaged or is no database.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    sqlite_code(error).is_some_and(|code| matches!(code, SQLITE_CORRUPT | SQLITE_NOTADB))
}

fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(error) = error else { return None };
    // A code of PostgreSQL has five characters, and may consist of digits.
    let code = error.code().filter(|code| code.len() < 5)?;
    code.parse::<i32>().ok().map(|code| code & PRIMARY_CODE)
}

fn outage(error: &sqlx::Error) -> Option<StoreOutage> {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::BeginFailed
        | sqlx::Error::WorkerCrashed => Some(StoreOutage::Unavailable),
        sqlx::Error::Database(database) => match sqlite_code(error) {
            Some(SQLITE_FULL) => Some(StoreOutage::DiskFull),
            Some(SQLITE_BUSY | SQLITE_LOCKED | SQLITE_NOMEM | SQLITE_READONLY | SQLITE_IOERR | SQLITE_CANTOPEN) => {
                Some(StoreOutage::Unavailable)
            }
            Some(_) => None,
            None => outage_of_postgres(&database.code()?),
        },
        _ => None,
    }
}

/// Reads a code of PostgreSQL (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): connections (08),
/// resources (53), the end of the server (57P), errors of the system (58), a server that only reads (25006). A server
/// may refuse to open a connection: the user (28), the database (3D000), or connections to it (55000, 42501).
fn outage_of_postgres(code: &str) -> Option<StoreOutage> {
    match code {
        "53100" => Some(StoreOutage::DiskFull),
        "25006" | "3D000" | "42501" | "55000" | "55P03" => Some(StoreOutage::Unavailable),
        _ => ["08", "28", "53", "57P", "58"]
            .iter()
            .any(|class| code.starts_with(class))
            .then_some(StoreOutage::Unavailable),
    }
}

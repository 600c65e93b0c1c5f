//! How an error of SQLite becomes an error of the journal.

use std::sync::Arc;

use crate::error::JournalError;

// SQLite's primary result codes after which the same statement may succeed later (https://sqlite.org/rescode.html).
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_PROTOCOL: i32 = 15;
// The codes of a statement that is refused because of its values.
const SQLITE_TOOBIG: i32 = 18;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_MISMATCH: i32 = 20;
const SQLITE_RANGE: i32 = 25;

/// The low byte of a result code is the primary code; the rest says more about it.
const PRIMARY_CODE: i32 = 0xff;

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error if code(&error) == Some(SQLITE_FULL) => Self::DiskFull(Arc::new(error)),
            error if is_temporary(&error) => Self::Unavailable(Arc::new(error)),
            error if is_of_values(&error) => Self::Storage(Arc::new(error)),
            error => Self::Broken(Arc::new(error)),
        }
    }
}

/// The primary result code of SQLite.
fn code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(error) = error else { return None };
    error.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & PRIMARY_CODE)
}

/// Whether the same statement may succeed later: the file is locked or cannot be reached.
fn is_temporary(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => matches!(
            code(error),
            Some(
                SQLITE_BUSY
                    | SQLITE_LOCKED
                    | SQLITE_NOMEM
                    | SQLITE_READONLY
                    | SQLITE_IOERR
                    | SQLITE_CANTOPEN
                    | SQLITE_PROTOCOL
            )
        ),
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        _ => false,
    }
}

/// Whether only this statement is refused, because of its values.
fn is_of_values(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => {
            matches!(code(error), Some(SQLITE_TOOBIG | SQLITE_CONSTRAINT | SQLITE_MISMATCH | SQLITE_RANGE))
        }
        sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => true,
        _ => false,
    }
}

//! How an error of SQLite becomes an error of the journal.

use std::sync::Arc;

use crate::journal::error::JournalError;

// SQLite's primary result codes after which the same statement may succeed later (https://sqlite.org/rescode.html).
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;

/// The low byte of a result code is the primary code; the rest says more about it.
const PRIMARY_CODE: i32 = 0xff;

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error if is_temporary(&error) => Self::Unavailable(Arc::new(error)),
            error => Self::Storage(Arc::new(error)),
        }
    }
}

/// Whether the same statement may succeed later: the file is locked, the disk is full or cannot be reached.
fn is_temporary(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            code.is_some_and(|code| {
                matches!(
                    code & PRIMARY_CODE,
                    SQLITE_BUSY
                        | SQLITE_LOCKED
                        | SQLITE_NOMEM
                        | SQLITE_READONLY
                        | SQLITE_IOERR
                        | SQLITE_FULL
                        | SQLITE_CANTOPEN
                )
            })
        }
        sqlx::Error::Io(_) => true,
        _ => false,
    }
}

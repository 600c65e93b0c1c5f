//! How an error of Redis becomes an error of the journal.

use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::JournalError;

impl From<RedisError> for JournalError {
    fn from(error: RedisError) -> Self {
        let text = error.to_string();
        // A script's error has the code only in its text before Redis 7.
        if error.code() == Some("OOM")
            || text.contains("OOM command not allowed")
            || text.contains("No space left on device")
        {
            return Self::DiskFull(words(format!(
                "Redis takes no more data (`maxmemory`, or its disk is full): {text}"
            )));
        }
        if text.contains("READONLY") {
            return Self::Unavailable(words(format!("this Redis server is a replica, which takes no writes: {text}")));
        }
        if is_temporary(&error) { Self::Unavailable(Arc::new(error)) } else { Self::Storage(Arc::new(error)) }
    }
}

/// An outage that is told in words.
pub fn unavailable(text: impl Into<String>) -> JournalError {
    JournalError::Unavailable(words(text.into()))
}

/// Stored data that is not what the storage has written.
pub fn unexpected(what: &str) -> JournalError {
    JournalError::Corrupt(format!("Redis has answered with {what} that nobody has stored"))
}

pub fn words(text: String) -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(text))
}

/// Whether the same command may succeed later.
fn is_temporary(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot)
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::InvalidClientConfig => false,
        // `MISCONF`: the disk of the server fails; `BUSY`: a script runs; `NOREPLICAS`: too few copies.
        ErrorKind::Extension => {
            matches!(error.code(), Some("MISCONF" | "BUSY" | "NOREPLICAS" | "UNBLOCKED" | "NOAUTH"))
        }
        _ => true,
    }
}

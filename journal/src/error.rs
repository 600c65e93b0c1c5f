//! Why an operation of the journal failed. The errors of a storage's library stay behind [`StorageFailure`].

use std::sync::Arc;

/// The error of a storage's library, as a text for people. Nobody matches on it.
pub type StorageFailure = Arc<dyn std::error::Error + Send + Sync>;

/// Why an operation of the journal failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The storage cannot be used at present: a file is locked, a disk is full or a connection is lost. The same
    /// operation may succeed later.
    #[error("the journal's storage is not available: {0}")]
    Unavailable(StorageFailure),
    /// As `Unavailable`, because the disk is full.
    #[error("the disk of the journal is full: {0}")]
    DiskFull(StorageFailure),
    /// The storage refused the operation. Repeating it does not help.
    #[error("the journal's storage failed: {0}")]
    Storage(StorageFailure),
    /// The storage was written by a newer version of the host.
    #[error("the journal's storage cannot be opened: {0}")]
    Migration(String),
    /// Stored data cannot be read.
    #[error("a stored message cannot be read: {0}")]
    Corrupt(String),
    /// The storage is damaged or does not work. The host has to end: what is taken from now on could not be stored.
    #[error("the journal's storage is damaged or does not work: {0}; look at it with `guildhall db check`")]
    Broken(StorageFailure),
    /// Another host has taken over the guild. Nothing of it can be written here any more.
    #[error("another host has taken over the guild")]
    TakenOver,
    /// Another host that is alive has the guild.
    #[error("the guild is on the host at {0}")]
    Elsewhere(String),
    /// The journal was closed before the operation ended.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Whether the same operation may succeed later.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::DiskFull(_))
    }
}

/// Why the storage takes no writes at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageTrouble {
    /// It cannot be reached or is locked.
    Unavailable,
    /// Its disk is full.
    DiskFull,
}

//! Why a guild did not do what was asked.

use crate::journal::JournalError;
use crate::store::StoreError;

/// Why a guild did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GuildError {
    /// There is no guild of this id.
    #[error("no such guild")]
    Unknown,
    /// The guild was stopped and does not run again.
    #[error("the guild was stopped")]
    Stopped,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl GuildError {
    /// The error of a look-up of a guild in the store.
    pub(super) fn of_store(error: StoreError) -> Self {
        if matches!(error, StoreError::NotFound { .. }) { Self::Unknown } else { Self::Store(error) }
    }
}

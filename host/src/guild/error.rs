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
    /// The guild is being stopped.
    #[error("the guild is being stopped")]
    Stopping,
    /// The guild is to be removed and was not stopped.
    #[error("the guild was not stopped")]
    NotStopped,
    /// Another host has the guild, or has just taken it over.
    #[error("the guild is on another host")]
    Elsewhere,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal failed.
    #[error(transparent)]
    Journal(JournalError),
    /// The task that starts the guild failed.
    #[error("the guild could not be started: {0}")]
    Host(String),
}

impl From<JournalError> for GuildError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Elsewhere(_) | JournalError::TakenOver => Self::Elsewhere,
            other => Self::Journal(other),
        }
    }
}

impl GuildError {
    /// Whether the store or the journal is away: the same may succeed later.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Store(error) => error.outage().is_some(),
            Self::Journal(error) => error.is_outage(),
            Self::Elsewhere => true,
            Self::Unknown | Self::Stopped | Self::Stopping | Self::NotStopped | Self::Host(_) => false,
        }
    }

    /// Whether what is stored of this guild cannot be used.
    pub(super) fn is_of_guild(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Journal(_)) && !self.is_outage()
    }

    /// The error of a look-up of a guild in the store.
    pub(super) fn of_store(error: StoreError) -> Self {
        if matches!(error, StoreError::NotFound { .. }) { Self::Unknown } else { Self::Store(error) }
    }
}

//! What the store knows of the journal: its identity, and how far it has come. A start that finds another journal, or
//! one that has lost messages, can tell.

use super::database::{Store, to_i64, to_u64};
use super::error::StoreError;

/// What the store knows of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalMark {
    /// The random id that the journal was created with.
    pub identity: String,
    /// The largest id of a message that was durable when the mark was written.
    pub last: u64,
}

impl Store {
    /// Returns the mark; `None` if the store has not seen a journal.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn journal_mark(&self) -> Result<Option<JournalMark>, StoreError> {
        let row: Option<(String, i64)> = sqlx::query_as("SELECT identity, last FROM journal_mark WHERE id = 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|(identity, last)| JournalMark { identity, last: to_u64(last) }))
    }

    /// Replaces the mark.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_journal_mark(&self, mark: &JournalMark) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO journal_mark (id, identity, last) VALUES (1, $1, $2)
             ON CONFLICT (id) DO UPDATE SET identity = excluded.identity, last = excluded.last",
        )
        .bind(mark.identity.as_str())
        .bind(to_i64(mark.last))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Reads one row, to learn whether the database answers. Cancel safe.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn probe(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.readers).await?;
        Ok(())
    }
}

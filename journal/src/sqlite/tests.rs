//! SQLite passes the conformance suite, and opens the files of older versions.

use std::sync::Arc;

use tempfile::TempDir;

use super::SqliteStorage;
use crate::settings::Durability;
use crate::storage::Storage;
use crate::storage::conformance::{Bench, conformance_tests};

struct InFile(TempDir);

impl Default for InFile {
    fn default() -> Self {
        Self(TempDir::new().unwrap())
    }
}

impl Bench for InFile {
    async fn open(&self) -> Arc<dyn Storage> {
        Arc::new(SqliteStorage::open(&self.0.path().join("journal.db"), Durability::Process).await.unwrap())
    }
}

conformance_tests!(InFile);

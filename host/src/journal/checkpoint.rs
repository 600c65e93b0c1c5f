//! Moves what is in the write-ahead log into the file, beside the writer: the
//! flushes to disk that this takes would otherwise stop every message in their
//! way for tens of milliseconds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};

use super::embedded::Shared;

const EVERY: Duration = Duration::from_millis(250);
/// Above this many pages of 4 KiB the log starts again from its beginning, for
/// which the writer waits a moment.
const PAGES: i64 = 16_384;

/// Checkpoints while there is something new, until the journal closes.
pub async fn run(shared: Arc<Shared>, file: PathBuf) {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(5));
    let mut db = match options.disable_statement_logging().connect().await {
        Ok(db) => db,
        Err(error) => return tracing::error!(%error, "the journal is not checkpointed; its log will grow"),
    };
    let mut checkpointed = 0;
    loop {
        tokio::select! {
            () = shared.closed.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let written = shared.batches();
        if std::mem::replace(&mut checkpointed, written) == written {
            continue;
        }
        if let Err(error) = checkpoint(&mut db).await {
            tracing::warn!(%error, "the journal could not be checkpointed; trying again");
        }
    }
}

async fn checkpoint(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *db).await?;
    if row.get::<i64, _>(1) > PAGES {
        sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(&mut *db).await?;
    }
    Ok(())
}

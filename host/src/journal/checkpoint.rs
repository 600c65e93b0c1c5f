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
/// Above this many pages of 4 KiB the log starts again from its beginning once little
/// is written: the writer waits for that, and its next transaction for the disk.
const PAGES: i64 = 16_384;
/// Above this many it starts again in any case.
const MOST_PAGES: i64 = 131_072;
/// Little: at most so many transactions since the last look.
const LITTLE: u64 = 25;

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
        let new = written - std::mem::replace(&mut checkpointed, written);
        if new == 0 {
            continue;
        }
        let most = if new <= LITTLE { PAGES } else { MOST_PAGES };
        if let Err(error) = checkpoint(&mut db, most).await {
            tracing::warn!(%error, "the journal could not be checkpointed; trying again");
        }
    }
}

async fn checkpoint(db: &mut SqliteConnection, most: i64) -> Result<(), sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *db).await?;
    if row.get::<i64, _>(1) > most {
        sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(&mut *db).await?;
    }
    Ok(())
}

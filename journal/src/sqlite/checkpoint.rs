//! Moves the write-ahead log into the database file, on a connection of its own. The flushes to the disk that this takes
//! would stop every message for tens of milliseconds if the writer did it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(250);
/// The wait before another try to open the file.
const AGAIN: Duration = Duration::from_secs(1);
/// When the write-ahead log has more pages of 4 KiB than this and few batches are written, it starts again from its
/// beginning. The writer waits for that, and its next transaction waits for the disk.
const PAGES: i64 = 16_384;
/// When the write-ahead log has more pages than this, it starts again however many batches are written.
const MOST_PAGES: i64 = 65_536;
/// At most this many batches since the last look count as few.
const FEW_BATCHES: u64 = 25;

/// Checkpoints while there is something new, until the storage is closed. `commits` counts the batches that were
/// committed. Cancel safe.
pub async fn run(file: PathBuf, commits: Arc<AtomicU64>, closed: CancellationToken) {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(5));
    let options = options.disable_statement_logging();
    let mut db = loop {
        match options.connect().await {
            Ok(db) => break db,
            Err(error) => tracing::error!(%error, "the journal is not checkpointed, and its write-ahead log grows"),
        }
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    };
    let mut checkpointed = 0;
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let written = commits.load(Ordering::Relaxed);
        let new = written - std::mem::replace(&mut checkpointed, written);
        if new == 0 {
            continue;
        }
        let most = if new <= FEW_BATCHES { PAGES } else { MOST_PAGES };
        if let Err(error) = checkpoint(&mut db, most).await {
            tracing::warn!(%error, "the journal could not be checkpointed; trying again");
        }
    }
}

async fn checkpoint(db: &mut SqliteConnection, most: i64) -> Result<(), sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *db).await?;
    if row.try_get::<i64, _>(1)? > most {
        sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(&mut *db).await?;
    }
    Ok(())
}

//! Retention: consumed messages go when they are too old or their guild's log
//! too large, and the file really shrinks. What an agent has not consumed stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};

use guildhall_model::ids::MessageId;

use super::embedded::Shared;
use super::queue::read_cursors;
use super::{JournalError, Retention};

const EVERY: Duration = Duration::from_secs(60);

/// Trims once a minute until the journal closes.
pub async fn run(shared: Arc<Shared>, file: PathBuf, retention: Retention) {
    loop {
        tokio::select! {
            () = shared.closed.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if shared.is_closing() {
            return;
        }
        if let Err(error) = trim(&shared, &file, retention).await {
            tracing::warn!(%error, "the journal could not be trimmed; trying again in a minute");
        }
    }
}

/// Removes what retention does not keep and gives the space back.
pub async fn trim(shared: &Shared, file: &std::path::Path, retention: Retention) -> Result<u64, JournalError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(30));
    let mut db = options.disable_statement_logging().connect().await?;
    let age = u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX);
    let too_old = MessageId::first_at(shared.now_ms().saturating_sub(age));
    shared.close_idle_logs();
    let mut removed = 0;
    for log in shared.open_logs() {
        log.settle_idle();
    }
    for key in shared.guild_keys() {
        removed += trim_guild(shared, &mut db, key, too_old, retention.guild_bytes).await?;
    }
    sqlx::query("DELETE FROM client_ids WHERE id < ?")
        .bind(shared.client_ids_since().as_i64())
        .execute(&mut db)
        .await?;
    if removed > 0 {
        // In steps, too: each is a write for which the writer waits.
        while sqlx::query_scalar::<_, i64>("PRAGMA freelist_count").fetch_one(&mut db).await? > 0 {
            sqlx::query("PRAGMA incremental_vacuum(512)").fetch_all(&mut db).await?;
        }
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut db).await?;
    }
    Ok(removed)
}

async fn trim_guild(
    shared: &Shared,
    db: &mut SqliteConnection,
    key: i64,
    too_old: MessageId,
    bytes: u64,
) -> Result<u64, JournalError> {
    let over = first_to_keep(db, key, bytes).await?;
    let Some(mut end) = over.max(Some(too_old)) else { return Ok(0) };
    for row in sqlx::query("SELECT lanes FROM cursors WHERE guild = ?").bind(key).fetch_all(&mut *db).await? {
        let consumed = read_cursors(row.get(0)).and_then(|cursors| cursors.into_iter().min());
        end = end.min(consumed.unwrap_or_default());
    }
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT MIN(id) FROM log WHERE guild = ?").bind(key).fetch_one(&mut *db).await?;
    if oldest.is_none_or(|oldest| MessageId::from_i64(oldest) >= end) {
        return Ok(0);
    }
    // Noted first: whoever resumes must never miss something without a word.
    sqlx::query("UPDATE guilds SET trimmed = ? WHERE key = ?").bind(end.as_i64()).bind(key).execute(&mut *db).await?;
    shared.set_trimmed(key, end);
    let mut removed = 0;
    loop {
        // In steps, so that the writer never waits long.
        let step = sqlx::query(
            "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE guild = ? AND id < ? ORDER BY id LIMIT 1000)",
        )
        .bind(key)
        .bind(end.as_i64())
        .execute(&mut *db)
        .await?
        .rows_affected();
        removed += step;
        if step == 0 {
            break;
        }
    }
    Ok(removed)
}

/// The oldest message that still fits when the newest are kept, if not all fit.
async fn first_to_keep(db: &mut SqliteConnection, key: i64, bytes: u64) -> Result<Option<MessageId>, JournalError> {
    let id: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM (
            SELECT id, SUM(octet_length(body) + octet_length(topics)) OVER (ORDER BY id DESC) AS kept FROM log WHERE guild = ?
         ) WHERE kept > ? ORDER BY id DESC LIMIT 1",
    )
    .bind(key)
    .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
    .fetch_optional(&mut *db)
    .await?;
    Ok(id.map(|id| MessageId::from_i64(id + 1)))
}

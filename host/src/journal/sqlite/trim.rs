//! Removes messages that retention does not keep, in small steps beside the writer, and gives the space back to the
//! file system. The journal decides when.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};

use guildhall_model::ids::MessageId;

use super::columns::read_cursors;
use crate::journal::error::JournalError;
use crate::journal::step::GuildKey;
use crate::journal::storage::Trim;

/// Trims the guilds and shrinks the file. Returns the number of removed messages. Cancel safe: a later call continues.
pub async fn trim(file: &Path, trim: Trim<'_>) -> Result<u64, JournalError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(30));
    let mut db = options.disable_statement_logging().connect().await?;
    let mut removed = 0;
    for guild in trim.guilds {
        removed += trim_guild(&mut db, *guild, &trim).await?;
    }
    sqlx::query("DELETE FROM client_ids WHERE id < ?").bind(trim.client_ids_before.as_i64()).execute(&mut db).await?;
    if removed > 0 {
        // In steps: each is a write for which the writer waits.
        while sqlx::query_scalar::<_, i64>("PRAGMA freelist_count").fetch_one(&mut db).await? > 0 {
            sqlx::query("PRAGMA incremental_vacuum(512)").fetch_all(&mut db).await?;
        }
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut db).await?;
    }
    Ok(removed)
}

async fn trim_guild(db: &mut SqliteConnection, guild: GuildKey, trim: &Trim<'_>) -> Result<u64, JournalError> {
    let over = first_to_keep(db, guild, trim.guild_bytes).await?;
    let Some(mut end) = over.max(Some(trim.too_old)) else { return Ok(0) };
    for row in sqlx::query("SELECT lanes FROM cursors WHERE guild = ?").bind(guild.0).fetch_all(&mut *db).await? {
        let consumed = read_cursors(row.try_get(0)?).and_then(|cursors| cursors.into_iter().min());
        end = end.min(consumed.unwrap_or_default());
    }
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT MIN(id) FROM log WHERE guild = ?").bind(guild.0).fetch_one(&mut *db).await?;
    if oldest.is_none_or(|oldest| MessageId::from_i64(oldest) >= end) {
        return Ok(0);
    }
    // Written before the first message is removed: a reader that resumes must learn that messages are missing.
    sqlx::query("UPDATE guilds SET trimmed = ? WHERE key = ?")
        .bind(end.as_i64())
        .bind(guild.0)
        .execute(&mut *db)
        .await?;
    (trim.on_trim)(guild, end);
    let mut removed = 0;
    loop {
        // In steps, so that the writer never waits long.
        let step = sqlx::query(
            "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE guild = ? AND id < ? ORDER BY id LIMIT 1000)",
        )
        .bind(guild.0)
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

/// Returns the first message to keep so that the newest messages fit into `bytes`. `None`: all messages fit.
async fn first_to_keep(
    db: &mut SqliteConnection,
    guild: GuildKey,
    bytes: u64,
) -> Result<Option<MessageId>, JournalError> {
    let id: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM (
            SELECT id, SUM(octet_length(body) + octet_length(topics)) OVER (ORDER BY id DESC) AS kept FROM log WHERE guild = ?
         ) WHERE kept > ? ORDER BY id DESC LIMIT 1",
    )
    .bind(guild.0)
    .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
    .fetch_optional(&mut *db)
    .await?;
    Ok(id.map(|id| MessageId::from_i64(id + 1)))
}

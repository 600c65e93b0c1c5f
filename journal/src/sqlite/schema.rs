//! The tables of the journal's database, and how older versions of them are brought up to date.

use std::path::{Path, PathBuf};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::stretches;
use crate::error::JournalError;

const VERSION: i64 = 7;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS guilds (
    key INTEGER PRIMARY KEY, guild TEXT NOT NULL UNIQUE, trimmed BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0, sized_to BIGINT NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS guilds_by_trimmed ON guilds (trimmed);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, guild BIGINT NOT NULL, lane BIGINT NOT NULL, topics TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_guild ON log (guild);
DROP TABLE IF EXISTS topics;
CREATE TABLE IF NOT EXISTS stretches (
    guild BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, topics TEXT NOT NULL,
    PRIMARY KEY (guild, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (
    guild BIGINT NOT NULL, consumer TEXT NOT NULL, lanes TEXT NOT NULL,
    attempt_id BIGINT NOT NULL, attempts BIGINT NOT NULL, declined BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (guild, consumer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states (
    guild BIGINT NOT NULL, owner TEXT NOT NULL, version BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (guild, owner)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keyvalues (
    guild BIGINT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (guild, owner, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client_ids (
    guild BIGINT NOT NULL, user TEXT NOT NULL, client_id TEXT NOT NULL, id BIGINT NOT NULL,
    PRIMARY KEY (guild, user, client_id)) WITHOUT ROWID;
DROP INDEX IF EXISTS client_ids_by_id;
CREATE TABLE IF NOT EXISTS snapshots (
    guild BIGINT NOT NULL, consumer TEXT NOT NULL, version TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (guild, consumer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unfinished (
    first INTEGER PRIMARY KEY, guild BIGINT NOT NULL, last BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS removed (
    one INTEGER PRIMARY KEY CHECK (one = 1), last_key BIGINT NOT NULL, last_id BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);
INSERT INTO identity (id) SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM identity);
";

/// Adds the column that the tables of version 1 lack. `SCHEMA` creates the table that version 2 lacks.
const FROM_1: &str = "BEGIN; ALTER TABLE cursors ADD COLUMN declined BIGINT NOT NULL DEFAULT 0;
    PRAGMA user_version = 2; COMMIT;";

/// Adds the columns that the tables before version 4 lack: the bytes of each log, and up to which message they are
/// counted. Retention counts the messages when it runs first.
const FROM_3: &str = "BEGIN; ALTER TABLE guilds ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE guilds ADD COLUMN sized_to BIGINT NOT NULL DEFAULT 0;
    PRAGMA user_version = 4; COMMIT;";

/// Creates the tables or brings them up to date, and gives a new journal its identity. Files before version 6 have
/// no stretches, which are made of their messages. Cancel safe: each version is one transaction.
pub async fn prepare(db: &mut SqliteConnection, file: &Path) -> Result<(), JournalError> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *db).await?;
    if let Some(newer) = newer(version, file) {
        return Err(JournalError::Migration(newer));
    }
    if (1..VERSION).contains(&version) {
        keep_old(db, file, version).await?;
    }
    if version == 1 {
        sqlx::raw_sql(FROM_1).execute(&mut *db).await?;
    }
    if (1..4).contains(&version) {
        sqlx::raw_sql(FROM_3).execute(&mut *db).await?;
    }
    sqlx::raw_sql(SCHEMA).execute(&mut *db).await?;
    if version < VERSION {
        let mut filling = db.begin().await?;
        stretches::fill(&mut filling).await?;
        sqlx::raw_sql("PRAGMA user_version = 7").execute(&mut *filling).await?;
        filling.commit().await?;
    }
    Ok(())
}

/// Returns what is wrong if a newer host wrote a file of this version.
pub fn newer(version: i64, file: &Path) -> Option<String> {
    let text = format!("{} has version {version}, and this host reads versions up to {VERSION}", file.display());
    (version > VERSION).then_some(text)
}

/// Keeps a copy of a file that is about to be brought up to date, under the name of its version. A copy that is there is
/// of an earlier attempt. Dropping the future leaves no copy of this name.
async fn keep_old(db: &mut SqliteConnection, file: &Path, version: i64) -> Result<(), JournalError> {
    let named = |end: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let (kept, partial) = (named(&format!(".v{version}")), named(&format!(".v{version}.partial")));
    if kept.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| JournalError::Storage(std::sync::Arc::new(error));
    let _ = std::fs::remove_file(&partial);
    let path = partial.to_str().ok_or_else(|| JournalError::Migration(format!("{} is no text", partial.display())))?;
    sqlx::query("VACUUM INTO ?").bind(path).execute(&mut *db).await?;
    std::fs::File::open(&partial).and_then(|copy| copy.sync_all()).map_err(failed)?;
    std::fs::rename(&partial, &kept).map_err(failed)?;
    tracing::info!(file = %kept.display(), "the journal is brought up to date; the old one is kept");
    Ok(())
}

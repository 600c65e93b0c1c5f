//! Looks for damage in the file of a journal, without changing it.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::schema;
use guildhall_model::ids::MessageId;

/// What is found in the file of a journal.
#[derive(Clone, Debug, Default)]
pub struct JournalCheck {
    /// Each is a sentence.
    pub defects: Vec<String>,
    /// The random id that the journal was created with; `None` if an older host wrote it.
    pub identity: Option<String>,
    /// The largest id of a message that the journal has or had.
    pub last: u64,
}

/// Checks the file of a journal. Cancel safe.
pub async fn check(file: &Path) -> JournalCheck {
    let mut found = JournalCheck::default();
    if let Err(error) = look(file, &mut found).await {
        found.defects.push(format!("{}: {error}", file.display()));
    }
    found
}

async fn look(file: &Path, found: &mut JournalCheck) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).disable_statement_logging();
    let mut db = options.connect().await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut db).await?;
    if let Some(newer) = schema::newer(version, file) {
        found.defects.push(newer);
    }
    let lines: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(20)").fetch_all(&mut db).await?;
    let wrong = lines.into_iter().filter(|line| line != "ok");
    found.defects.extend(wrong.map(|line| format!("{}: {line}", file.display())));
    let last: i64 =
        sqlx::query_scalar("SELECT MAX(id) FROM (SELECT MAX(id) AS id FROM log UNION SELECT MAX(trimmed) FROM guilds)")
            .fetch_one(&mut db)
            .await
            .map(|last: Option<i64>| last.unwrap_or(0))?;
    // The newest messages may have been those of a guild that was removed. An older journal has no such table.
    let removed: Option<i64> =
        sqlx::query_scalar("SELECT last_id FROM removed").fetch_optional(&mut db).await.unwrap_or_default();
    found.last = MessageId::from_i64(last.max(removed.unwrap_or(0))).get();
    // A journal of an older host has no such table.
    found.identity = sqlx::query_scalar("SELECT id FROM identity").fetch_optional(&mut db).await.unwrap_or_default();
    db.close().await
}

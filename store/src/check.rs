//! Looks for damage in the database of a store, without changing it.

use std::str::FromStr;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection};

use super::database::to_u64;
use super::journal_mark::JournalMark;
use super::migrations;

/// What is found in the database of a store.
#[derive(Clone, Debug, Default)]
pub struct StoreCheck {
    /// Each is a sentence.
    pub defects: Vec<String>,
    /// What the store knows of the journal.
    pub mark: Option<JournalMark>,
}

/// Checks the database of a URL. The server of PostgreSQL checks its own files, so it only has to answer. Cancel safe.
pub async fn check(url: &str) -> StoreCheck {
    sqlx::any::install_default_drivers();
    let mut found = StoreCheck::default();
    if let Err(error) = look(url, &mut found).await {
        let place = url.split('?').next().unwrap_or(url);
        let place = if url.starts_with("sqlite:") {
            place.trim_start_matches("sqlite:").trim_start_matches("//")
        } else {
            "the database"
        };
        found.defects.push(format!("{place}: {error}"));
    }
    found
}

async fn look(url: &str, found: &mut StoreCheck) -> Result<(), sqlx::Error> {
    let is_sqlite = url.starts_with("sqlite:");
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = if is_sqlite && !url.contains("mode=") { format!("{url}{separator}mode=ro") } else { url.to_owned() };
    let options = AnyConnectOptions::from_str(&url)?.disable_statement_logging();
    let mut connection = AnyConnection::connect_with(&options).await?;
    if is_sqlite {
        let lines: Vec<(String,)> = sqlx::query_as("PRAGMA quick_check(20)").fetch_all(&mut connection).await?;
        let place =
            url.split('?').next().unwrap_or(&url).trim_start_matches("sqlite:").trim_start_matches("//").to_owned();
        found.defects.extend(migrations::newer(migrations::applied(&mut connection).await?, &place));
        let wrong = lines.into_iter().filter(|(line,)| line != "ok");
        found.defects.extend(wrong.map(|(line,)| format!("{place}: {line}")));
    }
    let mark: Option<(String, i64)> =
        sqlx::query_as("SELECT identity, last FROM journal_mark WHERE id = 1").fetch_optional(&mut connection).await?;
    found.mark = mark.map(|(identity, last)| JournalMark { identity, last: to_u64(last) });
    connection.close().await
}

//! Poolers between the host and PostgreSQL, such as PgBouncer. In their transaction mode each transaction may run in
//! another session of the server, so the store keeps nothing in a session but prepared statements, which the pooler must
//! know.

use sqlx::{AnyConnection, Connection};

use super::error::StoreError;

/// A statement with a parameter, which is prepared under a name. Each connection gives its first one the same name.
const STATEMENT: &str = "SELECT CAST($1 AS BIGINT)";
/// PostgreSQL's codes of a prepared statement that exists already, and of one that does not exist.
const NOT_KEPT: [&str; 2] = ["42P05", "26000"];

/// Runs a prepared statement on two connections in turn, and closes them. A pooler may run both in one session.
///
/// # Errors
/// `Pooled` if a prepared statement is lost or belongs to the other connection, or the database fails.
pub(super) async fn check(mut connections: [AnyConnection; 2], place: &str) -> Result<(), StoreError> {
    for turn in 0..4 {
        let statement = sqlx::query_scalar::<_, i64>(STATEMENT).bind(1_i64);
        statement.fetch_one(&mut connections[turn % 2]).await.map_err(|error| of(error, place))?;
    }
    for connection in connections {
        connection.close().await?;
    }
    Ok(())
}

fn of(error: sqlx::Error, place: &str) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    if code.is_some_and(|code| NOT_KEPT.contains(&&*code)) {
        return StoreError::Pooled { place: place.to_owned(), cause: error.to_string() };
    }
    error.into()
}

/// Returns the text of an error of a connection. One of a pooler gets the setting that helps.
pub(super) fn explain(error: &sqlx::Error) -> String {
    let text = error.to_string();
    match text.contains("unsupported startup parameter") {
        true => format!("{text}; set `ignore_startup_parameters = extra_float_digits` in PgBouncer"),
        false => text,
    }
}

//! The one writer of the journal's database. Whatever waits when it is free goes
//! into one transaction, as statements of many rows; then the subscribers that
//! were promised durable messages get them, and the publishers their receipts.
//!
//! A database that is full, busy or broken for a while is tried again until it
//! works: nothing that was accepted is dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, SqlStr};

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::values::WrittenValue;

use super::JournalError;
use super::embedded::Shared;
use super::states::owner_column;
use super::step::{CursorWrite, SideWrite, Step};

/// Writes until the journal is closed and nothing waits any more.
pub async fn run(shared: Arc<Shared>, mut db: SqliteConnection) {
    let mut statements = Statements::default();
    loop {
        let batch = shared.take_batch();
        if batch.is_empty() {
            if shared.is_closing() {
                break;
            }
            shared.work.notified().await;
            continue;
        }
        write(&shared, &mut db, &mut statements, batch).await;
        shared.has_written();
    }
    use sqlx::Connection;
    if let Err(error) = db.close().await {
        tracing::warn!(%error, "the journal's database did not close cleanly");
    }
    shared.closed.cancel();
}

async fn write(shared: &Shared, db: &mut SqliteConnection, statements: &mut Statements, batch: Vec<Step>) {
    let (refused, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(|entry| entry.failure().is_some());
    for entry in refused {
        if let (Some(error), Some(done)) = (entry.failure().cloned(), entry.done) {
            let _ = done.send(Err(error));
        }
    }
    if batch.is_empty() {
        return;
    }
    let mut wait = Duration::from_millis(20);
    loop {
        let Err(error) = transact(db, statements, &batch).await else {
            return settle(shared, batch);
        };
        let _ = sqlx::query("ROLLBACK").execute(&mut *db).await;
        if !is_passing(&error) {
            return Box::pin(write_apart(shared, db, statements, batch, error)).await;
        }
        tracing::error!(%error, "the journal cannot be written; trying again");
        shared.set_writable(false);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(1));
    }
}

/// After an error that trying again does not cure: each step on its own, so that
/// only the one that cannot be written fails.
async fn write_apart(
    shared: &Shared,
    db: &mut SqliteConnection,
    statements: &mut Statements,
    batch: Vec<Step>,
    error: sqlx::Error,
) {
    if batch.len() == 1 {
        tracing::error!(%error, "a step of the journal was refused by its database");
        let error = JournalError::from(error);
        for entry in batch {
            if let Some(whole) = &entry.whole {
                let _ = whole.failed.set(error.clone());
                if let Err(error) = discard(db, entry.guild, whole.first, whole.last).await {
                    tracing::error!(%error, "a part of a step stays in the journal until it is opened again");
                }
            }
            if let Some(done) = entry.done {
                let _ = done.send(Err(error.clone()));
            }
        }
        return;
    }
    for entry in batch {
        write(shared, db, statements, vec![entry]).await;
    }
}

fn settle(shared: &Shared, batch: Vec<Step>) {
    shared.set_writable(true);
    for entry in batch {
        for (subscriber, message) in entry.settle {
            subscriber.push(&message);
        }
        if let Some(done) = entry.done {
            let _ = done.send(Ok(()));
        }
    }
}

/// Whether the same statement may work later: the file is locked, the disk full
/// or out of reach.
fn is_passing(error: &sqlx::Error) -> bool {
    const PASSING: [i32; 7] = [5, 6, 8, 10, 13, 14, 7];
    match error {
        sqlx::Error::Database(error) => {
            error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| PASSING.contains(&(code & 0xff)))
        }
        sqlx::Error::Io(_) => true,
        _ => false,
    }
}

async fn transact(db: &mut SqliteConnection, statements: &mut Statements, batch: &[Step]) -> Result<(), sqlx::Error> {
    let rows: Vec<(i64, &Arc<Message>)> =
        batch.iter().flat_map(|entry| entry.rows.iter().map(|row| (entry.guild, row))).collect();
    let cursors = last_cursors(batch);
    let has_rare = batch.iter().any(|entry| !entry.rare.is_empty());
    if has_rare {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
        for entry in batch {
            for rare in &entry.rare {
                write_rare(db, entry.guild, rare).await?;
            }
        }
    }
    let mut arguments = SqliteArguments::default();
    bind_rows(&mut arguments, &rows)?;
    bind_cursors(&mut arguments, &cursors)?;
    let sql = statements.get(padded(rows.len()), padded(cursors.len()), !has_rare);
    sqlx::query_with(sql, arguments).execute(&mut *db).await?;
    Ok(())
}

/// Removes what was written of steps whose last part never came.
pub async fn discard_unfinished(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let unfinished: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT guild, first, last FROM unfinished").fetch_all(&mut *db).await?;
    for (guild, first, last) in unfinished {
        discard(db, guild, MessageId::from_i64(first), MessageId::from_i64(last)).await?;
    }
    Ok(())
}

async fn discard(db: &mut SqliteConnection, guild: i64, first: MessageId, last: MessageId) -> Result<(), sqlx::Error> {
    for sql in [
        "DELETE FROM log WHERE guild = ? AND id >= ? AND id <= ?",
        "DELETE FROM unfinished WHERE guild = ? AND first >= ? AND last <= ?",
    ] {
        sqlx::query(sql).bind(guild).bind(first.as_i64()).bind(last.as_i64()).execute(&mut *db).await?;
    }
    Ok(())
}

/// The last position of each consumer: earlier ones of the batch are overwritten
/// by it anyway. One that was forgotten counts from then on only; the batch's
/// deletes run first.
fn last_cursors(batch: &[Step]) -> Vec<(i64, &CursorWrite)> {
    let mut last: HashMap<(i64, &str), &CursorWrite> = HashMap::new();
    for entry in batch {
        for rare in &entry.rare {
            if let SideWrite::ForgetConsumer { consumer, .. } = rare {
                last.remove(&(entry.guild, &**consumer));
            }
        }
        if let Some(cursor) = &entry.cursor {
            last.insert((entry.guild, &*cursor.consumer), cursor);
        }
    }
    last.into_iter().map(|((guild, _), cursor)| (guild, cursor)).collect()
}

/// SQLite takes some thirty thousand arguments at once.
const VALUES_AT_ONCE: usize = 1_024;

/// Writes the values of a turn, each key once. There may be thousands, which as statements
/// of their own would keep everybody waiting.
async fn write_values(db: &mut SqliteConnection, guild: i64, values: &[WrittenValue]) -> Result<(), sqlx::Error> {
    let (kept, gone): (Vec<_>, Vec<_>) = values.iter().partition(|written| written.value.is_some());
    for part in kept.chunks(VALUES_AT_ONCE) {
        let mut arguments = SqliteArguments::default();
        for written in part {
            bind_key(&mut arguments, guild, written)?;
            add(&mut arguments, written.value.as_ref().map(|value| value.to_vec()))?;
        }
        let rows = value_rows(&mut arguments, 4, part.len())?;
        let sql = format!(
            "INSERT INTO keyvalues (guild, owner, key, value)
             SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
             ON CONFLICT (guild, owner, key) DO UPDATE SET value = excluded.value"
        );
        sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *db).await?;
    }
    for part in gone.chunks(VALUES_AT_ONCE) {
        let mut arguments = SqliteArguments::default();
        for written in part {
            bind_key(&mut arguments, guild, written)?;
        }
        let rows = value_rows(&mut arguments, 3, part.len())?;
        let sql = format!("DELETE FROM keyvalues WHERE (guild, owner, key) IN (VALUES {rows})");
        sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *db).await?;
    }
    Ok(())
}

fn bind_key(arguments: &mut SqliteArguments, guild: i64, written: &WrittenValue) -> Result<(), sqlx::Error> {
    add(arguments, Some(guild))?;
    add(arguments, owner_column(&written.owner))?;
    add(arguments, written.key.clone())
}

/// The rows of a statement for so many of so many columns, the surplus bound to nulls.
fn value_rows(arguments: &mut SqliteArguments, columns: usize, rows: usize) -> Result<String, sqlx::Error> {
    for _ in rows * columns..padded(rows) * columns {
        add(arguments, None::<i64>)?;
    }
    let row = format!("({})", vec!["?"; columns].join(","));
    Ok(vec![row; padded(rows)].join(","))
}

async fn write_rare(db: &mut SqliteConnection, guild: i64, rare: &SideWrite) -> Result<(), sqlx::Error> {
    match rare {
        SideWrite::NewGuild { name } => {
            sqlx::query("INSERT INTO guilds (key, guild) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(guild)
                .bind(name)
                .execute(db)
                .await?;
        }
        SideWrite::State { owner, version, updated_ms, state } => {
            sqlx::query(
                "INSERT INTO states (guild, owner, version, updated_ms, state) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (guild, owner) DO UPDATE SET
                 version = excluded.version, updated_ms = excluded.updated_ms, state = excluded.state",
            )
            .bind(guild)
            .bind(owner)
            .bind(version)
            .bind(updated_ms)
            .bind(&**state)
            .execute(db)
            .await?;
        }
        SideWrite::Values(values) => write_values(db, guild, values).await?,
        SideWrite::ClientId { user, client_id, id } => {
            sqlx::query(
                "INSERT INTO client_ids (guild, user, client_id, id) VALUES (?, ?, ?, ?)
                 ON CONFLICT (guild, user, client_id) DO UPDATE SET id = excluded.id",
            )
            .bind(guild)
            .bind(user)
            .bind(client_id)
            .bind(id.as_i64())
            .execute(db)
            .await?;
        }
        SideWrite::ForgetConsumer { consumer, owner } => {
            for (sql, whose) in [
                ("DELETE FROM cursors WHERE guild = ? AND consumer = ?", &**consumer),
                ("DELETE FROM snapshots WHERE guild = ? AND consumer = ?", &**consumer),
                ("DELETE FROM states WHERE guild = ? AND owner = ?", owner),
                ("DELETE FROM keyvalues WHERE guild = ? AND owner = ?", owner),
            ] {
                sqlx::query(sql).bind(guild).bind(whose).execute(&mut *db).await?;
            }
        }
        SideWrite::Snapshot { consumer, version, data: Some(data) } => {
            sqlx::query(
                "INSERT INTO snapshots (guild, consumer, version, data) VALUES (?, ?, ?, ?)
                 ON CONFLICT (guild, consumer) DO UPDATE SET version = excluded.version, data = excluded.data",
            )
            .bind(guild)
            .bind(&**consumer)
            .bind(version)
            .bind(&**data)
            .execute(db)
            .await?;
        }
        SideWrite::Snapshot { consumer, data: None, .. } => {
            sqlx::query("DELETE FROM snapshots WHERE guild = ? AND consumer = ?")
                .bind(guild)
                .bind(&**consumer)
                .execute(db)
                .await?;
        }
        SideWrite::Begin { first, last } => {
            sqlx::query("INSERT INTO unfinished (guild, first, last) VALUES (?, ?, ?)")
                .bind(guild)
                .bind(first.as_i64())
                .bind(last.as_i64())
                .execute(db)
                .await?;
        }
        SideWrite::Complete { first } => {
            sqlx::query("DELETE FROM unfinished WHERE first = ?").bind(first.as_i64()).execute(db).await?;
        }
        SideWrite::Erase { id } => {
            sqlx::query("DELETE FROM log WHERE guild = ? AND id = ?").bind(guild).bind(id.as_i64()).execute(db).await?;
        }
    }
    Ok(())
}

/// A message's topics as the column holds them: each between two newlines, so
/// that one can be found by substring.
pub fn topics_column(message: &Message) -> String {
    let mut column = String::with_capacity(64);
    for topic in message.topics.as_slice().iter().chain(&message.also) {
        column.push('\n');
        column.push_str(&one_line(topic));
    }
    column.push('\n');
    column
}

/// What to look for in the column to find a topic.
pub fn topic_pattern(topic: &str) -> String {
    format!("\n{}\n", one_line(topic))
}

/// A name cannot pretend to be several.
fn one_line(topic: &str) -> std::borrow::Cow<'_, str> {
    if topic.contains('\n') { topic.replace('\n', "\u{fffd}").into() } else { topic.into() }
}

fn bind_rows(arguments: &mut SqliteArguments, rows: &[(i64, &Arc<Message>)]) -> Result<(), sqlx::Error> {
    for (guild, row) in rows {
        let body = serde_json::to_string(&**row).map_err(|error| sqlx::Error::Encode(error.into()))?;
        add(arguments, Some(row.id.as_i64()))?;
        add(arguments, Some(*guild))?;
        add(arguments, Some(i64::from(row.priority.get())))?;
        add(arguments, topics_column(row))?;
        add(arguments, body)?;
    }
    for _ in rows.len() * 5..padded(rows.len()) * 5 {
        add(arguments, None::<i64>)?;
    }
    Ok(())
}

fn bind_cursors(arguments: &mut SqliteArguments, cursors: &[(i64, &CursorWrite)]) -> Result<(), sqlx::Error> {
    for (guild, cursor) in cursors {
        add(arguments, Some(*guild))?;
        add(arguments, cursor.consumer.to_string())?;
        add(arguments, cursor.lanes.clone())?;
        add(arguments, Some(cursor.tried.0.as_i64()))?;
        add(arguments, Some(i64::from(cursor.tried.1.broken)))?;
        add(arguments, Some(i64::from(cursor.tried.1.declined)))?;
    }
    for _ in cursors.len() * 6..padded(cursors.len()) * 6 {
        add(arguments, None::<i64>)?;
    }
    Ok(())
}

fn add<'q, T>(arguments: &mut SqliteArguments, value: T) -> Result<(), sqlx::Error>
where
    T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + 'q,
{
    arguments.add(value).map_err(sqlx::Error::Encode)
}

/// How many rows the statement for so many rows has: the next power of two, the
/// surplus filled with nulls, so that few statements serve every batch.
const fn padded(count: usize) -> usize {
    if count == 0 { 0 } else { count.next_power_of_two() }
}

/// The texts of the batch statements, by padded size.
#[derive(Debug, Default)]
struct Statements(HashMap<(usize, usize, bool), Arc<str>>);

impl Statements {
    fn get(&mut self, rows: usize, cursors: usize, begins: bool) -> SqlStr {
        let text = self.0.entry((rows, cursors, begins)).or_insert_with(|| batch_sql(rows, cursors, begins).into());
        AssertSqlSafe(text.clone()).into_sql_str()
    }
}

fn batch_sql(rows: usize, cursors: usize, begins: bool) -> String {
    let values = |row: &str, count: usize| vec![row; count].join(",");
    let mut sql = String::from(if begins { "BEGIN IMMEDIATE;" } else { "" });
    if rows > 0 {
        sql += &format!(
            "INSERT INTO log (id, guild, lane, topics, body) SELECT * FROM (VALUES {}) WHERE column1 IS NOT NULL;",
            values("(?,?,?,?,?)", rows)
        );
    }
    if cursors > 0 {
        sql += &format!(
            "INSERT INTO cursors (guild, consumer, lanes, attempt_id, attempts, declined)
             SELECT * FROM (VALUES {}) WHERE column1 IS NOT NULL
             ON CONFLICT (guild, consumer) DO UPDATE SET lanes = excluded.lanes,
             attempt_id = excluded.attempt_id, attempts = excluded.attempts, declined = excluded.declined;",
            values("(?,?,?,?,?,?)", cursors)
        );
    }
    sql + "COMMIT"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_forgotten_and_comes_back_in_one_batch_has_the_new_position() {
        let cursor = |lanes: &str| Step {
            guild: 1,
            cursor: Some(CursorWrite { consumer: "a".into(), lanes: lanes.into(), tried: Default::default() }),
            ..Step::default()
        };
        let forget = || {
            let rare = vec![SideWrite::ForgetConsumer { consumer: "a".into(), owner: "agent:a".into() }];
            Step { guild: 1, rare, ..Step::default() }
        };
        assert!(last_cursors(&[cursor("1"), forget()]).is_empty());
        let batch = [cursor("1"), forget(), cursor("2")];
        let last: Vec<_> = last_cursors(&batch).iter().map(|(_, cursor)| cursor.lanes.clone()).collect();
        assert_eq!(last, ["2"]);
    }
}

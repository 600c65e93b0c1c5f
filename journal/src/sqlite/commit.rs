//! How a batch of steps becomes one transaction: the side writes one by one, then all messages and all positions as one
//! statement each.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;

use super::arguments::{add, add_padding, padded};
use super::side_writes;
use super::stretches::{self, OpenStretches, Stretch};
use crate::columns::{cursors_column, topics_column};
use crate::step::{CursorWrite, GuildKey, Step, last_cursors};

/// The only connection that writes, with the statements that it has prepared.
#[derive(Debug)]
pub struct Writer {
    pub db: SqliteConnection,
    pub statements: Statements,
    pub stretches: OpenStretches,
}

/// Writes a batch in one transaction. After an error the caller rolls back. Not cancel safe: a dropped future may leave
/// the transaction open.
pub async fn transact(writer: &mut Writer, batch: &[Step]) -> Result<(), sqlx::Error> {
    let Writer { db, statements, stretches } = writer;
    let rows: Vec<(GuildKey, &Arc<Message>)> =
        batch.iter().flat_map(|step| step.rows.iter().map(|row| (step.guild, row))).collect();
    let ended: Vec<Stretch> = rows.iter().filter_map(|(guild, row)| stretches.add(*guild, row)).collect();
    let cursors = last_cursors(batch);
    let begins = ended.is_empty() && batch.iter().all(|step| step.side_writes.is_empty());
    if !begins {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
        for step in batch {
            for side_write in &step.side_writes {
                side_writes::write(db, step.guild, side_write).await?;
            }
        }
        for stretch in ended {
            stretches::write(db, stretch).await?;
        }
    }
    let mut arguments = SqliteArguments::default();
    bind_rows(&mut arguments, &rows)?;
    bind_cursors(&mut arguments, &cursors)?;
    let sql = statements.get(padded(rows.len()), padded(cursors.len()), begins);
    sqlx::query_with(sql, arguments).execute(db).await?;
    Ok(())
}

/// Removes what was written of multipart steps without their last part. Cancel safe: a second call completes the work.
pub async fn discard_unfinished(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let unfinished: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT guild, first, last FROM unfinished").fetch_all(&mut *db).await?;
    for (guild, first, last) in unfinished {
        discard(db, GuildKey(guild), MessageId::from_i64(first), MessageId::from_i64(last)).await?;
    }
    Ok(())
}

/// Removes the messages of one multipart step, then the note that it is unfinished. Cancel safe: the note is removed
/// last.
pub async fn discard(
    db: &mut SqliteConnection,
    guild: GuildKey,
    first: MessageId,
    last: MessageId,
) -> Result<(), sqlx::Error> {
    for sql in [
        "DELETE FROM log WHERE guild = ? AND id >= ? AND id <= ?",
        "DELETE FROM unfinished WHERE guild = ? AND first >= ? AND last <= ?",
    ] {
        let query = sqlx::query(sql).bind(guild.0).bind(first.as_i64()).bind(last.as_i64());
        query.execute(&mut *db).await?;
    }
    Ok(())
}

fn bind_rows(arguments: &mut SqliteArguments, rows: &[(GuildKey, &Arc<Message>)]) -> Result<(), sqlx::Error> {
    for (guild, row) in rows {
        let body = serde_json::to_string(&**row).map_err(|error| sqlx::Error::Encode(error.into()))?;
        add(arguments, Some(row.id.as_i64()))?;
        add(arguments, Some(guild.0))?;
        add(arguments, Some(i64::from(row.priority.get())))?;
        add(arguments, topics_column(row))?;
        add(arguments, body)?;
    }
    add_padding(arguments, 5, rows.len())
}

fn bind_cursors(arguments: &mut SqliteArguments, cursors: &[(GuildKey, &CursorWrite)]) -> Result<(), sqlx::Error> {
    for (guild, CursorWrite { consumer, position }) in cursors {
        add(arguments, Some(guild.0))?;
        add(arguments, consumer.to_string())?;
        add(arguments, cursors_column(&position.cursors))?;
        add(arguments, Some(position.failed.message.as_i64()))?;
        add(arguments, Some(i64::from(position.failed.attempts.broken)))?;
        add(arguments, Some(i64::from(position.failed.attempts.declined)))?;
    }
    add_padding(arguments, 6, cursors.len())
}

/// The texts of the batch statements, by their numbers of rows and cursors and whether they begin the transaction.
#[derive(Debug, Default)]
pub struct Statements(HashMap<(usize, usize, bool), Arc<str>>);

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

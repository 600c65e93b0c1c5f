//! The statements of the writes that few steps have. They run in the transaction of their batch.

use guildhall_model::state::StateOwner;
use guildhall_model::values::WrittenValue;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};

use super::arguments::{add, add_padding, padded};
use crate::columns::owner_column;
use crate::step::{GuildKey, SideWrite};

/// Rows of one statement. SQLite takes about thirty thousand arguments at once.
const ROWS_AT_ONCE: usize = 1_024;

/// Writes one side write. Not cancel safe: it is part of a transaction.
pub async fn write(db: &mut SqliteConnection, guild: GuildKey, write: &SideWrite) -> Result<(), sqlx::Error> {
    match write {
        SideWrite::NewGuild { id } => {
            sqlx::query("INSERT INTO guilds (key, guild) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(guild.0)
                .bind(id.as_str())
                .execute(db)
                .await?;
        }
        SideWrite::State { owner, state } => {
            sqlx::query(
                "INSERT INTO states (guild, owner, version, updated_ms, state) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (guild, owner) DO UPDATE SET
                 version = excluded.version, updated_ms = excluded.updated_ms, state = excluded.state",
            )
            .bind(guild.0)
            .bind(owner_column(owner))
            .bind(state.version)
            .bind(i64::try_from(state.updated_ms).unwrap_or(i64::MAX))
            .bind(&*state.text)
            .execute(db)
            .await?;
        }
        SideWrite::Values(values) => write_values(db, guild, values).await?,
        SideWrite::ClientId { user, client_id, id } => {
            sqlx::query(
                "INSERT INTO client_ids (guild, user, client_id, id) VALUES (?, ?, ?, ?)
                 ON CONFLICT (guild, user, client_id) DO UPDATE SET id = excluded.id",
            )
            .bind(guild.0)
            .bind(user.as_str())
            .bind(client_id)
            .bind(id.as_i64())
            .execute(db)
            .await?;
        }
        SideWrite::ForgetConsumer { agent } => {
            let owner = owner_column(&StateOwner::Agent(agent.clone()));
            for (sql, name) in [
                ("DELETE FROM cursors WHERE guild = ? AND consumer = ?", agent.as_str()),
                ("DELETE FROM snapshots WHERE guild = ? AND consumer = ?", agent.as_str()),
                ("DELETE FROM states WHERE guild = ? AND owner = ?", &owner),
                ("DELETE FROM keyvalues WHERE guild = ? AND owner = ?", &owner),
            ] {
                sqlx::query(sql).bind(guild.0).bind(name).execute(&mut *db).await?;
            }
        }
        SideWrite::Snapshot { agent, snapshot } => {
            sqlx::query(
                "INSERT INTO snapshots (guild, consumer, version, data) VALUES (?, ?, ?, ?)
                 ON CONFLICT (guild, consumer) DO UPDATE SET version = excluded.version, data = excluded.data",
            )
            .bind(guild.0)
            .bind(agent.as_str())
            .bind(&snapshot.version)
            .bind(&*snapshot.data)
            .execute(db)
            .await?;
        }
        SideWrite::ForgetSnapshot { agent } => {
            sqlx::query("DELETE FROM snapshots WHERE guild = ? AND consumer = ?")
                .bind(guild.0)
                .bind(agent.as_str())
                .execute(db)
                .await?;
        }
        SideWrite::Begin { first, last } => {
            sqlx::query("INSERT INTO unfinished (guild, first, last) VALUES (?, ?, ?)")
                .bind(guild.0)
                .bind(first.as_i64())
                .bind(last.as_i64())
                .execute(db)
                .await?;
        }
        SideWrite::Complete { first } => {
            sqlx::query("DELETE FROM unfinished WHERE first = ?").bind(first.as_i64()).execute(db).await?;
        }
        SideWrite::Erase { id } => {
            // A message that retention has counted is counted no longer.
            sqlx::query(
                "UPDATE guilds SET bytes = MAX(0, bytes - COALESCE(
                 (SELECT octet_length(body) + octet_length(topics) FROM log WHERE guild = ? AND id = ?), 0))
                 WHERE key = ? AND sized_to >= ?;
                 DELETE FROM log WHERE guild = ? AND id = ?",
            )
            .bind(guild.0)
            .bind(id.as_i64())
            .bind(guild.0)
            .bind(id.as_i64())
            .bind(guild.0)
            .bind(id.as_i64())
            .execute(db)
            .await?;
        }
    }
    Ok(())
}

/// Writes the values of a turn, each key once. A turn may write thousands; a statement for each would delay every other
/// guild.
async fn write_values(db: &mut SqliteConnection, guild: GuildKey, values: &[WrittenValue]) -> Result<(), sqlx::Error> {
    let (stored, removed): (Vec<_>, Vec<_>) = values.iter().partition(|written| written.value.is_some());
    for part in stored.chunks(ROWS_AT_ONCE) {
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
    for part in removed.chunks(ROWS_AT_ONCE) {
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

fn bind_key(arguments: &mut SqliteArguments, guild: GuildKey, written: &WrittenValue) -> Result<(), sqlx::Error> {
    add(arguments, Some(guild.0))?;
    add(arguments, owner_column(&written.owner))?;
    add(arguments, written.key.clone())
}

/// Binds the padding and returns the placeholders of all rows.
fn value_rows(arguments: &mut SqliteArguments, columns: usize, rows: usize) -> Result<String, sqlx::Error> {
    add_padding(arguments, columns, rows)?;
    let row = format!("({})", vec!["?"; columns].join(","));
    Ok(vec![row; padded(rows)].join(","))
}

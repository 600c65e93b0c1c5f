//! Removes everything that is stored of a guild, in steps that are bounded in rows and bytes, as retention does.

use futures_util::FutureExt;
use sqlx::AssertSqlSafe;

use guildhall_model::ids::MessageId;

use super::trim::Trimmer;
use crate::error::JournalError;
use crate::step::GuildKey;

/// The tables besides the log: the columns of their keys after the guild, and the rows that one step removes. The rows of
/// some are large.
const TABLES: [(&str, &str, u32); 6] = [
    ("stretches", "first", 500),
    ("client_ids", "user, client_id", 500),
    ("cursors", "consumer", 500),
    ("keyvalues", "owner, key", 32),
    ("states", "owner", 16),
    ("snapshots", "consumer", 4),
];

/// Notes the largest key and id, so that none is given again after its row is gone.
const NOTE: &str = "INSERT INTO removed (one, last_key, last_id)
    SELECT 1, (SELECT MAX(key) FROM guilds), MAX((SELECT COALESCE(MAX(id), 0) FROM log), (SELECT MAX(trimmed) FROM guilds))
    WHERE EXISTS (SELECT 1 FROM guilds)
    ON CONFLICT (one) DO UPDATE SET last_key = MAX(last_key, excluded.last_key), last_id = MAX(last_id, excluded.last_id)";

impl Trimmer<'_> {
    /// Removes a guild. Cancel safe: a later call removes the rest.
    pub async fn remove(&self, guild: GuildKey) -> Result<(), JournalError> {
        self.execute(NOTE, None).await?;
        while let Some(portion) = self.portion(guild, i64::MAX, MessageId::new(MessageId::MAX), 0).await? {
            let last = portion.last;
            self.step(move |db| {
                let sql = "DELETE FROM log WHERE guild = ? AND id <= ?";
                async move { sqlx::query(sql).bind(guild.0).bind(last).execute(db).await }.boxed()
            })
            .await?;
        }
        for (table, keys, rows) in TABLES {
            let sql = format!(
                "DELETE FROM {table} WHERE guild = ?1 AND ({keys}) IN (SELECT {keys} FROM {table} WHERE guild = ?1 LIMIT {rows})"
            );
            while self.execute(&sql, Some(guild)).await? > 0 {}
        }
        self.execute("DELETE FROM unfinished WHERE guild = ?1", Some(guild)).await?;
        self.execute("DELETE FROM guilds WHERE key = ?1", Some(guild)).await?;
        self.shrink().await
    }

    /// Runs one statement of the project's own text and returns the number of rows that it changed.
    async fn execute(&self, sql: &str, guild: Option<GuildKey>) -> Result<u64, JournalError> {
        let sql = sql.to_owned();
        self.step(move |db| {
            async move {
                let query = sqlx::query(AssertSqlSafe(sql));
                let query = match guild {
                    Some(guild) => query.bind(guild.0),
                    None => query,
                };
                Ok(query.execute(db).await?.rows_affected())
            }
            .boxed()
        })
        .await
    }
}

//! Guilds that sleep: which they are, how they fall asleep and wake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::database::{Store, to_json, to_u64};
use super::error::StoreError;
use guildhall_model::ids::{AgentId, GuildId};

/// What is kept of a guild while it sleeps, besides its log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sleep {
    /// The agents that were in `error`, each with the reason. They stay so until the guild is relaunched.
    #[serde(default)]
    pub failed: BTreeMap<AgentId, String>,
}

impl Store {
    /// Returns the guilds that are awake and neither stopping nor stopped, in the order of creation. The time does not
    /// grow with the guilds that sleep.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds_awake(&self) -> Result<Vec<GuildId>, StoreError> {
        self.ids(
            "SELECT id FROM guilds WHERE sleep IS NULL AND status <> 'stopped' AND status <> 'stopping'
             ORDER BY position, id",
        )
        .await
    }

    /// Returns the guilds whose stop was not completed, in the order of creation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds_stopping(&self) -> Result<Vec<GuildId>, StoreError> {
        self.ids(
            "SELECT id FROM guilds WHERE sleep IS NULL AND status <> 'stopped' AND status = 'stopping'
             ORDER BY position, id",
        )
        .await
    }

    async fn ids(&self, query: &'static str) -> Result<Vec<GuildId>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// Counts the guilds that sleep.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_asleep(&self) -> Result<u64, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM guilds WHERE sleep IS NOT NULL").fetch_one(&self.readers).await?;
        Ok(to_u64(count))
    }

    /// Notes that guilds sleep, in one transaction. Returns how many are asleep now and were not before. A guild that is
    /// stopping or stopped is left as it is.
    ///
    /// # Errors
    /// When the database fails; then all are left as they are.
    pub async fn put_to_sleep(&self, guilds: &[(GuildId, Sleep)]) -> Result<u64, StoreError> {
        let (mut transaction, mut count) = (self.begin().await?, 0);
        for (guild, sleep) in guilds {
            let done = sqlx::query(
                "UPDATE guilds SET sleep = $2
                 WHERE id = $1 AND sleep IS NULL AND status <> 'stopping' AND status <> 'stopped'",
            )
            .bind(guild.as_str())
            .bind(to_json(sleep)?)
            .execute(&mut *transaction)
            .await?;
            count += done.rows_affected();
        }
        transaction.commit().await?;
        Ok(count)
    }

    /// Notes that a guild is awake, and returns whether it slept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wake(&self, guild: &GuildId) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE guilds SET sleep = NULL WHERE id = $1 AND sleep IS NOT NULL")
            .bind(guild.as_str())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes that all guilds are awake, and returns how many slept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wake_all(&self) -> Result<u64, StoreError> {
        let done = sqlx::query("UPDATE guilds SET sleep = NULL WHERE sleep IS NOT NULL").execute(&self.writer).await?;
        Ok(done.rows_affected())
    }
}

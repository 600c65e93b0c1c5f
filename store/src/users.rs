//! The users of guilds, and the guilds of users and organisations.

use super::database::{Store, word};
use super::error::StoreError;
use guildhall_model::ids::{BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::status::GuildStatus;

/// A guild in the list of a user or an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildOf {
    pub id: GuildId,
    pub name: String,
    pub blueprint: Option<BlueprintId>,
    /// The blueprint's icon.
    pub icon: Option<String>,
    pub status: GuildStatus,
}

type Columns = (String, String, Option<String>, Option<String>, String);

fn guild((id, name, blueprint, icon, status): Columns) -> Result<GuildOf, StoreError> {
    let status = word(GuildStatus::parse, &status)?;
    Ok(GuildOf { id: id.into(), name, blueprint: blueprint.map(BlueprintId::from), icon, status })
}

/// The names of statuses as one text, which queries search with LIKE: a list cannot be bound in both databases. An empty
/// text means every status.
fn among(statuses: &[GuildStatus]) -> String {
    statuses.iter().map(|status| format!(",{},", status.name())).collect()
}

impl Store {
    /// Checks that a guild exists.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn guild_exists(&self, id: &GuildId) -> Result<(), StoreError> {
        match self.guild_status(id).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::not_found("guild", id.as_str())),
        }
    }

    /// Adds a user to a guild. Returns whether the user did not belong to it before.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn add_guild_user(&self, guild: &GuildId, user: &UserId) -> Result<bool, StoreError> {
        self.guild_exists(guild).await?;
        let done = sqlx::query(
            "INSERT INTO guild_users (guild_id, user_id) VALUES ($1, $2) ON CONFLICT (guild_id, user_id) DO NOTHING",
        )
        .bind(guild.as_str())
        .bind(user.as_str())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a user from a guild. Returns whether the user belonged to it.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn remove_guild_user(&self, guild: &GuildId, user: &UserId) -> Result<bool, StoreError> {
        self.guild_exists(guild).await?;
        let done = sqlx::query("DELETE FROM guild_users WHERE guild_id = $1 AND user_id = $2")
            .bind(guild.as_str())
            .bind(user.as_str())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns the users of a guild, in alphabetical order.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn guild_users(&self, guild: &GuildId) -> Result<Vec<UserId>, StoreError> {
        self.guild_exists(guild).await?;
        let rows: Vec<(String,)> = sqlx::query_as("SELECT user_id FROM guild_users WHERE guild_id = $1")
            .bind(guild.as_str())
            .fetch_all(&self.readers)
            .await?;
        let mut users: Vec<UserId> = rows.into_iter().map(|(user,)| user.into()).collect();
        // Databases have different alphabetical orders.
        users.sort_unstable();
        Ok(users)
    }

    /// Returns the guilds of a user, in the order of creation. `org` limits them to one organisation, `statuses` to guilds
    /// with one of these statuses; an empty list means every status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds_of_user(
        &self,
        user: &UserId,
        org: Option<&OrgId>,
        statuses: &[GuildStatus],
    ) -> Result<Vec<GuildOf>, StoreError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT g.id, g.name, g.blueprint_id, b.icon, g.status
             FROM guild_users u JOIN guilds g ON g.id = u.guild_id LEFT JOIN blueprints b ON b.id = g.blueprint_id
             WHERE u.user_id = $1 AND ($2 IS NULL OR g.organization_id = $2)
               AND ($3 = '' OR $3 LIKE '%,' || g.status || ',%')
             ORDER BY g.position, g.id",
        )
        .bind(user.as_str())
        .bind(org.map(OrgId::as_str))
        .bind(among(statuses))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(guild).collect()
    }

    /// Returns the guilds of an organisation, in the order of creation, with one of these statuses; an empty list means every
    /// status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds_of_organization(
        &self,
        org: &OrgId,
        statuses: &[GuildStatus],
    ) -> Result<Vec<GuildOf>, StoreError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT g.id, g.name, g.blueprint_id, b.icon, g.status
             FROM guilds g LEFT JOIN blueprints b ON b.id = g.blueprint_id
             WHERE g.organization_id = $1 AND ($2 = '' OR $2 LIKE '%,' || g.status || ',%')
             ORDER BY g.position, g.id",
        )
        .bind(org.as_str())
        .bind(among(statuses))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(guild).collect()
    }
}

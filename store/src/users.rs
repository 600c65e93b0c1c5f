//! The users of guilds, and the guilds of users and organisations.

use super::database::{Store, word};
use super::error::StoreError;
use super::page::{Page, PageQueries, PageRequest, page_queries};
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

    /// Returns a page of the users of a guild, in alphabetical order.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn guild_users(&self, guild: &GuildId, wanted: &PageRequest) -> Result<Page<UserId>, StoreError> {
        self.guild_exists(guild).await?;
        let rows: Vec<(String,)> = sqlx::query_as("SELECT user_id FROM guild_users WHERE guild_id = $1")
            .bind(guild.as_str())
            .fetch_all(&self.readers)
            .await?;
        // Ordered here: databases have different alphabetical orders.
        Ok(Page::of_list(rows.into_iter().map(|(user,)| user.into()).collect(), wanted, UserId::as_str))
    }

    /// Returns a page of the guilds of a user, in the order of creation. `org` limits them to one organisation, `statuses` to guilds
    /// with one of these statuses; an empty list means every status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds_of_user(
        &self,
        user: &UserId,
        org: Option<&OrgId>,
        statuses: &[GuildStatus],
        wanted: &PageRequest,
    ) -> Result<Page<GuildOf>, StoreError> {
        const QUERIES: PageQueries = page_queries!(
            "g.id, g.name, g.blueprint_id, b.icon, g.status",
            "guild_users u JOIN guilds g ON g.id = u.guild_id LEFT JOIN blueprints b ON b.id = g.blueprint_id",
            "u.user_id = $4 AND ($5 IS NULL OR g.organization_id = $5)
             AND ($6 = '' OR $6 LIKE '%,' || g.status || ',%')",
            "g.position",
            "g.id"
        );
        let arguments = [Some(user.as_str()), org.map(OrgId::as_str), Some(&among(statuses))];
        self.page(QUERIES, wanted, &arguments).await?.try_map(guild)
    }

    /// Returns a page of the guilds of an organisation, in the order of creation, with one of these statuses; an empty list means every
    /// status.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds_of_organization(
        &self,
        org: &OrgId,
        statuses: &[GuildStatus],
        wanted: &PageRequest,
    ) -> Result<Page<GuildOf>, StoreError> {
        const QUERIES: PageQueries = page_queries!(
            "g.id, g.name, g.blueprint_id, b.icon, g.status",
            "guilds g LEFT JOIN blueprints b ON b.id = g.blueprint_id",
            "g.organization_id = $4 AND ($5 = '' OR $5 LIKE '%,' || g.status || ',%')",
            "g.position",
            "g.id"
        );
        self.page(QUERIES, wanted, &[Some(org.as_str()), Some(&among(statuses))]).await?.try_map(guild)
    }
}

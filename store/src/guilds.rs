//! Guilds: their specs and their statuses.

use serde_json::Value;

use super::database::{Store, from_json, to_i64, to_json, to_u64, word};
use super::error::StoreError;
use super::members::{self, AgentKind, AgentRow};
use super::page::{Page, PageRequest, page_queries};
use super::row::from_row;
use super::sleep::Sleep;
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::spec::{AgentSpec, GuildSpec};
use guildhall_model::status::{AgentStatus, GuildStatus};

/// A guild to add.
#[derive(Clone, Copy, Debug)]
pub struct NewGuild<'a> {
    pub spec: &'a GuildSpec,
    /// The whole spec as its author wrote it.
    pub document: &'a Value,
    pub org: &'a OrgId,
    /// The user who launched it; becomes one of its users.
    pub user: Option<&'a UserId>,
    pub blueprint: Option<&'a BlueprintId>,
    pub now_ms: u64,
    /// The request that wants it to be made once, if it says so: digests of its key and of its body.
    pub request: Option<&'a str>,
}

/// What changes about a member of a guild together with its spec.
#[derive(Clone, Copy, Debug)]
pub enum MemberChange<'a> {
    None,
    /// The row is added or replaced.
    Put(&'a AgentRow),
    Status(&'a AgentId, AgentStatus),
}

/// A guild.
#[derive(Clone, Debug, PartialEq)]
pub struct GuildRow {
    pub id: GuildId,
    pub name: String,
    pub org: OrgId,
    pub blueprint: Option<BlueprintId>,
    pub status: GuildStatus,
    pub spec: GuildSpec,
    /// The whole spec as its author wrote it.
    pub document: Value,
    pub created_ms: u64,
    pub updated_ms: u64,
    /// What is kept of a guild that sleeps; `None`: it is awake or over.
    pub sleep: Option<Sleep>,
}

/// A guild in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildSummary {
    pub id: GuildId,
    pub name: String,
    pub org: OrgId,
    pub blueprint: Option<BlueprintId>,
    pub status: GuildStatus,
    pub created_ms: u64,
}

struct Columns {
    id: String,
    name: String,
    organization_id: String,
    blueprint_id: Option<String>,
    status: String,
    spec: String,
    document: String,
    created_ms: i64,
    updated_ms: i64,
    sleep: Option<String>,
}

from_row!(Columns { id, name, organization_id, blueprint_id, status, spec, document, created_ms, updated_ms, sleep });

impl Columns {
    fn read(self) -> Result<GuildRow, StoreError> {
        Ok(GuildRow {
            status: word(GuildStatus::parse, &self.status)?,
            spec: from_json(&self.spec)?,
            document: from_json(&self.document)?,
            id: self.id.into(),
            name: self.name,
            org: self.organization_id.into(),
            blueprint: self.blueprint_id.map(BlueprintId::from),
            created_ms: to_u64(self.created_ms),
            updated_ms: to_u64(self.updated_ms),
            sleep: self.sleep.as_deref().map(from_json).transpose()?,
        })
    }
}

type SummaryColumns = (String, String, String, Option<String>, String, i64);

fn summary((id, name, org, blueprint, status, created_ms): SummaryColumns) -> Result<GuildSummary, StoreError> {
    Ok(GuildSummary {
        status: word(GuildStatus::parse, &status)?,
        id: id.into(),
        name,
        org: org.into(),
        blueprint: blueprint.map(BlueprintId::from),
        created_ms: to_u64(created_ms),
    })
}

impl Store {
    /// Adds a guild with the status `requested`, its agents, its manager and its first user, in one transaction.
    ///
    /// # Errors
    /// `Conflict` when the id is taken, or two agents share one.
    pub async fn insert_guild(&self, new: NewGuild<'_>) -> Result<(), StoreError> {
        let id = &new.spec.id;
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO guilds (id, name, organization_id, blueprint_id, status, spec, document, created_ms,
                                 updated_ms, request, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, (SELECT COALESCE(MAX(position), 0) + 1 FROM guilds))",
        )
        .bind(id.as_str())
        .bind(new.spec.name.as_str())
        .bind(new.org.as_str())
        .bind(new.blueprint.map(BlueprintId::as_str))
        .bind(GuildStatus::Requested.name())
        .bind(to_json(new.spec)?)
        .bind(to_json(new.document)?)
        .bind(to_i64(new.now_ms))
        .bind(new.request)
        .execute(&mut *transaction)
        .await
        .map_err(|error| StoreError::on_insert(error, "guild", id.as_str()))?;
        let row = |kind, spec| AgentRow::new(kind, spec, AgentStatus::NotLaunched);
        for agent in &new.spec.agents {
            members::insert(&mut transaction, id, &row(AgentKind::Member, agent.clone())).await?;
        }
        members::insert(&mut transaction, id, &row(AgentKind::Manager, AgentSpec::manager_of(new.spec))).await?;
        if let Some(user) = new.user {
            sqlx::query("INSERT INTO guild_users (guild_id, user_id) VALUES ($1, $2)")
                .bind(id.as_str())
                .bind(user.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Replaces the spec of a guild and changes one of its members, in one transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_guild(
        &self,
        spec: &GuildSpec,
        change: MemberChange<'_>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE guilds SET spec = $2, updated_ms = $3 WHERE id = $1")
            .bind(spec.id.as_str())
            .bind(to_json(spec)?)
            .bind(to_i64(now_ms))
            .execute(&mut *transaction)
            .await?;
        match change {
            MemberChange::None => {}
            MemberChange::Put(row) => members::upsert(&mut *transaction, &spec.id, row).await?,
            MemberChange::Status(agent, status) => {
                members::set_status(&mut *transaction, &spec.id, agent, status).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Replaces the blueprint of a guild.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_guild_blueprint(
        &self,
        id: &GuildId,
        blueprint: &BlueprintId,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE guilds SET blueprint_id = $2, updated_ms = $3 WHERE id = $1")
            .bind(id.as_str())
            .bind(blueprint.as_str())
            .bind(to_i64(now_ms))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Returns a guild.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn guild(&self, id: &GuildId) -> Result<GuildRow, StoreError> {
        let row: Option<Columns> = sqlx::query_as(
            "SELECT id, name, organization_id, blueprint_id, status, spec, document, created_ms, updated_ms, sleep
             FROM guilds WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.ok_or_else(|| StoreError::not_found("guild", id.as_str()))?.read()
    }

    /// Returns a page of all guilds, in the order of creation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guilds(&self, wanted: &PageRequest) -> Result<Page<GuildSummary>, StoreError> {
        let queries = page_queries!(
            "id, name, organization_id, blueprint_id, status, created_ms",
            "guilds",
            "1 = 1",
            "position",
            "id"
        );
        self.page(queries, wanted, &[]).await?.try_map(summary)
    }

    /// Removes a guild with its agents, users and boards. Returns whether there was one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_guild(&self, id: &GuildId) -> Result<bool, StoreError> {
        const OTHERS: [&str; 4] = [
            "DELETE FROM board_messages WHERE board_id IN (SELECT id FROM boards WHERE guild_id = $1)",
            "DELETE FROM boards WHERE guild_id = $1",
            "DELETE FROM guild_users WHERE guild_id = $1",
            "DELETE FROM guild_agents WHERE guild_id = $1",
        ];
        let mut transaction = self.begin().await?;
        for query in OTHERS {
            sqlx::query(query).bind(id.as_str()).execute(&mut *transaction).await?;
        }
        let done = sqlx::query("DELETE FROM guilds WHERE id = $1").bind(id.as_str()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns the request that a guild was made with; `None` when there is no such guild, or the request had no key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_of_guild(&self, id: &GuildId) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> = sqlx::query_as("SELECT request FROM guilds WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.and_then(|(request,)| request))
    }

    /// Returns whether there is any guild, also a stopped one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_guilds(&self) -> Result<bool, StoreError> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT position FROM guilds LIMIT 1").fetch_optional(&self.readers).await?;
        Ok(row.is_some())
    }

    /// Returns the status of a guild; `None` when there is none with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guild_status(&self, id: &GuildId) -> Result<Option<GuildStatus>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT status FROM guilds WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|(status,)| word(GuildStatus::parse, &status)).transpose()
    }

    /// Sets the status of a guild, and returns whether it changed. A stopped guild stays stopped; a stopping one can only
    /// become stopped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_guild_status(&self, id: &GuildId, status: GuildStatus, now_ms: u64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE guilds SET status = $2, updated_ms = $3
             WHERE id = $1 AND status <> $2 AND status <> 'stopped' AND (status <> 'stopping' OR $2 = 'stopped')",
        )
        .bind(id.as_str())
        .bind(status.name())
        .bind(to_i64(now_ms))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Lets a guild that was stopped begin again as requested, and returns whether it was stopped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reopen_guild(&self, id: &GuildId, now_ms: u64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE guilds SET status = $2, updated_ms = $3 WHERE id = $1 AND status = 'stopped'")
            .bind(id.as_str())
            .bind(GuildStatus::Requested.name())
            .bind(to_i64(now_ms))
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

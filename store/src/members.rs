//! The agents of guilds: those of the spec, the manager, the user proxies.

use sqlx::{Any, Transaction};

use super::database::{Store, from_json, to_json, word};
use super::error::StoreError;
use guildhall_model::ids::{AgentId, GuildId, UserId};
use guildhall_model::spec::AgentSpec;
use guildhall_model::status::AgentStatus;

/// The role of an agent in its guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentKind {
    /// An agent of the spec, or one that was added later.
    Member,
    Manager,
    UserProxy,
}

impl AgentKind {
    /// The name of the role, as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::UserProxy => "user_proxy",
        }
    }

    /// Reads the name of a role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Manager, Self::UserProxy].into_iter().find(|kind| kind.name() == text)
    }
}

/// One agent of a guild.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentRow {
    pub id: AgentId,
    pub spec: AgentSpec,
    pub kind: AgentKind,
    pub status: AgentStatus,
    /// The user of a user proxy.
    pub user: Option<UserId>,
}

impl AgentRow {
    /// The row of an agent that is not a user proxy.
    #[must_use]
    pub fn new(kind: AgentKind, spec: AgentSpec, status: AgentStatus) -> Self {
        Self { id: spec.id.clone(), spec, kind, status, user: None }
    }
}

/// Adds an agent within the transaction that adds its guild.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Any>,
    guild: &GuildId,
    row: &AgentRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO guild_agents (guild_id, id, kind, status, spec, user_id, position)
         VALUES ($1, $2, $3, $4, $5, $6,
                 (SELECT COALESCE(MAX(position), 0) + 1 FROM guild_agents WHERE guild_id = $1))",
    )
    .bind(guild.as_str())
    .bind(row.id.as_str())
    .bind(row.kind.name())
    .bind(row.status.name())
    .bind(to_json(&row.spec)?)
    .bind(row.user.as_ref().map(UserId::as_str))
    .execute(&mut **transaction)
    .await
    .map_err(|error| StoreError::on_insert(error, "agent", row.id.as_str()))?;
    Ok(())
}

/// Adds an agent to a guild, or replaces its row in its place.
pub(super) async fn upsert<'c>(
    executor: impl sqlx::Executor<'c, Database = Any>,
    guild: &GuildId,
    row: &AgentRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO guild_agents (guild_id, id, kind, status, spec, user_id, position)
         VALUES ($1, $2, $3, $4, $5, $6,
                 (SELECT COALESCE(MAX(position), 0) + 1 FROM guild_agents WHERE guild_id = $1))
         ON CONFLICT (guild_id, id) DO UPDATE SET kind = excluded.kind, status = excluded.status,
             spec = excluded.spec, user_id = excluded.user_id",
    )
    .bind(guild.as_str())
    .bind(row.id.as_str())
    .bind(row.kind.name())
    .bind(row.status.name())
    .bind(to_json(&row.spec)?)
    .bind(row.user.as_ref().map(UserId::as_str))
    .execute(executor)
    .await?;
    Ok(())
}

/// Sets the status of an agent of a guild. An unknown agent is skipped.
pub(super) async fn set_status<'c>(
    executor: impl sqlx::Executor<'c, Database = Any>,
    guild: &GuildId,
    agent: &AgentId,
    status: AgentStatus,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE guild_agents SET status = $3 WHERE guild_id = $1 AND id = $2 AND status <> $3")
        .bind(guild.as_str())
        .bind(agent.as_str())
        .bind(status.name())
        .execute(executor)
        .await?;
    Ok(())
}

impl Store {
    /// Adds an agent to a guild, or replaces its row in its place.
    ///
    /// # Errors
    /// When the database fails, or there is no such guild.
    pub async fn upsert_agent(&self, guild: &GuildId, row: &AgentRow) -> Result<(), StoreError> {
        upsert(&self.writer, guild, row).await
    }

    /// Sets the statuses of agents of a guild, in one transaction. Unknown agents are skipped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_agent_statuses(
        &self,
        guild: &GuildId,
        statuses: &[(AgentId, AgentStatus)],
    ) -> Result<(), StoreError> {
        if statuses.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for (agent, status) in statuses {
            set_status(&mut *transaction, guild, agent, *status).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns the agents of a guild: those of the spec, the manager, then those that were added later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agents(&self, guild: &GuildId) -> Result<Vec<AgentRow>, StoreError> {
        let rows: Vec<(String, String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT id, kind, status, spec, user_id FROM guild_agents WHERE guild_id = $1 ORDER BY position, id",
        )
        .bind(guild.as_str())
        .fetch_all(&self.readers)
        .await?;
        let read = |(id, kind, status, spec, user): (String, String, String, String, Option<String>)| {
            Ok(AgentRow {
                id: id.into(),
                kind: word(AgentKind::parse, &kind)?,
                status: word(AgentStatus::parse, &status)?,
                spec: from_json(&spec)?,
                user: user.map(UserId::from),
            })
        };
        rows.into_iter().map(read).collect()
    }
}

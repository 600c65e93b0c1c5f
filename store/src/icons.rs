//! The icons of a blueprint's agents.

use sqlx::{Any, Transaction};

use super::database::Store;
use super::error::StoreError;
use guildhall_model::catalog::AgentIcon;
use guildhall_model::ids::BlueprintId;

impl Store {
    /// Adds icons. An icon of an agent that has one replaces it in its place.
    ///
    /// # Errors
    /// When the database fails, or there is no such blueprint.
    pub async fn put_icons(&self, id: &BlueprintId, icons: &[AgentIcon]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for icon in icons {
            put(&mut transaction, id, icon).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns the icons of a blueprint's agents, in the order in which they were added.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn icons(&self, id: &BlueprintId) -> Result<Vec<AgentIcon>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT agent_name, icon FROM blueprint_icons WHERE blueprint_id = $1 ORDER BY position, agent_name",
        )
        .bind(id.as_str())
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(agent_name, icon)| AgentIcon { agent_name, icon }).collect())
    }
}

/// Adds or replaces one icon within a transaction.
pub(super) async fn put(
    transaction: &mut Transaction<'static, Any>,
    id: &BlueprintId,
    icon: &AgentIcon,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO blueprint_icons (blueprint_id, agent_name, icon, position)
         VALUES ($1, $2, $3, (SELECT COALESCE(MAX(position), 0) + 1 FROM blueprint_icons WHERE blueprint_id = $1))
         ON CONFLICT (blueprint_id, agent_name) DO UPDATE SET icon = excluded.icon",
    )
    .bind(id.as_str())
    .bind(icon.agent_name.as_str())
    .bind(icon.icon.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

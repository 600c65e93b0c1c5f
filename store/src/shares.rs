//! The organisations that blueprints are shared with.

use sqlx::{Any, Transaction};

use super::database::{Store, word};
use super::error::StoreError;
use super::page::{Page, PageRequest, page_queries};
use guildhall_model::catalog::Exposure;
use guildhall_model::ids::{BlueprintId, OrgId};

impl Store {
    /// Shares a blueprint with an organisation. Sharing it again changes nothing. A public blueprint stays public, any other
    /// becomes `shared`. A blueprint with the exposure `organization` is also shared with its own organisation.
    ///
    /// # Errors
    /// `NotFound` when there is no such blueprint.
    pub async fn share_blueprint(&self, id: &BlueprintId, org: &OrgId) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let row: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT exposure, organization_id FROM blueprints WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
        let (exposure, owner) = row.ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))?;
        match (word(Exposure::parse, &exposure)?, owner) {
            (Exposure::Public | Exposure::Shared, _) => {}
            (Exposure::Organization, Some(owner)) => {
                share(&mut transaction, id, &owner).await?;
                expose_as_shared(&mut transaction, id).await?;
            }
            (Exposure::Private | Exposure::Organization | Exposure::OrganizationAndChildren, _) => {
                expose_as_shared(&mut transaction, id).await?;
            }
        }
        share(&mut transaction, id, org.as_str()).await?;
        Ok(transaction.commit().await?)
    }

    /// Stops sharing a blueprint with an organisation. Returns whether it was shared with it.
    ///
    /// # Errors
    /// `NotFound` when there is no such blueprint.
    pub async fn unshare_blueprint(&self, id: &BlueprintId, org: &OrgId) -> Result<bool, StoreError> {
        self.blueprint_exists(id).await?;
        let done = sqlx::query("DELETE FROM blueprint_shares WHERE blueprint_id = $1 AND organization_id = $2")
            .bind(id.as_str())
            .bind(org.as_str())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns a page of the organisations that a blueprint is shared with, in the order of sharing.
    ///
    /// # Errors
    /// `NotFound` when there is no such blueprint.
    pub async fn shares_of_blueprint(&self, id: &BlueprintId, wanted: &PageRequest) -> Result<Page<OrgId>, StoreError> {
        self.blueprint_exists(id).await?;
        let queries =
            page_queries!("organization_id", "blueprint_shares", "blueprint_id = $4", "position", "organization_id");
        Ok(self.page(queries, wanted, &[Some(id.as_str())]).await?.map(|(org,): (String,)| org.into()))
    }
}

async fn share(
    transaction: &mut Transaction<'static, Any>,
    id: &BlueprintId,
    organization: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO blueprint_shares (blueprint_id, organization_id, position)
         VALUES ($1, $2, (SELECT COALESCE(MAX(position), 0) + 1 FROM blueprint_shares WHERE blueprint_id = $1))
         ON CONFLICT (blueprint_id, organization_id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(organization)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Sets the exposure to `shared` and stores the one before. A blueprint that is shared already does not change.
async fn expose_as_shared(transaction: &mut Transaction<'static, Any>, id: &BlueprintId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE blueprints SET shared_from = exposure, exposure = 'shared' WHERE id = $1 AND exposure <> 'shared'",
    )
    .bind(id.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

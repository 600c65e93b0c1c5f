//! Blueprints. They never change once made, so what a reader wants to see of one
//! is kept in one row; tags have a table of their own to be found by.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Store, StoreError, from_json, raw, to_i64, to_json, to_u64, word};
use crate::model::catalog::{Access, Blueprint, Exposure};
use crate::model::ids::{BlueprintId, OrgId, UserId};

/// A blueprint with the name of its category, as it is shown.
#[derive(Debug)]
pub struct BlueprintRow {
    pub id: String,
    pub name: String,
    pub description: String,
    pub version: String,
    pub exposure: String,
    pub author_id: String,
    pub organization_id: Option<String>,
    /// Null when no such category exists.
    pub category_id: Option<String>,
    pub category_name: Option<String>,
    pub icon: Option<String>,
    pub intro_msg: Option<String>,
    pub spec: Box<RawValue>,
    pub tags: Box<RawValue>,
    pub commands: Box<RawValue>,
    pub starter_prompts: Box<RawValue>,
    pub created_ms: u64,
}

/// What a launch needs to know of a blueprint.
#[derive(Debug)]
pub struct LaunchableBlueprint {
    pub access: Access,
    pub spec: Value,
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    name: String,
    description: String,
    version: String,
    exposure: String,
    author_id: String,
    organization_id: Option<String>,
    category_id: Option<String>,
    category_name: Option<String>,
    icon: Option<String>,
    intro_msg: Option<String>,
    spec: String,
    tags: String,
    commands: String,
    starter_prompts: String,
    created_ms: i64,
}

impl Columns {
    fn read(self) -> Result<BlueprintRow, StoreError> {
        Ok(BlueprintRow {
            id: self.id,
            name: self.name,
            description: self.description,
            version: self.version,
            exposure: self.exposure,
            author_id: self.author_id,
            organization_id: self.organization_id,
            category_id: self.category_id,
            category_name: self.category_name,
            icon: self.icon,
            intro_msg: self.intro_msg,
            spec: raw(self.spec)?,
            tags: raw(self.tags)?,
            commands: raw(self.commands)?,
            starter_prompts: raw(self.starter_prompts)?,
            created_ms: to_u64(self.created_ms),
        })
    }
}

impl Store {
    /// Adds a blueprint and its tags.
    ///
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn insert_blueprint(&self, blueprint: &Blueprint, now_ms: u64) -> Result<(), StoreError> {
        let id = blueprint.id.as_str();
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO blueprints (id, name, description, version, exposure, author_id, organization_id, category_id,
                                     icon, intro_msg, spec, tags, commands, starter_prompts, agent_icons, created_ms,
                                     position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                     (SELECT COALESCE(MAX(position), 0) + 1 FROM blueprints))",
        )
        .bind(id)
        .bind(blueprint.name.as_str())
        .bind(blueprint.description.as_str())
        .bind(blueprint.version.as_str())
        .bind(blueprint.exposure.name())
        .bind(blueprint.author.as_str())
        .bind(blueprint.organization.as_ref().map(OrgId::as_str))
        .bind(blueprint.category.as_ref().map(|category| category.as_str()))
        .bind(blueprint.icon.as_deref())
        .bind(blueprint.intro_msg.as_deref())
        .bind(to_json(&blueprint.spec)?)
        .bind(to_json(&blueprint.tags)?)
        .bind(to_json(&blueprint.commands)?)
        .bind(to_json(&blueprint.starter_prompts)?)
        .bind(to_json(&blueprint.agent_icons)?)
        .bind(to_i64(now_ms))
        .execute(&mut *transaction)
        .await
        .map_err(|error| StoreError::on_insert(error, "blueprint", id))?;
        for tag in &blueprint.tags {
            sqlx::query("INSERT INTO blueprint_tags (tag, blueprint_id) VALUES ($1, $2)")
                .bind(tag.as_str())
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// A blueprint as it is shown.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn blueprint(&self, id: &BlueprintId) -> Result<BlueprintRow, StoreError> {
        let row: Option<Columns> = sqlx::query_as(
            "SELECT b.id, b.name, b.description, b.version, b.exposure, b.author_id, b.organization_id,
                    c.id AS category_id, c.name AS category_name, b.icon, b.intro_msg, b.spec, b.tags, b.commands,
                    b.starter_prompts, b.created_ms
             FROM blueprints b LEFT JOIN categories c ON c.id = b.category_id WHERE b.id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))?.read()
    }

    /// What a launch by a member of this organisation needs.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn blueprint_to_launch(&self, id: &BlueprintId, org: &OrgId) -> Result<LaunchableBlueprint, StoreError> {
        let row: Option<(String, String, Option<String>, i64, String)> = sqlx::query_as(
            "SELECT b.exposure, b.author_id, b.organization_id,
                    (SELECT COUNT(*) FROM blueprint_shares s
                     WHERE s.blueprint_id = b.id AND s.organization_id = $2) AS shares,
                    b.spec
             FROM blueprints b WHERE b.id = $1",
        )
        .bind(id.as_str())
        .bind(org.as_str())
        .fetch_optional(&self.readers)
        .await?;
        let (exposure, author, organization, shares, spec) =
            row.ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))?;
        Ok(LaunchableBlueprint {
            access: Access {
                exposure: word(Exposure::parse, &exposure)?,
                author: UserId::from(author),
                organization: organization.map(OrgId::from),
                is_shared: shares > 0,
            },
            spec: from_json(&spec)?,
        })
    }
}

//! Blueprints. A blueprint does not change after its creation, so it is one row; tags and icons also have tables of their own.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::database::{Store, from_json, raw, to_i64, to_json, word};
use super::error::StoreError;
use super::icons;
use super::listings::{BlueprintInfo, InfoColumns, select_infos};
use super::needed::{refuse_if_needed, removed};
use super::row::from_row;
use guildhall_model::catalog::{Access, Blueprint, Exposure};
use guildhall_model::ids::{BlueprintId, Digest, GuildId, OrgId, UserId};

/// A blueprint with its spec.
#[derive(Debug)]
pub struct BlueprintRow {
    pub info: BlueprintInfo,
    pub intro_msg: Option<String>,
    pub spec: Box<RawValue>,
    pub tags: Box<RawValue>,
    pub commands: Box<RawValue>,
    pub starter_prompts: Box<RawValue>,
}

/// The digests of the components that serve agent classes, by class.
pub type Pins = BTreeMap<String, Digest>;

/// The parts of a blueprint that a launch needs.
#[derive(Debug)]
pub struct LaunchableBlueprint {
    pub access: Access,
    pub spec: Value,
    /// The components that served its classes at its creation.
    pub pins: Pins,
}

struct Columns {
    info: InfoColumns,
    intro_msg: Option<String>,
    spec: String,
    tags: String,
    commands: String,
    starter_prompts: String,
}

from_row!(Columns { @flatten info, intro_msg, spec, tags, commands, starter_prompts });

impl Columns {
    fn read(self) -> Result<BlueprintRow, StoreError> {
        Ok(BlueprintRow {
            info: self.info.read(),
            intro_msg: self.intro_msg,
            spec: raw(self.spec)?,
            tags: raw(self.tags)?,
            commands: raw(self.commands)?,
            starter_prompts: raw(self.starter_prompts)?,
        })
    }
}

struct LaunchColumns {
    exposure: String,
    shared_from: Option<String>,
    author_id: String,
    organization_id: Option<String>,
    shares: i64,
    spec: String,
    pins: String,
}

from_row!(LaunchColumns { exposure, shared_from, author_id, organization_id, shares, spec, pins });

impl LaunchColumns {
    fn read(self) -> Result<LaunchableBlueprint, StoreError> {
        let shared_from = self.shared_from.map(|exposure| word(Exposure::parse, &exposure)).transpose()?;
        Ok(LaunchableBlueprint {
            access: Access {
                exposure: word(Exposure::parse, &self.exposure)?,
                shared_from,
                author: UserId::from(self.author_id),
                organization: self.organization_id.map(OrgId::from),
                is_shared: self.shares > 0,
            },
            spec: from_json(&self.spec)?,
            pins: from_json(&self.pins)?,
        })
    }
}

impl Store {
    /// Adds a blueprint with its tags, its icons and the components of its classes. `request` is the request that wants it to
    /// be made once, if it says so: digests of its key and of its body.
    ///
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn insert_blueprint(
        &self,
        blueprint: &Blueprint,
        pins: &Pins,
        request: Option<&str>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let id = blueprint.id.as_str();
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO blueprints (id, name, description, version, exposure, author_id, organization_id, category_id,
                                     icon, intro_msg, spec, tags, commands, starter_prompts, created_ms, pins,
                                     request, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
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
        .bind(to_i64(now_ms))
        .bind(to_json(pins)?)
        .bind(request)
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
        for icon in &blueprint.agent_icons {
            icons::put(&mut transaction, &blueprint.id, icon).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns a blueprint.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn blueprint(&self, id: &BlueprintId) -> Result<BlueprintRow, StoreError> {
        let row: Option<Columns> = sqlx::query_as(select_infos!(
            ", b.intro_msg, b.spec, b.tags, b.commands, b.starter_prompts",
            "WHERE b.id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))?.read()
    }

    /// Removes a blueprint with its tags, shares, icons and reviews, unless a guild was launched from it.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id; `Needed` with guilds that were launched from it.
    pub async fn delete_blueprint(&self, id: &BlueprintId) -> Result<(), StoreError> {
        const USERS: &str = "SELECT 'guild', id FROM guilds WHERE blueprint_id = $1 ORDER BY position LIMIT 20";
        const OTHERS: [&str; 4] = [
            "DELETE FROM blueprint_tags WHERE blueprint_id = $1",
            "DELETE FROM blueprint_shares WHERE blueprint_id = $1",
            "DELETE FROM blueprint_icons WHERE blueprint_id = $1",
            "DELETE FROM blueprint_reviews WHERE blueprint_id = $1",
        ];
        let mut transaction = self.begin().await?;
        refuse_if_needed(&mut transaction, USERS, "blueprint", id.as_str(), id.as_str()).await?;
        for query in OTHERS {
            sqlx::query(query).bind(id.as_str()).execute(&mut *transaction).await?;
        }
        let done =
            sqlx::query("DELETE FROM blueprints WHERE id = $1").bind(id.as_str()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        removed(done.rows_affected(), "blueprint", id.as_str())
    }

    /// Checks that a blueprint exists.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn blueprint_exists(&self, id: &BlueprintId) -> Result<(), StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT id FROM blueprints WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|_| ()).ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))
    }

    /// Returns the request that a blueprint was made with; `None` when there is no such blueprint, or the request had no key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_of_blueprint(&self, id: &BlueprintId) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> = sqlx::query_as("SELECT request FROM blueprints WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.and_then(|(request,)| request))
    }

    /// Returns the spec of a blueprint.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn blueprint_spec(&self, id: &BlueprintId) -> Result<Value, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT spec FROM blueprints WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        let (spec,) = row.ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))?;
        from_json(&spec)
    }

    /// Returns the blueprint that a guild was launched from; `None` when it was launched from a spec.
    ///
    /// # Errors
    /// `NotFound` when there is no such guild.
    pub async fn blueprint_of_guild(&self, guild: &GuildId) -> Result<Option<BlueprintRow>, StoreError> {
        let row: Option<(Option<String>,)> = sqlx::query_as("SELECT blueprint_id FROM guilds WHERE id = $1")
            .bind(guild.as_str())
            .fetch_optional(&self.readers)
            .await?;
        match row.ok_or_else(|| StoreError::not_found("guild", guild.as_str()))? {
            (Some(id),) => self.blueprint(&id.into()).await.map(Some),
            (None,) => Ok(None),
        }
    }

    /// Returns the parts of a blueprint that a launch by a member of this organisation needs.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn blueprint_to_launch(&self, id: &BlueprintId, org: &OrgId) -> Result<LaunchableBlueprint, StoreError> {
        let row: Option<LaunchColumns> = sqlx::query_as(
            "SELECT b.exposure, b.shared_from, b.author_id, b.organization_id,
                    (SELECT COUNT(*) FROM blueprint_shares s
                     WHERE s.blueprint_id = b.id AND s.organization_id = $2) AS shares,
                    b.spec, b.pins
             FROM blueprints b WHERE b.id = $1",
        )
        .bind(id.as_str())
        .bind(org.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.ok_or_else(|| StoreError::not_found("blueprint", id.as_str()))?.read()
    }
}

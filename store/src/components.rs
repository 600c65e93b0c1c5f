//! Components and their names. The bytes of components are in files, not in the database.

use serde_json::Value;

use super::database::{Store, from_json, to_i64, to_json, to_u64, word};
use super::error::StoreError;
use super::page::{Page, PageRequest, page_queries};
use super::row::from_row;
use guildhall_model::component::{ComponentName, ComponentState};
use guildhall_model::ids::Digest;

/// One uploaded or built-in component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentRow {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub state: ComponentState,
    /// The agent class of its description.
    pub class_name: Option<String>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub summary: Option<String>,
    /// Its description of itself; null when it has none.
    pub description: Value,
    /// The interfaces that it imports from the host.
    pub imports: Vec<String>,
    /// Why it was refused, or why it could not be compiled.
    pub reason: Option<String>,
    /// The reason for programs: `{"code", "context"}`.
    pub refusal: Option<Value>,
    pub created_ms: u64,
}

struct Columns {
    digest: String,
    size: i64,
    state: String,
    class_name: Option<String>,
    name: Option<String>,
    version: Option<String>,
    summary: Option<String>,
    description: String,
    imports: String,
    reason: Option<String>,
    refusal: Option<String>,
    created_ms: i64,
}

from_row!(Columns {
    digest,
    size,
    state,
    class_name,
    name,
    version,
    summary,
    description,
    imports,
    reason,
    refusal,
    created_ms
});

impl Columns {
    fn read(self) -> Result<ComponentRow, StoreError> {
        Ok(ComponentRow {
            state: word(ComponentState::parse, &self.state)?,
            description: from_json(&self.description)?,
            imports: from_json(&self.imports)?,
            digest: self.digest.into(),
            size: to_u64(self.size),
            class_name: self.class_name,
            name: self.name,
            version: self.version,
            summary: self.summary,
            reason: self.reason,
            refusal: self.refusal.as_deref().map(from_json).transpose()?,
            created_ms: to_u64(self.created_ms),
        })
    }
}

impl Store {
    /// Adds a component, or replaces its row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_component(&self, row: &ComponentRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO components (digest, size, state, class_name, name, version, summary, description, imports,
                                     reason, created_ms, refusal, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                     (SELECT COALESCE(MAX(position), 0) + 1 FROM components))
             ON CONFLICT (digest) DO UPDATE SET state = excluded.state, class_name = excluded.class_name,
                 name = excluded.name, version = excluded.version, summary = excluded.summary,
                 description = excluded.description, imports = excluded.imports, reason = excluded.reason,
                 refusal = excluded.refusal",
        )
        .bind(row.digest.as_str())
        .bind(to_i64(row.size))
        .bind(row.state.name())
        .bind(row.class_name.as_deref())
        .bind(row.name.as_deref())
        .bind(row.version.as_deref())
        .bind(row.summary.as_deref())
        .bind(to_json(&row.description)?)
        .bind(to_json(&row.imports)?)
        .bind(row.reason.as_deref())
        .bind(to_i64(row.created_ms))
        .bind(row.refusal.as_ref().map(to_json).transpose()?)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Returns a component, if there is one with this digest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component(&self, digest: &Digest) -> Result<Option<ComponentRow>, StoreError> {
        let row: Option<Columns> = sqlx::query_as(
            "SELECT digest, size, state, class_name, name, version, summary, description, imports, reason, refusal,
                    created_ms
             FROM components WHERE digest = $1",
        )
        .bind(digest.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(Columns::read).transpose()
    }

    /// Returns all components, in the order of upload.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn components(&self) -> Result<Vec<ComponentRow>, StoreError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT digest, size, state, class_name, name, version, summary, description, imports, reason, refusal,
                    created_ms
             FROM components ORDER BY position, digest",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(Columns::read).collect()
    }

    /// Returns a page of all components without their descriptions, which may be long, in the order of upload.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component_list(&self, wanted: &PageRequest) -> Result<Page<ComponentRow>, StoreError> {
        let queries = page_queries!(
            "digest, size, state, class_name, name, version, summary, 'null' AS description, imports, reason, refusal,
             created_ms",
            "components",
            "1 = 1",
            "position",
            "digest"
        );
        self.page(queries, wanted, &[]).await?.try_map(Columns::read)
    }

    /// Returns the digests of the components that are to be compiled, including those that the host could not compile before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn components_to_compile(&self) -> Result<Vec<Digest>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT digest FROM components WHERE state IN ('compiling', 'failed') ORDER BY position, digest",
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(digest,)| digest.into()).collect())
    }

    /// Gives a component a name, unless the name belongs to another one. Returns the digest that has the name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn name_component(&self, name: &ComponentName, digest: &Digest) -> Result<Digest, StoreError> {
        let (holder,): (String,) = sqlx::query_as(
            "INSERT INTO component_names (name, version, digest) VALUES ($1, $2, $3)
             ON CONFLICT (name, version) DO UPDATE SET digest = component_names.digest
             RETURNING digest",
        )
        .bind(name.name.as_str())
        .bind(name.version.as_str())
        .bind(digest.as_str())
        .fetch_one(&self.writer)
        .await?;
        Ok(holder.into())
    }

    /// Removes the names of a component, which never could run.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unname_component(&self, digest: &Digest) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM component_names WHERE digest = $1")
            .bind(digest.as_str())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Returns the digest that has a name and version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component_named(&self, name: &ComponentName) -> Result<Option<Digest>, StoreError> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT digest FROM component_names WHERE name = $1 AND version = $2")
                .bind(name.name.as_str())
                .bind(name.version.as_str())
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map(|(digest,)| digest.into()))
    }

    /// Returns every `name@version` with its digest, in alphabetical order; with `of`, those of this digest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component_names(&self, of: Option<&Digest>) -> Result<Vec<(Digest, String)>, StoreError> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT digest, name, version FROM component_names
             WHERE digest = $1 OR $1 = '' ORDER BY name, version",
        )
        .bind(of.map_or("", Digest::as_str))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(digest, name, version)| (digest.into(), format!("{name}@{version}"))).collect())
    }

    /// Returns what uses a component, as texts such as `blueprint ID`: classes that are bound to it, blueprints that name it,
    /// guilds that run it and were not stopped. At most 20.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component_users(&self, digest: &Digest) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT 'class', class_name FROM agent_classes WHERE component = $1
             UNION ALL
             SELECT 'blueprint', id FROM blueprints WHERE spec LIKE $2 OR pins LIKE $2
             UNION ALL
             SELECT 'guild', id FROM guilds WHERE status <> 'stopped' AND spec LIKE $2
             LIMIT 20",
        )
        .bind(digest.as_str())
        .bind(format!("%{digest}%"))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(kind, id)| format!("{kind} {id}")).collect())
    }

    /// Removes a component. Its names stay taken. Returns whether there was one with this digest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_component(&self, digest: &Digest) -> Result<bool, StoreError> {
        let done =
            sqlx::query("DELETE FROM components WHERE digest = $1").bind(digest.as_str()).execute(&self.writer).await?;
        Ok(done.rows_affected() > 0)
    }
}

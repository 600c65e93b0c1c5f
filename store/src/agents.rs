//! Agent classes, and the component that serves each of them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::database::{Store, from_json, to_json};
use super::error::StoreError;
use super::needed::{containing, refuse_if_needed, removed};
use super::page::{Page, PageRequest, page_queries};
use super::row::from_row;
use guildhall_model::catalog::AgentEntry;
use guildhall_model::ids::Digest;

struct EntryRow {
    class_name: String,
    name: String,
    doc: String,
    properties_schema: String,
    handlers: String,
    dependencies: String,
    component: Option<String>,
}

from_row!(EntryRow { class_name, name, doc, properties_schema, handlers, dependencies, component });

impl EntryRow {
    fn read(self) -> Result<AgentEntry, StoreError> {
        Ok(AgentEntry {
            properties_schema: from_json(&self.properties_schema)?,
            handlers: from_json(&self.handlers)?,
            dependencies: from_json(&self.dependencies)?,
            name: self.name,
            class_name: self.class_name,
            doc: self.doc,
            component: self.component.map(Digest::from),
        })
    }
}

impl Store {
    /// Adds a class.
    ///
    /// # Errors
    /// `Conflict` when it is registered already.
    pub async fn register_agent(&self, entry: &AgentEntry) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO agent_classes
                 (class_name, name, doc, properties_schema, handlers, dependencies, component, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT COALESCE(MAX(position), 0) + 1 FROM agent_classes))",
        )
        .bind(entry.class_name.as_str())
        .bind(entry.name.as_str())
        .bind(entry.doc.as_str())
        .bind(to_json(&entry.properties_schema)?)
        .bind(to_json(&entry.handlers)?)
        .bind(to_json(&entry.dependencies)?)
        .bind(entry.component.as_ref().map(Digest::as_str))
        .execute(&self.writer)
        .await
        .map_err(|error| StoreError::on_insert(error, "agent class", &entry.class_name))?;
        Ok(())
    }

    /// Binds a class to a component; the class is added when it is new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bind_component(&self, class: &str, digest: &Digest) -> Result<(), StoreError> {
        let entry = AgentEntry::bare(class);
        sqlx::query(
            "INSERT INTO agent_classes
                 (class_name, name, doc, properties_schema, handlers, dependencies, component, position)
             VALUES ($1, $2, '', '{}', '{}', '[]', $3, (SELECT COALESCE(MAX(position), 0) + 1 FROM agent_classes))
             ON CONFLICT (class_name) DO UPDATE SET component = excluded.component",
        )
        .bind(class)
        .bind(entry.name)
        .bind(digest.as_str())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Returns the entry of a class, if it is registered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent_entry(&self, class: &str) -> Result<Option<AgentEntry>, StoreError> {
        let row: Option<EntryRow> = sqlx::query_as(
            "SELECT class_name, name, doc, properties_schema, handlers, dependencies, component
             FROM agent_classes WHERE class_name = $1",
        )
        .bind(class)
        .fetch_optional(&self.readers)
        .await?;
        row.map(EntryRow::read).transpose()
    }

    /// Returns a page of all classes, in the order of registration.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent_entries(&self, wanted: &PageRequest) -> Result<Page<AgentEntry>, StoreError> {
        let queries = page_queries!(
            "class_name, name, doc, properties_schema, handlers, dependencies, component",
            "agent_classes",
            "1 = 1",
            "position",
            "class_name"
        );
        self.page(queries, wanted, &[]).await?.try_map(EntryRow::read)
    }

    /// Returns the components that classes are bound to, by class.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bound_components(&self) -> Result<HashMap<String, Digest>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT class_name, component FROM agent_classes WHERE component IS NOT NULL")
                .fetch_all(&self.readers)
                .await?;
        Ok(rows.into_iter().map(|(class, digest)| (class, digest.into())).collect())
    }

    /// Removes a class that no blueprint and no guild names.
    ///
    /// # Errors
    /// `NotFound` when it is not registered; `Needed` with blueprints and guilds that name it.
    pub async fn delete_agent_class(&self, class: &str) -> Result<(), StoreError> {
        const USERS: &str = "SELECT 'blueprint', id FROM blueprints WHERE spec LIKE $1 ESCAPE '\\'
             UNION ALL
             SELECT 'guild', id FROM guilds WHERE spec LIKE $1 ESCAPE '\\'
             LIMIT 20";
        let named = containing(&format!("\"class_name\":{}", to_json(&class)?));
        let mut transaction = self.begin().await?;
        refuse_if_needed(&mut transaction, USERS, "agent class", class, &named).await?;
        let done = sqlx::query("DELETE FROM agent_classes WHERE class_name = $1")
            .bind(class)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        removed(done.rows_affected(), "agent class", class)
    }

    /// Returns the handlers of all classes, in the order of registration.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn handlers(&self) -> Result<Vec<Map<String, Value>>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT handlers FROM agent_classes ORDER BY position, class_name")
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(|(handlers,)| from_json(&handlers)).collect()
    }
}

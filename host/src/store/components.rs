//! Components: what is known of them. Their bytes are files, not rows.

use serde::Serialize;
use serde_json::Value;

use super::{Store, StoreError, from_json, to_i64, to_json, to_u64, word};
use crate::model::ids::Digest;

/// How far a component is on its way to being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    Compiling,
    Ready,
    /// It cannot be run; the row says why.
    Refused,
}

impl ComponentState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compiling => "compiling",
            Self::Ready => "ready",
            Self::Refused => "refused",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Compiling, Self::Ready, Self::Refused].into_iter().find(|state| state.name() == text)
    }
}

/// One uploaded or built-in component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentRow {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub state: ComponentState,
    /// The agent class it says it is.
    pub class_name: Option<String>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub summary: Option<String>,
    /// All that it said of itself.
    pub description: Value,
    /// The interfaces it wants from the host.
    pub imports: Vec<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    pub created_ms: u64,
}

#[derive(sqlx::FromRow)]
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
    created_ms: i64,
}

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
            created_ms: to_u64(self.created_ms),
        })
    }
}

impl Store {
    /// Keeps what is known of a component; what was known of it before is replaced.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_component(&self, row: &ComponentRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO components (digest, size, state, class_name, name, version, summary, description, imports,
                                     reason, created_ms, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                     (SELECT COALESCE(MAX(position), 0) + 1 FROM components))
             ON CONFLICT (digest) DO UPDATE SET state = excluded.state, class_name = excluded.class_name,
                 name = excluded.name, version = excluded.version, summary = excluded.summary,
                 description = excluded.description, imports = excluded.imports, reason = excluded.reason",
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
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// One component, if it is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component(&self, digest: &Digest) -> Result<Option<ComponentRow>, StoreError> {
        let row: Option<Columns> = sqlx::query_as(
            "SELECT digest, size, state, class_name, name, version, summary, description, imports, reason, created_ms
             FROM components WHERE digest = $1",
        )
        .bind(digest.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(Columns::read).transpose()
    }

    /// All components, in the order of upload.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn components(&self) -> Result<Vec<ComponentRow>, StoreError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT digest, size, state, class_name, name, version, summary, description, imports, reason, created_ms
             FROM components ORDER BY position, digest",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(Columns::read).collect()
    }
}

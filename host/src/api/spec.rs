//! What a spec must fulfil before a blueprint or a guild is made of it.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::error::ApiError;
use crate::guild::Guilds;
use crate::model::ids::Digest;
use crate::model::read::spec::{duplicate_agent, foreign_back_ends, unsupported};
use crate::model::spec::GuildSpec;
use crate::store::Store;

/// The answer to something made.
#[derive(Debug, Serialize)]
pub struct Created {
    pub id: String,
    /// What is kept but not used, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Created {
    /// The answer to something of which there is nothing to warn.
    pub fn plain(id: impl Into<String>) -> (StatusCode, Json<Self>) {
        Self::warned(id, Vec::new())
    }

    pub fn warned(id: impl Into<String>, warnings: Vec<String>) -> (StatusCode, Json<Self>) {
        (StatusCode::CREATED, Json(Self { id: id.into(), warnings }))
    }
}

/// Refuses what this host cannot do, and gives warnings for what it does in its
/// own way. `document` is the spec as it was sent.
pub fn admit(spec: &GuildSpec, document: &Value) -> Result<Vec<String>, ApiError> {
    let parts = unsupported(spec, document);
    if !parts.is_empty() {
        return Err(ApiError::Unsupported(parts));
    }
    if let Some(id) = duplicate_agent(spec) {
        return Err(ApiError::DuplicateAgent(id.clone()));
    }
    let warnings = foreign_back_ends(spec);
    for warning in &warnings {
        tracing::warn!(guild = %spec.name, "{warning}");
    }
    Ok(warnings)
}

/// Refuses components that nobody uploaded.
pub async fn check_components(store: &Store, spec: &GuildSpec) -> Result<(), ApiError> {
    let named: BTreeSet<&str> = spec.agents.iter().filter_map(|agent| agent.component.as_deref()).collect();
    for digest in named {
        let digest = Digest::from(digest);
        if store.component(&digest).await?.is_none() {
            return Err(ApiError::UnknownComponent(digest));
        }
    }
    Ok(())
}

/// Refuses classes that are not in the catalog, but for agents that name their component and
/// classes that the host itself serves.
pub async fn check_classes(store: &Store, guilds: &Guilds, spec: &GuildSpec) -> Result<(), ApiError> {
    let by_class = spec.agents.iter().filter(|agent| agent.component.is_none());
    let classes: BTreeSet<&str> = by_class.map(|agent| agent.class_name.as_str()).collect();
    for class in classes {
        if !guilds.has_built_in(class) && store.agent_entry(class).await?.is_none() {
            return Err(ApiError::UnknownClass(class.to_owned()));
        }
    }
    Ok(())
}

//! Agent classes: registered once, named by blueprints ever after.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::{ApiState, Route};
use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::model::catalog::AgentEntry;

pub fn routes() -> Vec<Route> {
    vec![("/catalog/agents", get(list).post(register)), ("/catalog/agents/{class}", get(one))]
}

async fn register(State(api): State<ApiState>, body: JsonBody) -> Result<StatusCode, ApiError> {
    let entry = body.read(AgentEntry::read)?;
    if let Some(digest) = &entry.component
        && api.store.component(digest).await?.is_none()
    {
        return Err(ApiError::UnknownComponent(digest.clone()));
    }
    api.store.register_agent(&entry).await?;
    Ok(StatusCode::CREATED)
}

/// All classes by name, or those named by `class_names`, which may be repeated.
async fn list(
    State(api): State<ApiState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Map<String, Value>>, ApiError> {
    let wanted: Vec<&str> =
        query.iter().filter(|(key, _)| key == "class_names").map(|(_, class)| class.as_str()).collect();
    let is_wanted = |entry: &AgentEntry| wanted.is_empty() || wanted.contains(&entry.class_name.as_str());
    let entries = api.store.agent_entries().await?.into_iter().filter(is_wanted);
    Ok(Json(entries.map(|entry| (entry.class_name.clone(), json!(entry))).collect()))
}

async fn one(State(api): State<ApiState>, Path(class): Path<String>) -> Result<Json<AgentEntry>, ApiError> {
    match api.store.agent_entry(&class).await? {
        Some(entry) => Ok(Json(entry)),
        None => Err(ApiError::NotFound { what: "agent class", id: class }),
    }
}

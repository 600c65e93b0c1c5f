//! Agent classes: registered once, named by blueprints ever after.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use serde_json::{Map, Value, json};

use super::{ApiState, Route};
use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::query::Params;
use crate::api::spec::component;
use guildhall_model::catalog::AgentEntry;
use guildhall_model::component::ComponentRef;
use guildhall_model::read::object;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/agents", get(list).post(register)),
        ("/catalog/agents/{class}", get(one)),
        ("/catalog/agents/{class}/component", put(bind)),
        // Without its slash this is a class of that name.
        ("/catalog/agents/message_schema/", get(message_schema)),
    ]
}

async fn register(State(api): State<ApiState>, body: JsonBody) -> Result<StatusCode, ApiError> {
    let (mut entry, named) = body.read(AgentEntry::read)?;
    if let Some(named) = named {
        entry.component = Some(component(&api, &named).await?);
    }
    api.store.register_agent(&entry).await?;
    Ok(StatusCode::CREATED)
}

/// Has a component, by digest or name, serve a class that is registered. Blueprints
/// and guilds that are there keep what they have.
async fn bind(State(api): State<ApiState>, Path(class): Path<String>, body: JsonBody) -> Result<StatusCode, ApiError> {
    let named = body.read(object(|f| f.required("component", ComponentRef::read)))?;
    let Some(entry) = api.store.agent_entry(&class).await? else {
        return Err(ApiError::NotFound { what: "agent class", id: class });
    };
    let digest = component(&api, &named).await?;
    api.guilds.bind_class(&entry, &digest).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All classes by name, or those named by `class_names`, which may be repeated.
async fn list(State(api): State<ApiState>, params: Params) -> Result<Json<Map<String, Value>>, ApiError> {
    let wanted: Vec<&str> = params.all("class_names").collect();
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

/// The schema of a format as the first handler that has it was registered with.
async fn message_schema(State(api): State<ApiState>, params: Params) -> Result<Json<Value>, ApiError> {
    let format = params.required("message_format")?;
    let classes = api.store.handlers().await?;
    let handlers = classes.iter().flat_map(Map::values);
    match handlers.into_iter().find(|handler| handler["message_format"] == format) {
        Some(handler) => Ok(Json(handler["message_format_schema"].clone())),
        None => Err(ApiError::NoHandler(format.to_owned())),
    }
}

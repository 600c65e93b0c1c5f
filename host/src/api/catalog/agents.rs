//! Agent classes. A class is registered once; blueprints name it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde_json::{Map, Value, json};

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::query::Params;
use crate::api::spec::{ComponentChoice, component};
use crate::api::state::{ApiState, Route};
use guildhall_model::catalog::AgentEntry;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/agents", get(list).post(register)),
        ("/catalog/agents/{class}", get(one).delete(remove)),
        ("/catalog/agents/{class}/component", put(bind)),
        // Without the last slash this path names a class.
        ("/catalog/agents/message_schema/", get(message_schema)),
    ]
}

async fn register(State(api): State<ApiState>, body: JsonBody) -> Result<StatusCode, ApiError> {
    let (mut entry, named) = body.read(AgentEntry::read)?;
    if let Some(named) = named {
        let digest = component(&api, &named).await?;
        api.guilds.refuse_reserved(&entry.class_name, &digest)?;
        entry.component = Some(digest);
    }
    api.store.register_agent(&entry).await?;
    Ok(StatusCode::CREATED)
}

/// Binds a registered class to a component. Existing blueprints and guilds keep the component that they have.
async fn bind(State(api): State<ApiState>, Path(class): Path<String>, body: JsonBody) -> Result<StatusCode, ApiError> {
    let named = body.read(ComponentChoice::read)?.component;
    let Some(entry) = api.store.agent_entry(&class).await? else {
        return Err(ApiError::NotFound { what: "agent class", id: class });
    };
    let digest = component(&api, &named).await?;
    api.guilds.bind_class(&entry, &digest).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Agent classes by their names, in the order of `entries`.
pub fn by_class(entries: impl Iterator<Item = AgentEntry>) -> Map<String, Value> {
    entries.map(|entry| (entry.class_name.clone(), json!(entry))).collect()
}

/// Answers with all classes by name, or with those of `class_names`, which may be repeated.
async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    let names: Vec<&str> = paging.params().all("class_names").collect();
    if names.is_empty() {
        let page = api.store.agent_entries(paging.wanted()).await?;
        return Ok(paging.linked(page.next, Json(by_class(page.items.into_iter()))));
    }
    let mut named = Vec::new();
    for name in names {
        named.extend(api.store.agent_entry(name).await?);
    }
    Ok(Json(by_class(named.into_iter())).into_response())
}

/// Removes a class that no blueprint and no guild names.
async fn remove(State(api): State<ApiState>, Path(class): Path<String>) -> Result<StatusCode, ApiError> {
    api.store.delete_agent_class(&class).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(State(api): State<ApiState>, Path(class): Path<String>) -> Result<Json<AgentEntry>, ApiError> {
    match api.store.agent_entry(&class).await? {
        Some(entry) => Ok(Json(entry)),
        None => Err(ApiError::NotFound { what: "agent class", id: class }),
    }
}

/// Answers with the JSON schema of a format, from the first registered handler of that format.
async fn message_schema(State(api): State<ApiState>, params: Params) -> Result<Json<Value>, ApiError> {
    let format = params.required("message_format")?;
    let classes = api.store.handlers().await?;
    let handlers = classes.iter().flat_map(Map::values);
    match handlers.into_iter().find(|handler| handler["message_format"] == format) {
        Some(handler) => Ok(Json(handler["message_format_schema"].clone())),
        None => Err(ApiError::NoHandler(format.to_owned())),
    }
}

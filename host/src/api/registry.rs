//! `/api/registry`: the agent classes of this host's components, as the components describe themselves. Managers and user
//! proxies are not listed, since no blueprint may name them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use super::catalog::agents::by_class;
use super::error::ApiError;
use super::paging::Paging;
use super::query::Params;
use crate::api::state::{ApiState, Route};
use crate::store::{ComponentRow, Page};
use guildhall_model::catalog::AgentEntry;
use guildhall_model::component::ComponentState;
use guildhall_model::format::{MANAGER_CLASS, USER_PROXY_CLASS};
use guildhall_model::ids::Digest;
use guildhall_model::schemas;

pub fn routes() -> Vec<Route> {
    vec![("/api/registry/agents", get(agents)), ("/api/registry/message_schema", get(message_schema))]
}

/// Answers with all classes, or with the one of `agent_class`; an empty name means all.
async fn agents(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    let mut components = serving(&api).await?;
    if let Some(class) = paging.params().one("agent_class").filter(|class| !class.is_empty()) {
        components.retain(|row| row.class_name.as_deref() == Some(class));
        if components.is_empty() {
            return Err(ApiError::NotInRegistry(class.to_owned()));
        }
    }
    let page = Page::of_list(components, paging.wanted(), |row| row.class_name.as_deref().unwrap_or_default());
    Ok(paging.linked(page.next, Json(by_class(page.items.iter().map(entry)))))
}

/// One component for each class: the bound one, else a built-in one, else the first of the others.
async fn serving(api: &ApiState) -> Result<Vec<ComponentRow>, ApiError> {
    let bound = api.store.bound_components().await?;
    let built_in: Vec<Digest> = api.guilds.built_in().iter().map(|component| component.digest.clone()).collect();
    let right = |row: &ComponentRow| {
        let is_bound = row.class_name.as_ref().and_then(|class| bound.get(class)) == Some(&row.digest);
        (is_bound, built_in.contains(&row.digest))
    };
    let ready = api.store.components().await?.into_iter().filter(|row| row.state == ComponentState::Ready);
    let mut serving: Vec<ComponentRow> = Vec::new();
    for row in ready.filter(|row| row.class_name.is_some()) {
        match serving.iter_mut().find(|held| held.class_name == row.class_name) {
            Some(held) if right(&row) >= right(held) => *held = row,
            Some(_) => {}
            None => serving.push(row),
        }
    }
    Ok(serving)
}

fn entry(row: &ComponentRow) -> AgentEntry {
    AgentEntry::described(
        row.class_name.as_deref().unwrap_or_default(),
        row.summary.as_deref().unwrap_or_default(),
        formats(row, "receives"),
        &row.description["properties_schema"],
        row.digest.clone(),
    )
}

/// The formats of a component's description, by the key `receives` or `emits`, with their JSON schemas.
fn formats<'r>(row: &'r ComponentRow, which: &str) -> impl Iterator<Item = (&'r str, &'r Value)> {
    let listed = row.description[which].as_array();
    listed.into_iter().flatten().filter_map(|format| Some((format["name"].as_str()?, &format["json_schema"])))
}

/// Answers with the JSON schema of a format, by its full name: a built-in format first, then one that a component describes.
async fn message_schema(State(api): State<ApiState>, params: Params) -> Result<Response, ApiError> {
    let class = params.required("message_class")?;
    if let Some(schema) = schemas::built_in(class) {
        return Ok(Json(schema).into_response());
    }
    let components = serving(&api).await?;
    let described = components.iter().flat_map(|row| formats(row, "receives").chain(formats(row, "emits")));
    if let Some((_, schema)) = described.into_iter().find(|(name, _)| *name == class) {
        return Ok(Json(schema).into_response());
    }
    let is_agent = components.iter().any(|row| row.class_name.as_deref() == Some(class));
    if is_agent || class == MANAGER_CLASS || class == USER_PROXY_CLASS {
        return Err(ApiError::NotAMessage);
    }
    Err(ApiError::NoSchema(class.to_owned()))
}

//! The icons of a blueprint's agents.

use std::collections::HashSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::body::{JsonBody, MaybeJsonBody, read_only};
use crate::api::error::ApiError;
use crate::api::state::{ApiState, Route};
use guildhall_model::catalog::{AgentIcon, agent_names};
use guildhall_model::ids::BlueprintId;
use guildhall_model::read::{FieldErrors, list, object, text};

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/blueprints/{id}/icons", get(all).post(put)),
        ("/catalog/blueprints/{id}/icons/{agent}", get(one).post(put_one)),
    ]
}

/// The icons of a blueprint's agents, as they are sent and as they are shown.
#[derive(Serialize, ToSchema)]
#[schema(as = BlueprintAgentsIconReqRes)]
pub struct AgentIcons {
    agent_icons: Vec<AgentIcon>,
}

impl AgentIcons {
    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| Some(Self { agent_icons: f.required("agent_icons", list(AgentIcon::read))? }))(value, errors)
    }
}

/// The icon of one agent. The body may have other members.
#[derive(ToSchema)]
#[schema(as = AgentIcon)]
pub struct IconChoice {
    #[schema(min_length = 1)]
    agent_icon: String,
}

impl IconChoice {
    fn read(body: &Value) -> Result<Self, ApiError> {
        Ok(Self { agent_icon: read_only(body, "agent_icon", text)? })
    }
}

async fn put(State(api): State<ApiState>, Path(id): Path<BlueprintId>, body: JsonBody) -> Result<StatusCode, ApiError> {
    let mut icons = body.read(AgentIcons::read)?.agent_icons;
    if icons.is_empty() {
        return Err(ApiError::NothingGiven("agent icons"));
    }
    let spec = api.store.blueprint_spec(&id).await.map_err(ApiError::under)?;
    let mut seen = HashSet::new();
    icons.retain(|icon| seen.insert(icon.agent_name.clone()));
    keep(&api, &id, &spec, &icons).await
}

async fn put_one(
    State(api): State<ApiState>,
    Path((id, agent_name)): Path<(BlueprintId, String)>,
    body: MaybeJsonBody,
) -> Result<StatusCode, ApiError> {
    let icon = IconChoice::read(body.value())?.agent_icon;
    if icon.is_empty() {
        return Err(ApiError::NothingGiven("agent icon"));
    }
    let spec = api.store.blueprint_spec(&id).await.map_err(ApiError::under)?;
    keep(&api, &id, &spec, &[AgentIcon { agent_name, icon }]).await
}

async fn keep(api: &ApiState, id: &BlueprintId, spec: &Value, icons: &[AgentIcon]) -> Result<StatusCode, ApiError> {
    let names = agent_names(spec);
    if !icons.iter().all(|icon| names.contains(&icon.agent_name.as_str())) {
        return Err(ApiError::AgentsNotInBlueprint);
    }
    api.store.put_icons(id, icons).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn all(State(api): State<ApiState>, Path(id): Path<BlueprintId>) -> Result<Json<AgentIcons>, ApiError> {
    api.store.blueprint_exists(&id).await.map_err(ApiError::under)?;
    Ok(Json(AgentIcons { agent_icons: api.store.icons(&id).await? }))
}

async fn one(
    State(api): State<ApiState>,
    Path((id, agent)): Path<(BlueprintId, String)>,
) -> Result<Json<AgentIcon>, ApiError> {
    let spec = api.store.blueprint_spec(&id).await.map_err(ApiError::under)?;
    if !agent_names(&spec).contains(&agent.as_str()) {
        return Err(ApiError::NoAgent(agent));
    }
    match api.store.icons(&id).await?.into_iter().find(|icon| icon.agent_name == agent) {
        Some(icon) => Ok(Json(icon)),
        None => Err(ApiError::NoIcon(agent)),
    }
}

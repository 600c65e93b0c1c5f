//! The blueprints of an organisation, those that are shared with it, and its guilds.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;

use super::blueprints::Info;
use super::guilds::{Listed, statuses};
use crate::api::error::ApiError;
use crate::api::query::Params;
use crate::api::state::{ApiState, Route};
use guildhall_model::ids::OrgId;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/organizations/{org}/blueprints/owned", get(owned)),
        ("/catalog/organizations/{org}/blueprints/shared", get(shared)),
        ("/catalog/organizations/{org}/guilds", get(guilds)),
    ]
}

async fn owned(State(api): State<ApiState>, Path(org): Path<OrgId>) -> Result<Json<Vec<Info>>, ApiError> {
    Ok(Json(Info::list(api.store.blueprints_of_organization(&org).await?)))
}

async fn shared(State(api): State<ApiState>, Path(org): Path<OrgId>) -> Result<Json<Vec<Info>>, ApiError> {
    Ok(Json(Info::list(api.store.blueprints_shared_with(&org).await?)))
}

async fn guilds(
    State(api): State<ApiState>,
    Path(org): Path<OrgId>,
    params: Params,
) -> Result<Json<Vec<Listed>>, ApiError> {
    let guilds = api.store.guilds_of_organization(&org, &statuses(&params)?).await?;
    Ok(Json(guilds.into_iter().map(Listed::from).collect()))
}

//! The blueprints of an organisation, those that are shared with it, and its guilds.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;

use super::blueprints::Info;
use super::guilds::{Listed, statuses};
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::state::{ApiState, Route};
use guildhall_model::ids::OrgId;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/organizations/{org}/blueprints/owned", get(owned)),
        ("/catalog/organizations/{org}/blueprints/shared", get(shared)),
        ("/catalog/organizations/{org}/guilds", get(guilds)),
    ]
}

async fn owned(State(api): State<ApiState>, Path(org): Path<OrgId>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.blueprints_of_organization(&org, paging.wanted()).await?.map(Info::from)))
}

async fn shared(State(api): State<ApiState>, Path(org): Path<OrgId>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.blueprints_shared_with(&org, paging.wanted()).await?.map(Info::from)))
}

async fn guilds(State(api): State<ApiState>, Path(org): Path<OrgId>, paging: Paging) -> Result<Response, ApiError> {
    let statuses = statuses(paging.params())?;
    Ok(paging.list(api.store.guilds_of_organization(&org, &statuses, paging.wanted()).await?.map(Listed::from)))
}

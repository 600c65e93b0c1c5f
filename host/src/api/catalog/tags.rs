//! The tags of blueprints.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;

use super::blueprints::Info;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::state::{ApiState, Route};

pub fn routes() -> Vec<Route> {
    vec![("/catalog/tags", get(list)), ("/catalog/tags/{tag}/blueprints", get(blueprints))]
}

async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.tags(paging.wanted()).await?))
}

async fn blueprints(
    State(api): State<ApiState>,
    Path(tag): Path<String>,
    paging: Paging,
) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.blueprints_with_tag(&tag, paging.wanted()).await?.map(Info::from)))
}

//! The tags of blueprints.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;

use super::blueprints::Info;
use crate::api::error::ApiError;
use crate::api::state::{ApiState, Route};

pub fn routes() -> Vec<Route> {
    vec![("/catalog/tags", get(list)), ("/catalog/tags/{tag}/blueprints", get(blueprints))]
}

async fn list(State(api): State<ApiState>) -> Result<Json<Vec<String>>, ApiError> {
    Ok(Json(api.store.tags().await?))
}

async fn blueprints(State(api): State<ApiState>, Path(tag): Path<String>) -> Result<Json<Vec<Info>>, ApiError> {
    Ok(Json(Info::list(api.store.blueprints_with_tag(&tag).await?)))
}

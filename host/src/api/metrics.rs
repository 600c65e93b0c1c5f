//! `/metrics`: the measurements of the host, for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::error::ApiError;
use crate::api::state::{ApiState, Route};

pub fn routes() -> Vec<Route> {
    vec![("/metrics", get(metrics))]
}

async fn metrics(State(api): State<ApiState>) -> Result<impl IntoResponse, ApiError> {
    let text = api.guilds.metrics().map_err(ApiError::Internal)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

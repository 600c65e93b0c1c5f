//! Whether the server is alive (`/healthz`, and `/__health` as clients know it),
//! and whether it serves (`/readyz`).

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};

use super::error::ApiError;
use super::{ApiState, Route};

pub fn routes() -> Vec<Route> {
    vec![("/__health", get(all_is_well)), ("/healthz", get(alive)), ("/readyz", get(ready))]
}

async fn all_is_well() -> Json<Value> {
    Json(json!({"message": "All is well"}))
}

async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn ready(State(api): State<ApiState>) -> Result<Json<Value>, ApiError> {
    if api.guilds.is_ready() { Ok(Json(json!({"status": "ready"}))) } else { Err(ApiError::NotReady) }
}

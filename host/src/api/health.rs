//! Whether the server is alive (`/healthz`, and `/__health` as clients of the reference know it), and whether it serves
//! requests (`/readyz`).

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::api::state::{ApiState, Route};

pub fn routes() -> Vec<Route> {
    vec![("/__health", get(all_is_well)), ("/healthz", get(alive)), ("/readyz", get(ready))]
}

/// A sentence for people.
#[derive(Serialize, ToSchema)]
pub struct Notice {
    pub message: &'static str,
}

/// The state of the host: `ok` or `ready`.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    status: &'static str,
}

async fn all_is_well() -> Json<Notice> {
    Json(Notice { message: "All is well" })
}

async fn alive() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

async fn ready(State(api): State<ApiState>) -> Result<Json<Alive>, ApiError> {
    if api.guilds.is_ready() { Ok(Json(Alive { status: "ready" })) } else { Err(ApiError::NotReady) }
}

//! Whether the server is alive (`/healthz`, and `/__health` as clients of the reference know it), and whether it serves
//! requests (`/readyz`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
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

/// The state of the host: `ok`.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    status: &'static str,
}

/// A host that serves requests.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    status: &'static str,
    /// The guilds that should run and could not be started; the host tries again.
    guilds_not_started: usize,
}

/// Answers whether the server is alive, as clients of the reference ask. Cancel safe.
pub async fn all_is_well() -> Json<Notice> {
    Json(Notice { message: "All is well" })
}

/// Answers whether the server is alive. Cancel safe.
pub async fn alive() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// A host that is not ready answers 503, whatever a request of the part that is away would be answered with.
async fn ready(State(api): State<ApiState>) -> Result<Json<Ready>, Response> {
    if let Some(away) = api.guilds.away() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, ApiError::from(away)).into_response());
    }
    if !api.guilds.is_ready() {
        return Err(ApiError::NotReady.into_response());
    }
    Ok(Json(Ready { status: "ready", guilds_not_started: api.guilds.not_started() }))
}

//! Whether the server is alive (`/healthz`, and `/__health` as clients of the reference know it), and whether it serves
//! requests (`/readyz`).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::api::state::{ApiState, Route};
use crate::guild::{Guilds, PartState};
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::error_body::ErrorBody;

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
    /// What the host needs, by name: `store` and `journal`.
    parts: BTreeMap<&'static str, PartHealth>,
}

/// Whether a part of the host serves.
#[derive(Serialize, ToSchema)]
pub struct PartHealth {
    /// `ok` or `away`.
    status: &'static str,
    /// Since when, UTC.
    since: String,
}

fn parts(guilds: &Guilds) -> BTreeMap<&'static str, PartHealth> {
    let health = |state: PartState| {
        let status = if state.is_away { "away" } else { "ok" };
        (state.part.name(), PartHealth { status, since: rfc3339_ms(state.since_ms) })
    };
    guilds.parts().into_iter().map(health).collect()
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
        let mut answer = (StatusCode::SERVICE_UNAVAILABLE, ApiError::from(away)).into_response();
        if let Some(body) = answer.extensions_mut().get_mut::<ErrorBody>() {
            body.context["parts"] = json!(parts(&api.guilds));
        }
        return Err(answer);
    }
    if !api.guilds.is_ready() {
        return Err(ApiError::NotReady.into_response());
    }
    Ok(Json(Ready { status: "ready", guilds_not_started: api.guilds.not_started(), parts: parts(&api.guilds) }))
}

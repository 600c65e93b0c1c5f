//! Components: uploaded once, known by the digest of their bytes.

use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;

use super::{ApiLimits, ApiState, Route};
use crate::api::body::WasmBody;
use crate::api::error::ApiError;
use crate::model::clock::naive_utc;
use crate::model::ids::Digest;
use crate::store::{ComponentRow, ComponentState};

pub fn routes(limits: ApiLimits) -> Vec<Route> {
    let room = DefaultBodyLimit::max(limits.component_bytes);
    vec![("/catalog/components", get(list).post(upload).layer(room)), ("/catalog/components/{digest}", get(one))]
}

/// A component as it is shown.
#[derive(Serialize)]
struct Component {
    digest: Digest,
    state: ComponentState,
    class_name: Option<String>,
    name: Option<String>,
    version: Option<String>,
    summary: Option<String>,
    size: u64,
    description: Value,
    imports: Vec<String>,
    /// Why it was refused.
    reason: Option<String>,
    created_at: String,
}

impl From<ComponentRow> for Component {
    fn from(row: ComponentRow) -> Self {
        Self {
            digest: row.digest,
            state: row.state,
            class_name: row.class_name,
            name: row.name,
            version: row.version,
            summary: row.summary,
            size: row.size,
            description: row.description,
            imports: row.imports,
            reason: row.reason,
            created_at: naive_utc(row.created_ms),
        }
    }
}

/// 201 when the component can be used at once, 202 while it is compiled.
async fn upload(
    State(api): State<ApiState>,
    WasmBody(bytes): WasmBody,
) -> Result<(StatusCode, Json<Component>), ApiError> {
    let row = api.guilds.upload_component(bytes).await?;
    let status = match row.state {
        ComponentState::Compiling => StatusCode::ACCEPTED,
        ComponentState::Ready | ComponentState::Refused => StatusCode::CREATED,
    };
    Ok((status, Json(row.into())))
}

async fn list(State(api): State<ApiState>) -> Result<Json<Vec<Component>>, ApiError> {
    Ok(Json(api.store.components().await?.into_iter().map(Component::from).collect()))
}

async fn one(State(api): State<ApiState>, Path(digest): Path<Digest>) -> Result<Json<Component>, ApiError> {
    match api.store.component(&digest).await? {
        Some(row) => Ok(Json(row.into())),
        None => Err(ApiError::NotFound { what: "component", id: digest.into_string() }),
    }
}

//! Shares blueprints with organisations.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::body::JsonBody;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::state::{ApiState, Route};
use guildhall_model::ids::{BlueprintId, OrgId};
use guildhall_model::read::{FieldErrors, object, text};

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/blueprints/{id}/share", post(share)),
        ("/catalog/blueprints/{id}/share/{org}", delete(unshare)),
        ("/catalog/blueprints/{id}/organizations/shared", get(organizations)),
    ]
}

/// The organisation to share with.
#[derive(ToSchema)]
#[schema(as = ShareWithOrgRequest)]
pub struct ShareRequest {
    organization_id: OrgId,
}

impl ShareRequest {
    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| Some(Self { organization_id: f.required("organization_id", text)?.into() }))(value, errors)
    }
}

async fn share(
    State(api): State<ApiState>,
    Path(id): Path<BlueprintId>,
    body: JsonBody,
) -> Result<StatusCode, ApiError> {
    let org = body.read(ShareRequest::read)?.organization_id;
    api.store.share_blueprint(&id, &org).await.map_err(ApiError::under)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unshare(
    State(api): State<ApiState>,
    Path((blueprint, org)): Path<(BlueprintId, OrgId)>,
) -> Result<StatusCode, ApiError> {
    match api.store.unshare_blueprint(&blueprint, &org).await.map_err(ApiError::under)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotShared { blueprint, org }),
    }
}

async fn organizations(
    State(api): State<ApiState>,
    Path(id): Path<BlueprintId>,
    paging: Paging,
) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.shares_of_blueprint(&id, paging.wanted()).await.map_err(ApiError::under)?))
}

//! The blueprints that a user owns or may launch, and the guilds of a user.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::blueprints::Info;
use super::guilds::{Listed, statuses};
use crate::api::error::ApiError;
use crate::api::query::Params;
use crate::api::state::{ApiState, Route};
use guildhall_model::ids::{OrgId, UserId};

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/users/{user}/blueprints/owned", get(owned)),
        ("/catalog/users/{user}/blueprints/accessible", get(accessible)),
        ("/catalog/users/{user}/guilds", get(guilds)),
    ]
}

async fn owned(State(api): State<ApiState>, Path(user): Path<UserId>) -> Result<Json<Vec<Info>>, ApiError> {
    Ok(Json(Info::list(api.store.blueprints_by_author(&user).await?)))
}

/// The parameter `org_id`; a blank one is none.
fn organization(params: &Params) -> Option<OrgId> {
    params.one("org_id").filter(|org| !org.trim().is_empty()).map(OrgId::from)
}

/// A blueprint that a user may launch.
#[derive(Serialize, ToSchema)]
#[schema(as = BlueprintResponseWithAccessReason)]
pub struct Accessible {
    #[serde(flatten)]
    info: Info,
    /// The organisation through which the user may launch it.
    access_organization_id: Option<OrgId>,
}

async fn accessible(
    State(api): State<ApiState>,
    Path(user): Path<UserId>,
    params: Params,
) -> Result<Json<Vec<Accessible>>, ApiError> {
    let org = organization(&params);
    let blueprints = api.store.accessible_blueprints(&user, org.as_ref()).await?;
    let shown = blueprints.into_iter().map(|(info, is_through_organization)| Accessible {
        info: info.into(),
        access_organization_id: org.clone().filter(|_| is_through_organization),
    });
    Ok(Json(shown.collect()))
}

async fn guilds(
    State(api): State<ApiState>,
    Path(user): Path<UserId>,
    params: Params,
) -> Result<Json<Vec<Listed>>, ApiError> {
    let org = organization(&params);
    let guilds = api.store.guilds_of_user(&user, org.as_ref(), &statuses(&params)?).await?;
    Ok(Json(guilds.into_iter().map(Listed::from).collect()))
}

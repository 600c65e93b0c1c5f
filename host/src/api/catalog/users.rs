//! The blueprints that a user owns or may launch, and the guilds of a user.

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::blueprints::Info;
use super::guilds::{Listed, statuses};
use crate::api::error::ApiError;
use crate::api::paging::Paging;
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

async fn owned(State(api): State<ApiState>, Path(user): Path<UserId>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.blueprints_by_author(&user, paging.wanted()).await?.map(Info::from)))
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
    paging: Paging,
) -> Result<Response, ApiError> {
    let org = organization(paging.params());
    let page = api.store.accessible_blueprints(&user, org.as_ref(), paging.wanted()).await?;
    Ok(paging.list(page.map(|(info, is_through_organization)| Accessible {
        info: info.into(),
        access_organization_id: org.clone().filter(|_| is_through_organization),
    })))
}

async fn guilds(State(api): State<ApiState>, Path(user): Path<UserId>, paging: Paging) -> Result<Response, ApiError> {
    let (org, statuses) = (organization(paging.params()), statuses(paging.params())?);
    let page = api.store.guilds_of_user(&user, org.as_ref(), &statuses, paging.wanted()).await?;
    Ok(paging.list(page.map(Listed::from)))
}

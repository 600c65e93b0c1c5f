//! The blueprint and the users of a guild.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::blueprints::Details;
use crate::api::error::ApiError;
use crate::api::paging::Paging;
use crate::api::query::Params;
use crate::api::state::{ApiState, Route};
use crate::store::{GuildOf, StoreError};
use guildhall_model::ids::{BlueprintId, GuildId, UserId};
use guildhall_model::status::GuildStatus;

pub fn routes() -> Vec<Route> {
    vec![
        ("/catalog/guilds/{guild}/blueprints", get(blueprint)),
        ("/catalog/guilds/{guild}/users", get(users)),
        ("/catalog/guilds/{guild}/users/{user}", post(add).delete(remove)),
    ]
}

/// A guild in the list of a user or an organisation.
#[derive(Serialize, ToSchema)]
#[schema(as = BasicGuildInfo)]
pub struct Listed {
    id: GuildId,
    name: String,
    blueprint_id: Option<BlueprintId>,
    /// The icon of its blueprint.
    icon: Option<String>,
    status: GuildStatus,
}

impl From<GuildOf> for Listed {
    fn from(guild: GuildOf) -> Self {
        Self { id: guild.id, name: guild.name, blueprint_id: guild.blueprint, icon: guild.icon, status: guild.status }
    }
}

/// Reads the parameter `statuses`, which may be repeated, in the exact spelling of statuses.
///
/// # Errors
/// `UnknownStatuses` with every status that does not exist.
pub fn statuses(params: &Params) -> Result<Vec<GuildStatus>, ApiError> {
    let read = |name: &str| GuildStatus::parse(name).filter(|status| status.name() == name);
    let unknown: Vec<String> = params.all("statuses").filter(|name| read(name).is_none()).map(str::to_owned).collect();
    if !unknown.is_empty() {
        return Err(ApiError::UnknownStatuses(unknown));
    }
    Ok(params.all("statuses").filter_map(read).collect())
}

async fn blueprint(State(api): State<ApiState>, Path(guild): Path<GuildId>) -> Result<Json<Details>, ApiError> {
    match api.store.blueprint_of_guild(&guild).await {
        Ok(Some(blueprint)) => Ok(Json(blueprint.into())),
        Ok(None) | Err(StoreError::NotFound { what: "blueprint", .. }) => Err(ApiError::NoBlueprint(guild)),
        Err(error) => Err(ApiError::under(error)),
    }
}

async fn users(State(api): State<ApiState>, Path(guild): Path<GuildId>, paging: Paging) -> Result<Response, ApiError> {
    Ok(paging.list(api.store.guild_users(&guild, paging.wanted()).await.map_err(ApiError::under)?))
}

async fn add(
    State(api): State<ApiState>,
    Path((guild, user)): Path<(GuildId, UserId)>,
) -> Result<StatusCode, ApiError> {
    match api.store.add_guild_user(&guild, &user).await.map_err(ApiError::under)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::AlreadyUser { user, guild }),
    }
}

async fn remove(
    State(api): State<ApiState>,
    Path((guild, user)): Path<(GuildId, UserId)>,
) -> Result<StatusCode, ApiError> {
    match api.store.remove_guild_user(&guild, &user).await.map_err(ApiError::under)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotUser { user, guild }),
    }
}

//! The messages of a guild that were given up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::error::ApiError;
use super::query::Params;
use super::{ApiState, Route};
use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::read::whole;

pub fn routes() -> Vec<Route> {
    vec![
        ("/api/guilds/{id}/dead-letters", get(list)),
        ("/api/guilds/{id}/dead-letters/{letter}", get(one).delete(discard)),
        ("/api/guilds/{id}/dead-letters/{letter}/replay", post(replay)),
    ]
}

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 200;

async fn list(
    State(api): State<ApiState>,
    Path(guild): Path<GuildId>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let limit = params.read("limit", whole(1, MAX_LIMIT))?.unwrap_or(DEFAULT_LIMIT);
    let after = params.read("after", whole(0, MessageId::MAX))?.unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let page = api.guilds.dead_letters(&guild, MessageId::new(after), limit).await?;
    Ok(Json(json!({"dead_letters": page.letters, "next": page.next})))
}

async fn one(
    State(api): State<ApiState>,
    Path((guild, letter)): Path<(GuildId, String)>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(api.guilds.dead_letter(&guild, id(&letter)?).await?))
}

async fn discard(
    State(api): State<ApiState>,
    Path((guild, letter)): Path<(GuildId, String)>,
) -> Result<StatusCode, ApiError> {
    api.guilds.discard_dead_letter(&guild, id(&letter)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn replay(
    State(api): State<ApiState>,
    Path((guild, letter)): Path<(GuildId, String)>,
) -> Result<Json<Value>, ApiError> {
    let message = api.guilds.replay_dead_letter(&guild, id(&letter)?).await?;
    Ok(Json(json!({"message_id": message})))
}

/// What is no id is nobody's.
fn id(letter: &str) -> Result<MessageId, ApiError> {
    let number = letter.parse().ok().filter(|number| *number <= MessageId::MAX);
    let unknown = || ApiError::NotFound { what: "dead letter", id: letter.to_owned() };
    number.map(MessageId::new).ok_or_else(unknown)
}

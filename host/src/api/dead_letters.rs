//! The dead letters of a guild: messages that were given up and are kept for replay.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::agents::MessageRef;
use super::error::ApiError;
use super::query::Params;
use crate::api::state::{ApiState, Route};
use guildhall_model::fault::Fault;
use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::read::whole;
use guildhall_model::tag::AgentTag;

pub fn routes() -> Vec<Route> {
    vec![
        ("/api/guilds/{id}/dead-letters", get(list)),
        ("/api/guilds/{id}/dead-letters/{letter}", get(one).delete(discard)),
        ("/api/guilds/{id}/dead-letters/{letter}/replay", post(replay)),
    ]
}

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 200;

/// A page of dead letters, oldest first.
#[derive(Serialize, ToSchema)]
pub struct DeadLetters {
    #[schema(value_type = Vec<DeadLetter>)]
    dead_letters: Vec<Value>,
    /// The `after` of the next page; null when there is none.
    #[schema(required = true)]
    next: Option<MessageId>,
}

/// A message that was given up. The guild writes it; this type describes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the type is described and never made")]
pub struct DeadLetter {
    id: MessageId,
    /// The message that was given up.
    message_id: MessageId,
    /// The agent that could not serve it.
    agent: AgentTag,
    /// The topic on which that agent received it.
    topic: String,
    /// RFC 3339.
    at: String,
    /// The number of attempts.
    attempts: u32,
    fault: Fault,
    /// The message as it was sent.
    message: Value,
}

async fn list(
    State(api): State<ApiState>,
    Path(guild): Path<GuildId>,
    params: Params,
) -> Result<Json<DeadLetters>, ApiError> {
    let limit = params.read("limit", whole(1, MAX_LIMIT))?.unwrap_or(DEFAULT_LIMIT);
    let after = params.read("after", whole(0, MessageId::MAX))?.unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let page = api.guilds.dead_letters(&guild, MessageId::new(after), limit).await?;
    Ok(Json(DeadLetters { dead_letters: page.letters, next: page.next }))
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
) -> Result<Json<MessageRef>, ApiError> {
    Ok(Json(MessageRef { message_id: api.guilds.replay_dead_letter(&guild, id(&letter)?).await? }))
}

/// The id that a path names. A text that is not an id is the id of no letter.
fn id(letter: &str) -> Result<MessageId, ApiError> {
    let number = letter.parse().ok().filter(|number| *number <= MessageId::MAX);
    let unknown = || ApiError::NotFound { what: "dead letter", id: letter.to_owned() };
    number.map(MessageId::new).ok_or_else(unknown)
}

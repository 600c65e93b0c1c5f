//! An agent of a guild: its last log lines, its current turn, its component.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::error::ApiError;
use super::query::Params;
use super::spec::{ComponentChoice, component};
use crate::api::state::{ApiState, Route};
use crate::guild::{Line, LogLevel};
use guildhall_model::ids::{AgentId, Digest, GuildId, MessageId};
use guildhall_model::read::{boolean, one_of, whole};

pub fn routes() -> Vec<Route> {
    vec![
        ("/api/guilds/{id}/agents/{agent}/logs", get(logs)),
        ("/api/guilds/{id}/agents/{agent}/cancel", post(cancel)),
        ("/api/guilds/{id}/agents/{agent}/component", put(swap)),
    ]
}

type Place = Path<(GuildId, AgentId)>;

/// Tells nginx to pass lines on as they come.
const NOT_BUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
const DEFAULT_LINES: u64 = 100;
/// The number of lines that the host keeps of an agent.
const MAX_LINES: u64 = 500;
const LEVELS: [(&str, LogLevel); 4] =
    [("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)];

/// The last log lines of an agent.
#[derive(Serialize, ToSchema)]
pub struct AgentLogs {
    /// Oldest first.
    lines: Vec<Line>,
}

/// The message that an operation was about.
#[derive(Serialize, ToSchema)]
pub struct MessageRef {
    pub message_id: MessageId,
}

/// An agent and the component that it runs now.
#[derive(Serialize, ToSchema)]
pub struct ComponentSwapped {
    pub agent_id: AgentId,
    pub component: Digest,
}

/// Answers with the last lines as one JSON object. With `follow` the answer is a stream of NDJSON: the last lines, then
/// new lines until the client disconnects or the agent ends.
async fn logs(State(api): State<ApiState>, Path((guild, agent)): Place, params: Params) -> Result<Response, ApiError> {
    let level = params.read("level", one_of(&LEVELS, "'debug', 'info', 'warn' or 'error'"))?.unwrap_or(LogLevel::Debug);
    let limit = params.read("limit", whole(0, MAX_LINES))?.unwrap_or(DEFAULT_LINES);
    let follows = params.read("follow", boolean)?.unwrap_or(false);
    let (mut reader, awake) = api.guilds.logs(&guild, &agent).await?;
    let last = reader.last(level, usize::try_from(limit).unwrap_or(usize::MAX)).lines;
    if !follows {
        return Ok(Json(AgentLogs { lines: last }).into_response());
    }
    let first = stream::once(async move { Ok(ndjson(&last, 0)) });
    // Who follows the log keeps the guild awake.
    let next = stream::unfold((reader, awake), move |(mut reader, awake)| async move {
        let read = reader.next(level).await?;
        Some((Ok::<_, Infallible>(ndjson(&read.lines, read.dropped)), (reader, awake)))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store"), NOT_BUFFERED];
    Ok((headers, Body::from_stream(first.chain(next))).into_response())
}

/// Lines of JSON. The first one is the number of lines that were dropped because the client reads too slowly, if any were.
fn ndjson(lines: &[Line], dropped: u64) -> Bytes {
    let mut text = String::new();
    if dropped > 0 {
        text.push_str(&json!({"dropped": dropped}).to_string());
        text.push('\n');
    }
    for line in lines {
        text.push_str(&json!(line).to_string());
        text.push('\n');
    }
    text.into()
}

async fn cancel(State(api): State<ApiState>, Path((guild, agent)): Place) -> Result<Json<MessageRef>, ApiError> {
    let message = api.guilds.cancel_turn(&guild, &agent).await?;
    Ok(Json(MessageRef { message_id: message }))
}

async fn swap(
    State(api): State<ApiState>,
    Path((guild, agent)): Place,
    body: JsonBody,
) -> Result<Json<ComponentSwapped>, ApiError> {
    let component = component(&api, &body.read(ComponentChoice::read)?.component).await?;
    api.guilds.swap_component(&guild, &agent, &component).await?;
    Ok(Json(ComponentSwapped { agent_id: agent, component }))
}

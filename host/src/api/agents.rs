//! An agent of a guild: what it printed, the turn it is in, the component it runs.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::query::Params;
use super::spec::component;
use super::{ApiState, Route};
use crate::guild::{Line, LogLevel};
use guildhall_model::component::ComponentRef;
use guildhall_model::ids::{AgentId, GuildId};
use guildhall_model::read::{boolean, object, one_of, whole};

pub fn routes() -> Vec<Route> {
    vec![
        ("/api/guilds/{id}/agents/{agent}/logs", get(logs)),
        ("/api/guilds/{id}/agents/{agent}/cancel", post(cancel)),
        ("/api/guilds/{id}/agents/{agent}/component", put(swap)),
    ]
}

type Place = Path<(GuildId, AgentId)>;

const DEFAULT_LINES: u64 = 100;
/// More are not kept.
const MAX_LINES: u64 = 500;
const LEVELS: [(&str, LogLevel); 4] =
    [("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)];

/// The last lines as JSON; with `follow` as a line of JSON each (NDJSON), and then
/// those that come, until the client goes or the agent ends.
async fn logs(State(api): State<ApiState>, Path((guild, agent)): Place, params: Params) -> Result<Response, ApiError> {
    let level = params.read("level", one_of(&LEVELS, "'debug', 'info', 'warn' or 'error'"))?.unwrap_or(LogLevel::Debug);
    let limit = params.read("limit", whole(0, MAX_LINES))?.unwrap_or(DEFAULT_LINES);
    let follows = params.read("follow", boolean)?.unwrap_or(false);
    let mut reader = api.guilds.logs(&guild, &agent).await?;
    let last = reader.last(level, usize::try_from(limit).unwrap_or(usize::MAX)).lines;
    if !follows {
        return Ok(Json(json!({"lines": last})).into_response());
    }
    let first = stream::once(async move { Ok(ndjson(&last, 0)) });
    let next = stream::unfold(reader, move |mut reader| async move {
        let read = reader.next(level).await?;
        Some((Ok::<_, Infallible>(ndjson(&read.lines, read.dropped)), reader))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(first.chain(next))).into_response())
}

/// Lines of JSON; before them, how many were gone before they could be sent.
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

async fn cancel(State(api): State<ApiState>, Path((guild, agent)): Place) -> Result<Json<Value>, ApiError> {
    let message = api.guilds.cancel_turn(&guild, &agent).await?;
    Ok(Json(json!({"message_id": message})))
}

async fn swap(
    State(api): State<ApiState>,
    Path((guild, agent)): Place,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let named = body.read(object(|f| f.required("component", ComponentRef::read)))?;
    let component = component(&api, &named).await?;
    api.guilds.swap_component(&guild, &agent, &component).await?;
    Ok(Json(json!({"agent_id": agent, "component": component})))
}

//! `/addons/boards`: where the users of a guild pin messages up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use serde::Serialize;
use serde_json::{Value, json};

use super::body::JsonBody;
use super::error::ApiError;
use super::query::Params;
use super::spec::Created;
use super::{ApiState, Route};
use crate::random::random_id;
use guildhall_model::catalog::Board;
use guildhall_model::clock::naive_utc;
use guildhall_model::ids::{BoardId, GuildId, UserId};
use guildhall_model::read::{object, text};

pub fn routes() -> Vec<Route> {
    vec![
        ("/addons/boards", get(list).post(create)),
        ("/addons/boards/{board}/messages", get(messages).post(add)),
        ("/addons/boards/{board}/messages/{message}", delete(remove)),
    ]
}

/// A board as it is shown.
#[derive(Serialize)]
struct Shown {
    id: BoardId,
    name: String,
    guild_id: GuildId,
    created_by: UserId,
    created_at: String,
    is_default: bool,
    is_private: bool,
}

impl From<Board> for Shown {
    fn from(board: Board) -> Self {
        Self {
            id: board.id,
            name: board.name,
            guild_id: board.guild,
            created_by: board.created_by,
            created_at: naive_utc(board.created_ms),
            is_default: board.is_default,
            is_private: board.is_private,
        }
    }
}

async fn create(State(api): State<ApiState>, body: JsonBody) -> Result<(StatusCode, Json<Created>), ApiError> {
    let board = body.read(Board::read(random_id().into(), api.clock.now_ms()))?;
    api.store.insert_board(&board).await?;
    Ok(Created::plain(board.id.into_string()))
}

async fn list(State(api): State<ApiState>, params: Params) -> Result<Json<Value>, ApiError> {
    let boards = api.store.boards(&params.required("guild_id")?.into()).await?;
    let boards: Vec<Shown> = boards.into_iter().map(Shown::from).collect();
    Ok(Json(json!({"boards": boards})))
}

async fn messages(State(api): State<ApiState>, Path(board): Path<BoardId>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({"ids": api.store.board_messages(&board).await?})))
}

async fn add(State(api): State<ApiState>, Path(board): Path<BoardId>, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let message = body.read(object(|f| f.required("message_id", text)))?;
    if !api.store.add_board_message(&board, &message).await? {
        return Err(ApiError::OnBoard);
    }
    Ok(Json(json!({"message": "Message added to the board successfully"})))
}

async fn remove(
    State(api): State<ApiState>,
    Path((board, message)): Path<(BoardId, String)>,
) -> Result<Json<Value>, ApiError> {
    if !api.store.remove_board_message(&board, &message).await? {
        return Err(ApiError::NotOnBoard);
    }
    Ok(Json(json!({"message": "Message removed from the board successfully"})))
}

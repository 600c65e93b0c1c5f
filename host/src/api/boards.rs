//! `/addons/boards`: the boards of a guild, to which its users pin messages.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::error::ApiError;
use super::health::Notice;
use super::paging::Paging;
use super::spec::Created;
use crate::api::state::{ApiState, Route};
use crate::random::random_id;
use guildhall_model::catalog::Board;
use guildhall_model::clock::naive_utc;
use guildhall_model::ids::{BoardId, GuildId, UserId};
use guildhall_model::read::{FieldErrors, object, text};

pub fn routes() -> Vec<Route> {
    vec![
        ("/addons/boards", get(list).post(create)),
        ("/addons/boards/{board}/messages", get(messages).post(add)),
        ("/addons/boards/{board}/messages/{message}", delete(remove)),
    ]
}

/// A board.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardResponse)]
struct Shown {
    id: BoardId,
    name: String,
    guild_id: GuildId,
    created_by: UserId,
    /// UTC, without a zone.
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

/// The boards of a guild, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardsResponse)]
pub struct Boards {
    boards: Vec<Shown>,
}

/// The ids of the messages of a board, in alphabetical order.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardMessagesResponse)]
pub struct BoardMessages {
    ids: Vec<String>,
}

/// The message to pin. Its id is not checked: a board may name messages that the journal no longer has.
#[derive(ToSchema)]
#[schema(as = AddMessageToBoardRequest)]
pub struct PinRequest {
    message_id: String,
}

impl PinRequest {
    fn read(value: &Value, errors: &mut FieldErrors) -> Option<Self> {
        object(|f| Some(Self { message_id: f.required("message_id", text)? }))(value, errors)
    }
}

async fn create(State(api): State<ApiState>, body: JsonBody) -> Result<(StatusCode, Json<Created>), ApiError> {
    let board = body.read(Board::read(random_id().into(), api.clock.now_ms()))?;
    api.store.insert_board(&board).await?;
    Ok(Created::plain(board.id.into_string()))
}

async fn list(State(api): State<ApiState>, paging: Paging) -> Result<Response, ApiError> {
    let page = api.store.boards(&paging.params().required("guild_id")?.into(), paging.wanted()).await?;
    let page = page.map(Shown::from);
    Ok(paging.linked(page.next, Json(Boards { boards: page.items })))
}

async fn messages(
    State(api): State<ApiState>,
    Path(board): Path<BoardId>,
    paging: Paging,
) -> Result<Response, ApiError> {
    let page = api.store.board_messages(&board, paging.wanted()).await?;
    Ok(paging.linked(page.next, Json(BoardMessages { ids: page.items })))
}

async fn add(
    State(api): State<ApiState>,
    Path(board): Path<BoardId>,
    body: JsonBody,
) -> Result<Json<Notice>, ApiError> {
    let message = body.read(PinRequest::read)?.message_id;
    if !api.store.add_board_message(&board, &message).await? {
        return Err(ApiError::OnBoard);
    }
    Ok(Json(Notice { message: "Message added to the board successfully" }))
}

async fn remove(
    State(api): State<ApiState>,
    Path((board, message)): Path<(BoardId, String)>,
) -> Result<Json<Notice>, ApiError> {
    if !api.store.remove_board_message(&board, &message).await? {
        return Err(ApiError::NotOnBoard);
    }
    Ok(Json(Notice { message: "Message removed from the board successfully" }))
}

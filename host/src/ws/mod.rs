//! The sockets. They reach a guild over its log alone, so a guild may run on
//! another host: what a user says is published, what a monitor asks is signalled,
//! and what comes back is read from a tail.

mod origin;
mod presence;
mod session;
mod system;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::journal::{GuildLog, Journal};
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::error_body::ErrorBody;
use guildhall_model::expression::Evaluate;
use guildhall_model::ids::{GuildId, MessageId, UserId};

use presence::Presences;
use session::MAX_MESSAGE_BYTES;

/// What a socket buffers each way between two system calls.
const SOCKET_BUFFER_BYTES: usize = 4 << 10;

/// What the sockets act on. Cheap to clone.
#[derive(Clone)]
pub struct WsState {
    pub store: Store,
    pub journal: Journal,
    pub clock: Clock,
    pub dialect: Dialect,
    /// The largest frame a client may send, in bytes.
    pub frame_bytes: usize,
    /// The one foreign origin whose pages may open sockets.
    pub cors_origin: String,
    /// Checks the expressions of routing slips in frames.
    pub evaluator: Arc<dyn Evaluate>,
    pub tracker: TaskTracker,
    pub shutdown: CancellationToken,
    presences: Presences,
}

impl WsState {
    #[must_use]
    pub fn new(
        store: Store,
        journal: Journal,
        clock: Clock,
        dialect: Dialect,
        frame_bytes: usize,
        cors_origin: String,
        evaluator: Arc<dyn Evaluate>,
    ) -> Self {
        Self {
            store,
            journal,
            clock,
            dialect,
            frame_bytes,
            cors_origin,
            evaluator,
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            presences: Presences::default(),
        }
    }
}

/// What a client may ask for in the query of a socket's URL.
#[derive(Debug, Default, Deserialize)]
struct SocketQuery {
    dialect: Option<String>,
    /// Resume after this message.
    after: Option<String>,
    /// `1`: an `Ack` frame for each message, after it is in the log.
    ack: Option<String>,
    /// `1`, on a system socket: events besides.
    events: Option<String>,
}

/// What a request says of an upgrade.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// SocketQuery that can be options.
#[derive(Clone, Copy, Debug)]
struct SocketOptions {
    dialect: Dialect,
    after: Option<MessageId>,
    ack: bool,
    events: bool,
}

impl SocketQuery {
    fn read(self, default: Dialect) -> Result<SocketOptions, String> {
        let dialect = self.dialect.map_or(Ok(default), |dialect| dialect.parse())?;
        let after = match self.after {
            Some(text) => {
                Some(text.parse().map(MessageId::new).map_err(|_| format!("`after` is a message id, not `{text}`"))?)
            }
            None => None,
        };
        let is_on = |wish: Option<String>| matches!(wish.as_deref(), Some("1" | "true"));
        Ok(SocketOptions { dialect, after, ack: is_on(self.ack), events: is_on(self.events) })
    }
}

/// The routes of both sockets.
pub fn router(state: WsState) -> Router {
    Router::new()
        .route("/ws/guilds/{guild}/syscomms/{user}", get(system_socket))
        .route("/ws/guilds/{guild}/usercomms/{user}/{name}", get(user_socket))
        .with_state(state)
}

async fn system_socket(
    State(state): State<WsState>,
    Path((guild, user)): Path<(GuildId, UserId)>,
    Query(query): Query<SocketQuery>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    let (upgrade, options, log) = match admit(&state, &guild, &user, &headers, query, upgrade).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let tracker = state.tracker.clone();
    let tail = system::tail(&log, &user, &options);
    bounded(upgrade).on_upgrade(move |socket| {
        tracker.track_future(system::serve(state, (log, tail), user, options.dialect, socket))
    })
}

async fn user_socket(
    State(state): State<WsState>,
    Path((guild, user, name)): Path<(GuildId, UserId, String)>,
    Query(query): Query<SocketQuery>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    let (upgrade, options, log) = match admit(&state, &guild, &user, &headers, query, upgrade).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 64 {
        return refuse(StatusCode::BAD_REQUEST, "invalid_user_name", "a user's name has 1 to 64 characters");
    }
    let tracker = state.tracker.clone();
    let connecting = state.presences.connecting(&guild, &user);
    let tail = user::tail(&log, &user, &options);
    bounded(upgrade).on_upgrade(move |socket| {
        tracker.track_future(user::serve(state, (log, tail), (user, name), options, connecting, socket))
    })
}

/// An upgrade whose buffers are small, because there may be thousands of sockets.
fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
}

/// Decides before the upgrade whether there is anything to connect to, and opens it: who
/// has an upgrade hears what happens from there on.
async fn admit(
    state: &WsState,
    guild: &GuildId,
    user: &UserId,
    headers: &HeaderMap,
    query: SocketQuery,
    upgrade: Upgrade,
) -> Result<(WebSocketUpgrade, SocketOptions, GuildLog), Response> {
    let upgrade = upgrade.map_err(|rejection| no_upgrade(&rejection))?;
    if !origin::is_welcome(headers, &state.cors_origin) {
        return Err(refuse(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "pages of this origin may not open sockets here: set cors.origin",
        ));
    }
    if user.as_str().len() > 256 || user.as_str().chars().any(char::is_control) {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_user_id", "a user id has at most 256 bytes of text"));
    }
    let options =
        query.read(state.dialect).map_err(|words| refuse(StatusCode::BAD_REQUEST, "invalid_query", &words))?;
    let internal = |detail| refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
    let status = state.store.guild_status(guild).await.map_err(|error| {
        tracing::error!(%error, "the store cannot tell a guild's status");
        internal("the guild's status cannot be read")
    })?;
    match status {
        None => return Err(refuse(StatusCode::NOT_FOUND, "guild_not_found", "Guild not found")),
        Some(status) if status.is_over() => {
            return Err(refuse(StatusCode::CONFLICT, "guild_stopped", "Guild is already stopped"));
        }
        Some(_) if state.shutdown.is_cancelled() => {
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the host is shutting down"));
        }
        Some(_) => {}
    }
    let log = state.journal.guild(guild).await.map_err(|error| {
        tracing::error!(%error, %guild, "a guild's log cannot be opened");
        internal("the guild's log cannot be opened")
    })?;
    Ok((upgrade, options, log))
}

/// A request for a socket that asks for no upgrade finds nothing; one that asks for it wrongly is told what is wrong.
fn no_upgrade(rejection: &WebSocketUpgradeRejection) -> Response {
    use WebSocketUpgradeRejection::{InvalidConnectionHeader, InvalidUpgradeHeader};
    match rejection {
        InvalidConnectionHeader(_) | InvalidUpgradeHeader(_) => {
            let refusal = ErrorBody::new("Not Found", "no_such_path").hint("this is a socket: connect with WebSocket");
            told(StatusCode::NOT_FOUND, refusal)
        }
        other => refuse(other.status(), "invalid_upgrade", &other.body_text()),
    }
}

fn refuse(status: StatusCode, code: &'static str, detail: &str) -> Response {
    told(status, ErrorBody::new(detail, code))
}

/// The API writes the body.
fn told(status: StatusCode, refusal: ErrorBody) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(refusal);
    response
}

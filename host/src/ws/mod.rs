//! The WebSockets of users and monitors. They reach a guild only through its log, so the guild may run on another host:
//! messages of users are published, requests of monitors are signalled, and answers are read from a tail.

mod frames;
mod origin;
mod presence;
mod session;
mod state;
mod system;
mod user;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::connections::Connection;
use crate::journal::GuildLog;
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::{GuildId, UserId};
use guildhall_model::names;

use session::MAX_WRITE_BUFFER_BYTES;
pub use session::{Accepted, Ending, Incoming, Session};
pub use state::{Awake, NotAwake, SocketLimits, WakeGuild, WsState};
use state::{SocketOptions, SocketQuery};

/// The header with the number of a user socket that another host carries here. It stays the same when the socket is
/// connected again, so that it is not sent its own messages.
pub const SOCKET_NUMBER: HeaderName = HeaderName::from_static("x-guildhall-socket");
/// The header of an accepted user socket with the id up to which its client misses nothing.
pub const HAS_ALL_TO: HeaderName = HeaderName::from_static("x-guildhall-has-all-to");

/// The buffer of a socket in each direction, in bytes.
const SOCKET_BUFFER_BYTES: usize = 4 << 10;

/// The upgrade that a request asks for, or why it is none.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Returns the routes of both sockets.
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
    connection: Option<Extension<Connection>>,
    upgrade: Upgrade,
) -> Response {
    let Admitted { upgrade, options, log, awake } = match admit(&state, &guild, &user, &headers, query, upgrade).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let tracker = state.tracker.clone();
    let tail = system::tail(&log, &user, &options);
    bounded(upgrade, state.limits.frame_bytes).on_upgrade(move |socket| {
        let accepted = Accepted { socket, connection: connection.map(|Extension(connection)| connection), awake };
        tracker.track_future(system::serve(state, (log, tail), user, options.dialect, accepted))
    })
}

async fn user_socket(
    State(state): State<WsState>,
    Path((guild, user, name)): Path<(GuildId, UserId, String)>,
    Query(query): Query<SocketQuery>,
    headers: HeaderMap,
    connection: Option<Extension<Connection>>,
    upgrade: Upgrade,
) -> Response {
    let Admitted { upgrade, options, log, awake } = match admit(&state, &guild, &user, &headers, query, upgrade).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 64 {
        return refuse(StatusCode::BAD_REQUEST, "invalid_user_name", "a user's name has 1 to 64 characters");
    }
    if let Err(unseen) = names::check(&name) {
        return refuse(StatusCode::BAD_REQUEST, "invalid_user_name", &format!("the user's name: {unseen}"));
    }
    let tracker = state.tracker.clone();
    let connecting = state.presences.connecting(&guild, &user);
    let number = headers.get(SOCKET_NUMBER).and_then(|number| number.to_str().ok()?.parse().ok());
    let number = number.unwrap_or_else(rand::random::<u64>) | 1;
    let has_all_to = options.after.unwrap_or_else(|| log.newest());
    let tail = user::tail(&log, &user, &options);
    let mut answer = bounded(upgrade, state.limits.frame_bytes).on_upgrade(move |socket| {
        let accepted = Accepted { socket, connection: connection.map(|Extension(connection)| connection), awake };
        tracker.track_future(user::serve(state, (log, tail), (user, name), (options, number), connecting, accepted))
    });
    if headers.contains_key(SOCKET_NUMBER) {
        answer.headers_mut().insert(HAS_ALL_TO, has_all_to.get().into());
    }
    answer
}

/// The first subprotocol that the client offers. It changes nothing, but a browser disconnects when it offers some and none
/// is selected.
fn subprotocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let first = offered.flat_map(|value| value.split(',')).map(str::trim).find(|name| !name.is_empty())?;
    HeaderValue::from_str(first).ok()
}

/// Sets small buffers, because there may be thousands of sockets.
pub fn bounded(upgrade: WebSocketUpgrade, frame_bytes: usize) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(frame_bytes)
        .max_frame_size(frame_bytes)
}

/// A client that may connect to a guild, which is awake.
struct Admitted {
    upgrade: WebSocketUpgrade,
    options: SocketOptions,
    log: GuildLog,
    awake: Awake,
}

/// Checks before the upgrade whether the client may connect to the guild, wakes the guild and opens its log. Nothing is published to
/// the client before this, so a client that is upgraded misses nothing after it. Cancel safe.
///
/// # Errors
/// The answer that refuses the upgrade.
async fn admit(
    state: &WsState,
    guild: &GuildId,
    user: &UserId,
    headers: &HeaderMap,
    query: SocketQuery,
    upgrade: Upgrade,
) -> Result<Admitted, Response> {
    let mut upgrade = upgrade.map_err(|rejection| no_upgrade(&rejection))?;
    if let Some(name) = subprotocol(headers) {
        upgrade.set_selected_protocol(name);
    }
    check_origin(headers, state)?;
    if user.as_str().len() > 256 || names::check(user.as_str()).is_err() {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_user_id", "a user id has at most 256 bytes of text"));
    }
    let options =
        query.read(state.dialect).map_err(|detail| refuse(StatusCode::BAD_REQUEST, "invalid_query", &detail))?;
    let status = state.store.guild_status(guild).await.map_err(|error| {
        tracing::error!(%error, "the status of a guild cannot be read");
        failed(error.outage().is_some(), "store_unavailable", "the guild's status cannot be read")
    })?;
    match status {
        None => return Err(not_awake(NotAwake::Unknown)),
        Some(status) if status.is_over() => return Err(not_awake(NotAwake::Stopped)),
        Some(_) if state.shutdown.is_cancelled() => {
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the host is shutting down"));
        }
        Some(_) => {}
    }
    // Before the log is opened, which is that of the guild that runs then.
    let awake = state.guilds.awake(guild).await.map_err(not_awake)?;
    let log = state.journal.guild(guild).await.map_err(|error| {
        tracing::error!(%error, %guild, "a guild's log cannot be opened");
        failed(error.is_outage(), "journal_unavailable", "the guild's log cannot be opened")
    })?;
    Ok(Admitted { upgrade, options, log, awake })
}

/// Refuses the pages of other sites.
///
/// # Errors
/// The answer that refuses the upgrade.
pub fn check_origin(headers: &HeaderMap, state: &WsState) -> Result<(), Response> {
    if origin::is_allowed(headers, &state.pages) {
        return Ok(());
    }
    let detail = "pages of this origin may not open sockets here: set cors.origin";
    Err(refuse(StatusCode::FORBIDDEN, "foreign_origin", detail))
}

/// The answer to a client whose guild does not wake.
fn not_awake(why: NotAwake) -> Response {
    match why {
        NotAwake::Unknown => refuse(StatusCode::NOT_FOUND, "guild_not_found", "Guild not found"),
        NotAwake::Stopped => refuse(StatusCode::CONFLICT, "guild_stopped", "Guild is already stopped"),
        NotAwake::Away => failed(true, "store_unavailable", "the guild cannot be woken at present"),
        NotAwake::Failed => failed(false, "internal", "the guild cannot be woken"),
    }
}

/// A request without an upgrade is answered with 404, one with an invalid upgrade with what is wrong.
fn no_upgrade(rejection: &WebSocketUpgradeRejection) -> Response {
    use WebSocketUpgradeRejection::{InvalidConnectionHeader, InvalidUpgradeHeader};
    match rejection {
        InvalidConnectionHeader(_) | InvalidUpgradeHeader(_) => {
            let error = ErrorBody::new("Not Found", "no_such_path").hint("this is a socket: connect with WebSocket");
            error_response(StatusCode::NOT_FOUND, error)
        }
        other => refuse(other.status(), "invalid_upgrade", &other.body_text()),
    }
}

/// The answer when a part of the host fails: 503 with `code` if the same request may succeed later.
fn failed(is_outage: bool, code: &'static str, detail: &str) -> Response {
    if !is_outage {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
    }
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, code, detail);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

fn refuse(status: StatusCode, code: &'static str, detail: &str) -> Response {
    error_response(status, ErrorBody::new(detail, code))
}

/// An answer whose body the API writes (`api::error::finish`).
fn error_response(status: StatusCode, error: ErrorBody) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(error);
    response
}

//! The errors of the API. Every answer of 400 and above has one shape, whoever refuses the request: `detail` (a text, or
//! the list of errors in a body), `code` (stable, for programs), `hint` and `context` where they help, `trace_id`.
//! Texts and status codes are in `answer`.

mod answer;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::TRACEPARENT;
use crate::files::{BadName, FilesError};
use crate::guild::{AgentError, ComponentError, DeadLetterError, GuildError, LaunchError};
use crate::store::StoreError;
use guildhall_model::configuration::ConfigurationError;
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::read::FieldError;
use guildhall_model::template::TemplateError;

/// Why a request was not served. The texts are for the log; what the client gets is in `answer`.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    // Requests.
    #[error("no such path")]
    NoRoute,
    #[error("no such method")]
    NoMethod,
    /// The request names another host than this one.
    #[error("not the host {0}")]
    ForeignHost(String),
    /// The body is not text, or ended early.
    #[error("unreadable body")]
    Unreadable,
    /// The body has more bytes than `setting` allows.
    #[error("body over {limit} bytes")]
    TooLarge { limit: usize, setting: &'static str },
    /// The bodies that are read at this time use all the memory that there is for bodies.
    #[error("no room for a body: all have {limit} bytes")]
    NoRoom { limit: usize, setting: &'static str },
    #[error("a body that took more than {} seconds", within.as_secs())]
    TooSlow { within: Duration },
    /// The errors of a body or of a query.
    #[error("invalid body")]
    Invalid(Vec<FieldError>),
    /// The host does not serve yet, or cannot write.
    #[error("not ready")]
    NotReady,

    // Files.
    /// A body that is not a multipart form.
    #[error("{0}")]
    Multipart(&'static str),
    #[error("bad file name: {0}")]
    BadFileName(BadName),
    #[error("{0}")]
    File(FilesError),
    /// The range that is asked for is outside of a file of this many bytes.
    #[error("no such part of {bytes} bytes")]
    NoSuchPart { bytes: u64 },
    /// The guild's spec does not have the dependency `filesystem`.
    #[error("guild {0} has no filesystem")]
    NoFileSystem(GuildId),

    // Specs.
    /// The errors in the spec of a blueprint.
    #[error("invalid spec")]
    InvalidSpec(Vec<FieldError>),
    /// The errors in the spec that a launch makes of a blueprint.
    #[error("invalid launch")]
    InvalidLaunch(Vec<FieldError>),
    /// The parts of a spec that this host does not support, as sentences.
    #[error("unsupported spec")]
    Unsupported(Vec<String>),
    #[error("two agents are {0}")]
    DuplicateAgent(AgentId),
    #[error("class {0} is not registered")]
    UnknownClass(String),
    /// A body names a component that does not exist.
    #[error("component {0} is not known")]
    UnknownComponent(String),
    /// A spec has a configuration without a schema, or a schema without a configuration: this one is missing.
    #[error("{0} is required")]
    Unpaired(&'static str),
    /// A configuration that does not fit its schema, or a schema that is not valid.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(String),
    #[error(transparent)]
    Template(TemplateError),

    // Guilds and their agents.
    #[error("may not launch")]
    MayNotLaunch,
    /// A blueprint differs from the one that the guild runs, at these paths.
    #[error("another blueprint: {0:?}")]
    OtherBlueprint(Vec<String>),
    /// Some agents could not change to the component that a blueprint names: ids, and reasons.
    #[error("swaps failed: {failed:?}")]
    SwapsFailed { swapped: Vec<serde_json::Value>, failed: Vec<serde_json::Value> },
    #[error("guild was stopped")]
    GuildStopped,
    #[error("user {user} is in guild {guild}")]
    AlreadyUser { user: UserId, guild: GuildId },
    #[error("user {user} is not in guild {guild}")]
    NotUser { user: UserId, guild: GuildId },
    #[error("guild {0} has no blueprint")]
    NoBlueprint(GuildId),
    #[error(transparent)]
    Agent(AgentError),
    #[error(transparent)]
    DeadLetter(DeadLetterError),

    // The catalog.
    #[error("blueprint {blueprint} is not shared with {org}")]
    NotShared { blueprint: BlueprintId, org: OrgId },
    /// The blueprint has no agent of this name.
    #[error("no agent {0}")]
    NoAgent(String),
    #[error("agent {0} has no icon")]
    NoIcon(String),
    /// An empty icon, or an empty list of icons.
    #[error("no {0} given")]
    NothingGiven(&'static str),
    /// Icons of agents that the blueprint does not have.
    #[error("agents that are not in the blueprint")]
    AgentsNotInBlueprint,
    #[error("unknown statuses {0:?}")]
    UnknownStatuses(Vec<String>),
    #[error("no handler of format {0}")]
    NoHandler(String),
    #[error("class {0} is not in the registry")]
    NotInRegistry(String),
    #[error("no schema of {0}")]
    NoSchema(String),
    /// The class is that of an agent, not of a message.
    #[error("not a class of messages")]
    NotAMessage,
    #[error("message is on the board")]
    OnBoard,
    #[error("message is not on the board")]
    NotOnBoard,
    #[error("not WebAssembly")]
    NotWasm,
    #[error("{0}")]
    Component(ComponentError),

    // Of every resource.
    #[error("{what} {id} not found")]
    NotFound { what: &'static str, id: String },
    /// As `NotFound`, for paths where clients expect the id in the text.
    #[error("{what} {id} not found")]
    NoSuch { what: &'static str, id: String },
    #[error("{what} {id} exists")]
    Conflict { what: &'static str, id: String },
    /// The host failed. The client gets the trace id and nothing else.
    #[error("{0}")]
    Internal(String),
}

impl From<ConfigurationError> for ApiError {
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Unfit(why) => Self::InvalidConfiguration(why),
            ConfigurationError::Template(error) => Self::Template(error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => Self::NotFound { what, id },
            StoreError::Conflict { what, id } => Self::Conflict { what, id },
            error @ (StoreError::Database(_) | StoreError::Unreachable { .. }) => Self::Internal(error.to_string()),
        }
    }
}

impl ApiError {
    /// Converts an error about the parent of a path, such as the guild of `/catalog/guilds/{guild}/users`: clients
    /// expect its id in the text.
    pub fn under(error: StoreError) -> Self {
        match error.into() {
            Self::NotFound { what, id } => Self::NoSuch { what, id },
            other => other,
        }
    }
}

impl From<LaunchError> for ApiError {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Taken(id) => Self::Conflict { what: "guild", id: id.into_string() },
            LaunchError::Store(error) => error.into(),
            LaunchError::Journal(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<GuildError> for ApiError {
    fn from(error: GuildError) -> Self {
        match error {
            GuildError::Unknown => Self::NotFound { what: "guild", id: String::new() },
            GuildError::Stopped => Self::GuildStopped,
            GuildError::Store(error) => error.into(),
            GuildError::Journal(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<AgentError> for ApiError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Guild(error) => error.into(),
            other => Self::Agent(other),
        }
    }
}

impl From<DeadLetterError> for ApiError {
    fn from(error: DeadLetterError) -> Self {
        match error {
            DeadLetterError::Guild(error) => error.into(),
            other => Self::DeadLetter(other),
        }
    }
}

impl From<FilesError> for ApiError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Storage(cause) => Self::Internal(cause),
            other => Self::File(other),
        }
    }
}

impl From<ComponentError> for ApiError {
    fn from(error: ComponentError) -> Self {
        match error {
            ComponentError::Store(error) => error.into(),
            ComponentError::Host(cause) => Self::Internal(cause),
            other => Self::Component(other),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let cause = if let Self::Internal(cause) = &self { Some(Arc::<str>::from(cause.as_str())) } else { None };
        let all_bytes = if let Self::NoSuchPart { bytes } = self { Some(format!("bytes */{bytes}")) } else { None };
        let (status, body) = self.answer();
        let mut response = status.into_response();
        response.extensions_mut().insert(body);
        if let Some(value) = all_bytes.and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// Why the host failed: written to the log and not sent.
#[derive(Clone)]
struct Cause(Arc<str>);

/// A body of at most this many bytes is read before the request is looked at. After an error, a connection whose body was
/// not read has to be closed; one whose body was read stays open.
const READ_BYTES: usize = 64 << 10;

/// The most bytes that are sent of an error text that the framework made.
const MAX_DETAIL_BYTES: usize = 1024;

/// Middleware that gives every error its trace id and its body, including errors that the framework made.
///
/// Dropping the future drops the request.
pub async fn finish(request: Request, next: Next) -> Response {
    let is_long = request.body().size_hint().upper().is_none_or(|bytes| bytes > READ_BYTES as u64);
    let given = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(trace_of);
    let mut response = match if is_long { Ok(request) } else { read_first(request).await } {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let trace_id = given.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
    if let Some(Cause(cause)) = response.extensions().get() {
        tracing::error!(trace_id, %cause, "a request failed");
    }
    let mut error = match response.extensions_mut().remove::<ErrorBody>() {
        Some(error) => error,
        None => {
            let text = to_bytes(std::mem::take(response.body_mut()), MAX_DETAIL_BYTES).await.unwrap_or_default();
            let text = str::from_utf8(&text).ok().filter(|text| !text.is_empty());
            ErrorBody::new(text.or(status.canonical_reason()).unwrap_or("Bad Request"), "bad_request")
        }
    };
    error.trace_id = trace_id;
    let mut finished = (status, Json(error)).into_response();
    if is_long {
        finished.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    for name in [header::ALLOW, header::CONTENT_RANGE] {
        if let Some(value) = response.headers_mut().remove(&name) {
            finished.headers_mut().insert(name, value);
        }
    }
    finished
}

async fn read_first(request: Request) -> Result<Request, ApiError> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, READ_BYTES).await.map_err(|_| ApiError::Unreadable)?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// The trace id of a W3C `traceparent`, in lower case.
fn trace_of(traceparent: &str) -> Option<String> {
    let trace = traceparent.split('-').nth(1)?;
    (trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| trace.to_ascii_lowercase())
}

/// Answers requests for a path that is not served. Cancel safe.
pub async fn no_route() -> ApiError {
    ApiError::NoRoute
}

/// Answers requests with a method that the path is not served with. Cancel safe.
pub async fn no_method() -> ApiError {
    ApiError::NoMethod
}

/// The answer of a handler that panicked.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::Internal(format!("panic: {}", text.unwrap_or_default())).into_response()
}

//! Every error has one shape: `detail` (a text, or the list of errors in a body),
//! `code` (stable, for programs), `hint` and `context` where there are such, `trace_id`. What is said
//! of which error is in `answer`, the only file that knows status codes of errors.

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

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("no such path")]
    NoRoute,
    #[error("no such method")]
    NoMethod,
    /// The request names a host that is not this one.
    #[error("not the host {0}")]
    ForeignHost(String),
    /// The body is no text, or ended early.
    #[error("unreadable body")]
    Unreadable,
    #[error("body over {limit} bytes")]
    TooLarge { limit: usize, setting: &'static str },
    /// Other bodies have all the room that there is for bodies.
    #[error("no room for a body: all have {limit} bytes")]
    NoRoom { limit: usize, setting: &'static str },
    #[error("a body that took more than {} seconds", within.as_secs())]
    TooSlow { within: Duration },
    #[error("not WebAssembly")]
    NotWasm,
    /// A form that is none.
    #[error("{0}")]
    Multipart(&'static str),
    #[error("bad file name: {0}")]
    BadFileName(BadName),
    #[error("{0}")]
    File(FilesError),
    /// A part of a file of so many bytes.
    #[error("no such part of {bytes} bytes")]
    NoSuchPart { bytes: u64 },
    /// The guild has no files.
    #[error("guild {0} has no filesystem")]
    NoFileSystem(GuildId),
    /// FieldErrors in a body.
    #[error("invalid body")]
    Invalid(Vec<FieldError>),
    /// FieldErrors in the spec of a blueprint.
    #[error("invalid spec")]
    InvalidSpec(Vec<FieldError>),
    /// A launch would make an invalid guild of a blueprint.
    #[error("invalid launch")]
    InvalidLaunch(Vec<FieldError>),
    /// What the spec asks for and this host would not do.
    #[error("unsupported spec")]
    Unsupported(Vec<String>),
    #[error("two agents are {0}")]
    DuplicateAgent(AgentId),
    #[error("class {0} is not registered")]
    UnknownClass(String),
    /// A body names a component that is not there.
    #[error("component {0} is not known")]
    UnknownComponent(String),
    #[error("may not launch")]
    MayNotLaunch,
    /// A blueprint differs there from the one that a guild runs.
    #[error("another blueprint: {0:?}")]
    OtherBlueprint(Vec<String>),
    /// Not every agent goes on with the component that a blueprint names: ids, and reasons.
    #[error("swaps failed: {failed:?}")]
    SwapsFailed { swapped: Vec<serde_json::Value>, failed: Vec<serde_json::Value> },
    #[error("guild was stopped")]
    GuildStopped,
    #[error("{0}")]
    Component(ComponentError),
    #[error("not ready")]
    NotReady,
    #[error("{what} {id} not found")]
    NotFound { what: &'static str, id: String },
    /// The same, where clients expect to read the id.
    #[error("{what} {id} not found")]
    NoSuch { what: &'static str, id: String },
    #[error("user {user} is in guild {guild}")]
    AlreadyUser { user: UserId, guild: GuildId },
    #[error("user {user} is not in guild {guild}")]
    NotUser { user: UserId, guild: GuildId },
    #[error("guild {0} has no blueprint")]
    NoBlueprint(GuildId),
    #[error("blueprint {blueprint} is not shared with {org}")]
    NotShared { blueprint: BlueprintId, org: OrgId },
    #[error("no agent {0}")]
    NoAgent(String),
    /// An agent of a guild did not do what it was asked.
    #[error(transparent)]
    Agent(AgentError),
    #[error(transparent)]
    DeadLetter(DeadLetterError),
    #[error("agent {0} has no icon")]
    NoIcon(String),
    /// A list of icons, or an icon, that is empty.
    #[error("no {0} given")]
    NothingGiven(&'static str),
    /// Icons of agents that the blueprint does not have.
    #[error("agents that are not in the blueprint")]
    StrangeAgents,
    #[error("unknown statuses {0:?}")]
    UnknownStatuses(Vec<String>),
    #[error("no handler of format {0}")]
    NoHandler(String),
    #[error("class {0} is not in the registry")]
    NotInRegistry(String),
    #[error("no schema of {0}")]
    NoSchema(String),
    /// The class is an agent, and not a message.
    #[error("no class of messages")]
    NotAMessage,
    #[error("message is on the board")]
    OnBoard,
    #[error("message is not on the board")]
    NotOnBoard,
    /// Of a configuration and its schema one is missing: this one.
    #[error("{0} is required")]
    Unpaired(&'static str),
    /// A configuration that does not fit its schema, or a schema that is none.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(String),
    #[error(transparent)]
    Template(TemplateError),
    #[error("{what} {id} exists")]
    Conflict { what: &'static str, id: String },
    /// Something of ours failed; the client learns no more than the trace id.
    #[error("{0}")]
    Internal(String),
}

impl From<ConfigurationError> for ApiError {
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Invalid(why) => Self::InvalidConfiguration(why),
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
    /// For paths under a thing that is not there: clients expect to read its id.
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
        let (status, answer) = self.answer();
        let mut response = status.into_response();
        response.extensions_mut().insert(answer);
        if let Some(value) = all_bytes.and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// What the log learns and the client does not.
#[derive(Clone)]
struct Cause(Arc<str>);

/// A body of at most this length is read before anything is decided, in bytes. A connection on which a body was not read
/// has to end, and after a longer one it does.
const READ_BYTES: usize = 64 << 10;

/// Longest words of the framework that are told, in bytes.
const MAX_WORDS: usize = 1024;

/// Gives every error its trace id and its body; also those which the framework
/// raised in words of its own.
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
    let mut refusal = match response.extensions_mut().remove::<ErrorBody>() {
        Some(refusal) => refusal,
        None => {
            let words = to_bytes(std::mem::take(response.body_mut()), MAX_WORDS).await.unwrap_or_default();
            let words = str::from_utf8(&words).ok().filter(|words| !words.is_empty());
            ErrorBody::new(words.or(status.canonical_reason()).unwrap_or("Bad Request"), "bad_request")
        }
    };
    refusal.trace_id = trace_id;
    let mut finished = (status, Json(refusal)).into_response();
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

/// The trace id of a W3C `traceparent`.
fn trace_of(traceparent: &str) -> Option<String> {
    let trace = traceparent.split('-').nth(1)?;
    (trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| trace.to_ascii_lowercase())
}

pub async fn no_route() -> ApiError {
    ApiError::NoRoute
}

pub async fn no_method() -> ApiError {
    ApiError::NoMethod
}

/// A handler panicked: our mistake, and the server goes on.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::Internal(format!("panic: {}", words.unwrap_or_default())).into_response()
}

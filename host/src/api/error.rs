//! Every error has one shape: `detail` (a text, or the list of mistakes in a body),
//! `code` (stable, for programs), `hint` where there is one, `trace_id`. This is
//! the only file that knows status codes of errors.

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::TRACEPARENT;
use crate::files::{BadName, FilesError};
use crate::guild::{ComponentRefusal, GuildError, LaunchError};
use crate::model::ids::{AgentId, Digest, GuildId};
use crate::model::read::FieldError;
use crate::store::StoreError;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("no such path")]
    NoRoute,
    #[error("no such method")]
    NoMethod,
    /// The body is no text, or ended early.
    #[error("unreadable body")]
    Unreadable,
    #[error("body over {limit} bytes")]
    TooLarge { limit: usize, setting: &'static str },
    #[error("not WebAssembly")]
    NotWasm,
    /// A form that is none.
    #[error("{0}")]
    Multipart(&'static str),
    #[error("bad file name: {0}")]
    BadFileName(BadName),
    #[error("{0}")]
    File(FilesError),
    /// The guild has no files.
    #[error("guild {0} has no filesystem")]
    NoFileSystem(GuildId),
    /// Mistakes in a body.
    #[error("invalid body")]
    Invalid(Vec<FieldError>),
    /// Mistakes in the spec of a blueprint.
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
    #[error("component {0} is not known")]
    UnknownComponent(Digest),
    #[error("may not launch")]
    MayNotLaunch,
    #[error("guild was stopped")]
    GuildStopped,
    #[error("component refused: {0}")]
    Refused(ComponentRefusal),
    #[error("not ready")]
    NotReady,
    #[error("{what} {id} not found")]
    NotFound { what: &'static str, id: String },
    #[error("{what} {id} exists")]
    Conflict { what: &'static str, id: String },
    /// Something of ours failed; the client learns no more than the trace id.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => Self::NotFound { what, id },
            StoreError::Conflict { what, id } => Self::Conflict { what, id },
            StoreError::Database(error) => Self::Internal(error.to_string()),
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

impl From<FilesError> for ApiError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Storage(cause) => Self::Internal(cause),
            other => Self::File(other),
        }
    }
}

impl From<ComponentRefusal> for ApiError {
    fn from(refusal: ComponentRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The answer to an error, before it has its trace id.
#[derive(Clone, Debug, Serialize)]
struct Answer {
    detail: Value,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    trace_id: String,
}

impl Answer {
    fn new(detail: impl Into<Value>, code: &'static str) -> Self {
        Self { detail: detail.into(), code, hint: None, trace_id: String::new() }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl ApiError {
    fn answer(self) -> (StatusCode, Answer) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, Answer::new("Not Found", "no_such_path")),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, Answer::new("Method Not Allowed", "method_not_allowed")),
            Self::Unreadable => (
                StatusCode::BAD_REQUEST,
                Answer::new("There was an error parsing the body", "unreadable_body").hint("send JSON in UTF-8"),
            ),
            Self::TooLarge { limit, setting } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Answer::new(format!("The body is larger than {limit} bytes"), "too_large")
                    .hint(format!("the operator sets the limit with {setting}")),
            ),
            Self::NotWasm => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Answer::new("A component is sent as application/wasm", "not_wasm")
                    .hint("curl -H 'content-type: application/wasm' --data-binary @agent.wasm"),
            ),
            Self::Multipart(words) => (StatusCode::BAD_REQUEST, Answer::new(words, "invalid_form")),
            Self::BadFileName(why) => {
                (StatusCode::BAD_REQUEST, Answer::new(format!("Invalid file name: {why}"), "invalid_file_name"))
            }
            Self::File(error) => file(&error),
            Self::NoFileSystem(guild) => (
                StatusCode::NOT_FOUND,
                Answer::new(format!("Dependency for filesystem not configured for guild {guild}"), "no_filesystem")
                    .hint("give the guild's spec a dependency_map with the key filesystem"),
            ),
            Self::Invalid(mistakes) => (StatusCode::UNPROCESSABLE_ENTITY, Answer::new(json!(mistakes), "invalid_body")),
            Self::InvalidSpec(mistakes) => {
                (StatusCode::BAD_REQUEST, Answer::new(as_sentences(&mistakes), "invalid_spec"))
            }
            Self::InvalidLaunch(mistakes) => (StatusCode::BAD_REQUEST, Answer::new(json!(mistakes), "invalid_launch")),
            Self::Unsupported(parts) => (
                StatusCode::BAD_REQUEST,
                Answer::new(format!("Unsupported GuildSpec: {}", parts.join("; ")), "unsupported_spec")
                    .hint("leave these out: a guild that obeyed only half of its spec would mislead"),
            ),
            Self::DuplicateAgent(id) => (
                StatusCode::BAD_REQUEST,
                Answer::new(format!("Invalid GuildSpec: two agents have the id {id}"), "duplicate_agent_id")
                    .hint("give each agent its own id, or none"),
            ),
            Self::UnknownClass(class) => (
                StatusCode::BAD_REQUEST,
                Answer::new(format!("Agent not found for class_name: {class}"), "unknown_class")
                    .hint("register it with POST /catalog/agents, or name a component in the agent"),
            ),
            Self::UnknownComponent(digest) => (
                StatusCode::BAD_REQUEST,
                Answer::new(format!("Component {digest} not found"), "unknown_component")
                    .hint("upload it with POST /catalog/components"),
            ),
            Self::MayNotLaunch => {
                (StatusCode::FORBIDDEN, Answer::new("Insufficient permissions to launch", "may_not_launch"))
            }
            Self::GuildStopped => (StatusCode::BAD_REQUEST, Answer::new("Guild is already stopped", "guild_stopped")),
            Self::Refused(refusal) => refused(refusal),
            Self::NotReady => (StatusCode::SERVICE_UNAVAILABLE, Answer::new("Not ready", "not_ready")),
            Self::NotFound { what, id } => (StatusCode::NOT_FOUND, not_found(what, &id)),
            Self::Conflict { what, id } => (StatusCode::CONFLICT, conflict(what, &id)),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, Answer::new("Internal Server Error", "internal_error"))
            }
        }
    }
}

fn refused(refusal: ComponentRefusal) -> (StatusCode, Answer) {
    let status = match refusal.code {
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "host_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    (status, Answer { hint: refusal.hint, ..Answer::new(refusal.message, refusal.code) })
}

fn file(error: &FilesError) -> (StatusCode, Answer) {
    match error {
        FilesError::NotFound => (StatusCode::NOT_FOUND, Answer::new("File not found", "file_not_found")),
        FilesError::Exists => (StatusCode::CONFLICT, Answer::new("File already exists", "file_exists")),
        FilesError::TooLarge { limit } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            Answer::new(format!("The file is larger than {limit} bytes"), "file_too_large")
                .hint("the operator sets the limit with limits.file_bytes"),
        ),
        FilesError::Interrupted => (StatusCode::BAD_REQUEST, Answer::new("Invalid multipart data.", "invalid_form")),
        FilesError::Storage(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, Answer::new("Internal Server Error", "internal_error"))
        }
    }
}

fn not_found(what: &str, id: &str) -> Answer {
    match what {
        "guild" => Answer::new("Guild not found", "guild_not_found"),
        "blueprint" => Answer::new("Blueprint not found", "blueprint_not_found"),
        "category" => Answer::new(format!("Category {id} not found"), "category_not_found"),
        "agent class" => {
            Answer::new(format!("Agent with qualified class name {id} not found"), "agent_class_not_found")
        }
        "component" => Answer::new(format!("Component {id} not found"), "component_not_found"),
        _ => Answer::new(format!("{what} {id} not found"), "not_found"),
    }
}

fn conflict(what: &str, id: &str) -> Answer {
    match what {
        "guild" => Answer::new(format!("Guild {id} already exists"), "guild_exists"),
        "agent class" => Answer::new(format!("'{id}' already exists"), "agent_class_exists"),
        _ => Answer::new(format!("{what} {id} already exists"), "conflict"),
    }
}

/// Mistakes as the text that clients know from the reference's validator.
fn as_sentences(mistakes: &[FieldError]) -> String {
    let (count, plural) = (mistakes.len(), if mistakes.len() == 1 { "" } else { "s" });
    let lines: String = mistakes
        .iter()
        .map(|mistake| format!("\n{}\n  {} [type={}]", mistake.path(), mistake.msg, mistake.kind))
        .collect();
    format!("Invalid GuildSpec: {count} validation error{plural} for GuildSpec{lines}")
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let cause = if let Self::Internal(cause) = &self { Some(Arc::<str>::from(cause.as_str())) } else { None };
        let (status, answer) = self.answer();
        let mut response = status.into_response();
        response.extensions_mut().insert(answer);
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// What the log learns and the client does not.
#[derive(Clone)]
struct Cause(Arc<str>);

/// Gives every error its trace id and its body; also those which the framework
/// raised in words of its own.
pub async fn finish(request: Request, next: Next) -> Response {
    let given = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(trace_of);
    let mut response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let trace_id = given.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
    if let Some(Cause(cause)) = response.extensions().get() {
        tracing::error!(trace_id, %cause, "a request failed");
    }
    let answer = response.extensions_mut().remove::<Answer>();
    let mut answer =
        answer.unwrap_or_else(|| Answer::new(status.canonical_reason().unwrap_or("Bad Request"), "bad_request"));
    answer.trace_id = trace_id;
    let allow = response.headers_mut().remove(axum::http::header::ALLOW);
    let mut finished = (status, Json(answer)).into_response();
    if let Some(allow) = allow {
        finished.headers_mut().insert(axum::http::header::ALLOW, allow);
    }
    finished
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

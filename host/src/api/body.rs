//! Reads the bodies of requests: JSON in any Unicode encoding, and components. A body has a limit of its own, and all
//! bodies that are read at the same time share the memory of [`ByteRoom`].

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::error::{ApiError, READ_BYTES, is_long};
use super::state::ApiState;
use super::values::{self, ValueRoom};
use crate::room::{ByteRoom, Held};
use guildhall_model::json::JsonError;
use guildhall_model::read::{FieldError, FieldErrors, Step, document};

/// The bytes of a body that need no room: most bodies are smaller.
const FREE_BYTES: usize = 16 << 10;

/// The largest first buffer, in bytes. A body of this size or less is never copied; the buffers of a longer one are so
/// large that the allocator returns each of them to the system at once.
const FIRST_BYTES: usize = 1 << 20;

/// The bytes of a body, and the room that they use until this is dropped.
struct Whole {
    bytes: Bytes,
    held: Option<Held>,
}

/// A body that is a JSON value other than null.
pub struct JsonBody {
    value: Value,
    /// Whether the client says that the body is JSON.
    is_json: bool,
    _held: Option<Held>,
}

impl JsonBody {
    /// Reads the body with a reader.
    ///
    /// # Errors
    /// `Invalid` with every error of the body; `NotJson` with the same, when the client does not say that it is JSON.
    pub fn read<T>(&self, read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>) -> Result<T, ApiError> {
        let invalid = if self.is_json { ApiError::Invalid } else { ApiError::NotJson };
        document(&self.value, &["body"], read).map_err(invalid)
    }

    /// Replaces one field of the body, if it has that field.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn with(mut self, key: &str, change: impl FnOnce(Value) -> Result<Value, ApiError>) -> Result<Self, ApiError> {
        if let Some(field) = self.value.get_mut(key) {
            *field = change(field.take())?;
        }
        Ok(self)
    }

    /// The whole body.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The whole body.
    pub fn into_value(self) -> Value {
        self.value
    }
}

impl FromRequest<ApiState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let JsonOf { value, is_json, held } = json_of(request, state).await?;
        if value.is_null() {
            return Err(ApiError::Invalid(vec![FieldError::missing(vec!["body".into()], Value::Null)]));
        }
        Ok(Self { value, is_json, _held: held })
    }
}

/// A body that is a JSON value; null for an empty body. It keeps its room until it is dropped.
pub struct MaybeJsonBody {
    value: Value,
    _held: Option<Held>,
}

impl MaybeJsonBody {
    /// The whole body.
    pub const fn value(&self) -> &Value {
        &self.value
    }
}

impl FromRequest<ApiState> for MaybeJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        json_of(request, state).await.map(|JsonOf { value, held, .. }| Self { value, _held: held })
    }
}

/// The JSON value of a body, null for an empty one.
struct JsonOf {
    value: Value,
    /// Whether the client says that it is JSON.
    is_json: bool,
    held: Option<Held>,
}

async fn json_of(request: Request, state: &ApiState) -> Result<JsonOf, ApiError> {
    let is_json = media_type(request.headers()).is_some_and(is_json);
    let values = is_json.then(|| ValueRoom::new(&state.room));
    let Whole { bytes, held } = read(request, state, state.limits.body_bytes, "limits.body_bytes", values).await?;
    let value = match (bytes.is_empty(), is_json) {
        (true, _) => Value::Null,
        (false, true) => values::parse(state, bytes).await?.map_err(broken)?,
        (false, false) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
    };
    if has_nul(&value) {
        let mut errors = FieldErrors::at(&["body"]);
        find_nul(&value, &mut errors);
        return Err(ApiError::Invalid(errors.into_found()));
    }
    Ok(JsonOf { value, is_json, held })
}

/// Reads one field of a body whose other fields do not matter. A body that is not an object has no fields, and a null field
/// is missing.
///
/// # Errors
/// `Invalid` with every error of the field.
pub fn read_only<T>(
    body: &Value,
    key: &str,
    read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
) -> Result<T, ApiError> {
    let missing = || ApiError::Invalid(vec![FieldError::missing(vec!["body".into(), key.into()], Value::Null)]);
    let value = body.get(key).filter(|value| !value.is_null()).ok_or_else(missing)?;
    document(value, &["body", key], read).map_err(ApiError::Invalid)
}

/// Whether a text or a key in the value has U+0000, which databases do not store.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, item)| key.contains('\0') || has_nul(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Adds an error for each text and key with U+0000.
fn find_nul(value: &Value, errors: &mut FieldErrors) {
    match value {
        Value::String(text) if text.contains('\0') => {
            errors.nul::<()>(value);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                inside(errors, Step::Index(index), |errors| find_nul(item, errors));
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                if key.contains('\0') {
                    errors.nul::<()>(&json!(key));
                }
                inside(errors, key.as_str().into(), |errors| find_nul(item, errors));
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn inside(errors: &mut FieldErrors, step: Step, look: impl FnOnce(&mut FieldErrors)) {
    errors.inside(step, |errors| {
        look(errors);
        Some(())
    });
}

/// The bytes of a component.
pub struct WasmBody {
    pub bytes: Bytes,
    _held: Option<Held>,
}

impl FromRequest<ApiState> for WasmBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        match media_type(request.headers()) {
            Some("application/wasm" | "application/octet-stream") => {
                let Whole { bytes, held } =
                    read(request, state, state.limits.component_bytes, "host.component_mib", None).await?;
                Ok(Self { bytes, _held: held })
            }
            // A page of another site may send a body without a type.
            None | Some(_) => Err(ApiError::NotWasm),
        }
    }
}

/// Reads a whole body, within its limit, its deadline and the room for all bodies. `values` takes the room of its values.
async fn read(
    request: Request,
    state: &ApiState,
    limit: usize,
    setting: &'static str,
    values: Option<ValueRoom<'_>>,
) -> Result<Whole, ApiError> {
    let size = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if size.is_some_and(|size: usize| size > limit) {
        return Err(ApiError::TooLarge { limit, setting });
    }
    let within = state.limits.body_within;
    let all = read_all(request.into_body(), size, &state.room, (limit, setting), values);
    tokio::time::timeout(within, all).await.unwrap_or(Err(ApiError::TooSlow { within }))
}

/// Reads a whole body of `size` bytes, if that is known.
async fn read_all(
    body: Body,
    size: Option<usize>,
    room: &ByteRoom,
    (limit, setting): (usize, &'static str),
    mut values: Option<ValueRoom<'_>>,
) -> Result<Whole, ApiError> {
    let most = size.map_or(limit, |size| size.min(limit));
    let mut parts = body.into_data_stream();
    let (mut whole, mut held, mut taken) = (BytesMut::new(), None, FREE_BYTES);
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| ApiError::Unreadable)?;
        let read = whole.len() + part.len();
        if read > limit {
            return Err(ApiError::TooLarge { limit, setting });
        }
        if read > taken {
            // The size to which the buffer may grow, so that most parts need no more room.
            let wanted = (2 * read).min(most).max(read);
            room.take_more(wanted - taken, &mut held)?;
            taken = wanted;
        }
        if let Some(values) = &mut values {
            values.add(&part, &mut held)?;
        }
        if whole.is_empty() {
            if size == Some(part.len()) {
                return Ok(Whole { bytes: part, held });
            }
            // Memory that is not written to uses none, so a wrong Content-Length costs nothing.
            whole.reserve(size.map_or(0, |size| size.min(FIRST_BYTES)));
        }
        whole.extend_from_slice(&part);
    }
    Ok(Whole { bytes: whole.freeze(), held })
}

/// Reads a body of at most `limit` bytes, which are in memory until the result is dropped.
///
/// # Errors
/// `TooLarge` with `setting`, `NoRoom`, `Unreadable`.
pub async fn read_small(
    body: Body,
    room: &ByteRoom,
    limit: usize,
    setting: &'static str,
) -> Result<(Bytes, Option<Held>), ApiError> {
    read_all(body, None, room, (limit, setting), None).await.map(|Whole { bytes, held }| (bytes, held))
}

/// Middleware that reads small bodies before their requests are looked at, so that a connection stays usable after an
/// error. The body uses its room as long as the request is in work.
///
/// Dropping the future drops the request.
pub async fn read_small_first(
    State((room, within)): State<(ByteRoom, Duration)>,
    request: Request,
    next: Next,
) -> Response {
    if is_long(&request) || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let reading = read_small(body, &room, READ_BYTES, "limits.body_bytes");
    match tokio::time::timeout(within, reading).await.unwrap_or(Err(ApiError::TooSlow { within })) {
        Ok((bytes, _held)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(error) => error.into_response(),
    }
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

fn is_json(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    let subtype = media_type.strip_prefix("application/").unwrap_or("");
    subtype == "json" || subtype.ends_with("+json")
}

fn broken(error: JsonError) -> ApiError {
    match error {
        JsonError::Encoding => ApiError::Unreadable,
        JsonError::Syntax { offset, reason } => {
            let loc = vec!["body".into(), Step::Index(offset)];
            let error = FieldError::new("json_invalid", loc, "JSON decode error", json!({}));
            ApiError::Invalid(vec![error.with_ctx(json!({"error": reason}))])
        }
    }
}

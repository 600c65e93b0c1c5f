//! Reading bodies: JSON in any Unicode encoding, of limited size.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::ApiState;
use super::error::ApiError;
use crate::model::json::{self, JsonError};
use crate::model::read::{FieldError, Mistakes, Step, document};

/// A body that is a JSON value other than null.
pub struct JsonBody(Value);

impl JsonBody {
    /// Reads the body as what the handler wants.
    pub fn read<T>(&self, read: impl FnOnce(&Value, &mut Mistakes) -> Option<T>) -> Result<T, ApiError> {
        document(&self.0, &["body"], read).map_err(ApiError::Invalid)
    }

    /// The body with one of its fields, if it is there, made into another.
    pub fn with(mut self, key: &str, change: impl FnOnce(Value) -> Result<Value, ApiError>) -> Result<Self, ApiError> {
        if let Some(field) = self.0.get_mut(key) {
            *field = change(field.take())?;
        }
        Ok(self)
    }

    pub fn into_value(self) -> Value {
        self.0
    }
}

impl FromRequest<ApiState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let MaybeJsonBody(value) = MaybeJsonBody::from_request(request, state).await?;
        if value.is_null() {
            return Err(ApiError::Invalid(vec![FieldError::missing(vec!["body".into()], Value::Null)]));
        }
        Ok(Self(value))
    }
}

/// A body that is a JSON value; null when there is none.
pub struct MaybeJsonBody(pub Value);

impl FromRequest<ApiState> for MaybeJsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let is_json = media_type(request.headers()).is_some_and(is_json);
        let bytes = bytes(request, state, state.limits.body_bytes, "limits.body_bytes").await?;
        let value = match (bytes.is_empty(), is_json) {
            (true, _) => Value::Null,
            (false, true) => json::parse(&bytes).map_err(broken)?,
            (false, false) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        };
        if has_nul(&value) {
            let mut mistakes = Vec::new();
            find_nul(&value, &mut vec!["body".into()], &mut mistakes);
            return Err(ApiError::Invalid(mistakes));
        }
        Ok(Self(value))
    }
}

/// Reads the one field of a body that counts, which may hold others or be no object at all; null is missing.
pub fn read_only<T>(
    body: &Value,
    key: &str,
    read: impl FnOnce(&Value, &mut Mistakes) -> Option<T>,
) -> Result<T, ApiError> {
    let missing = || ApiError::Invalid(vec![FieldError::missing(vec!["body".into(), key.into()], Value::Null)]);
    let value = body.get(key).filter(|value| !value.is_null()).ok_or_else(missing)?;
    document(value, &["body", key], read).map_err(ApiError::Invalid)
}

/// Whether a text in it, be it a value or a key, has a character that no database keeps.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, item)| key.contains('\0') || has_nul(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn find_nul(value: &Value, at: &mut Vec<Step>, found: &mut Vec<FieldError>) {
    match value {
        Value::String(text) if text.contains('\0') => found.push(FieldError::nul(at.clone(), json!(text))),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(Step::Index(index));
                find_nul(item, at, found);
                at.pop();
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                if key.contains('\0') {
                    found.push(FieldError::nul(at.clone(), json!(key)));
                }
                at.push(key.as_str().into());
                find_nul(item, at, found);
                at.pop();
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The bytes of a component.
pub struct WasmBody(pub Bytes);

impl FromRequest<ApiState> for WasmBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        match media_type(request.headers()) {
            None | Some("application/wasm" | "application/octet-stream") => {
                bytes(request, state, state.limits.component_bytes, "host.component_mib").await.map(Self)
            }
            Some(_) => Err(ApiError::NotWasm),
        }
    }
}

async fn bytes(request: Request, state: &ApiState, limit: usize, setting: &'static str) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge { limit, setting },
        _ => ApiError::Unreadable,
    })
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
            let mistake = FieldError::new("json_invalid", loc, "JSON decode error", json!({}));
            ApiError::Invalid(vec![mistake.with_ctx(json!({"error": reason}))])
        }
    }
}

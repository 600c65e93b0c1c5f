//! The errors of the API. Every answer of 400 and above has one shape, whoever refuses the request: `detail` (a text, or
//! the list of errors in a body), `code` (stable, for programs), `hint` and `context` where they help, `trace_id`.
//! Texts and status codes are in `answer`.

mod answer;
mod api_error;

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::body::{HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub use api_error::ApiError;

use crate::peers::Carried;
use guildhall_model::error_body::ErrorBody;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let cause = match &self {
            Self::Internal(cause) | Self::Unavailable { cause, .. } | Self::DiskFull { cause, .. } => {
                Some(Arc::<str>::from(cause.as_str()))
            }
            _ => None,
        };
        let is_outage =
            matches!(self, Self::Unavailable { .. } | Self::DiskFull { .. } | Self::NotReady | Self::Moving);
        let all_bytes = if let Self::NoSuchPart { bytes } = self { Some(format!("bytes */{bytes}")) } else { None };
        let (status, body) = self.answer();
        let mut response = status.into_response();
        response.extensions_mut().insert(body);
        if let Some(value) = all_bytes.and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        if is_outage {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// After how many seconds a client tries again when a part of the host is away.
const RETRY_AFTER_S: &str = "2";

/// The W3C trace context of a request.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The id that a proxy gives a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The trace id of an answer that is an error.
#[derive(Clone)]
pub struct TraceId(pub String);

/// Why the host failed: written to the log and not sent.
#[derive(Clone)]
struct Cause(Arc<str>);

/// A body of at most this many bytes is read before the request is looked at. After an error, a connection whose body was
/// not read has to be closed; one whose body was read stays open.
pub const READ_BYTES: usize = 64 << 10;

/// The most bytes that are sent of an error text that the framework made.
const MAX_DETAIL_BYTES: usize = 1024;

/// Middleware that gives every error its trace id and its body, including errors that the framework made.
///
/// Dropping the future drops the request.
pub async fn finish(request: Request, next: Next) -> Response {
    let is_long = is_long(&request);
    let given = given_trace(request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    let is_finished = response.extensions().get::<Carried>().is_some();
    if is_finished || !(status.is_client_error() || status.is_server_error()) {
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
    error.trace_id.clone_from(&trace_id);
    let mut finished = (status, Json(error)).into_response();
    finished.extensions_mut().insert(TraceId(trace_id));
    if is_long {
        finished.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    for name in [header::ALLOW, header::CONTENT_RANGE, header::RETRY_AFTER] {
        if let Some(value) = response.headers_mut().remove(&name) {
            finished.headers_mut().insert(name, value);
        }
    }
    finished
}

/// Whether the body of a request is not read before the request is looked at.
pub fn is_long(request: &Request) -> bool {
    request.body().size_hint().upper().is_none_or(|bytes| bytes > READ_BYTES as u64)
}

/// The trace id that a client or a proxy gave a request: that of its W3C trace context, or its request id.
pub fn given_trace(headers: &HeaderMap) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    text(&TRACEPARENT).and_then(trace_of).or_else(|| text(&REQUEST_ID).and_then(request_id))
}

/// A request id of 32 hexadecimal digits, which may have the dashes of a UUID, in the form of a trace id.
fn request_id(given: &str) -> Option<String> {
    let digits: String = given.chars().filter(|char| *char != '-').collect();
    trace_of(&format!("00-{digits}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_trace_id_that_it_was_given() {
        let given = |pairs: &[(HeaderName, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            given_trace(&pairs.collect())
        };
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let context = (TRACEPARENT, "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let uuid = (REQUEST_ID, "0af76519-16cd-43dd-8448-eb211c80319c");
        assert_eq!(given(&[context.clone(), (REQUEST_ID, "ffffffffffffffffffffffffffffffff")]).as_deref(), Some(trace));
        assert_eq!(given(&[uuid]).as_deref(), Some(trace));
        assert_eq!(given(&[(TRACEPARENT, "?"), (REQUEST_ID, trace)]).as_deref(), Some(trace));
        assert_eq!(given(&[(REQUEST_ID, "42")]), None);
    }
}

//! Cross-origin requests of browsers: pages of this machine and of the allowed origins may read the answers of this host.
//! Clients that are not browsers send no `Origin` and are served as usual; for a page of another origin the browser
//! withholds the answer.
//!
//! `tower-http` writes the headers. Two rules are added to it, which clients of the reference server know: a preflight
//! that asks for something else is answered with 400 and the reason, and an `OPTIONS` request that is no preflight
//! is a request like any other.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::error::{REQUEST_ID, TRACEPARENT};
use guildhall_model::origin::AllowedPages;

const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY"];
/// The headers that pages may send.
const HEADERS: [HeaderName; 14] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::AUTHORIZATION,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
    super::once::KEY,
    REQUEST_ID,
    HeaderName::from_static("x-requested-with"),
    TRACEPARENT,
    HeaderName::from_static("tracestate"),
];
/// The headers of answers that pages may read, besides those that they always may.
const EXPOSED: [HeaderName; 9] = [
    header::ALLOW,
    header::CONTENT_DISPOSITION,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::ACCEPT_RANGES,
    super::once::REPLAYED,
];
/// How long a browser may remember the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The two layers of a host, made once.
#[derive(Clone)]
pub struct Cors {
    allowed: AllowedPages,
    preflights: CorsLayer,
    others: CorsLayer,
}

impl Cors {
    /// Allows the pages of some origins.
    pub fn new(allowed: AllowedPages) -> Self {
        let methods = METHODS.map(|name| Method::from_bytes(name.as_bytes()).expect("methods are tokens"));
        let let_in = allowed.clone();
        let is_let_in = move |origin: &HeaderValue, parts: &Parts| is_let_in(&let_in, origin, &parts.headers);
        let origin = CorsLayer::new().allow_origin(AllowOrigin::predicate(is_let_in));
        let preflights = origin.clone().allow_methods(methods).allow_headers(HEADERS).max_age(MAX_AGE);
        Self { allowed, preflights, others: origin.vary([header::ORIGIN]).expose_headers(EXPOSED) }
    }
}

/// Answers preflights, and marks the answers that pages of the allowed origin may read.
pub async fn cors(State(cors): State<Cors>, mut request: Request, next: Next) -> Response {
    if is_preflight(&request) {
        let refused = refused(request.headers(), &cors.allowed);
        let Ok(answered) = cors.preflights.layer(next).oneshot(request).await;
        return with_text(answered, &refused);
    }
    // The layer takes every OPTIONS request for a preflight, so it is shown another method.
    let method = std::mem::replace(request.method_mut(), Method::GET);
    let inner = service_fn(move |mut request: Request| {
        *request.method_mut() = method.clone();
        next.clone().oneshot(request)
    });
    let Ok(answered) = cors.others.layer(inner).oneshot(request).await;
    answered
}

fn is_let_in(allowed: &AllowedPages, origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origin.to_str().is_ok_and(|origin| allowed.lets_in(origin, host))
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a preflight asks for and does not get: `origin`, `method`, `headers`.
fn refused(asked: &HeaderMap, allowed: &AllowedPages) -> Vec<&'static str> {
    let is_method = |name: &str| METHODS.iter().any(|method| method.eq_ignore_ascii_case(name));
    let is_header = |name: &str| HEADERS.iter().any(|header| header.as_str().eq_ignore_ascii_case(name));
    [
        (asked.get(header::ORIGIN).is_some_and(|origin| is_let_in(allowed, origin, asked)), "origin"),
        (lists_only(asked, &header::ACCESS_CONTROL_REQUEST_METHOD, is_method), "method"),
        (lists_only(asked, &header::ACCESS_CONTROL_REQUEST_HEADERS, is_header), "headers"),
    ]
    .into_iter()
    .filter_map(|(is_allowed, what)| (!is_allowed).then_some(what))
    .collect()
}

/// Whether every item of a header's list is allowed; an absent header lists nothing.
fn lists_only(asked: &HeaderMap, name: &HeaderName, is_allowed: impl Fn(&str) -> bool) -> bool {
    let Some(listed) = asked.get(name) else { return true };
    listed.to_str().is_ok_and(|listed| listed.split(',').all(|item| is_allowed(item.trim())))
}

/// The answer to a preflight with its status and its text.
fn with_text(answered: Response, refused: &[&str]) -> Response {
    let (status, text) = match refused {
        [] => (StatusCode::OK, "OK".to_owned()),
        refused => (StatusCode::BAD_REQUEST, format!("Disallowed CORS {}", refused.join(", "))),
    };
    let headers = answered.into_parts().0.headers;
    (status, headers, text).into_response()
}

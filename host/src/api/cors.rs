//! Which browsers are let in: those that show pages of one origin. Everybody else is
//! served, too; it is the browser that keeps the answer from the page.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY";
const HEADERS: &str = "Accept, Accept-Language, Content-Language, Content-Type, Traceparent";
const MAX_AGE: &str = "600";
const VARY_PREFLIGHT: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Answers preflights, and marks what pages of `allowed` may read.
pub async fn cors(State(allowed): State<HeaderValue>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    let is_allowed = origin.is_some_and(|origin| *origin == allowed);
    if origin.is_some()
        && request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return preflight(request.headers(), is_allowed.then_some(allowed));
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if is_allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response
}

/// `origin` is the one that asks, when it is allowed.
fn preflight(asked: &HeaderMap, origin: Option<HeaderValue>) -> Response {
    let refused: Vec<&str> = [
        (origin.is_some(), "origin"),
        (are_among(asked, &header::ACCESS_CONTROL_REQUEST_METHOD, METHODS), "method"),
        (are_among(asked, &header::ACCESS_CONTROL_REQUEST_HEADERS, HEADERS), "headers"),
    ]
    .into_iter()
    .filter_map(|(is_allowed, what)| (!is_allowed).then_some(what))
    .collect();
    let (status, text) = match refused.as_slice() {
        [] => (StatusCode::OK, "OK".to_owned()),
        refused => (StatusCode::BAD_REQUEST, format!("Disallowed CORS {}", refused.join(", "))),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::VARY, VARY_PREFLIGHT),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

/// Whether all that a header lists is in our list; a header that is not there lists
/// nothing.
fn are_among(asked: &HeaderMap, name: &HeaderName, ours: &str) -> bool {
    let Some(listed) = asked.get(name) else { return true };
    let is_ours = |item: &str| ours.split(", ").any(|own| own.eq_ignore_ascii_case(item.trim()));
    listed.to_str().is_ok_and(|listed| listed.split(',').all(is_ours))
}

//! Which web pages may send requests that change something. A browser lets any page send a form, a text or a body without
//! a type to any host, and CORS only withholds the answer. A browser says where such a request comes from; programs say
//! nothing and are served.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use guildhall_model::origin::is_page_let_in;

/// The relation of the page to this host, as the browser sees it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware that answers 403 to a request of a foreign page, unless its method changes nothing. `allowed` is the origin
/// whose pages are let in besides those of this machine.
///
/// Dropping the future drops the request.
pub async fn refuse_foreign(State(allowed): State<Arc<str>>, request: Request, next: Next) -> Response {
    let changes_nothing =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || request.method() == "QUERY";
    match foreign(request.headers(), &allowed).filter(|_| !changes_nothing) {
        Some(page) => ApiError::ForeignPage(page).into_response(),
        None => next.run(request).await,
    }
}

/// The origin of a foreign page that sends the request.
fn foreign(headers: &HeaderMap, allowed: &str) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = text(&header::HOST);
    match text(&header::ORIGIN) {
        Some(origin) if is_page_let_in(&origin, host.as_deref(), allowed) => None,
        Some(origin) => Some(origin.chars().take(100).collect()),
        None => (text(&SEC_FETCH_SITE)? == "cross-site").then(|| "another site".to_owned()),
    }
}

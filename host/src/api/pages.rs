//! Which web pages may send requests that change something. A browser lets any page send a form, a text or a body without
//! a type to any host, and CORS only withholds the answer. A browser says where such a request comes from; programs say
//! nothing and are served.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use parking_lot::Mutex;

use super::error::ApiError;
use guildhall_model::origin::AllowedPages;

/// How many refused origins the log names.
const MAX_TOLD: usize = 64;
/// The most characters of an origin that are shown.
const MAX_SHOWN: usize = 100;

/// The relation of the page to this host, as the browser sees it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware that answers 403 to a request of a foreign page, unless its method changes nothing.
///
/// Dropping the future drops the request.
pub async fn refuse_foreign(State(allowed): State<AllowedPages>, request: Request, next: Next) -> Response {
    let changes_nothing =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || request.method() == "QUERY";
    match foreign(request.headers(), &allowed).filter(|_| !changes_nothing) {
        Some(page) => ApiError::ForeignPage(page).into_response(),
        None => next.run(request).await,
    }
}

/// The origin of a foreign page that sends the request.
fn foreign(headers: &HeaderMap, allowed: &AllowedPages) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = text(&header::HOST);
    match text(&header::ORIGIN) {
        Some(origin) if allowed.lets_in(&origin, host.as_deref()) => None,
        Some(origin) => Some(origin.chars().take(MAX_SHOWN).collect()),
        None => (text(&SEC_FETCH_SITE)? == "cross-site").then(|| "another site".to_owned()),
    }
}

/// The refused origins that the log has named.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<HashSet<String>>>);

impl Told {
    /// Notes an origin. Returns whether it is new and there are not too many.
    fn is_news(&self, origin: &str) -> bool {
        let mut told = self.0.lock();
        told.len() < MAX_TOLD && told.insert(origin.to_owned())
    }
}

/// Middleware that writes each refused origin to the log once, those of sockets too: a browser does not show its page why
/// it was refused, and keeps answers from it that were given.
///
/// Dropping the future drops the request.
pub async fn tell_refused(
    State((told, allowed)): State<(Told, AllowedPages)>,
    request: Request,
    next: Next,
) -> Response {
    let has_origin = request.headers().contains_key(header::ORIGIN);
    let origin = foreign(request.headers(), &allowed).filter(|_| has_origin);
    let response = next.run(request).await;
    if let Some(origin) = origin.filter(|origin| told.is_news(origin)) {
        tracing::warn!(origin, "a page of this origin was refused; --set cors.origin=ORIGIN lets its pages in");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refused_origin_is_told_once_and_not_without_end() {
        let told = Told::default();
        assert!(told.is_news("https://a.example") && !told.is_news("https://a.example"));
        let news = (0..1_000).filter(|n| told.is_news(&n.to_string())).count();
        assert_eq!(news, MAX_TOLD - 1);
    }
}

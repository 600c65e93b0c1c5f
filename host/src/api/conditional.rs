//! Conditional requests (RFC 9110, section 13). Texts have an `ETag`: a client that polls sends it back in
//! `If-None-Match` and gets 304 as long as nothing has changed. A client that changes something may send the tag of what
//! it has seen in `If-Match`, and gets 412 if that has changed meanwhile.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tower::ServiceExt;

use super::error::ApiError;

/// The longest answer that gets a tag, in bytes. A longer one is written once and seldom polled.
const MAX_TAGGED: u64 = 8 << 20;
/// The end of a tag of a compressed answer: other bytes are another representation.
pub const COMPRESSED: &str = "-gzip";

/// The places that are being changed under a condition, each by one request at a time: of two with the same tag, only the
/// first one finds what it has seen.
#[derive(Clone)]
pub struct Conditions {
    /// Answers what a place is now.
    routes: Router,
    changing: Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>,
}

impl Conditions {
    /// Places are read from `routes`.
    pub fn new(routes: Router) -> Self {
        Self { routes, changing: Arc::default() }
    }

    fn turn_of(&self, path: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut changing = self.changing.lock();
        if let Some(turn) = changing.get(path).and_then(Weak::upgrade) {
            return turn;
        }
        changing.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        changing.insert(path.to_owned(), Arc::downgrade(&turn));
        turn
    }

    /// Returns the tag of what a path answers now.
    async fn tag_of(&self, path: &str, headers: &HeaderMap) -> Option<String> {
        let mut asked = Request::get(path).body(Body::empty()).ok()?;
        if let Some(host) = headers.get(header::HOST) {
            asked.headers_mut().insert(header::HOST, host.clone());
        }
        let Ok(answer) = self.routes.clone().oneshot(asked).await;
        let answer = tagged(answer).await;
        Some(answer.headers().get(header::ETAG)?.to_str().ok()?.to_owned())
    }
}

/// Middleware that gives texts their tags and carries conditional requests out.
///
/// Dropping the future drops the request.
pub async fn conditional(State(conditions): State<Conditions>, request: Request, next: Next) -> Response {
    // The body of a request for the head alone is removed later.
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let known = request.headers().get_all(header::IF_NONE_MATCH).clone_values();
        let answer = tagged(next.run(request).await).await;
        return unless_known(&known, answer);
    }
    let wanted = request.headers().get_all(header::IF_MATCH).clone_values();
    if wanted.is_empty() || *request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    let place = place_of(request.uri().path()).to_owned();
    let turn = conditions.turn_of(&place);
    let _turn = turn.lock().await;
    match conditions.tag_of(&place, request.headers()).await {
        Some(tag) if names(&wanted, &tag).is_some() => next.run(request).await,
        tag => ApiError::HasChanged { place, tag }.into_response(),
    }
}

/// Clones the values of a header.
trait CloneValues {
    fn clone_values(&self) -> Vec<HeaderValue>;
}

impl CloneValues for axum::http::header::GetAll<'_, HeaderValue> {
    fn clone_values(&self) -> Vec<HeaderValue> {
        self.iter().cloned().collect()
    }
}

/// The ends of paths that change what their parent answers.
const ACTIONS: [&str; 5] = ["blueprint", "component", "relaunch", "start", "stop"];

/// Returns the path that shows what a request to this path changes.
fn place_of(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let Some((parent, action)) = path.rsplit_once('/') else { return path };
    if !ACTIONS.contains(&action) {
        return path;
    }
    // An agent is shown as a part of its guild.
    match parent.rsplit_once("/agents/") {
        Some((guild, _)) if guild.starts_with("/api/guilds/") => guild,
        _ => parent,
    }
}

/// The types that get a tag: JSON, and what a browser loads.
const TAGGED: [&str; 5] = ["application/json", "image/svg+xml", "text/css", "text/html", "text/javascript"];

/// Gives a text of 200 its tag.
async fn tagged(answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_tagged = kind.split(';').next().is_some_and(|kind| TAGGED.contains(&kind));
    let size = answer.body().size_hint().exact();
    let has_tag = answer.headers().contains_key(header::ETAG);
    if answer.status() != StatusCode::OK || !is_tagged || has_tag || size.is_none_or(|bytes| bytes > MAX_TAGGED) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let mut hasher = DefaultHasher::new();
            (&bytes[..], parts.headers.get(header::LINK)).hash(&mut hasher);
            if let Ok(tag) = HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())) {
                parts.headers.insert(header::ETAG, tag);
            }
            Response::from_parts(parts, Body::from(bytes))
        }
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// What an answer without a body still tells (RFC 9110, section 15.4.5).
const KEPT: [HeaderName; 5] =
    [header::CACHE_CONTROL, header::CONTENT_LOCATION, header::CONTENT_SECURITY_POLICY, header::LINK, header::VARY];

/// Replaces an answer that the client has by 304.
fn unless_known(known: &[HeaderValue], answer: Response) -> Response {
    let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let Some(named) = tag.and_then(|tag| names(known, tag)) else { return answer };
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let mut short = StatusCode::NOT_MODIFIED.into_response();
    for name in KEPT {
        if let Some(value) = answer.headers().get(&name) {
            short.headers_mut().insert(name, value.clone());
        }
    }
    if let Ok(tag) = HeaderValue::try_from(named) {
        short.headers_mut().insert(header::ETAG, tag);
    }
    short
}

/// Returns the tag in a list that stands for `tag`, as the client wrote it; `*` stands for every tag.
pub fn names(list: &[HeaderValue], tag: &str) -> Option<String> {
    let listed = list.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim);
    let plain = |one: &str| one.trim_start_matches("W/").replace(COMPRESSED, "");
    listed.into_iter().find_map(|one| match one {
        "*" => Some(tag.to_owned()),
        one => (plain(one) == plain(tag)).then(|| one.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_seen_at_the_place_that_it_changes() {
        for (path, place) in [
            ("/api/guilds/g", "/api/guilds/g"),
            ("/api/guilds/g/stop/", "/api/guilds/g"),
            ("/api/guilds/g/blueprint", "/api/guilds/g"),
            ("/api/guilds/g/agents/a/component", "/api/guilds/g"),
            ("/catalog/agents/x.A/component", "/catalog/agents/x.A"),
            ("/catalog/blueprints/b", "/catalog/blueprints/b"),
        ] {
            assert_eq!(place_of(path), place);
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list_in_each_of_its_forms() {
        let found = |list: &'static str| names(&[HeaderValue::from_static(list)], "\"a\"");
        for (list, named) in
            [("\"a\"", "\"a\""), ("\"b\", W/\"a\"", "W/\"a\""), ("\"a-gzip\"", "\"a-gzip\""), ("*", "\"a\"")]
        {
            assert_eq!(found(list).as_deref(), Some(named));
        }
        assert_eq!((found("\"b\""), found("a"), names(&[], "\"a\"")), (None, None, None));
    }

    /// A counter that `DELETE` sets back, and `GET` shows.
    fn counter() -> Router {
        let count = Arc::new(Mutex::new(5));
        let (shown, reset) = (count.clone(), count);
        let routes = Router::new().route(
            "/n",
            get(async move || Json(json!({"n": *shown.lock()}))).delete(async move || {
                *reset.lock() = 0;
                StatusCode::NO_CONTENT
            }),
        );
        routes.clone().layer(from_fn_with_state(Conditions::new(routes), conditional))
    }

    async fn send(router: &Router, method: Method, header: HeaderName, tag: &str) -> Response {
        let request = Request::builder().method(method).uri("/n").header(header, tag);
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_polled_is_sent_once_and_what_has_changed_is_not_overwritten() {
        let router = counter();
        let first = send(&router, Method::GET, header::IF_NONE_MATCH, "\"none\"").await;
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(first.status(), StatusCode::OK);
        let again = send(&router, Method::GET, header::IF_NONE_MATCH, &tag).await;
        assert_eq!((again.status(), again.body().size_hint().exact()), (StatusCode::NOT_MODIFIED, Some(0)));
        let refused = send(&router, Method::DELETE, header::IF_MATCH, "\"other\"").await;
        assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED);
        let both = tokio::join!(
            send(&router, Method::DELETE, header::IF_MATCH, &tag),
            send(&router, Method::DELETE, header::IF_MATCH, &tag)
        );
        let mut statuses = [both.0.status(), both.1.status()];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::NO_CONTENT, StatusCode::PRECONDITION_FAILED]);
    }
}

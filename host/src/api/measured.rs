//! Counts requests and measures how long their answers take.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::guild::Guilds;

/// The label of a request whose path is not served.
const NO_ROUTE: &str = "none";
/// The methods that have a label of their own; the number of labels must not depend on clients.
const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];

/// Middleware that counts a request by its route, method and status. The time ends with the head of the answer.
///
/// Dropping the future drops the request, which is not counted.
pub async fn measure(State(guilds): State<Guilds>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = METHODS.iter().find(|method| *method == request.method()).map_or("other", Method::as_str);
    let answer = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    guilds.count_request(route, method, answer.status().as_u16(), began.elapsed());
    answer
}

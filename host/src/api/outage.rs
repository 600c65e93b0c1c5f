//! Requests that wait for a part of the host that is away are given up, so that clients are answered within about two
//! seconds.

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::guild::Guilds;

/// A request with a larger body is an upload, which may take long without an outage.
const UPLOAD_BYTES: u64 = 64 << 10;

/// Middleware that answers for a request which has waited for more than a second while a part is away. The request is
/// dropped; what it has begun to store may be stored.
pub async fn give_up(State(guilds): State<Guilds>, request: Request, next: Next) -> Response {
    if request.body().size_hint().upper().is_none_or(|bytes| bytes > UPLOAD_BYTES) {
        return next.run(request).await;
    }
    tokio::select! {
        response = next.run(request) => response,
        away = guilds.waits_in_vain() => ApiError::from(away).into_response(),
    }
}

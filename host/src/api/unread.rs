//! Answers that wait for their clients. An answer is in memory until its client has read it, so a long one uses room
//! (`limits.bodies_bytes`) until then. Answers in parts, such as histories and files, are read while they are sent.

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::room::{ByteRoom, Held};

/// The bytes of an answer that need no room: most answers are smaller.
const FREE_BYTES: u64 = 64 << 10;

/// The bytes of an answer, with the room that they use until they are sent.
struct Unread {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Middleware that takes room for long answers. An answer that is larger than all room uses all of it.
pub async fn hold(State(room): State<ByteRoom>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    match answer.body().size_hint().exact() {
        Some(bytes) if bytes > FREE_BYTES => held(&room, bytes, answer).await,
        _ => answer,
    }
}

async fn held(room: &ByteRoom, bytes: u64, answer: Response) -> Response {
    let most = room.no_room().limit;
    let held = match room.take(usize::try_from(bytes).unwrap_or(most).min(most)) {
        Ok(held) => held,
        Err(no_room) => return ApiError::NoRoom(no_room).into_response(),
    };
    let (parts, body) = answer.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(parts, Body::from(Bytes::from_owner(Unread { bytes, _held: held }))),
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: &Router, path: &str) -> Response {
        router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_long_answer_uses_room_until_it_is_sent() {
        let room = ByteRoom::new(300 << 10);
        let router = Router::new()
            .route("/long", get(async || "x".repeat(200 << 10)))
            .route("/endless", get(async || "x".repeat(900 << 10)))
            .route("/short", get(async || "x".repeat(64 << 10)))
            .layer(from_fn_with_state(room.clone(), hold));
        let first = to_bytes(ask(&router, "/long").await.into_body(), usize::MAX).await.unwrap();
        assert_eq!((first.len(), room.used_bytes()), (200 << 10, 200 << 10));
        assert_eq!(ask(&router, "/long").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(&router, "/short").await.status(), StatusCode::OK);
        drop(first);
        assert_eq!(room.used_bytes(), 0);
        let whole = ask(&router, "/endless").await;
        assert_eq!((whole.status(), room.used_bytes()), (StatusCode::OK, 300 << 10));
    }
}

//! What a host answers while it starts and while it shuts down. It listens all the time, so that probes and clients learn
//! that it is there.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::routing::get;
use tower::ServiceExt;

use super::error::{ApiError, finish};
use super::health;

/// Returns the router of a host that is alive and not ready: every request but those of probes is answered with 503.
pub fn router_when_not_ready() -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/__health", get(health::all_is_well))
        .fallback(async || ApiError::NotReady)
        .layer(from_fn(finish))
}

/// Returns a router that serves what `ready` returns. Until it returns something, the host is not ready.
pub fn router_when_ready(ready: impl Fn() -> Option<Router> + Clone + Send + Sync + 'static) -> Router {
    let starting = router_when_not_ready();
    Router::new().fallback(move |request: Request| ready().unwrap_or_else(|| starting.clone()).oneshot(request))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock};

    use axum::body::Body;
    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_host_that_starts_is_alive_and_not_ready() {
        let opened = Arc::new(OnceLock::new());
        let seen = opened.clone();
        let router = router_when_ready(move || seen.get().cloned());
        let status = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(status("/healthz").await, StatusCode::OK);
        assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/api/guilds").await, StatusCode::SERVICE_UNAVAILABLE);
        opened.set(Router::new().route("/readyz", get("ready"))).unwrap();
        assert_eq!(status("/readyz").await, StatusCode::OK);
    }
}

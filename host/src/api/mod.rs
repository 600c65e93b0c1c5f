//! The REST API. A file's path is the path of the URLs it serves; `error` alone
//! knows status codes. Each path is served with and without its last slash.

mod body;
mod catalog;
mod error;
mod files;
mod guilds;
mod health;
mod openapi;
mod spec;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn;
use axum::routing::MethodRouter;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::files::Files;
use crate::guild::Guilds;
use crate::model::clock::Clock;
use crate::model::read::spec::SandboxCeilings;
use crate::store::Store;

/// How much a request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// A JSON body, in bytes.
    pub body_bytes: usize,
    /// A component, in bytes.
    pub component_bytes: usize,
}

/// What the handlers act on.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    pub guilds: Guilds,
    pub files: Files,
    pub clock: Clock,
    pub ceilings: SandboxCeilings,
    pub limits: ApiLimits,
}

type Route = (&'static str, MethodRouter<ApiState>);

/// The whole REST API. Browsers are let in from `cors_origin` alone; other clients
/// send no origin and are not asked.
pub fn router(state: ApiState, cors_origin: &HeaderValue) -> Router {
    let limits = state.limits;
    all_routes(limits)
        .into_iter()
        .fold(Router::new(), with_and_without_slash)
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(error::finish))
        .layer(cors(cors_origin))
        .with_state(state)
}

fn all_routes(limits: ApiLimits) -> Vec<Route> {
    [catalog::routes(limits), guilds::routes(), files::routes(), health::routes(), openapi::routes()].concat()
}

fn with_and_without_slash(router: Router<ApiState>, (path, methods): Route) -> Router<ApiState> {
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

fn cors(origin: &HeaderValue) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list([origin.clone()]))
        .allow_methods([
            Method::DELETE,
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::PATCH,
            Method::POST,
            Method::PUT,
        ])
        .allow_headers([
            header::ACCEPT,
            header::ACCEPT_LANGUAGE,
            header::CONTENT_LANGUAGE,
            header::CONTENT_TYPE,
            TRACEPARENT,
        ])
        .max_age(std::time::Duration::from_secs(600))
        .vary([header::ORIGIN])
}

/// The W3C trace context of a request.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[cfg(test)]
mod tests;

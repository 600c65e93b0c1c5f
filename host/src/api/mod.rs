//! The REST API. A file's path is the path of the URLs it serves; `error` alone
//! knows status codes. Each path is served with and without its last slash.

mod agents;
mod boards;
mod body;
mod catalog;
mod cors;
mod dead_letters;
mod error;
mod files;
mod guilds;
mod health;
mod host;
mod metrics;
mod openapi;
mod path;
mod query;
mod registry;
mod spec;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::MethodRouter;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::files::Files;
use crate::guild::Guilds;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::expression::Evaluate;
use guildhall_model::read::spec::SandboxCeilings;

pub use body::BodyRoom;

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
    /// Checks the expressions of specs.
    pub evaluator: Arc<dyn Evaluate>,
    pub limits: ApiLimits,
    pub bodies: BodyRoom,
}

pub use host::{Hosts, SETTING as HOSTS_SETTING};

/// From where browsers are let in.
#[derive(Clone, Debug)]
pub struct Visitors {
    /// The one foreign origin whose pages may read answers.
    pub cors_origin: HeaderValue,
    pub hosts: Hosts,
}

type Route = (&'static str, MethodRouter<ApiState>);

/// The whole REST API, and `sockets` beside it: what they refuse is told as everything else is. Programs that are no
/// browsers are not asked where they come from.
pub fn router(state: ApiState, sockets: Router, visitors: Visitors) -> Router {
    let limits = state.limits;
    let router = all_routes(limits)
        .into_iter()
        .fold(Router::new(), with_and_without_slash)
        .with_state(state)
        .merge(sockets)
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(path::refuse_odd))
        .layer(from_fn_with_state(visitors.hosts, host::refuse_foreign))
        .layer(from_fn(error::finish))
        .layer(from_fn_with_state(cors::Cors::new(visitors.cors_origin), cors::cors));
    let respelled = router.clone();
    router.fallback(async move |mut request: Request| {
        if let Some(uri) = path::respelled(request.uri()) {
            *request.uri_mut() = uri;
        }
        respelled.oneshot(request).await
    })
}

fn all_routes(limits: ApiLimits) -> Vec<Route> {
    [
        catalog::routes(limits),
        guilds::routes(),
        agents::routes(),
        dead_letters::routes(),
        files::routes(),
        registry::routes(),
        boards::routes(),
        health::routes(),
        metrics::routes(),
        openapi::routes(),
    ]
    .concat()
}

/// A path that is given with its last slash is served with it alone.
fn with_and_without_slash(router: Router<ApiState>, (path, methods): Route) -> Router<ApiState> {
    match path.strip_suffix('/') {
        Some(_) => router.route(path, methods),
        None => router.route(path, methods.clone()).route(&format!("{path}/"), methods),
    }
}

/// The W3C trace context of a request.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[cfg(test)]
mod tests;

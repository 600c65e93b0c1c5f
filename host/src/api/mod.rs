//! The REST API. A file's path is the path of the URLs that it serves; `error` alone knows the status codes of errors.
//! Each path is served with and without its last slash.

mod access;
mod agents;
mod asyncapi;
mod boards;
mod body;
mod catalog;
mod compression;
mod conditional;
mod console;
mod cors;
mod dead_letters;
mod error;
mod files;
mod guilds;
mod health;
mod host;
mod hosts;
mod measured;
mod metrics;
mod once;
mod openapi;
mod outage;
mod pages;
mod paging;
mod path;
mod query;
mod registry;
mod spec;
mod starting;
mod state;
mod unread;
mod values;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::peers::{Carrying, carry};
use guildhall_model::origin::AllowedPages;

pub use access::Access;
pub use host::{Hosts, SETTING as HOSTS_SETTING};
pub use starting::{router_when_not_ready, router_when_ready};
use state::Route;
pub use state::{ApiLimits, ApiState};

/// Which browsers may use this host.
#[derive(Clone, Debug)]
pub struct Visitors {
    /// The pages of other origins that may use it.
    pub pages: AllowedPages,
    /// The host names that requests may use.
    pub hosts: Hosts,
}

/// Returns the whole REST API with `sockets` beside it; both report errors in the same way. Clients that are not
/// browsers are served whatever their origin is. `carrying` reaches the other hosts, if there are any.
pub fn router(
    state: ApiState,
    sockets: Router,
    visitors: Visitors,
    access: Access,
    carrying: Option<Carrying>,
) -> Router {
    let (limits, guilds) = (state.limits, state.guilds.clone());
    let room = state.room.clone();
    let small_bodies = (room.clone(), limits.body_within);
    let router = all_routes(limits).into_iter().fold(Router::new(), with_and_without_slash).with_state(state);
    let carried = |router: Router| router.layer(from_fn_with_state(carrying.clone(), carry));
    let conditions = conditional::Conditions::new(carried(router.clone()));
    let router = router.merge(sockets).fallback(error::no_route).method_not_allowed_fallback(error::no_method);
    let router = carried(router)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(from_fn_with_state(room, unread::hold))
        .layer(from_fn_with_state(conditions, conditional::conditional))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(guilds.clone(), outage::give_up))
        .layer(from_fn(path::refuse_odd))
        .layer(from_fn_with_state(visitors.pages.clone(), pages::refuse_foreign))
        .layer(from_fn_with_state(visitors.hosts, host::refuse_foreign))
        .layer(from_fn_with_state(small_bodies, body::read_small_first))
        .layer(from_fn_with_state((pages::Told::default(), visitors.pages.clone()), pages::tell_refused))
        .layer(from_fn(error::finish))
        .layer(from_fn_with_state(guilds, measured::measure))
        .layer(compression::layer())
        .layer(from_fn(compression::rename_tag))
        .layer(from_fn_with_state(cors::Cors::new(visitors.pages), cors::cors))
        .layer(from_fn_with_state(access, access::log));
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
        hosts::routes(),
        metrics::routes(),
        openapi::routes(),
        asyncapi::routes(),
        console::routes(),
    ]
    .concat()
}

/// Adds a path with and without a last slash; a path that is written with a last slash is served only with it.
fn with_and_without_slash(router: Router<ApiState>, (path, methods): Route) -> Router<ApiState> {
    match path.strip_suffix('/') {
        Some(_) => router.route(path, methods),
        None => router.route(path, methods.clone()).route(&format!("{path}/"), methods),
    }
}

#[cfg(test)]
mod tests;

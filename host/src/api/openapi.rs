//! The description of the API, for programs (`/openapi.json`) and for people (`/docs`, a page that loads nothing from other
//! hosts). Schemas are derived from the types that are read and written. A test compares the description with the routes.

mod operation;
mod operations;
mod schemas;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder};

use super::state::Route;

pub fn routes() -> Vec<Route> {
    vec![("/openapi.json", get(description)), ("/docs", get(page)), ("/redoc", get(page))]
}

/// Returns the description of the whole API.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = operation::SchemaList::new();
    for operation in operations::all() {
        let (path, item) = operation.into_item(&mut components);
        paths = paths.path(path, item);
    }
    let info = InfoBuilder::new()
        .title("Guildhall")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Hosts agents that are compiled to WebAssembly components."))
        .build();
    let components = ComponentsBuilder::new().schemas_from_iter(components).build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string(&document()).expect("a description has text keys and finite numbers"));

async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// What the browser lets the page do: run its own script and style, and send requests to this host.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; \
     frame-ancestors 'none'",
);

async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, include_str!("openapi/docs.html"))
}

#[cfg(test)]
mod tests;

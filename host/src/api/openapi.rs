//! The description of the API, for programs (`/openapi.json`) and for people (`/docs` and, for the sockets,
//! `/docs/sockets`: pages that load nothing from other hosts). Schemas are derived from the types that are read and written. A test compares the description with the routes.

pub(super) mod operation;
mod operations;
pub(super) mod schemas;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Server,
};

use super::state::Route;

pub fn routes() -> Vec<Route> {
    let operations = get(async || page(OPERATIONS.as_str()));
    vec![
        ("/openapi.json", get(description)),
        ("/docs", operations.clone()),
        ("/redoc", operations),
        ("/docs/sockets", get(async || page(SOCKETS.as_str()))),
    ]
}

/// Returns the description of the whole API.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = operation::SchemaList::new();
    for operation in operations::all() {
        let (path, item) = operation.into_item(&mut components);
        // Each path is served with and without its last slash; linters want it without.
        paths = paths.path(path.trim_end_matches('/'), item);
    }
    let info = InfoBuilder::new()
        .title("Guildhall")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Hosts agents that are compiled to WebAssembly components. A blueprint launches a guild of agents; users talk \
             to it over sockets, which `/asyncapi.json` describes. Every error has the same body. A host asks for no \
             credentials: what stands before it decides who may send requests.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .contact(Some(ContactBuilder::new().name(Some("The maintainers of Guildhall")).build()))
        .build();
    let components = ComponentsBuilder::new().schemas_from_iter(components).build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        // No operation needs credentials. Without this, readers cannot tell that from an omission.
        .security(Some([]))
        .tags(Some(operations::TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build())))
        .paths(paths)
        .components(Some(components))
        .build()
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

/// The page of the operations.
static OPERATIONS: LazyLock<String> = LazyLock::new(|| whole(include_str!("openapi/docs.html")));
/// The page of the sockets.
static SOCKETS: LazyLock<String> = LazyLock::new(|| whole(include_str!("openapi/sockets.html")));

/// Returns a page with the style and the script that all pages share.
fn whole(page: &str) -> String {
    page.replace("/* style.css */", include_str!("openapi/style.css"))
        .replace("/* schema.js */", include_str!("openapi/schema.js"))
}

fn page(html: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, html)
}

#[cfg(test)]
mod tests;

//! The console: pages for people, at `/`. They are part of the program, use the public API alone, and load nothing from other
//! hosts. `console/` has them.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::error::ApiError;
use super::state::Route;

pub fn routes() -> Vec<Route> {
    vec![("/", get(page)), ("/console", get(page_elsewhere)), ("/console/{file}", get(file))]
}

/// What the browser lets the pages do: run their own scripts and styles, talk to this host, and show its files.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NO_SNIFF: (HeaderName, HeaderValue) = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
const NO_REFERRER: (HeaderName, HeaderValue) = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A part of the console: its name, its type and its content.
type Part = (&'static str, &'static str, &'static str);

macro_rules! parts {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        &[$(($name, $kind, include_str!(concat!("../../console/", $name)))),+]
    };
}

const INDEX: Part = ("index.html", HTML, include_str!("../../console/index.html"));
const PARTS: &[Part] = parts![
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "agents.js": SCRIPT,
    "api.js": SCRIPT,
    "app.js": SCRIPT,
    "blueprints.js": SCRIPT,
    "chat.js": SCRIPT,
    "components.js": SCRIPT,
    "dom.js": SCRIPT,
    "files.js": SCRIPT,
    "form.js": SCRIPT,
    "graph.js": SCRIPT,
    "guild.js": SCRIPT,
    "guilds.js": SCRIPT,
    "inspect.js": SCRIPT,
    "life.js": SCRIPT,
    "markdown.js": SCRIPT,
    "messages.js": SCRIPT,
    "rows.js": SCRIPT,
    "show.js": SCRIPT,
    "source.js": SCRIPT,
];

async fn page() -> Response {
    served(INDEX)
}

/// The addresses inside the page are relative to `/`.
async fn page_elsewhere(uri: Uri) -> Response {
    let up = if uri.path().ends_with('/') { ".." } else { "." };
    (StatusCode::SEE_OTHER, [(header::LOCATION, up)]).into_response()
}

async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    let part = PARTS.iter().find(|(known, ..)| *known == name);
    part.map(|part| served(*part)).ok_or(ApiError::NoRoute)
}

/// A part. The browser asks each time whether it has changed, so that a new version of the host is seen at once.
fn served((_, kind, content): Part) -> Response {
    let fixed = [NO_SNIFF, NO_REFERRER, (header::CONTENT_SECURITY_POLICY, POLICY)];
    let cached = [(header::CACHE_CONTROL, "no-cache"), (header::CONTENT_TYPE, kind)];
    (fixed, cached, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes that the whole console may have.
    const MOST: usize = 150 << 10;

    #[test]
    fn the_console_is_small_and_loads_only_its_own_parts() {
        let all = PARTS.iter().chain([&INDEX]);
        let bytes: usize = all.clone().map(|(.., content)| content.len()).sum();
        assert!(bytes <= MOST, "{bytes}");
        for (name, _, content) in all {
            let quoted =
                content.split(['"', '\'']).filter(|text| text.starts_with("./") || text.starts_with("console/"));
            for part in quoted {
                let part = part.trim_start_matches("./").trim_start_matches("console/");
                assert!(PARTS.iter().any(|(known, ..)| *known == part), "{name} loads {part}");
            }
            for inline in ["<style", "onclick=\"", "style=\"", "javascript:", "innerHTML", "eval("] {
                assert!(!content.contains(inline), "{name} has {inline}");
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, PARTS.len() + 1, "every file of {folder} is a part");
    }
}

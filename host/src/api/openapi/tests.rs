//! The description and the routes: nothing is served that is not described.

use std::collections::BTreeSet;

use super::*;
use crate::api::{ApiLimits, all_routes};

/// A path without the names of its parameters and its last slash.
fn shape(path: &str) -> String {
    let parts = path.trim_end_matches('/').split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_path_that_is_served_is_described() {
    let described: BTreeSet<String> = document().paths.paths.keys().map(|path| shape(path)).collect();
    for (path, _) in all_routes(ApiLimits { body_bytes: 1, component_bytes: 1, body_within: std::time::Duration::ZERO })
    {
        let is_page = matches!(path, "/" | "/docs" | "/redoc") || path.starts_with("/console");
        assert!(is_page || described.contains(&shape(path)), "{path} is not described");
    }
}

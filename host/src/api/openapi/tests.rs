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
        let is_page = matches!(path, "/" | "/docs" | "/docs/sockets" | "/redoc") || path.starts_with("/console");
        assert!(is_page || described.contains(&shape(path)), "{path} is not described");
    }
}

#[test]
fn every_operation_says_what_it_does_and_what_it_takes() {
    let document = serde_json::to_value(document()).unwrap();
    let tags: BTreeSet<&str> = operations::TAGS.into_iter().map(|(name, _)| name).collect();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            let about = operation["description"].as_str().unwrap_or_default();
            assert!(about.len() > 20 && about.ends_with('.'), "{id} ({path}) has no description: call `about`");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{id} has a tag that `TAGS` has not");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let about = parameter["description"].as_str().unwrap_or_default();
                assert!(!about.is_empty(), "{id}: the parameter {} has no description", parameter["name"]);
            }
        }
    }
}

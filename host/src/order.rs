//! The order between modules, kept: who may import whom, and which module alone
//! names which library. Reads the sources; `docs/architecture.md` tells why.

use std::fs;
use std::path::{Path, PathBuf};

/// Module, and the modules it may import.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("heap", &[]),
    ("routing", &["model"]),
    ("journal", &["model"]),
    ("store", &["model"]),
    ("sandbox", &["model", "heap"]),
    ("files", &["model"]),
    ("oci", &["model"]),
    ("metrics", &["model", "sandbox"]),
    ("agent", &["model", "routing", "journal", "sandbox", "metrics"]),
    ("guild", &["model", "routing", "journal", "store", "sandbox", "oci", "metrics", "agent"]),
    ("api", &["model", "store", "files", "guild"]),
    ("ws", &["model", "store", "journal"]),
];

/// Library, and the modules that may name it.
const NAMED_BY: [(&str, &[&str]); 8] = [
    ("libmimalloc_sys", &["heap"]),
    ("sqlx", &["journal", "store"]),
    ("wasmtime", &["sandbox"]),
    ("object_store", &["files"]),
    ("oci_client", &["oci"]),
    ("axum", &["api", "ws"]),
    ("prometheus", &["metrics"]),
    ("tokio", &["heap", "journal", "store", "sandbox", "files", "oci", "agent", "guild", "api", "ws"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of a file up to its tests, without comments.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]\nmod tests") && *line != "mod tests {");
    lines.filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect()
}

fn names(line: &str, what: &str) -> bool {
    line.match_indices(what).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

fn offences(check: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut offences = Vec::new();
    for (module, _) in MAY_IMPORT {
        let folder = root.join(module);
        let alone = Some(folder.with_extension("rs")).filter(|file| file.is_file());
        for path in sources(&folder).into_iter().chain(alone) {
            for line in code(&path) {
                offences.extend(check(module, &line).map(|what| format!("{} names {what}: {line}", path.display())));
            }
        }
    }
    offences
}

#[test]
fn a_module_imports_only_what_stands_below_it() {
    let found = offences(|module, line| {
        let (_, allowed) = MAY_IMPORT.iter().find(|(name, _)| *name == module)?;
        let others = MAY_IMPORT.iter().map(|(name, _)| *name).chain([
            "server",
            "cli",
            "config",
            "demo",
            "chat",
            "component",
            "blueprint",
            "yaml",
        ]);
        others
            .filter(|other| *other != module && !allowed.contains(other))
            .find(|other| names(line, &format!("crate::{other}::")) || names(line, &format!("crate::{other};")))
            .map(str::to_owned)
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_library_is_named_only_where_it_belongs() {
    let found = offences(|module, line| {
        let (library, _) = NAMED_BY
            .iter()
            .find(|(library, modules)| !modules.contains(&module) && names(line, &format!("{library}::")))?;
        Some((*library).to_owned())
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

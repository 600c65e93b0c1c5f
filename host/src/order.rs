//! The order between the modules of this crate, kept by tests: which module may import which, and which module alone
//! names a library. They read the sources. `docs/architecture.md` has the reasons. The order between crates is the
//! compiler's; `journal`, `room` and `store` are names of other crates here.

mod rings;

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules that it may import.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("random", &[]),
    ("connections", &["room"]),
    ("files", &["random"]),
    ("oci", &[]),
    ("metrics", &[]),
    ("agent", &["random", "journal", "metrics"]),
    ("guild", &["journal", "store", "oci", "metrics", "agent"]),
    ("peers", &["connections", "guild", "ws"]),
    ("api", &["random", "room", "store", "files", "guild", "peers"]),
];
/// The same for the sockets, which reach a guild over its log alone, so that the guild may run elsewhere.
const SOCKETS: (&str, &[&str]) = ("ws", &["room", "connections", "store", "journal"]);

/// Crates that `lib.rs` gives the names of modules.
const CRATES: [&str; 3] = ["journal", "room", "store"];

/// Modules that none of those above may import: they put everything together.
const ON_TOP: [&str; 12] = [
    "server",
    "cli",
    "db",
    "config",
    "demo",
    "chat",
    "client",
    "component",
    "blueprint",
    "likeness",
    "terminal",
    "yaml",
];

/// A library with the modules that may name it. `a/b` is one file of a module with its folder.
const NAMED_BY: [(&str, &[&str]); 8] = [
    ("guildhall_sandbox", &["metrics", "agent", "guild"]),
    ("wasmtime", &[]),
    ("object_store", &["files"]),
    ("oci_client", &["oci"]),
    ("axum", &["api", "peers", "ws"]),
    ("hyper", &["connections"]),
    ("prometheus", &["metrics"]),
    ("tokio", &["connections", "files", "oci", "agent", "guild", "peers", "api", "ws"]),
];

fn modules() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    MAY_IMPORT.into_iter().chain([SOCKETS])
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file up to its tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]\nmod tests") && *line != "mod tests {");
    let lines: Vec<&str> = lines.filter(|line| !line.trim_start().starts_with("//")).collect();
    lines.join("\n")
}

/// The modules of this crate that some code names: in `crate::a::b`, `use crate::a;` and `use crate::{a, b::{c, d}};`.
fn imported(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(names_of_list(list)),
            None => found.push(first_name(rest)),
        }
    }
    found
}

/// The first name of each entry of a list in braces, whose first brace is left out.
fn names_of_list(list: &str) -> Vec<String> {
    let (mut depth, mut names, mut at_start) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                names.push(first_name(&list[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether some code names a library: `tokio::`, `use tokio;` or `use {tokio::x}`.
fn names_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + library.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            && (after.starts_with("::") || after.starts_with(';') || after.starts_with(" as "))
    })
}

/// What `check` finds in each file of the modules that have rules. It is called with the module, the file's path below
/// `src` and its code.
fn offences(check: impl Fn(&str, &Path, &str) -> Vec<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut offences = Vec::new();
    for (module, _) in modules() {
        let folder = root.join(module);
        let alone = Some(folder.with_extension("rs")).filter(|file| file.is_file());
        for path in sources(&folder).into_iter().chain(alone) {
            let file = path.strip_prefix(&root).unwrap();
            let found = check(module, file, &code(&path));
            offences.extend(found.into_iter().map(|what| format!("{} names {what}", path.display())));
        }
    }
    offences
}

#[test]
fn a_module_imports_only_what_stands_below_it() {
    let known: Vec<&str> = modules().map(|(name, _)| name).chain(CRATES).chain(ON_TOP).collect();
    let found = offences(|module, _, code| {
        let allowed = modules().find(|(name, _)| *name == module).map(|(_, allowed)| allowed).unwrap_or_default();
        let is_refused =
            |name: &String| name != module && known.contains(&name.as_str()) && !allowed.contains(&name.as_str());
        imported(code).into_iter().filter(is_refused).collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_library_is_named_only_where_it_belongs() {
    let found = offences(|_, file, code| {
        let may_name = |by: &[&str]| by.iter().any(|place| file.with_extension("").starts_with(place));
        let is_refused = |(library, by): &(&str, &[&str])| !may_name(by) && names_library(code, library);
        NAMED_BY.into_iter().filter(is_refused).map(|(library, _)| library.to_owned()).collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn imports_are_found_in_every_spelling() {
    let code = "use crate::{api, guild::{self, state::{A, B}},\n    store};\nuse crate::ws;\nlet x = crate::files::y();\n\
                use mycrate::no;";
    assert_eq!(imported(code), ["api", "guild", "store", "ws", "files"]);
    assert!(names_library("use tokio;", "tokio") && names_library("x(tokio::spawn)", "tokio"));
    assert!(!names_library("use tokio_util::x; my::tokio::y", "tokio"));
}

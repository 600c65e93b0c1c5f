//! The files of a module or of a crate form no ring: following the imports from a file never leads back to it. The test
//! reads the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{code, first_name, sources};

/// The modules of this crate that have several files.
const MODULES: [&str; 9] = ["agent", "api", "cli", "client", "config", "db", "files", "guild", "ws"];
/// Crates, by their folders beside this crate's.
const CRATES: [&str; 2] = ["journal", "store"];

/// The path of a file or of an item, by its names: `["journal", "sqlite", "read"]`.
type Names = Vec<String>;

/// Expands `a::{b, c::{d, e}}` to `a::b`, `a::c::d` and `a::c::e`.
fn expand(tree: &str) -> Vec<Names> {
    let tree = tree.trim_start();
    if let Some(list) = tree.strip_prefix('{') {
        return entries(list).into_iter().flat_map(expand).collect();
    }
    let name = first_name(tree);
    let after = tree.get(name.len()..).and_then(|rest| rest.strip_prefix("::"));
    let inner = after.map_or_else(|| vec![Vec::new()], expand);
    inner.into_iter().map(|path| [vec![name.clone()], path].concat()).collect()
}

/// The entries of a list in braces, whose first brace is left out.
fn entries(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|entry| !entry.trim().is_empty());
    found
}

/// What the code of a file names, as paths from the root of the crate, whose own name is `root`.
fn named(root: &[String], file: &[String], children: &[&String], code: &str) -> Vec<Names> {
    let mut found = Vec::new();
    let mut add = |keyword: &str, base: &[String]| {
        for (at, _) in code.match_indices(keyword) {
            let before = code[..at].chars().next_back();
            let rest = &code[at + keyword.len()..];
            let is_part = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
            // `pub(in crate::a)` names no import, and `super::super::a` is found with the longer keyword.
            let is_visibility = code[..at].ends_with("(in ");
            if !is_part && !is_visibility && !rest.starts_with("super::") {
                found.extend(expand(rest).into_iter().map(|path| [base, &path].concat()));
            }
        }
    };
    add("crate::", root);
    for up in 1..=file.len() {
        add(&"super::".repeat(up), &file[..file.len() - up]);
    }
    for child in children {
        add(&format!("{child}::"), &[file, &[(*child).clone()]].concat());
    }
    found
}

/// The files of a module of this crate, each with the files that it imports.
fn imports_of_module(module: &str) -> BTreeMap<Names, BTreeSet<Names>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    imports(&[], &root, &sources(&root.join(module)))
}

/// The files of a crate, each with the files that it imports. Its name comes first in all paths.
fn imports_of_crate(folder: &str) -> BTreeMap<Names, BTreeSet<Names>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src");
    imports(&[folder.to_owned()], &root, &sources(&root))
}

fn imports(root: &[String], folder: &Path, sources: &[PathBuf]) -> BTreeMap<Names, BTreeSet<Names>> {
    let names = |path: &Path| -> Names {
        let path = path.strip_prefix(folder).unwrap().with_extension("");
        let names = path.iter().filter(|name| *name != "mod" && *name != "lib");
        root.iter().cloned().chain(names.map(|name| name.to_str().unwrap().to_owned())).collect()
    };
    let files: BTreeMap<Names, String> = sources.iter().map(|path| (names(path), code(path))).collect();
    let file_of =
        |path: &Names| (1..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| files.contains_key(path));
    let imported = |(file, code): (&Names, &String)| {
        let children: Vec<&String> = files
            .keys()
            .filter(|other| other.split_last().is_some_and(|(_, folder)| folder == file))
            .filter_map(|c| c.last())
            .collect();
        let named = named(root, file, &children, code);
        let imported = named.iter().filter_map(file_of).filter(|other| other != file).collect();
        (file.clone(), imported)
    };
    files.iter().map(imported).collect()
}

/// The files that can be reached from themselves.
fn in_rings(imports: &BTreeMap<Names, BTreeSet<Names>>) -> Vec<String> {
    let is_in_ring = |file: &Names| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
        while let Some(next) = open.pop() {
            open.extend(imports.get(next).into_iter().flatten().filter(|other| reached.insert(*other)));
        }
        reached.contains(file)
    };
    imports.keys().filter(|file| is_in_ring(file)).map(|file| file.join("::")).collect()
}

#[test]
fn the_files_of_a_module_form_no_ring() {
    let modules = MODULES.map(|module| (module, imports_of_module(module)));
    let crates = CRATES.map(|folder| (folder, imports_of_crate(folder)));
    for (name, imports) in modules.into_iter().chain(crates) {
        assert!(imports.values().any(|imported| imported.len() > 1), "the imports of {name} are found");
        let found = in_rings(&imports);
        assert!(found.is_empty(), "these files import each other: {}", found.join(", "));
    }
}

#[test]
fn rings_are_found() {
    let names = |text: &str| -> Names { text.split("::").map(str::to_owned).collect() };
    let (file, child) = (names("m::a"), "child".to_owned());
    let code =
        "pub(in crate::m) use super::{b::{C, d}, e};\nuse crate::m::f;\nlet x = child::y();\nsuper::super::m::g::h();";
    let mut found: Vec<String> = named(&[], &file, &[&child], code).iter().map(|path| path.join("::")).collect();
    found.sort();
    found.dedup();
    for path in ["m::b::C", "m::b::d", "m::e", "m::f", "m::a::child::y", "m::g::h"] {
        assert!(found.iter().any(|other| other == path), "{path} in {found:?}");
    }
    assert!(!found.iter().any(|path| path == "m"), "{found:?}");
    let edges = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "a")];
    let imports = edges.map(|(from, to)| (names(from), BTreeSet::from([names(to)]))).into();
    assert_eq!(in_rings(&imports), ["b", "c"]);
}

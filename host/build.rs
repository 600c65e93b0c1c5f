//! Builds the agents of `agents/` into components and embeds them, so that a fresh host has something to run.
//!
//! `OUT_DIR/components.rs` gets `pub const BUILT_IN: &[(&str, &[u8])]`: the folder's name and the component's bytes, by
//! name.

#[path = "../agents/build_components.rs"]
mod build_components;

use build_components::{build, fail, variable, watch};
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    for watched in ["agents", "sdk", "wit", "Cargo.toml", "Cargo.lock"] {
        watch(&workspace.join(watched));
    }
    let names = agents(&workspace.join("agents"));
    let packages: Vec<_> = names.iter().map(|name| format!("guildhall-agent-{name}")).collect();
    let components = build(&workspace, &packages);
    let out = Path::new(&variable("OUT_DIR")).join("components.rs");
    if let Err(error) = fs::write(&out, source(&names, &components)) {
        fail(&format!("{} cannot be written: {error}", out.display()));
    }
}

/// The folders that hold an agent's crate, by name.
fn agents(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    let crates = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut names: Vec<_> = crates.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn source(names: &[String], components: &[PathBuf]) -> String {
    let entries =
        names.iter().zip(components).map(|(name, path)| format!("    ({name:?}, include_bytes!({path:?})),\n"));
    format!("pub const BUILT_IN: &[(&str, &[u8])] = &[\n{}];\n", entries.collect::<String>())
}

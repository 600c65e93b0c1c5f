//! Builds the agents of `agents/` into components and embeds them, so that a fresh host has something to run.
//!
//! `OUT_DIR/components.rs` gets `pub const BUILT_IN: &[(&str, &[u8])]`: the folder's name and the component's bytes, by
//! name.

#[path = "../agents/build_components.rs"]
mod build_components;

use build_components::{build, variable, watch};
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() -> io::Result<()> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    for watched in ["agents", "sdk", "wit", "Cargo.toml", "Cargo.lock"] {
        watch(&workspace.join(watched));
    }
    let names = agents(&workspace.join("agents"))?;
    let packages: Vec<_> = names.iter().map(|name| format!("guildhall-agent-{name}")).collect();
    let components = build(&workspace, &packages);
    let out = PathBuf::from(variable("OUT_DIR"));
    fs::write(out.join("components.rs"), source(&names, &components))
}

/// The folders that hold an agent's crate, by name.
fn agents(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let crates = entries.iter().filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut names: Vec<_> = crates.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn source(names: &[String], components: &[PathBuf]) -> String {
    let entries =
        names.iter().zip(components).map(|(name, path)| format!("    ({name:?}, include_bytes!({path:?})),\n"));
    format!("pub const BUILT_IN: &[(&str, &[u8])] = &[\n{}];\n", entries.collect::<String>())
}

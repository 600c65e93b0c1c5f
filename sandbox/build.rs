//! Builds the evaluator of expressions into a component and embeds it.
//!
//! `OUT_DIR/expressions.rs` gets `pub const EVALUATOR: &[u8]`, the component's bytes.

#[path = "../agents/build_components.rs"]
mod build_components;

use build_components::{build, variable, watch};
use std::path::PathBuf;
use std::{fs, io};

fn main() -> io::Result<()> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    for watched in ["expressions", "Cargo.toml", "Cargo.lock"] {
        watch(&workspace.join(watched));
    }
    let components = build(&workspace, &["guildhall-expressions".to_owned()]);
    let evaluator = format!("pub const EVALUATOR: &[u8] = include_bytes!({:?});\n", components[0]);
    fs::write(PathBuf::from(variable("OUT_DIR")).join("expressions.rs"), evaluator)
}

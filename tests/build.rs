//! Builds the guests that misbehave on purpose. The tests find the component at the path `env!("HOSTILE_WASM")`.

#[path = "../agents/build_components.rs"]
mod build_components;

use build_components::{build, variable, watch};
use std::path::PathBuf;

fn main() {
    let tests = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    for watched in ["guests", "../sdk", "../wit", "../agents/build_components.rs", "../Cargo.toml"] {
        watch(&tests.join(watched));
    }
    let hostile = build(&tests.join("guests"), &["guildhall-guest-hostile".into()]);
    println!("cargo::rustc-env=HOSTILE_WASM={}", hostile[0].display());
}

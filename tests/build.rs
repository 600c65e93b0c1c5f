//! Builds the guests of the tests. Those find the components at the paths `env!("HOSTILE_WASM")` and
//! `env!("REACHING_WASM")`.

#[path = "../agents/build_components.rs"]
mod build_components;

use build_components::{build, variable, watch};
use std::path::PathBuf;

fn main() {
    let tests = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    for watched in ["guests", "../sdk", "../wit", "../sandbox/wit", "../agents/build_components.rs", "../Cargo.toml"] {
        watch(&tests.join(watched));
    }
    let guests = build(&tests.join("guests"), &["hostile", "reaching"].map(|name| format!("guildhall-guest-{name}")));
    for (name, guest) in ["HOSTILE_WASM", "REACHING_WASM"].iter().zip(guests) {
        println!("cargo::rustc-env={name}={}", guest.display());
    }
}

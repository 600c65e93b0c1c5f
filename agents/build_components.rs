//! Builds crates into components from inside of a build script. A module of `host/build.rs` and `tests/build.rs`, not
//! of any agent.
//!
//! The inner cargo shares nothing with the outer one: it has its own target folder, because the outer one holds the
//! lock of the usual one, and none of the variables with which cargo, clippy or coverage tools steer native builds.
//! That folder serves all build scripts, profiles and clippy, so that what all agents depend on is compiled once.

use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";

/// Builds `packages` of the workspace in the folder `workspace`, in one go, in its profile `component`. Gives the path
/// of each component in `OUT_DIR`, in the same order. Ends the build script with words when it cannot.
pub fn build(workspace: &Path, packages: &[String]) -> Vec<PathBuf> {
    require_target();
    let out_dir = PathBuf::from(variable("OUT_DIR"));
    let target_dir = target_dir(&out_dir);
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--lib", "--locked", "--profile", "component", "--target", TARGET, "--manifest-path"]);
    cargo.arg(workspace.join("Cargo.toml")).arg("--target-dir").arg(&target_dir);
    for package in packages {
        cargo.args(["--package", package]);
    }
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(steers_native_builds) {
            cargo.env_remove(name);
        }
    }
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(_) => fail("an agent does not build; what its compiler said stands above"),
        Err(error) => fail(&format!("cargo does not start: {error}")),
    }
    let artefacts = target_dir.join(TARGET).join("component");
    packages.iter().map(|package| keep(&artefacts, package, &out_dir)).collect()
}

/// Runs the build script again when something below `path` changes. Named paths only: else cargo watches the package.
pub fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// A variable that cargo sets for build scripts.
pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("{name} is not set: build with cargo")))
}

/// Ends the build script with an error in words.
fn fail(words: &str) -> ! {
    println!("cargo::error={words}");
    exit(1)
}

/// The folder `components` beside those of the profiles: `OUT_DIR` is `<target>/<profile>/build/<package>/out`. Were it
/// something else one day, then a folder somewhere above `OUT_DIR`, which is as good but for being shared less.
fn target_dir(out_dir: &Path) -> PathBuf {
    out_dir.ancestors().nth(4).unwrap_or(out_dir).join("components")
}

/// Copies a component to where no other build replaces it while it is read.
fn keep(artefacts: &Path, package: &str, out_dir: &Path) -> PathBuf {
    let name = package.replace('-', "_") + ".wasm";
    let kept = out_dir.join(&name);
    match fs::copy(artefacts.join(&name), &kept) {
        Ok(_) => kept,
        Err(error) => fail(&format!("{package} made no component (is its crate-type cdylib?): {error}")),
    }
}

fn require_target() {
    let mut rustc = Command::new(variable("RUSTC"));
    let answer = rustc.args(["--print", "target-libdir", "--target", TARGET]).output();
    let installed = answer.is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir());
    if !installed {
        fail(&format!("agents are built for {TARGET}, which is not installed: run `rustup target add {TARGET}`"));
    }
}

/// Whether a variable would change how the components are built. Where cargo finds registries and the network stays.
fn steers_native_builds(name: &str) -> bool {
    let stays = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    let steers = ["CARGO", "__CARGO", "MAKEFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts(&steers) && !starts(&stays)
}

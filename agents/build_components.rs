//! Builds crates into components inside of a build script. It is a module of the build scripts of `host`, `sandbox` and
//! `tests`, and not of an agent.
//!
//! The inner cargo has a target folder of its own, because the outer cargo holds the lock of the usual one. It has none
//! of the environment variables with which cargo, clippy or coverage tools configure native builds. All build scripts
//! and profiles share its folder, so that the common dependencies of agents are compiled once.

use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";

/// Builds `packages` of the workspace in the folder `workspace`, in one call of cargo, with the profile `component`.
/// Returns the path of each component in `OUT_DIR`, in the same order. Ends the build script with an error if it
/// cannot.
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
        Ok(_) => fail("an agent does not build; the errors of its compiler are above"),
        Err(error) => fail(&format!("cargo does not start: {error}")),
    }
    let artefacts = target_dir.join(TARGET).join("component");
    packages.iter().map(|package| copy(&artefacts, package, &out_dir)).collect()
}

/// Runs the build script again when a file below `path` changes. Without such a path cargo would watch the package.
pub fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// Returns an environment variable that cargo sets for build scripts.
pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("{name} is not set: build with cargo")))
}

/// Ends the build script with an error.
fn fail(text: &str) -> ! {
    println!("cargo::error={text}");
    exit(1)
}

/// Returns the folder `components` beside the folders of the profiles: `OUT_DIR` is
/// `<target>/<profile>/build/<package>/out`. If cargo changes that, the folder is elsewhere above `OUT_DIR`, and fewer
/// builds share it.
fn target_dir(out_dir: &Path) -> PathBuf {
    out_dir.ancestors().nth(4).unwrap_or(out_dir).join("components")
}

/// Copies a component to `OUT_DIR`, where no other build replaces it while it is read.
fn copy(artefacts: &Path, package: &str, out_dir: &Path) -> PathBuf {
    let name = package.replace('-', "_") + ".wasm";
    let copy = out_dir.join(&name);
    match fs::copy(artefacts.join(&name), &copy) {
        Ok(_) => copy,
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

/// Whether a variable would change how components are built. The variables of registries and the network do not.
fn steers_native_builds(name: &str) -> bool {
    let stays = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    let steers = ["CARGO", "__CARGO", "MAKEFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts(&steers) && !starts(&stays)
}

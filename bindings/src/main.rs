//! Writes the Rust bindings of the WIT interfaces. They are kept in the repository, so that nobody who builds an agent or
//! the host has to build their generator. Run it after a change of an interface:
//!
//! ```text
//! cargo run -p guildhall-bindings
//! ```

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use wit_bindgen_core::wit_parser::{Resolve, UnresolvedPackageGroup};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

/// An interface and the file that its bindings are kept in. The paths are those of the repository.
struct Bindings {
    kept: &'static str,
    /// The folders of the interface.
    folders: &'static [&'static str],
    /// A file with a world of its own, which uses what the folders have.
    file: Option<&'static str>,
    world: &'static str,
    opts: fn() -> Opts,
}

const BINDINGS: [Bindings; 4] = [
    Bindings { kept: "sdk/src/generated/base.rs", folders: &["wit"], file: None, world: "base", opts: base },
    Bindings {
        kept: "sdk/src/generated/stateful.rs",
        folders: &["wit"],
        file: Some("sdk/src/generated/stateful.wit"),
        world: "guildhall:sdk/stateful",
        opts: stateful,
    },
    Bindings {
        kept: "sdk/src/generated/capabilities.rs",
        folders: &["sandbox/wit/keyvalue", "wit"],
        file: Some("sdk/src/generated/capabilities.wit"),
        world: "guildhall:capabilities/capabilities",
        opts: capabilities,
    },
    Bindings {
        kept: "expressions/src/generated.rs",
        folders: &["expressions/wit"],
        file: None,
        world: "evaluator",
        opts: Opts::default,
    },
];

fn base() -> Opts {
    Opts { additional_derive_attributes: vec!["PartialEq".into()], ..exported("bindings") }
}

fn stateful() -> Opts {
    Opts { export_macro_name: Some("export_snapshot".into()), ..exported("stateful") }
}

/// The options of a world that agents export, with the module of the SDK that has its bindings.
fn exported(module: &str) -> Opts {
    let module = Some(format!("::guildhall_sdk::{module}"));
    Opts { pub_export_macro: true, default_bindings_module: module, ..capabilities() }
}

fn capabilities() -> Opts {
    Opts { runtime_path: Some("::guildhall_sdk::__private::rt".into()), generate_all: true, ..Opts::default() }
}

impl Bindings {
    fn generate(&self) -> Result<String> {
        let root = root();
        let mut resolve = Resolve::default();
        let mut packages = Vec::new();
        for folder in self.folders {
            packages.push(resolve.push_path(root.join(folder))?.0);
        }
        if let Some(file) = self.file {
            let group = UnresolvedPackageGroup::parse(file, &fs::read_to_string(root.join(file))?)?;
            packages = vec![resolve.push_group(group)?];
        }
        let world = resolve.select_world(&packages, Some(self.world))?;
        let mut files = Files::default();
        Opts { format: true, ..(self.opts)() }.build().generate(&mut resolve, world, &mut files)?;
        let (_, text) = files.iter().next().context("nothing was generated")?;
        Ok(String::from_utf8(text.to_vec())?)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn main() -> Result<()> {
    for bindings in BINDINGS {
        fs::write(root().join(bindings.kept), bindings.generate()?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bindings_are_those_of_the_interfaces() {
        for bindings in BINDINGS {
            let kept = fs::read_to_string(root().join(bindings.kept)).unwrap();
            let is_new = kept == bindings.generate().unwrap();
            assert!(is_new, "{} is old: run `cargo run -p guildhall-bindings`", bindings.kept);
        }
    }
}

//! Reads YAML documents from files.

use std::fs;

use guildhall::yaml::{self, YamlError};
use serde_json::Value;

use super::vectors::compare::{Outcome, check, differs};
use super::vectors::inputs::text;

pub fn yaml_load(input: &Value, expected: &Value) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    for (name, text) in input["files"].as_object().into_iter().flatten() {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|error| error.to_string())?;
        fs::write(&path, text.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    }
    match yaml::load(&folder.path().join(text(&input["entry"]))) {
        Ok(value) if expected["ok"] == true => check(&value, &expected["value"]),
        Err(error) if expected["ok"] != true => {
            let is_right = match expected["error"].as_str().unwrap_or_default() {
                "file_not_found" => matches!(error, YamlError::FileNotFound(_)),
                "outside_root" => matches!(error, YamlError::OutsideRoot { .. }),
                "circular" => matches!(error, YamlError::Circular(_)),
                "include_needs_yaml" => matches!(error, YamlError::IncludeNeedsYaml { .. }),
                // The other kinds are classes of the reference's libraries.
                _ => true,
            };
            if is_right { Ok(()) } else { differs(format!("{error:?}, expected {expected}")) }
        }
        other => differs(format!("{other:?}, expected {expected}")),
    }
}

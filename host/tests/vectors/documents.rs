//! Documents as people write them: templates, YAML, and the formats that everybody
//! knows.

use std::fs;

use guildhall::yaml::{self, YamlError};
use guildhall_model::configuration::configured;
use guildhall_model::json_schema::Schema;
use guildhall_model::read::document;
use guildhall_model::read::spec::{SpecContext, guild};
use guildhall_model::{schemas, template};
use serde_json::{Map, Value, json};

use super::rules::{expressions, read, text};
use super::specs::{CEILINGS, judge};
use super::{Outcome, check};

pub fn template(input: &Value, expected: &Value) -> Outcome {
    let configuration: Map<String, Value> = read(&input["configuration"])?;
    match template::render(&text(&input["template"]), &configuration, &mut template::MAX_WORK.clone()) {
        Ok(rendered) if expected["ok"] == true => check(&json!(rendered), &expected["rendered"]),
        Err(_) if expected["ok"] != true => Ok(()),
        other => Err(format!("{other:?}, expected {expected}")),
    }
}

pub fn guild_build(input: &Value, expected: &Value) -> Outcome {
    match configured(input.clone(), Map::new()) {
        Ok(whole) => {
            let read = document(
                &whole,
                &[],
                guild(SpecContext { ceilings: &CEILINGS, expressions: &expressions(), random: rand::random }),
            );
            match (&read, expected["error"]["errors"].as_array()) {
                // The reference stops at the first part that is wrong and forgets which it was.
                (Err(found), Some(errors)) => {
                    let place = json!(found.first().and_then(|error| error.loc.last()));
                    check(
                        &place,
                        &json!(errors.first().map(|error| error["loc"].as_array().and_then(|loc| loc.last()))),
                    )
                }
                _ => judge(&read, "spec", expected),
            }
        }
        Err(_) if expected["ok"] != true => Ok(()),
        Err(error) => Err(format!("refused: {error}")),
    }
}

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
                // Names of classes of the reference's library.
                _ => true,
            };
            if is_right { Ok(()) } else { Err(format!("{error:?}, expected {expected}")) }
        }
        other => Err(format!("{other:?}, expected {expected}")),
    }
}

/// Whether a payload fits its format; payloads pass through as they are, so nothing
/// is filled in.
pub fn ui_format(input: &Value, expected: &Value) -> Outcome {
    let name = format!("rustic_ai.core.ui_protocol.types.{}", text(&input["type"]));
    fits(schemas::built_in(&name).map(|schema| schema.get()), &camel(&input["payload"]), expected)
}

/// Members in the spelling of the schemas; `data_key` and `dataKey` are one.
fn camel(value: &Value) -> Value {
    let spelled = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let (initial, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            name + &initial.to_uppercase() + rest
        })
    };
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (spelled(name), camel(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}

/// A link of a file that travels with a text.
pub fn media_link(input: &Value, expected: &Value) -> Outcome {
    let schema = schemas::built_in("rustic_ai.core.ui_protocol.types.FileData").map(|schema| schema.get());
    fits(schema, &json!({"mediaLink": input}), expected)
}

fn fits(schema: Option<&str>, payload: &Value, expected: &Value) -> Outcome {
    let schema: Value =
        schema.and_then(|schema| serde_json::from_str(schema).ok()).ok_or("the format has no schema")?;
    let errors = Schema::new(&schema)?.errors(payload);
    match (errors.is_empty(), expected["ok"] == true) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err(format!("{payload} fits, expected {expected}")),
        (false, true) => Err(format!("{errors:?}")),
    }
}

//! Renders templates, builds guilds from documents, and checks payloads by the schemas of well-known formats.

use guildhall_model::configuration::configured;
use guildhall_model::json_schema::{Schema, SchemaLimits};
use guildhall_model::read::document;
use guildhall_model::read::spec::guild;
use guildhall_model::{schemas, template};
use serde_json::{Map, Value, json};

use super::specs::judge;
use super::vectors::compare::{Outcome, check, differs};
use super::vectors::inputs::{expressions, read, spec_context, text};

pub fn template(input: &Value, expected: &Value) -> Outcome {
    let configuration: Map<String, Value> = read(&input["configuration"])?;
    match template::render(&text(&input["template"]), &configuration, &mut template::MAX_WORK.clone()) {
        Ok(rendered) if expected["ok"] == true => check(&json!(rendered), &expected["rendered"]),
        Err(_) if expected["ok"] != true => Ok(()),
        other => differs(format!("{other:?}, expected {expected}")),
    }
}

pub fn guild_build(input: &Value, expected: &Value) -> Outcome {
    match configured(input.clone(), Map::new(), SchemaLimits::default()) {
        Ok(whole) => {
            let read = document(&whole, &[], guild(spec_context(&expressions())));
            match (&read, expected["error"]["errors"].as_array()) {
                // The reference stops at the first wrong part and does not report its place.
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
        Err(error) => differs(format!("refused: {error}")),
    }
}

/// Checks a payload by the schema of its format. Payloads pass through unchanged: no default is filled in.
pub fn ui_format(input: &Value, expected: &Value) -> Outcome {
    let name = format!("rustic_ai.core.ui_protocol.types.{}", text(&input["type"]));
    fits(schemas::built_in(&name).map(|schema| schema.get()), &camel(&input["payload"]), expected)
}

/// Returns a value with its members in the spelling of the schemas: `data_key` becomes `dataKey`.
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

/// Checks the link of a file that is sent with a text.
pub fn media_link(input: &Value, expected: &Value) -> Outcome {
    let schema = schemas::built_in("rustic_ai.core.ui_protocol.types.FileData").map(|schema| schema.get());
    fits(schema, &json!({"mediaLink": input}), expected)
}

fn fits(schema: Option<&str>, payload: &Value, expected: &Value) -> Outcome {
    let schema: Value =
        schema.and_then(|schema| serde_json::from_str(schema).ok()).ok_or("the format has no schema")?;
    let errors = Schema::new(&schema, SchemaLimits::default())?.errors(payload);
    match (errors.is_empty(), expected["ok"] == true) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => differs(format!("{payload} fits, expected {expected}")),
        (false, true) => differs(format!("{errors:?}")),
    }
}

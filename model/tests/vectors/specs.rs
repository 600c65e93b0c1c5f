//! Reads specs and rules. Of errors the paths are compared, not the texts.

use guildhall_model::read::spec::{agent, duplicate_agent, guild, rule};
use guildhall_model::read::{FieldError, document};
use serde::Serialize;
use serde_json::{Value, json};

use super::vectors::compare::{Outcome, check, differs};
use super::vectors::inputs::{expressions, spec_context};

/// Compares what was read, or the paths of the errors.
pub fn judge<T: Serialize>(read: &Result<T, Vec<FieldError>>, member: &str, expected: &Value) -> Outcome {
    match read {
        Ok(read) if expected["ok"] == true => check(&json!(read), &expected[member]),
        Ok(read) => differs(format!("read as {}", json!(read))),
        Err(errors) if expected["ok"] == true => differs(format!("refused: {errors:?}")),
        Err(found) => match expected["error"]["errors"].as_array() {
            None => Ok(()),
            Some(errors) => {
                let found: Vec<Value> = found.iter().map(|error| json!(error.loc)).collect();
                let wanted: Vec<Value> = errors.iter().map(|error| error["loc"].clone()).collect();
                check(&Value::from(found), &Value::from(wanted))
            }
        },
    }
}

pub fn agent_spec(input: &Value, expected: &Value) -> Outcome {
    let expressions = expressions();
    let read = document(&input["spec"], &[], |value, errors| agent(value, errors, spec_context(&expressions)));
    judge(&read, "spec", expected)
}

pub fn guild_spec(input: &Value, expected: &Value) -> Outcome {
    let read = document(input, &[], guild(spec_context(&expressions())));
    if let Ok(spec) = &read
        && let Some(id) = duplicate_agent(spec)
    {
        return if expected["ok"] == true { differs(format!("refused: two agents have the id {id}")) } else { Ok(()) };
    }
    judge(&read, "spec", expected)
}

pub fn rule_parse(input: &Value, expected: &Value) -> Outcome {
    judge(&document(input, &[], rule(&expressions())), "rule", expected)
}

//! Specs and rules as they are read.

use guildhall_model::read::spec::{SandboxCeilings, SpecContext, agent, duplicate_agent, guild, rule};
use guildhall_model::read::{FieldError, document};
use serde::Serialize;
use serde_json::{Value, json};

use super::rules::expressions;
use super::{Outcome, check};

pub const CEILINGS: SandboxCeilings =
    SandboxCeilings { fuel: 2_000_000_000, memory_mib: 64, timeout_ms: 30_000, emits: 256, ..SandboxCeilings::NOTHING };

/// The paths of the errors; the words are ours.
pub fn judge<T: Serialize>(read: &Result<T, Vec<FieldError>>, member: &str, expected: &Value) -> Outcome {
    match read {
        Ok(read) if expected["ok"] == true => check(&json!(read), &expected[member]),
        Ok(read) => Err(format!("read as {}", json!(read))),
        Err(errors) if expected["ok"] == true => Err(format!("refused: {errors:?}")),
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
    let read = document(&input["spec"], &[], |value, errors| {
        agent(value, errors, SpecContext { ceilings: &CEILINGS, expressions: &expressions(), random: rand::random })
    });
    judge(&read, "spec", expected)
}

pub fn guild_spec(input: &Value, expected: &Value) -> Outcome {
    let read = document(
        input,
        &[],
        guild(SpecContext { ceilings: &CEILINGS, expressions: &expressions(), random: rand::random }),
    );
    if let Ok(spec) = &read
        && let Some(id) = duplicate_agent(spec)
    {
        return if expected["ok"] == true { Err(format!("refused: two agents have the id {id}")) } else { Ok(()) };
    }
    judge(&read, "spec", expected)
}

pub fn rule_parse(input: &Value, expected: &Value) -> Outcome {
    judge(&document(input, &[], rule(&expressions())), "rule", expected)
}

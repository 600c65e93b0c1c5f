//! Compares a result with the expected one, as the vectors define equality.

use serde_json::{Map, Value, json};

/// Why a case did not have its expected result.
#[derive(Debug)]
pub enum Difference {
    /// The result differs. The text shows how.
    Differs(String),
    /// The case asks for something that this project does not have. The text says what.
    DoesNotApply(String),
}

impl From<String> for Difference {
    fn from(text: String) -> Self {
        Self::Differs(text)
    }
}

impl From<&str> for Difference {
    fn from(text: &str) -> Self {
        Self::Differs(text.to_owned())
    }
}

/// The outcome of one case.
pub type Outcome = Result<(), Difference>;

/// Returns the outcome of a case whose result differs.
pub fn differs(text: impl Into<String>) -> Outcome {
    Err(Difference::Differs(text.into()))
}

/// Returns the outcome of a case that does not apply.
pub fn does_not_apply(reason: impl Into<String>) -> Outcome {
    Err(Difference::DoesNotApply(reason.into()))
}

/// Compares two JSON values: numbers by value, objects without regard to order, and the placeholders of the vectors.
pub fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(text), Value::String(wanted)) if wanted == "<any-string>" => !text.is_empty(),
        // Ids of this project begin with the agent's name.
        (Value::String(id), Value::String(wanted)) if wanted == "<generated-22-char-id>" => id.len() >= 22,
        (_, Value::String(wanted)) if wanted == "<not compared>" => true,
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && other.iter().all(|(name, wanted)| one.get(name).is_some_and(|found| same(found, wanted)))
        }
        (one, other) => one == other,
    }
}

/// Compares a result with the expected one.
pub fn check(found: &Value, expected: &Value) -> Outcome {
    if same(found, expected) { Ok(()) } else { differs(format!("found {found}\n    expected {expected}")) }
}

/// Returns a value that no case expects: the opposite boolean, one item more, another text.
pub fn wrong(expected: &Value) -> Value {
    match expected {
        Value::Bool(expected) => (!expected).into(),
        Value::Array(items) => items.iter().map(wrong).chain([json!({"more": true})]).collect(),
        Value::Object(members) => {
            let changed: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), wrong(value))).collect();
            changed.into()
        }
        Value::Null | Value::Number(_) | Value::String(_) => "not expected anywhere".into(),
    }
}

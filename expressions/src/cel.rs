//! Evaluates CEL. Integers that do not fit into 64 bits with a sign, such as message ids of other implementations, are
//! `uint`.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Context;
use cel::objects::{Key, Map};
use serde_json::Value;

use crate::bindings::Fault;
use crate::room::Room;

thread_local! {
    /// The functions of the language, registered once.
    static FUNCTIONS: Context<'static, 'static> = Context::default();
}

/// A compiled CEL expression.
pub(crate) struct Program(cel::Program);

impl Program {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with the parser's message.
    pub(crate) fn compile(source: &str) -> Result<Self, Fault> {
        cel::Program::compile(source).map(Self).map_err(|error| Fault::Invalid(error.to_string()))
    }

    /// Evaluates the expression on a JSON object, whose members are its variables.
    ///
    /// # Errors
    /// The expression fails, or its result is too large or not JSON.
    pub(crate) fn evaluate(&self, input: &str) -> Result<Option<Value>, Fault> {
        let variables: serde_json::Map<String, Value> =
            serde_json::from_str(input).map_err(|error| Fault::Failed(error.to_string()))?;
        FUNCTIONS.with(|functions| {
            let mut context = functions.new_inner_scope();
            for (name, value) in variables {
                context.add_variable_from_value(name, to_cel(value));
            }
            let result = self.0.execute(&context).map_err(|error| Fault::Failed(error.to_string()))?;
            from_cel(&result, &mut Room::new(), 0).map(Some)
        })
    }
}

fn to_cel(value: Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => cel::Value::Int(integer),
            (None, Some(integer)) => cel::Value::UInt(integer),
            (None, None) => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text)),
        Value::Array(items) => cel::Value::List(Arc::new(items.into_iter().map(to_cel).collect())),
        Value::Object(members) => {
            let map: HashMap<Key, cel::Value> =
                members.into_iter().map(|(name, value)| (Key::String(Arc::new(name)), to_cel(value))).collect();
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

fn from_cel(value: &cel::Value, room: &mut Room, depth: usize) -> Result<Value, Fault> {
    room.take(8, depth)?;
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(value) => Value::Bool(*value),
        cel::Value::Int(integer) => Value::from(*integer),
        cel::Value::UInt(integer) => Value::from(*integer),
        cel::Value::Float(number) => Value::from(*number),
        cel::Value::String(text) => {
            room.take(text.len(), depth)?;
            Value::String(text.to_string())
        }
        cel::Value::List(items) => {
            Value::Array(items.iter().map(|item| from_cel(item, room, depth + 1)).collect::<Result<_, _>>()?)
        }
        cel::Value::Map(map) => {
            let mut members = serde_json::Map::new();
            let mut entries: Vec<(String, &cel::Value)> =
                map.map.iter().map(|(key, value)| (key.to_string(), value)).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, value) in entries {
                room.take(name.len(), depth)?;
                members.insert(name, from_cel(value, room, depth + 1)?);
            }
            Value::Object(members)
        }
        _ => return Err(Fault::Failed("its result is a value that JSON does not have".to_owned())),
    })
}

//! Evaluates CEL with its standard library and the extensions for texts, mathematics, lists and encodings. Integers that
//! do not fit into 64 bits with a sign, such as message ids of other implementations, are `uint`.

mod names;

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, IdedExpr, extensions};
use serde_json::Value;

use crate::bindings::Fault;
use crate::room::Room;

thread_local! {
    /// The functions and macros of the language, registered once.
    static LANGUAGE: Arc<Env> = Arc::new(language());
}

/// Returns the language: the standard and its extensions.
fn language() -> Env {
    let mut env = Env::stdlib();
    // An extension that does not fit beside the others is left out.
    for extension in [extensions::strings, extensions::math, extensions::lists, extensions::encoders] {
        let _ = env.add_extension(extension);
    }
    env
}

/// What may stand before the dot of a function that is no method.
const NAMESPACES: [&str; 6] = ["math", "base64", "strings", "lists", "optional", "google"];

/// A compiled CEL expression.
pub(crate) struct Program {
    expression: IdedExpr,
    /// The variables whose names are in backticks: the name in the expression, and the name of the member.
    quoted: Vec<(String, String)>,
}

impl Program {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with the parser's message, or with a function that does not exist.
    pub(crate) fn compile(source: &str) -> Result<Self, Fault> {
        let (source, quoted) = names::unquoted(source);
        let expression = parse(&source)?;
        let references = expression.references();
        if let Some(name) = references.functions().into_iter().filter(|name| !is_function(name)).min() {
            return Err(Fault::Invalid(format!("there is no function `{name}`")));
        }
        drop(references);
        Ok(Self { expression, quoted })
    }

    /// Evaluates the expression on a JSON object, whose members are its variables.
    ///
    /// # Errors
    /// The expression fails, or its result is too large or not JSON.
    pub(crate) fn evaluate(&self, input: &str) -> Result<Option<Value>, Fault> {
        let mut variables: serde_json::Map<String, Value> =
            serde_json::from_str(input).map_err(|error| Fault::Failed(error.to_string()))?;
        for (name, member) in &self.quoted {
            if let Some(value) = variables.get(member) {
                variables.insert(name.clone(), value.clone());
            }
        }
        let mut context = Context::with_env(LANGUAGE.with(Arc::clone));
        for (name, value) in variables {
            context.add_variable_from_value(name, to_cel(value));
        }
        let result =
            cel::Value::resolve(&self.expression, &context).map_err(|error| Fault::Failed(error.to_string()))?;
        from_cel(&result, &mut Room::new(), 0).map(Some)
    }
}

fn parse(source: &str) -> Result<IdedExpr, Fault> {
    let parser = LANGUAGE.with(|env| env.parser()).enable_ident_escape_syntax(true);
    parser.parse(source).map_err(|error| Fault::Invalid(error.to_string()))
}

/// Whether there is a function of this name. The library only says so when it is called.
fn is_function(name: &str) -> bool {
    let is_operator = !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || name.starts_with('_');
    let context = Context::with_env(LANGUAGE.with(Arc::clone));
    let is_known = |call: String| match parse(&call).map(|call| cel::Value::resolve(&call, &context)) {
        Ok(Err(ExecutionError::UndeclaredReference(_))) => false,
        // Some macros are wrong without arguments.
        Ok(_) | Err(_) => true,
    };
    is_operator
        || is_known(format!("{name}()"))
        || is_known(format!("''.{name}()"))
        || NAMESPACES.iter().any(|namespace| is_known(format!("{namespace}.{name}()")))
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
        cel::Value::Timestamp(at) => Value::String(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        cel::Value::Duration(length) => Value::String(seconds(*length)),
        _ => return Err(Fault::Failed("its result is a value that JSON does not have".to_owned())),
    })
}

/// Returns a duration in the notation of JSON: seconds, with as many digits as it needs.
fn seconds(length: chrono::Duration) -> String {
    let (whole, nanos) = (length.num_seconds(), length.subsec_nanos());
    let sign = if whole < 0 || nanos < 0 { "-" } else { "" };
    let (whole, nanos) = (whole.unsigned_abs(), nanos.unsigned_abs());
    if nanos == 0 {
        return format!("{sign}{whole}s");
    }
    let digits = format!("{nanos:09}");
    format!("{sign}{whole}.{}s", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests;

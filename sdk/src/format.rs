//! Message formats: the types of payloads, with their names and schemas.

use crate::bindings::exports::guildhall::agent::agent::FormatSpec;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A type that is the payload of a message format. Implemented by [`#[message("name")]`](crate::message).
pub trait Format: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the format on the wire.
    const NAME: &'static str;
    /// Other names under which messages of the format are received.
    const ALIASES: &'static [&'static str] = &[];
}

/// Returns one entry for each name under which `T` is received.
pub(crate) fn format_specs<T: Format>() -> Vec<FormatSpec> {
    let json_schema = schema_text::<T>();
    [T::NAME]
        .iter()
        .chain(T::ALIASES)
        .map(|name| FormatSpec { name: (*name).into(), json_schema: json_schema.clone() })
        .collect()
}

/// Returns the JSON Schema of a type, as text. Integers have the bounds of their Rust types, so that the host refuses what
/// the type cannot hold.
pub(crate) fn schema_text<T: JsonSchema>() -> String {
    let mut schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>();
    RecursiveTransform(bound).transform(&mut schema);
    schema.as_value().to_string()
}

/// Adds the bounds of an integer's format where there are none.
fn bound(schema: &mut Schema) {
    let (least, most): (Value, Value) = match schema.get("format").and_then(Value::as_str) {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("int" | "int64") => (i64::MIN.into(), i64::MAX.into()),
        Some("uint8") => (0.into(), u8::MAX.into()),
        Some("uint16") => (0.into(), u16::MAX.into()),
        Some("uint32") => (0.into(), u32::MAX.into()),
        Some("uint" | "uint64") => (0.into(), u64::MAX.into()),
        _ => return,
    };
    for (name, bound) in [("minimum", least), ("maximum", most)] {
        if schema.get(name).is_none() {
            schema.insert(name.to_owned(), bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn integers_have_the_bounds_of_their_types() {
        let schema = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        let number = schema(schema_text::<Option<u32>>());
        assert_eq!((&number["minimum"], &number["maximum"]), (&json!(0), &json!(u32::MAX)));
        let list = schema(schema_text::<Vec<i16>>());
        assert_eq!((&list["items"]["minimum"], &list["items"]["maximum"]), (&json!(i16::MIN), &json!(i16::MAX)));
        assert_eq!(schema(schema_text::<u64>())["maximum"], json!(u64::MAX));
        assert!(schema(schema_text::<f64>()).get("maximum").is_none());
    }
}

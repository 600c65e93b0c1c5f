//! Message formats: the types of payloads, with their names and schemas.

use crate::bindings::exports::guildhall::agent::agent::FormatSpec;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Returns the JSON Schema of a type, as text.
pub(crate) fn schema_text<T: JsonSchema>() -> String {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>();
    schema.as_value().to_string()
}

//! Derives the description of an agent from its types.

use crate::{Agent, Description, Emits, Format, FormatSpec, Handlers};
use schemars::JsonSchema;

/// Returns the description of an agent class. No agent is created.
pub fn describe<A: Agent>(version: &str) -> Description {
    let mut handlers = Handlers::new();
    A::handlers(&mut handlers);
    let mut emits = Emits::default();
    A::emits(&mut emits);
    Description {
        class_name: A::CLASS_NAME.into(),
        name: A::NAME.into(),
        version: version.into(),
        summary: A::SUMMARY.into(),
        receives: handlers.receives(),
        emits: emits.specs,
        properties_schema: schema_text::<A::Properties>(),
    }
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

pub(crate) fn schema_text<T: JsonSchema>() -> String {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>();
    schema.as_value().to_string()
}

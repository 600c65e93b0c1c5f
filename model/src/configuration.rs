//! Configurations of guilds. A document may have the members `configuration` and `configuration_schema` beside its
//! spec; this module checks the configuration and renders the templates of the spec.

use serde_json::{Map, Value};

use crate::json_schema::{Schema, SchemaLimits};
use crate::python_repr::repr;
use crate::template::{self, TemplateError};

/// Why a configuration cannot be applied to a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// The configuration does not match its schema, or the schema is invalid.
    #[error("invalid configuration: {0}")]
    Invalid(String),
    /// A template cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Returns the spec of a document. The members of `overrides` replace those of the document's configuration. The
/// configuration is checked against the schema, whose patterns are within `limits`, and rendered into the agents and the rules. The result has neither of
/// them.
///
/// # Errors
/// `Invalid` when the configuration does not match the schema or the schema is invalid, `Template` when a template
/// cannot be rendered.
pub fn configured(
    mut document: Value,
    overrides: Map<String, Value>,
    limits: SchemaLimits,
) -> Result<Value, ConfigurationError> {
    let Some(fields) = document.as_object_mut() else { return Ok(document) };
    let schema = fields.shift_remove("configuration_schema").filter(|schema| !schema.is_null());
    let mut configuration = match fields.shift_remove("configuration") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(configuration)) => configuration,
        Some(other) => return Err(ConfigurationError::Invalid(format!("{} is not of type 'object'", repr(&other)))),
    };
    configuration.extend(overrides);
    if let Some(schema) = schema {
        let schema = Schema::new(&schema, limits).map_err(ConfigurationError::Invalid)?;
        let whole = Value::Object(configuration.clone());
        if let Some(text) = schema.best_error(&whole) {
            return Err(ConfigurationError::Invalid(text));
        }
    }
    template::apply(&mut document, &configuration)?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_launch_changes_the_configuration_and_not_its_schema() {
        let document = json!({
            "configuration": {"name": "a", "n": 1}, "agents": [{"name": "{{name}}-{{n}}"}],
            "configuration_schema": {"properties": {"name": {"type": "string"}}},
        });
        let given = |value: Value| value.as_object().cloned().unwrap();
        let plain = configured(document.clone(), Map::new(), SchemaLimits::default()).unwrap();
        assert_eq!(plain, json!({"agents": [{"name": "a-1"}]}));
        let changed =
            configured(document.clone(), given(json!({"n": 2, "more": true})), SchemaLimits::default()).unwrap();
        assert_eq!(changed, json!({"agents": [{"name": "a-2"}]}));
        let error = configured(document, given(json!({"name": 5})), SchemaLimits::default()).unwrap_err();
        assert!(matches!(error, ConfigurationError::Invalid(text) if text == "5 is not of type 'string'"));
    }
}

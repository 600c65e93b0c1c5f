//! What a document means once its configuration is put into it: guilds are written
//! with `configuration` and `configuration_schema` beside the spec, over HTTP and on
//! disk.

use serde_json::{Map, Value};

use crate::json_schema::Schema;
use crate::python_repr::repr;
use crate::template::{self, TemplateError};

/// Why a document and its configuration make no spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// It does not fit its schema, or the schema is none.
    #[error("invalid configuration: {0}")]
    Unfit(String),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The spec that a document means: its configuration, with what was `given` put over
/// it, fits the schema and is rendered into agents and routes. Neither is in the result.
///
/// # Errors
/// When the configuration does not fit, the schema is none, or a template is broken.
pub fn configured(mut document: Value, given: Map<String, Value>) -> Result<Value, ConfigurationError> {
    let Some(fields) = document.as_object_mut() else { return Ok(document) };
    let schema = fields.shift_remove("configuration_schema").filter(|schema| !schema.is_null());
    let mut configuration = match fields.shift_remove("configuration") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(configuration)) => configuration,
        Some(other) => return Err(ConfigurationError::Unfit(format!("{} is not of type 'object'", repr(&other)))),
    };
    configuration.extend(given);
    if let Some(schema) = schema {
        let schema = Schema::new(&schema).map_err(ConfigurationError::Unfit)?;
        let whole = Value::Object(configuration.clone());
        if let Some(text) = schema.mistake(&whole) {
            return Err(ConfigurationError::Unfit(text));
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
        let plain = configured(document.clone(), Map::new()).unwrap();
        assert_eq!(plain, json!({"agents": [{"name": "a-1"}]}));
        let changed = configured(document.clone(), given(json!({"n": 2, "more": true}))).unwrap();
        assert_eq!(changed, json!({"agents": [{"name": "a-2"}]}));
        let error = configured(document, given(json!({"name": 5}))).unwrap_err();
        assert!(matches!(error, ConfigurationError::Unfit(text) if text == "5 is not of type 'string'"));
    }
}

//! What a component returns from `describe`, checked: names have a bounded length and schemas are JSON.

use serde_json::Value;

use crate::bindings::export;
use crate::limits::{Limit, Limits};
use guildhall_model::names;

const MAX_NAME_BYTES: usize = 256;
const MAX_SUMMARY_BYTES: usize = 4 << 10;

/// What an agent says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The agent class that the component serves.
    pub class_name: String,
    /// A name for people.
    pub name: String,
    /// The author's version of the component.
    pub version: String,
    /// One sentence about what the agent does.
    pub summary: String,
    /// The formats that it receives. Empty: every JSON payload.
    pub receives: Vec<Format>,
    /// The formats that it emits.
    pub emits: Vec<Format>,
    /// The JSON Schema of the `properties` of a blueprint's entry.
    pub properties_schema: Value,
}

/// A format that an agent receives or emits.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// The name of the format.
    pub name: String,
    /// The JSON Schema of its payloads.
    pub json_schema: Value,
}

impl Description {
    /// Checks what `describe` returned.
    ///
    /// # Errors
    /// A name is missing or too long, all of it is too large, or a schema is not one; the text is for the component's
    /// author.
    pub(crate) fn checked(returned: export::Description, limits: &Limits) -> Result<Self, String> {
        let (bytes, most) = (size(&returned) as u64, limits.get(Limit::Description));
        if bytes > most {
            Limit::Description.count();
            let setting = Limit::Description.row().setting;
            return Err(format!("`describe` gave {bytes} bytes, the limit is {most} (`{setting}`)"));
        }
        if returned.class_name.is_empty() {
            return Err("`describe` gave no class name".to_owned());
        }
        for (what, text, most) in [
            ("class name", &returned.class_name, MAX_NAME_BYTES),
            ("name", &returned.name, MAX_NAME_BYTES),
            ("version", &returned.version, MAX_NAME_BYTES),
            ("summary", &returned.summary, MAX_SUMMARY_BYTES),
        ] {
            if text.len() > most || text.contains('\0') {
                return Err(format!(
                    "`describe` gave a {what} of {} bytes; it has at most {most}, and no U+0000",
                    text.len()
                ));
            }
        }
        for (what, text) in [("class name", &returned.class_name), ("name", &returned.name)] {
            names::check(text)
                .map_err(|unseen| format!("`describe` gave a {what} that people cannot read: {unseen}"))?;
        }
        Ok(Self {
            receives: formats("receives", returned.receives)?,
            emits: formats("emits", returned.emits)?,
            properties_schema: schema("properties-schema", &returned.properties_schema)?,
            class_name: returned.class_name,
            name: returned.name,
            version: returned.version,
            summary: returned.summary,
        })
    }
}

/// Returns the bytes of all texts.
fn size(returned: &export::Description) -> usize {
    let formats = returned.receives.iter().chain(&returned.emits);
    let formats: usize = formats.map(|format| format.name.len() + format.json_schema.len()).sum();
    let names = returned.class_name.len() + returned.name.len() + returned.version.len() + returned.summary.len();
    names + returned.properties_schema.len() + formats
}

fn formats(what: &str, specs: Vec<export::FormatSpec>) -> Result<Vec<Format>, String> {
    let format = |spec: export::FormatSpec| {
        names::check(&spec.name).map_err(|unseen| format!("`describe` gave a format in {what}: {unseen}"))?;
        let json_schema = schema(&format!("{what} `{}`", spec.name), &spec.json_schema)?;
        Ok(Format { name: spec.name, json_schema })
    };
    specs.into_iter().map(format).collect()
}

/// Parses a JSON Schema, which is an object or a boolean. A blank text is the empty schema.
fn schema(what: &str, text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(schema),
        Ok(_) => Err(format!("`describe` gave a schema of {what} that is neither an object nor a boolean")),
        Err(error) => Err(format!("`describe` gave a schema of {what} that is not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_an_object_a_boolean_or_blank() {
        assert_eq!(schema("x", " ").unwrap(), serde_json::json!({}));
        assert_eq!(schema("x", "true").unwrap(), Value::Bool(true));
        assert!(schema("x", "[]").unwrap_err().contains("neither"));
        assert!(schema("x", "{").unwrap_err().contains("not JSON"));
    }
}

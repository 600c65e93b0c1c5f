//! JSON Schemas that clients and components bring: nothing is fetched for them, and
//! their patterns are matched in linear time.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::read::Step;

/// A schema that is one.
pub struct Schema(Validator);

/// What a value has wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    pub path: Vec<Step>,
    pub text: String,
}

/// Longest text of a mistake, in characters; it quotes the value.
const MAX_TEXT: usize = 500;
/// More mistakes of one value are not told.
const MAX_MISTAKES: usize = 20;

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// What is wrong with the schema.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
        options.build(schema).map(Self).map_err(|error| words(&error))
    }

    /// The first mistakes of a value, at most twenty.
    #[must_use]
    pub fn mistakes(&self, value: &Value) -> Vec<Mistake> {
        let mistake = |error: ValidationError<'_>| Mistake { path: path(&error), text: words(&error) };
        self.0.iter_errors(value).take(MAX_MISTAKES).map(mistake).collect()
    }
}

fn path(error: &ValidationError<'_>) -> Vec<Step> {
    let pointer = error.instance_path().as_str();
    let steps = pointer.split('/').skip(1);
    steps
        .map(|step| match step.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(step.replace("~1", "/").replace("~0", "~")),
        })
        .collect()
}

/// In the words that clients know where there are such.
fn words(error: &ValidationError<'_>) -> String {
    let text = match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => {
            format!("{} is not of type '{kind}'", quoted(error.instance()))
        }
        ValidationErrorKind::Required { property } => format!("{} is a required property", quoted(property)),
        _ => error.to_string(),
    };
    text.chars().take(MAX_TEXT).collect()
}

fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("'{text}'"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(schema: &Value, value: &Value) -> Vec<String> {
        Schema::new(schema).unwrap().mistakes(value).into_iter().map(|mistake| mistake.text).collect()
    }

    #[test]
    fn mistakes_are_told_in_known_words_and_with_their_place() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {"a": {"type": "string"}, "l": {"type": "array", "items": {"type": "integer"}}},
        });
        assert_eq!(texts(&schema, &json!({"a": 5})), ["5 is not of type 'string'"]);
        assert_eq!(texts(&schema, &json!({})), ["'a' is a required property"]);
        let mistakes = Schema::new(&schema).unwrap().mistakes(&json!({"a": "x", "l": [1, "two"]}));
        assert_eq!(mistakes[0].path, [Step::from("l"), Step::Index(1)]);
        assert_eq!(mistakes[0].text, "'two' is not of type 'integer'");
    }

    #[test]
    fn schemas_that_are_none_or_point_elsewhere_are_refused() {
        assert!(Schema::new(&json!({"type": "objekt"})).is_err());
        assert!(Schema::new(&json!({"$ref": "http://localhost:1/x.json"})).is_err());
        assert!(Schema::new(&json!({"$ref": "file:///etc/hostname"})).is_err());
        assert!(Schema::new(&json!({"pattern": "(a)\\1"})).is_err(), "no pattern that needs to go back");
    }

    #[test]
    fn a_schema_that_names_itself_comes_to_an_end() {
        let two = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"});
        for schema in [json!({"$ref": "#"}), json!({"allOf": [{"$ref": "#"}]}), json!({"not": {"$ref": "#"}}), two] {
            if let Ok(schema) = Schema::new(&schema) {
                let _ = schema.mistakes(&json!({"a": 1}));
            }
        }
        let tree = json!({"properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
        assert_eq!(texts(&tree, &json!({"next": {"next": {}}})), [""; 0]);
    }
}

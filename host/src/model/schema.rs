//! JSON Schemas that clients and components bring: nothing is fetched for them, and
//! their patterns are matched in linear time.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

use super::read::{FieldError, Step};

/// A schema that is one.
pub struct Schema(Validator);

/// What a value has wrong, in the words of JSON Schema and, with its place, in those that clients of this API know.
#[derive(Debug, PartialEq)]
pub struct Mistake {
    pub text: String,
    pub field: FieldError,
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
        let mistake = |error: ValidationError<'_>| Mistake { text: words(&error), field: field(&error) };
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

/// The mistake as one of a field of a body is told.
fn field(error: &ValidationError<'_>) -> FieldError {
    let (mut loc, input) = (path(error), error.instance().as_ref());
    let (kind, msg) = match (error.kind(), input) {
        (ValidationErrorKind::Required { property }, _) => {
            loc.push(property.as_str().unwrap_or_default().into());
            return FieldError::missing(loc, input.clone());
        }
        (ValidationErrorKind::Type { kind: TypeKind::Single(kind) }, input) => match (kind, input) {
            (JsonType::Integer, Value::String(_)) => {
                ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
            }
            (JsonType::Integer, Value::Number(_)) => {
                ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
            }
            (JsonType::Integer, _) => ("int_type", "Input should be a valid integer"),
            (JsonType::Number, Value::String(_)) => {
                ("float_parsing", "Input should be a valid number, unable to parse string as a number")
            }
            (JsonType::Number, _) => ("float_type", "Input should be a valid number"),
            (JsonType::Boolean, Value::String(_)) => {
                ("bool_parsing", "Input should be a valid boolean, unable to interpret input")
            }
            (JsonType::Boolean, _) => ("bool_type", "Input should be a valid boolean"),
            (JsonType::String, _) => ("string_type", "Input should be a valid string"),
            (JsonType::Array, _) => ("list_type", "Input should be a valid list"),
            (JsonType::Object, _) => ("dict_type", "Input should be a valid dictionary"),
            (JsonType::Null, _) => ("none_required", "Input should be None"),
        },
        _ => {
            let msg = format!("Value error, {}", words(error));
            return FieldError::new("value_error", loc, msg, input.clone()).with_ctx(json!({"error": {}}));
        }
    };
    FieldError::new(kind, loc, msg, input.clone())
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
        assert_eq!(mistakes[0].field.loc, [Step::from("l"), Step::Index(1)]);
        assert_eq!(mistakes[0].text, "'two' is not of type 'integer'");
    }

    #[test]
    fn mistakes_are_told_as_those_of_a_body() {
        for (kind, value, told) in [
            ("integer", json!("x"), "int_parsing"),
            ("integer", json!(2.5), "int_from_float"),
            ("integer", json!(null), "int_type"),
            ("number", json!("x"), "float_parsing"),
            ("boolean", json!("x"), "bool_parsing"),
            ("string", json!(1), "string_type"),
            ("array", json!({}), "list_type"),
            ("object", json!([]), "dict_type"),
        ] {
            let schema = Schema::new(&json!({"properties": {"a": {"type": kind}}})).unwrap();
            let field = schema.mistakes(&json!({"a": value})).remove(0).field;
            assert_eq!((field.kind, field.path().as_str(), &field.input), (told, "a", &value));
        }
        let schema = Schema::new(&json!({"required": ["a"], "properties": {"b": {"minimum": 3}}})).unwrap();
        let fields: Vec<_> = schema.mistakes(&json!({"b": 2})).into_iter().map(|mistake| mistake.field).collect();
        let told: Vec<_> = fields.iter().map(|field| (field.kind, field.path())).collect();
        assert!(
            told.contains(&("missing", "a".to_owned())) && told.contains(&("value_error", "b".to_owned())),
            "{told:?}"
        );
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

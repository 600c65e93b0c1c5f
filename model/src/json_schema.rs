//! JSON Schemas of clients and components, which are untrusted. The host fetches nothing for a schema, matches its
//! patterns in linear time and bounds the work of each comparison.

mod fit;
mod patterns;
mod size;
mod texts;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

use crate::read::FieldError;
pub use patterns::SchemaLimits;
use size::Size;
use texts::{Texts, path};

/// A valid schema of bounded size.
pub struct Schema {
    validator: Validator,
    document: Value,
    size: Size,
}

/// An error of a value.
#[derive(Debug, PartialEq)]
pub struct SchemaError {
    /// The text of the JSON Schema validator that clients know.
    pub text: String,
    /// The same error with its place, as an error of a request's body.
    pub field: FieldError,
}

/// The most errors of one value that are returned.
const MAX_ERRORS: usize = 20;
/// The most errors among which the most relevant one is chosen.
const MAX_COMPARED: usize = 100;

impl SchemaError {
    /// Returns an error of the whole value.
    fn of_whole(text: String) -> Self {
        let msg = format!("Value error, {text}");
        let field = FieldError::new("value_error", Vec::new(), msg, Value::Null).with_ctx(json!({"error": {}}));
        Self { text, field }
    }
}

impl Schema {
    /// Reads a schema. It may take many milliseconds, so a server does it away from its own threads.
    ///
    /// # Errors
    /// A sentence for the author when the schema is invalid, too large or too deep, when a pattern exceeds a limit, or
    /// when the schema refers to a place outside of it.
    pub fn new(schema: &Value, limits: SchemaLimits) -> Result<Self, String> {
        let size = Size::of(schema)?;
        patterns::check(schema, limits)?;
        // The limit of the validator is on another form of a pattern, which can be several times larger.
        let bytes = limits.pattern_bytes.saturating_mul(4);
        let patterns = PatternOptions::regex().size_limit(bytes).dfa_size_limit(bytes);
        let options = jsonschema::options().offline().with_pattern_options(patterns);
        let validator = options.build(schema).map_err(|error| Texts { schema, value: schema }.text(&error))?;
        Ok(Self { validator, document: schema.clone(), size })
    }

    /// Turns texts and whole floats into the types that the schema asks for, where they spell a value of them: templates
    /// only produce texts. A value that the schema would no longer accept stays as it is.
    pub fn fit(&self, value: &mut Value) {
        let mut fitted = value.clone();
        fit::fit(&self.document, &mut fitted);
        if fitted != *value && (self.errors(&fitted).is_empty() || !self.errors(value).is_empty()) {
            *value = fitted;
        }
    }

    /// Returns the first errors of a value, at most twenty.
    pub fn errors(&self, value: &Value) -> Vec<SchemaError> {
        if let Some(text) = self.size.refusal(value) {
            return vec![SchemaError::of_whole(text)];
        }
        let texts = self.texts(value);
        let to_error =
            |error: ValidationError<'_>| SchemaError { text: texts.text(&error), field: field(&error, &texts) };
        self.validator.iter_errors(value).take(MAX_ERRORS).map(to_error).collect()
    }

    /// Returns the most relevant of the first hundred errors of a value, chosen as the validator that clients know
    /// does.
    pub fn best_error(&self, value: &Value) -> Option<String> {
        let refusal = self.size.refusal(value);
        refusal.or_else(|| self.texts(value).best(self.validator.iter_errors(value).take(MAX_COMPARED).collect()))
    }

    fn texts<'s>(&'s self, value: &'s Value) -> Texts<'s> {
        Texts { schema: &self.document, value }
    }
}

/// Returns an error in the form of an error of a request's body.
fn field(error: &ValidationError<'_>, texts: &Texts<'_>) -> FieldError {
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
            let msg = format!("Value error, {}", texts.text(error));
            return FieldError::new("value_error", loc, msg, input.clone()).with_ctx(json!({"error": {}}));
        }
    };
    FieldError::new(kind, loc, msg, input.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::read::Step;

    fn read(schema: &Value) -> Result<Schema, String> {
        Schema::new(schema, SchemaLimits::default())
    }

    fn texts(schema: &Value, value: &Value) -> Vec<String> {
        read(schema).unwrap().errors(value).into_iter().map(|mistake| mistake.text).collect()
    }

    #[test]
    fn errors_have_known_texts_and_places() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {"a": {"type": "string"}, "l": {"type": "array", "items": {"type": "integer"}}},
        });
        assert_eq!(texts(&schema, &json!({"a": 5})), ["5 is not of type 'string'"]);
        assert_eq!(texts(&schema, &json!({})), ["'a' is a required property"]);
        let errors = read(&schema).unwrap().errors(&json!({"a": "x", "l": [1, "two"]}));
        assert_eq!(errors[0].field.loc, [Step::from("l"), Step::Index(1)]);
        assert_eq!(errors[0].text, "'two' is not of type 'integer'");
    }

    #[test]
    fn errors_have_the_form_of_errors_of_a_body() {
        for (kind, value, found) in [
            ("integer", json!("x"), "int_parsing"),
            ("integer", json!(2.5), "int_from_float"),
            ("integer", json!(null), "int_type"),
            ("number", json!("x"), "float_parsing"),
            ("boolean", json!("x"), "bool_parsing"),
            ("string", json!(1), "string_type"),
            ("array", json!({}), "list_type"),
            ("object", json!([]), "dict_type"),
        ] {
            let schema = read(&json!({"properties": {"a": {"type": kind}}})).unwrap();
            let field = schema.errors(&json!({"a": value})).remove(0).field;
            assert_eq!((field.kind, field.path().as_str(), &field.input), (found, "a", &value));
        }
        let schema = read(&json!({"required": ["a"], "properties": {"b": {"minimum": 3}}})).unwrap();
        let fields: Vec<_> = schema.errors(&json!({"b": 2})).into_iter().map(|mistake| mistake.field).collect();
        let found: Vec<_> = fields.iter().map(|field| (field.kind, field.path())).collect();
        assert!(
            found.contains(&("missing", "a".to_owned())) && found.contains(&("value_error", "b".to_owned())),
            "{found:?}"
        );
    }

    #[test]
    fn invalid_schemas_and_references_to_other_places_are_refused() {
        assert!(read(&json!({"type": "objekt"})).is_err());
        assert!(read(&json!({"$ref": "http://localhost:1/x.json"})).is_err());
        assert!(read(&json!({"$ref": "file:///etc/hostname"})).is_err());
        assert!(read(&json!({"pattern": "(a)\\1"})).is_err(), "no pattern that needs to go back");
    }

    #[test]
    fn a_small_schema_that_unfolds_to_a_large_one_is_refused() {
        let unfolded = |levels: usize, reference: &dyn Fn(usize) -> String| {
            let twice = |n: usize| {
                let to = reference(n + 1);
                json!({"$anchor": format!("d{n}"), "allOf": [{"$ref": to.clone()}, {"$ref": to}]})
            };
            let mut defs: serde_json::Map<String, Value> = (0..levels).map(|n| (format!("d{n}"), twice(n))).collect();
            defs.insert(format!("d{levels}"), json!({"$anchor": format!("d{levels}"), "type": "string"}));
            read(&json!({"$defs": defs, "$ref": reference(0)})).map(|_| ())
        };
        for reference in [&|n| format!("#/$defs/d{n}"), &|n| format!("#d{n}"), &|n| format!("#/%24defs/d{n}")]
            as [&dyn Fn(usize) -> String; 3]
        {
            assert_eq!(unfolded(3, reference), Ok(()));
            assert!(unfolded(40, reference).unwrap_err().contains("more than 20000 schemas"));
        }
        let deep = (0..200).fold(json!({}), |inner, _| json!({"not": inner}));
        assert!(read(&deep).err().unwrap().contains("128 deep"));
        let named_id = json!({"properties": {"$id": {"type": "string"}, "id": {"const": "x"}}});
        assert!(read(&named_id).is_ok());
    }

    #[test]
    fn a_reference_in_data_is_the_name_of_a_member() {
        for (schema, good, bad) in [
            (json!({"const": {"$ref": "#/somewhere"}}), json!({"$ref": "#/somewhere"}), json!({})),
            (json!({"enum": [{"$ref": "#/$defs/text"}]}), json!({"$ref": "#/$defs/text"}), json!("a text")),
            (json!({"type": "object", "default": {"$ref": "https://example.org/x.json"}}), json!({}), json!(1)),
            (json!({"type": "object", "examples": [{"$ref": "other.json#/x"}]}), json!({}), json!(1)),
            (json!({"type": "object", "default": {"$id": "a", "$anchor": "b"}}), json!({}), json!(1)),
            (json!({"properties": {"$ref": {"type": "string"}}}), json!({"$ref": "#/x"}), json!({"$ref": 1})),
            (json!({"properties": {"const": {"$ref": "#/$defs/n"}}}), json!({"const": 1}), json!({"const": "x"})),
        ] {
            let schema = json!({"$defs": {"n": {"type": "integer"}}, "properties": {"v": schema}});
            let found = read(&schema).map_err(|error| format!("{schema}: {error}")).unwrap();
            assert_eq!(found.errors(&json!({"v": good})), [], "{schema}");
            assert_ne!(found.errors(&json!({"v": bad})), [], "{schema}");
        }
        assert!(read(&json!({"properties": {"const": {"$ref": "#/nothing"}}})).is_err());
    }

    #[test]
    fn references_in_a_bundle_are_resolved_by_the_ids_of_its_parts() {
        let bundle = json!({
            "$id": "https://example.org/root.json",
            "properties": {"a": {"$ref": "item.json"}, "b": {"$ref": "https://example.org/item.json#/$defs/text"}},
            "$defs": {
                "item": {"$id": "item.json", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {
                    "n": {"type": "integer"}, "text": {"type": "string"},
                }},
                "n": {"type": "string"},
            },
        });
        let schema = read(&bundle).map_err(|error| panic!("{error}")).unwrap();
        assert_eq!(schema.errors(&json!({"a": {"n": 1}, "b": "x"})), []);
        assert_eq!(schema.errors(&json!({"a": {"n": "x"}, "b": 1})).len(), 2);
        let without_root = json!({"$defs": {"i": {"$id": "urn:item", "type": "integer"}}, "$ref": "urn:item"});
        assert_eq!(texts(&without_root, &json!("x")).len(), 1);
        let away = json!({"$defs": {"i": {"$id": "https://a.org/i"}}, "$ref": "https://a.org/other"});
        assert!(read(&away).err().unwrap().contains("the host fetches no schemas"));
        let twice = json!({"$defs": {"a": {"$id": "urn:x"}, "b": {"$id": "urn:x"}}});
        assert!(read(&twice).err().unwrap().contains("`urn:x`"));
        let unfolded = |n: usize| {
            let to = format!("d{}.json", n + 1);
            json!({"$id": format!("d{n}.json"), "allOf": [{"$ref": to}, {"$ref": to}]})
        };
        let mut defs: serde_json::Map<String, Value> = (0..40).map(|n| (format!("d{n}"), unfolded(n))).collect();
        defs.insert("d40".to_owned(), json!({"$id": "d40.json"}));
        let bomb = json!({"$id": "https://a.org/root", "$defs": defs, "$ref": "d0.json"});
        assert!(read(&bomb).err().unwrap().contains("more than 20000 schemas"));
    }

    #[test]
    fn a_schema_that_contains_itself_twice_accepts_values_of_bounded_depth() {
        let step = |key: &str| json!({"properties": {"a": {"$ref": "#"}}, "required": [key]});
        let schema = read(&json!({"anyOf": [step("b"), step("c")]})).unwrap();
        let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!({"a": inner}));
        assert!(schema.errors(&nested(5))[0].text.contains("the given schemas"), "{:?}", schema.errors(&nested(5)));
        assert!(schema.errors(&nested(100))[0].text.contains("levels deep"));
        let list = read(&json!({"properties": {"a": {"$ref": "#"}}, "type": "object"})).unwrap();
        assert_eq!(list.errors(&nested(100)), []);
    }

    #[test]
    fn a_schema_with_many_options_is_not_compared_with_many_elements() {
        let options: Vec<_> = (0..10_000).collect();
        let schema = read(&json!({"items": {"enum": options}})).unwrap();
        assert_eq!(schema.errors(&json!(vec![7; 1_000])), []);
        let errors = schema.errors(&json!(vec![7; 10_000]));
        assert!(errors[0].text.starts_with("this schema and this value need too much work"), "{errors:?}");
        let schema = read(&json!({"propertyNames": {"enum": options}})).unwrap();
        let value: serde_json::Map<_, _> = (0..5_000).map(|n| (n.to_string(), json!(0))).collect();
        assert_eq!(schema.errors(&Value::Object(value)).len(), 1);
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_compared_in_bounded_time() {
        let two = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"});
        for schema in [json!({"$ref": "#"}), json!({"allOf": [{"$ref": "#"}]}), json!({"not": {"$ref": "#"}}), two] {
            if let Ok(schema) = read(&schema) {
                let _ = schema.errors(&json!({"a": 1}));
            }
        }
        let tree = json!({"properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
        assert_eq!(texts(&tree, &json!({"next": {"next": {}}})), [""; 0]);
    }
}

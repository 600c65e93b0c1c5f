//! JSON Schemas that clients and components bring: nothing is fetched for them, and
//! their patterns are matched in linear time.

mod words;

use std::collections::HashMap;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

use crate::read::{FieldError, Step};
use words::Words;

/// A schema that is one.
pub struct Schema {
    validator: Validator,
    document: Value,
    size: Size,
}

/// What a value has wrong, in the words of JSON Schema and, with its place, in those that clients of this API know.
#[derive(Debug, PartialEq)]
pub struct Mistake {
    pub text: String,
    pub field: FieldError,
}

/// Longest text of a mistake, in characters; it quotes the value.
const MAX_TEXT: usize = 500;
/// More errors of one value are not told.
const MAX_MISTAKES: usize = 20;
/// Among how many the one to tell is looked for.
const MAX_COMPARED: usize = 100;

impl Mistake {
    /// One of the whole value.
    fn of_all(text: String) -> Self {
        let msg = format!("Value error, {text}");
        let field = FieldError::new("value_error", Vec::new(), msg, Value::Null).with_ctx(json!({"error": {}}));
        Self { text, field }
    }
}

impl Schema {
    /// # Errors
    /// What is wrong with the schema.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let size = Unfolding::check(schema)?;
        let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
        let validator = options.build(schema).map_err(|error| Words { schema, value: schema }.of(&error))?;
        Ok(Self { validator, document: schema.clone(), size })
    }

    /// The first errors of a value, at most twenty.
    pub fn errors(&self, value: &Value) -> Vec<Mistake> {
        if let Some(text) = self.too_much(value) {
            return vec![Mistake::of_all(text)];
        }
        let words = self.words(value);
        let mistake = |error: ValidationError<'_>| Mistake { text: words.of(&error), field: field(&error, &words) };
        self.validator.iter_errors(value).take(MAX_MISTAKES).map(mistake).collect()
    }

    /// The one mistake to tell, of the first hundred: the one that clients would be told by the validator they know.
    pub fn mistake(&self, value: &Value) -> Option<String> {
        let too_much = self.too_much(value);
        too_much.or_else(|| self.words(value).best(self.validator.iter_errors(value).take(MAX_COMPARED).collect()))
    }

    fn words<'s>(&'s self, value: &'s Value) -> Words<'s> {
        Words { schema: &self.document, value }
    }

    /// Why a value is not compared with the schema at all.
    fn too_much(&self, value: &Value) -> Option<String> {
        let most = self.size.most_levels();
        if levels(value) > most {
            return Some(format!(
                "the value is more than {most} levels deep, too much for a schema that contains itself"
            ));
        }
        let (parts, nodes) = (self.size.parts, nodes(value));
        (parts.saturating_mul(nodes) > MAX_WORK).then(|| {
            format!(
                "this schema and this value need too much work to compare: \
                 {parts} parts times {nodes}, the limit is {MAX_WORK}"
            )
        })
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
fn field(error: &ValidationError<'_>, words: &Words<'_>) -> FieldError {
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
            let msg = format!("Value error, {}", words.of(error));
            return FieldError::new("value_error", loc, msg, input.clone()).with_ctx(json!({"error": {}}));
        }
    };
    FieldError::new(kind, loc, msg, input.clone())
}

/// The most schemas that a schema may consist of when each reference is replaced by
/// what it refers to, as the validator does: a small text can stand for 2^40 of them.
const MAX_UNFOLDED: usize = 20_000;
/// How deep schemas may stand in one another.
const MAX_DEPTH: usize = 128;
/// The keys of references, and of what they may name besides places.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
const ANCHORS: [&str; 2] = ["$anchor", "$dynamicAnchor"];

/// How often a value may be looked at, about: what contains itself twice looks at
/// each level twice as often as at the one above.
const MAX_LOOKS: f64 = 1_000_000.0;

/// The most parts of a schema times parts of a value: each of many options may be
/// compared with each of many elements.
const MAX_WORK: usize = 50_000_000;

/// How large a schema is when its references are unfolded.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    schemas: usize,
    /// These, their keys and the elements of their lists.
    parts: usize,
    /// The references by which it contains itself.
    loops: usize,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.schemas = self.schemas.saturating_add(other.schemas);
        self.parts = self.parts.saturating_add(other.parts);
        self.loops = self.loops.saturating_add(other.loops);
    }

    /// The most levels of a value that may be checked.
    fn most_levels(self) -> usize {
        let mut looks = f64::from(u32::try_from(self.schemas).unwrap_or(u32::MAX));
        let times = f64::from(u32::try_from(self.loops).unwrap_or(u32::MAX));
        if self.loops < 2 {
            return usize::MAX;
        }
        let mut levels = 1;
        while looks * times <= MAX_LOOKS {
            looks *= times;
            levels += 1;
        }
        levels
    }
}

/// How deep lists and objects stand in one another; what is read has at most 128.
fn levels(value: &Value) -> usize {
    children(value).map(levels).max().unwrap_or(0) + usize::from(value.is_object() || value.is_array())
}

/// How many values and keys a value has.
fn nodes(value: &Value) -> usize {
    let keys = value.as_object().map_or(0, serde_json::Map::len);
    1 + keys + children(value).map(nodes).sum::<usize>()
}

/// Counts how large a schema is when its references are unfolded.
struct Unfolding<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    /// The sizes that are known, by where a value is in memory; none while it is counted.
    sizes: HashMap<*const Value, Option<Size>>,
}

impl<'s> Unfolding<'s> {
    fn check(root: &'s Value) -> Result<Size, String> {
        let mut unfolding = Self { root, anchors: HashMap::new(), sizes: HashMap::new() };
        unfolding.find_anchors(root, 0)?;
        unfolding.size(root, 0)
    }

    fn find_anchors(&mut self, value: &'s Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("the schema is more than {MAX_DEPTH} deep"));
        }
        if let Value::Object(fields) = value {
            for anchor in ANCHORS.iter().filter_map(|key| fields.get(*key)?.as_str()) {
                if self.anchors.insert(anchor, value).is_some() {
                    return Err(format!("two parts of the schema have the anchor `{anchor}`"));
                }
            }
            // From another base, references would mean other places.
            let draft = self.root.get("$schema").and_then(Value::as_str).unwrap_or_default();
            let id = if draft.contains("draft-04") { "id" } else { "$id" };
            if depth > 0 && fields.get(id).is_some_and(Value::is_string) {
                return Err("only the whole schema may have an `$id`".to_owned());
            }
        }
        children(value).try_for_each(|child| self.find_anchors(child, depth + 1))
    }

    fn size(&mut self, value: &'s Value, depth: usize) -> Result<Size, String> {
        if !(value.is_object() || value.is_array()) {
            return Ok(Size::default());
        }
        if depth > 2 * MAX_DEPTH {
            return Err(format!("the references of the schema lead more than {} deep", 2 * MAX_DEPTH));
        }
        match self.sizes.get(&std::ptr::from_ref(value)) {
            Some(Some(size)) => return Ok(*size),
            // It contains itself, which the validator follows only as far as a value goes.
            Some(None) => return Ok(Size { schemas: 1, parts: 1, loops: 1 }),
            None => {}
        }
        self.sizes.insert(value, None);
        let mut size = Size { schemas: 1, parts: 1 + children(value).count(), loops: 0 };
        for key in REFERENCES {
            if let Some(reference) = value.get(key).and_then(Value::as_str)
                && let Some(meant) = self.meant(reference)?
            {
                size.add(self.size(meant, depth + 1)?);
            }
        }
        for child in children(value) {
            size.add(self.size(child, depth + 1)?);
        }
        if size.schemas > MAX_UNFOLDED {
            return Err(format!("the schema unfolds to more than {MAX_UNFOLDED} schemas"));
        }
        self.sizes.insert(value, Some(size));
        Ok(size)
    }

    /// What a reference refers to; none for the schema of schemas, which is no larger
    /// than it is.
    fn meant(&self, reference: &str) -> Result<Option<&'s Value>, String> {
        if reference.starts_with("http://json-schema.org/") || reference.starts_with("https://json-schema.org/") {
            return Ok(None);
        }
        let meant = match reference.strip_prefix('#').map(decoded) {
            Some(place) if place.is_empty() || place.starts_with('/') => self.root.pointer(&place),
            Some(anchor) => self.anchors.get(anchor.as_str()).copied(),
            None => None,
        };
        let nothing = || format!("the schema refers to `{reference}`, which is not in it: nothing is fetched");
        meant.map(Some).ok_or_else(nothing)
    }
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let (fields, items) = (value.as_object(), value.as_array());
    fields.into_iter().flat_map(|fields| fields.values()).chain(items.into_iter().flatten())
}

fn decoded(fragment: &str) -> String {
    percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(schema: &Value, value: &Value) -> Vec<String> {
        Schema::new(schema).unwrap().errors(value).into_iter().map(|mistake| mistake.text).collect()
    }

    #[test]
    fn mistakes_are_told_in_known_words_and_with_their_place() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {"a": {"type": "string"}, "l": {"type": "array", "items": {"type": "integer"}}},
        });
        assert_eq!(texts(&schema, &json!({"a": 5})), ["5 is not of type 'string'"]);
        assert_eq!(texts(&schema, &json!({})), ["'a' is a required property"]);
        let errors = Schema::new(&schema).unwrap().errors(&json!({"a": "x", "l": [1, "two"]}));
        assert_eq!(errors[0].field.loc, [Step::from("l"), Step::Index(1)]);
        assert_eq!(errors[0].text, "'two' is not of type 'integer'");
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
            let field = schema.errors(&json!({"a": value})).remove(0).field;
            assert_eq!((field.kind, field.path().as_str(), &field.input), (told, "a", &value));
        }
        let schema = Schema::new(&json!({"required": ["a"], "properties": {"b": {"minimum": 3}}})).unwrap();
        let fields: Vec<_> = schema.errors(&json!({"b": 2})).into_iter().map(|mistake| mistake.field).collect();
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
    fn a_small_schema_that_stands_for_a_large_one_is_refused() {
        let unfolded = |levels: usize, reference: &dyn Fn(usize) -> String| {
            let twice = |n: usize| {
                let to = reference(n + 1);
                json!({"$anchor": format!("d{n}"), "allOf": [{"$ref": to.clone()}, {"$ref": to}]})
            };
            let mut defs: serde_json::Map<String, Value> = (0..levels).map(|n| (format!("d{n}"), twice(n))).collect();
            defs.insert(format!("d{levels}"), json!({"$anchor": format!("d{levels}"), "type": "string"}));
            Schema::new(&json!({"$defs": defs, "$ref": reference(0)})).map(|_| ())
        };
        for reference in [&|n| format!("#/$defs/d{n}"), &|n| format!("#d{n}"), &|n| format!("#/%24defs/d{n}")]
            as [&dyn Fn(usize) -> String; 3]
        {
            assert_eq!(unfolded(3, reference), Ok(()));
            assert!(unfolded(40, reference).unwrap_err().contains("more than 20000 schemas"));
        }
        let other_base = json!({"$defs": {"a": {"$id": "http://a/b", "$defs": {}}}});
        assert!(Schema::new(&other_base).err().unwrap().contains("`$id`"));
        let deep = (0..200).fold(json!({}), |inner, _| json!({"not": inner}));
        assert!(Schema::new(&deep).err().unwrap().contains("128 deep"));
        let named_id = json!({"properties": {"$id": {"type": "string"}, "id": {"const": "x"}}});
        assert!(Schema::new(&named_id).is_ok());
    }

    #[test]
    fn a_schema_that_contains_itself_more_than_once_takes_values_of_bounded_depth() {
        let step = |key: &str| json!({"properties": {"a": {"$ref": "#"}}, "required": [key]});
        let schema = Schema::new(&json!({"anyOf": [step("b"), step("c")]})).unwrap();
        let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!({"a": inner}));
        assert!(schema.errors(&nested(5))[0].text.contains("the given schemas"), "{:?}", schema.errors(&nested(5)));
        assert!(schema.errors(&nested(100))[0].text.contains("levels deep"));
        let list = Schema::new(&json!({"properties": {"a": {"$ref": "#"}}, "type": "object"})).unwrap();
        assert_eq!(list.errors(&nested(100)), []);
    }

    #[test]
    fn a_schema_of_many_options_is_compared_with_few_elements_only() {
        let options: Vec<_> = (0..10_000).collect();
        let schema = Schema::new(&json!({"items": {"enum": options}})).unwrap();
        assert_eq!(schema.errors(&json!(vec![7; 1_000])), []);
        let errors = schema.errors(&json!(vec![7; 10_000]));
        assert!(errors[0].text.starts_with("this schema and this value need too much work"), "{errors:?}");
        let schema = Schema::new(&json!({"propertyNames": {"enum": options}})).unwrap();
        let value: serde_json::Map<_, _> = (0..5_000).map(|n| (n.to_string(), json!(0))).collect();
        assert_eq!(schema.errors(&Value::Object(value)).len(), 1);
    }

    #[test]
    fn a_schema_that_names_itself_comes_to_an_end() {
        let two = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"});
        for schema in [json!({"$ref": "#"}), json!({"allOf": [{"$ref": "#"}]}), json!({"not": {"$ref": "#"}}), two] {
            if let Ok(schema) = Schema::new(&schema) {
                let _ = schema.errors(&json!({"a": 1}));
            }
        }
        let tree = json!({"properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
        assert_eq!(texts(&tree, &json!({"next": {"next": {}}})), [""; 0]);
    }
}

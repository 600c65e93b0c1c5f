//! The texts of schema errors. They are those of the validator that clients of this API know, which writes values in
//! Python's notation. This module also chooses the error that this validator would report first.

use std::cmp::Reverse;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use crate::python_repr::{repr, repr_each, repr_text};
use crate::read::Step;

/// The longest text of an error, in characters. The text quotes the value.
const MAX_TEXT: usize = 500;

/// The schema and the value that errors are about.
pub(super) struct Texts<'s> {
    /// The whole schema.
    pub schema: &'s Value,
    /// The whole value.
    pub value: &'s Value,
}

/// The relevance of an error; a greater one is more relevant.
type Relevance = (Reverse<usize>, Vec<Step>, bool, bool);

impl Texts<'_> {
    /// Returns the text of the most relevant error: the one nearest to the top, or within an alternative the deepest
    /// one.
    pub fn best(&self, errors: Vec<ValidationError<'_>>) -> Option<String> {
        let place =
            |(index, error): &(usize, _)| (self.relevance(error), Reverse(self.position(error)), Reverse(*index));
        let (_, best) = errors.into_iter().enumerate().max_by_key(place)?;
        Some(self.text(self.inside(&best)))
    }

    /// Returns the most relevant error within an alternative, or the error itself.
    fn inside<'e>(&self, error: &'e ValidationError<'e>) -> &'e ValidationError<'e> {
        let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else { return error };
        let mut inner: Vec<&ValidationError<'_>> = context.iter().flatten().collect();
        inner.sort_by_cached_key(|error| self.relevance(error));
        match inner.as_slice() {
            [first, second, ..] if self.relevance(first) == self.relevance(second) => error,
            [first, ..] => self.inside(first),
            [] => error,
        }
    }

    fn relevance(&self, error: &ValidationError<'_>) -> Relevance {
        let path = path(error);
        let is_weak =
            matches!(error.kind(), Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. });
        let has_its_type = !matches!(error.kind(), Kind::Type { .. }) && self.sibling(error, "type").is_some();
        (Reverse(path.len()), path, !is_weak, !has_its_type)
    }

    /// Returns the position of the violated keyword among the keywords of its schema.
    fn position(&self, error: &ValidationError<'_>) -> usize {
        let Some((schema, keyword)) = error.schema_path().as_str().rsplit_once('/') else { return 0 };
        let keywords = self.schema.pointer(schema).and_then(Value::as_object);
        keywords.and_then(|keywords| keywords.keys().position(|key| key == keyword)).unwrap_or(0)
    }

    /// Returns the value of the violated keyword.
    fn keyword_value(&self, error: &ValidationError<'_>) -> Option<&Value> {
        self.schema.pointer(error.schema_path().as_str())
    }

    /// Returns the value of another keyword in the same schema.
    fn sibling(&self, error: &ValidationError<'_>, keyword: &str) -> Option<&Value> {
        let (schema, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(schema)?.get(keyword)
    }

    /// Returns the text of an error. An error without a known text has that of the validator in use.
    pub fn text(&self, error: &ValidationError<'_>) -> String {
        let value = repr(error.instance());
        let text = match error.kind() {
            Kind::Type { .. } => match self.keyword_value(error) {
                Some(Value::Array(kinds)) => format!("{value} is not of type {}", repr_each(kinds)),
                Some(kind) => format!("{value} is not of type {}", repr(kind)),
                None => error.to_string(),
            },
            Kind::Required { property } => self.missing(error, property),
            Kind::Enum { options } => format!("{value} is not one of {}", repr(options)),
            Kind::Constant { expected_value } => format!("{} was expected", repr(expected_value)),
            Kind::Minimum { limit } => format!("{value} is less than the minimum of {}", repr(limit)),
            Kind::Maximum { limit } => format!("{value} is greater than the maximum of {}", repr(limit)),
            Kind::ExclusiveMinimum { limit } => {
                format!("{value} is less than or equal to the minimum of {}", repr(limit))
            }
            Kind::ExclusiveMaximum { limit } => {
                format!("{value} is greater than or equal to the maximum of {}", repr(limit))
            }
            Kind::MultipleOf { .. } => match self.keyword_value(error) {
                Some(factor) => format!("{value} is not a multiple of {}", repr(factor)),
                None => error.to_string(),
            },
            Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } | Kind::MinProperties { limit: 1 } => {
                format!("{value} should be non-empty")
            }
            Kind::MaxLength { limit: 0 } | Kind::MaxItems { limit: 0 } | Kind::MaxProperties { limit: 0 } => {
                format!("{value} is expected to be empty")
            }
            Kind::MinLength { .. } | Kind::MinItems { .. } => format!("{value} is too short"),
            Kind::MaxLength { .. } | Kind::MaxItems { .. } => format!("{value} is too long"),
            Kind::MinProperties { .. } => format!("{value} does not have enough properties"),
            Kind::MaxProperties { .. } => format!("{value} has too many properties"),
            Kind::Pattern { pattern } => format!("{value} does not match {}", repr_text(pattern)),
            Kind::UniqueItems => format!("{value} has non-unique elements"),
            Kind::Contains => format!("{value} does not contain items matching the given schema"),
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
                format!("{value} is not valid under any of the given schemas")
            }
            Kind::Not { schema } => format!("{value} should not be valid under {}", repr(schema)),
            Kind::AdditionalProperties { unexpected } => unexpected_ones(unexpected.iter().map(String::as_str)),
            Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
                self.unexpected_all(error)
            }
            Kind::FalseSchema => format!("False schema does not allow {value}"),
            Kind::PropertyNames { error } => self.text(error),
            _ => error.to_string(),
        };
        text.chars().take(MAX_TEXT).collect()
    }

    fn missing(&self, error: &ValidationError<'_>, property: &Value) -> String {
        let is_of_other = error.schema_path().as_str().contains("/dependentRequired");
        let others = self.keyword_value(error).filter(|_| is_of_other).and_then(Value::as_object);
        let asks = |(other, needed): &(&String, &Value)| {
            error.instance().get(other).is_some() && needed.as_array().is_some_and(|needed| needed.contains(property))
        };
        match others.and_then(|others| others.iter().find(asks)) {
            Some((other, _)) => format!("{} is a dependency of {}", repr(property), repr_text(other)),
            None => format!("{} is a required property", repr(property)),
        }
    }

    /// Returns the text for all members of an object that may have none.
    fn unexpected_all(&self, error: &ValidationError<'_>) -> String {
        let members = self.value.pointer(error.instance_path().as_str()).and_then(Value::as_object);
        unexpected_ones(members.into_iter().flat_map(|members| members.keys().map(String::as_str)))
    }
}

/// Returns the place in a value that an error is about.
pub(super) fn path(error: &ValidationError<'_>) -> Vec<Step> {
    let pointer = error.instance_path().as_str();
    let steps = pointer.split('/').skip(1);
    steps
        .map(|step| match step.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(step.replace("~1", "/").replace("~0", "~")),
        })
        .collect()
}

fn unexpected_ones<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let verb = if names.len() == 1 { "was" } else { "were" };
    let quoted: Vec<String> = names.into_iter().map(repr_text).collect();
    format!("Additional properties are not allowed ({} {verb} unexpected)", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::json_schema::{Schema, SchemaLimits};

    fn best_error(schema: &Value, value: &Value) -> String {
        Schema::new(schema, SchemaLimits::default()).unwrap().best_error(value).unwrap()
    }

    #[test]
    fn errors_have_the_texts_that_clients_know() {
        let of = |schema: Value| json!({"properties": {"a": schema}});
        for (schema, value, text) in [
            (json!({"type": "object"}), json!("x"), "'x' is not of type 'object'"),
            (of(json!({"type": ["string", "integer"]})), json!({"a": null}), "None is not of type 'string', 'integer'"),
            (json!({"enum": [1, "b", null]}), json!({"a": 1}), "{'a': 1} is not one of [1, 'b', None]"),
            (of(json!({"const": 2})), json!({"a": true}), "2 was expected"),
            (of(json!({"minimum": 10})), json!({"a": 5.5}), "5.5 is less than the minimum of 10"),
            (of(json!({"exclusiveMaximum": 1})), json!({"a": 1}), "1 is greater than or equal to the maximum of 1"),
            (of(json!({"multipleOf": 2})), json!({"a": 7}), "7 is not a multiple of 2"),
            (of(json!({"minLength": 1})), json!({"a": ""}), "'' should be non-empty"),
            (of(json!({"maxItems": 1})), json!({"a": [1, 2]}), "[1, 2] is too long"),
            (json!({"minProperties": 3}), json!({"a": 1}), "{'a': 1} does not have enough properties"),
            (of(json!({"pattern": "^x"})), json!({"a": "b"}), "'b' does not match '^x'"),
            (of(json!({"uniqueItems": true})), json!({"a": [1, 1]}), "[1, 1] has non-unique elements"),
            (
                json!({"not": {"required": ["a"]}}),
                json!({"a": 1}),
                "{'a': 1} should not be valid under {'required': ['a']}",
            ),
            (json!({"dependentRequired": {"a": ["b"]}}), json!({"a": 1}), "'b' is a dependency of 'a'"),
            (json!({"propertyNames": {"maxLength": 0}}), json!({"a": 1}), "'a' is expected to be empty"),
            (
                json!({"additionalProperties": false}),
                json!({"b": 1, "a": 1}),
                "Additional properties are not allowed ('a', 'b' were unexpected)",
            ),
            (
                json!({"additionalProperties": false, "properties": {"a": {}}}),
                json!({"b": 1, "a": 1}),
                "Additional properties are not allowed ('b' was unexpected)",
            ),
        ] {
            assert_eq!(best_error(&schema, &value), text, "{schema}");
        }
    }

    #[test]
    fn the_most_relevant_of_several_errors_is_reported() {
        let schema = json!({"required": ["x"], "properties": {"a": {"type": "string"}}});
        assert_eq!(best_error(&schema, &json!({"a": 1})), "'x' is a required property");
        assert_eq!(best_error(&json!({"required": ["x", "y"]}), &json!({})), "'x' is a required property");
        let schema = json!({"properties": {"a": {"pattern": "^x", "minLength": 5}}});
        assert_eq!(best_error(&schema, &json!({"a": "abc"})), "'abc' does not match '^x'");
        let either = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
        assert_eq!(best_error(&either, &json!(1)), "1 is not valid under any of the given schemas");
        let deeper = json!({"anyOf": [{"type": "string"}, {"properties": {"a": {"type": "string"}}}]});
        assert_eq!(best_error(&deeper, &json!({"a": 1})), "1 is not of type 'string'");
    }
}

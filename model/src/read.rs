//! Reads foreign JSON into our types and collects *every* mistake with its path, in
//! the order of our fields and in the words that the clients of this API know
//! (those of Pydantic, lax: `"4"` is an integer, `"yes"` a boolean; unknown fields
//! are ignored).
//!
//! A reader is `Fn(&Value, &mut FieldErrors) -> Option<T>`: `None` means that it has
//! noted a mistake. Read all fields first, then take them apart with `?`.

pub mod spec;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Step {
    Key(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

/// One mistake: its kind, where it is, what to tell people, and what was there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ValidationError))]
pub struct FieldError {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub loc: Vec<Step>,
    pub msg: String,
    pub input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<std::collections::BTreeMap<String, Value>>))]
    pub ctx: Option<Value>,
}

impl FieldError {
    #[must_use]
    pub fn new(kind: &'static str, loc: Vec<Step>, msg: impl Into<String>, input: Value) -> Self {
        Self { kind, loc, msg: msg.into(), input, ctx: None }
    }

    #[must_use]
    pub fn with_ctx(mut self, ctx: Value) -> Self {
        self.ctx = Some(ctx);
        self
    }

    /// A required field that is not there; `object` is what lacks it.
    #[must_use]
    pub fn missing(loc: Vec<Step>, object: Value) -> Self {
        Self::new("missing", loc, "Field required", object)
    }

    /// A text with a character that no database keeps.
    #[must_use]
    pub fn nul(loc: Vec<Step>, text: Value) -> Self {
        let msg = "Value error, a text cannot hold the character U+0000";
        Self::new("value_error", loc, msg, text).with_ctx(json!({"error": {}}))
    }

    /// The path with dots, `agents.0.name`.
    #[must_use]
    pub fn path(&self) -> String {
        let steps: Vec<String> = self.loc.iter().map(Step::to_string).collect();
        steps.join(".")
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => index.fmt(f),
        }
    }
}

/// The errors found so far and where the reader stands.
#[derive(Debug, Default)]
pub struct FieldErrors {
    at: Vec<Step>,
    found: Vec<FieldError>,
}

impl FieldErrors {
    /// Notes a mistake at this place.
    pub fn note<T>(&mut self, kind: &'static str, msg: impl Into<String>, input: &Value) -> Option<T> {
        self.found.push(FieldError::new(kind, self.at.clone(), msg, input.clone()));
        None
    }

    /// Notes a mistake with the numbers or names that belong to it.
    pub fn note_with<T>(&mut self, kind: &'static str, msg: impl Into<String>, input: &Value, ctx: Value) -> Option<T> {
        self.found.push(FieldError::new(kind, self.at.clone(), msg, input.clone()).with_ctx(ctx));
        None
    }

    /// Notes that a value breaks a rule which no type expresses.
    pub fn refuse<T>(&mut self, msg: &str, input: &Value) -> Option<T> {
        self.note_with("value_error", format!("Value error, {msg}"), input, json!({"error": {}}))
    }

    /// Notes errors of a reading of the same value, below a step that names how it was read.
    pub fn note_all(&mut self, step: &str, found: Vec<FieldError>) {
        let below: Vec<Step> = self.at.iter().cloned().chain([step.into()]).collect();
        let placed = |error: FieldError| FieldError { loc: below.iter().cloned().chain(error.loc).collect(), ..error };
        self.found.extend(found.into_iter().map(placed));
    }

    /// Reads below a step: its errors are noted there.
    pub fn inside<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.at.push(step);
        let result = read(self);
        self.at.pop();
        result
    }
}

/// Reads a whole document; paths begin with `root`.
///
/// # Errors
/// All errors, in the order of our fields.
pub fn document<T>(
    value: &Value,
    root: &[&str],
    read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
) -> Result<T, Vec<FieldError>> {
    let mut errors = FieldErrors { at: root.iter().map(|step| Step::from(*step)).collect(), found: Vec::new() };
    let result = read(value, &mut errors);
    match result {
        Some(result) if errors.found.is_empty() => Ok(result),
        _ => Err(errors.found),
    }
}

/// The fields of one object.
pub struct Fields<'v, 'm> {
    map: &'v Map<String, Value>,
    whole: &'v Value,
    pub errors: &'m mut FieldErrors,
}

impl<'v> Fields<'v, '_> {
    /// Whether the object has the key at all, be it null.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The object itself.
    #[must_use]
    pub const fn whole(&self) -> &'v Value {
        self.whole
    }

    /// A field that must be there.
    pub fn required<T>(&mut self, key: &str, read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>) -> Option<T> {
        let (map, whole) = (self.map, self.whole);
        self.errors.inside(key.into(), |errors| match map.get(key) {
            Some(value) => read(value, errors),
            None => {
                errors.found.push(FieldError::missing(errors.at.clone(), whole.clone()));
                None
            }
        })
    }

    /// A field with a default for when it is absent; null is not absent.
    pub fn or<T>(
        &mut self,
        key: &str,
        default: T,
        read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
    ) -> Option<T> {
        match self.map.get(key) {
            Some(value) => self.errors.inside(key.into(), |errors| read(value, errors)),
            None => Some(default),
        }
    }

    /// Refuses keys that are not among these.
    pub fn forbid_others(&mut self, known: &[&str]) -> Option<()> {
        let (map, before) = (self.map, self.errors.found.len());
        for (key, value) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            self.errors.inside(key.as_str().into(), |errors| {
                errors.note::<()>("extra_forbidden", "Extra inputs are not permitted", value)
            });
        }
        (self.errors.found.len() == before).then_some(())
    }

    /// A field that may be absent or null.
    pub fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
    ) -> Option<Option<T>> {
        self.or(key, None, |value, errors| nullable(read)(value, errors))
    }
}

/// Reads an object field by field.
pub fn object<T>(
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<T> {
    |value, errors| match value {
        Value::Object(map) => read(&mut Fields { map, whole: value, errors }),
        other => {
            let msg = "Input should be a valid dictionary or object to extract fields from";
            errors.note("model_attributes_type", msg, other)
        }
    }
}

/// Lets null through.
pub fn nullable<T>(
    read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Option<T>> {
    |value, errors| if value.is_null() { Some(None) } else { read(value, errors).map(Some) }
}

/// Reads a list, item by item.
pub fn list<T>(
    read: impl Fn(&Value, &mut FieldErrors) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Vec<T>> {
    move |value, errors| {
        let Some(items) = value.as_array() else {
            return errors.note("list_type", "Input should be a valid list", value);
        };
        let read: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, item)| errors.inside(Step::Index(index), |errors| read(item, errors)))
            .collect();
        read.into_iter().collect()
    }
}

/// Reads an object whose keys are names, value by value; the order is kept.
pub fn map<T>(
    read: impl Fn(&Value, &mut FieldErrors) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Vec<(String, T)>> {
    move |value, errors| {
        let Some(map) = value.as_object() else {
            return errors.note("dict_type", "Input should be a valid dictionary", value);
        };
        let read: Vec<_> = map
            .iter()
            .map(|(key, value)| {
                let read = errors.inside(key.as_str().into(), |errors| read(value, errors));
                read.map(|read| (key.clone(), read))
            })
            .collect();
        read.into_iter().collect()
    }
}

/// Any object, as it is.
pub fn object_as_is(value: &Value, errors: &mut FieldErrors) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map.clone()),
        other => errors.note("dict_type", "Input should be a valid dictionary", other),
    }
}

/// Any text; numbers are no texts.
pub fn text(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        other => errors.note("string_type", "Input should be a valid string", other),
    }
}

/// A text without the blanks around it.
pub fn trimmed(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    text(value, errors).map(|text| text.trim().to_owned())
}

/// A trimmed text of `min` to `max` characters.
pub fn length(min: usize, max: usize) -> impl Fn(&Value, &mut FieldErrors) -> Option<String> {
    move |value, errors| {
        let text = trimmed(value, errors)?;
        let length = text.chars().count();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if length < min {
            let msg = format!("String should have at least {min} character{}", plural(min));
            return errors.note_with("string_too_short", msg, value, json!({"min_length": min}));
        }
        if length > max {
            let msg = format!("String should have at most {max} character{}", plural(max));
            return errors.note_with("string_too_long", msg, value, json!({"max_length": max}));
        }
        Some(text)
    }
}

/// A boolean, or one of the words and numbers for one.
pub fn boolean(value: &Value, errors: &mut FieldErrors) -> Option<bool> {
    let word = match value {
        Value::Bool(boolean) => return Some(*boolean),
        Value::Number(number) if number.as_f64() == Some(0.0) => return Some(false),
        Value::Number(number) if number.as_f64() == Some(1.0) => return Some(true),
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => String::new(),
        Value::String(text) => text.to_ascii_lowercase(),
        other => return errors.note("bool_type", "Input should be a valid boolean", other),
    };
    match word.as_str() {
        "true" | "yes" | "on" | "t" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "f" | "n" | "0" => Some(false),
        _ => errors.note("bool_parsing", "Input should be a valid boolean, unable to interpret input", value),
    }
}

/// An integer: also `4.0`, `"4"`, `"4.0"`, `"4_000"` and `true`.
pub fn integer(value: &Value, errors: &mut FieldErrors) -> Option<i64> {
    match value {
        Value::Bool(boolean) => Some(i64::from(*boolean)),
        Value::String(text) => spelled(text.trim()).or_else(|| {
            let msg = "Input should be a valid integer, unable to parse string as an integer";
            errors.note("int_parsing", msg, value)
        }),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Some(number),
            #[expect(clippy::cast_possible_truncation, reason = "whole, and far inside the range")]
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => Some(float as i64),
            (None, Some(float)) if float.fract() != 0.0 => errors.note(
                "int_from_float",
                "Input should be a valid integer, got a number with a fractional part",
                value,
            ),
            _ => errors.note(
                "int_parsing_size",
                "Unable to parse input string as an integer, exceeded maximum size",
                value,
            ),
        },
        other => errors.note("int_type", "Input should be a valid integer", other),
    }
}

/// The integer that a text spells, with zeros after its point or with single underscores between its digits.
fn spelled(text: &str) -> Option<i64> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) => Some(whole).filter(|_| zeros.bytes().all(|digit| digit == b'0'))?,
        None => text,
    };
    let has_stray = whole.starts_with('_') || whole.ends_with('_') || whole.contains("__");
    if has_stray { None } else { whole.replace('_', "").parse().ok() }
}

/// An integer of at least `min`; with a ceiling, at most that.
pub fn whole(min: u64, max: u64) -> impl Fn(&Value, &mut FieldErrors) -> Option<u64> {
    move |value, errors| {
        let number = integer(value, errors)?;
        match u64::try_from(number) {
            Ok(number) if number > max => {
                let msg = format!("Input should be less than or equal to {max}");
                errors.note_with("less_than_equal", msg, value, json!({"le": max}))
            }
            Ok(number) if number >= min => Some(number),
            _ => {
                let msg = format!("Input should be greater than or equal to {min}");
                errors.note_with("greater_than_equal", msg, value, json!({"ge": min}))
            }
        }
    }
}

/// A number; digits in a text are one too.
pub fn number(value: &Value, errors: &mut FieldErrors) -> Option<f64> {
    match value {
        Value::Bool(boolean) => Some(f64::from(u8::from(*boolean))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            _ => errors.note(
                "float_parsing",
                "Input should be a valid number, unable to parse string as a number",
                value,
            ),
        },
        other => errors.note("float_type", "Input should be a valid number", other),
    }
}

/// A number that may be whole; the errors of both kinds are noted, each below its name.
pub fn whole_or_not(value: &Value, errors: &mut FieldErrors) -> Option<f64> {
    match (document(value, &[], integer), document(value, &[], number)) {
        (_, Ok(number)) => Some(number),
        (whole, Err(not)) => {
            errors.note_all("int", whole.err().unwrap_or_default());
            errors.note_all("float", not);
            None
        }
    }
}

/// One of a closed set of words; `expected` lists them as people read them.
pub fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
    expected: &'static str,
) -> impl Fn(&Value, &mut FieldErrors) -> Option<T> {
    move |value, errors| {
        let found = value.as_str().and_then(|word| words.iter().find(|(name, _)| *name == word));
        match found {
            Some((_, meaning)) => Some(*meaning),
            None => {
                errors.note_with("enum", format!("Input should be {expected}"), value, json!({"expected": expected}))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds<T>(result: Result<T, Vec<FieldError>>) -> Vec<(&'static str, String)> {
        result.err().unwrap_or_default().into_iter().map(|error| (error.kind, error.path())).collect()
    }

    #[test]
    fn all_mistakes_are_reported_in_the_order_of_our_fields() {
        let read = |value: &Value| {
            document(
                value,
                &["body"],
                object(|f| {
                    let name = f.required("name", text);
                    let tags = f.required("tags", list(text));
                    let count = f.or("count", 1, integer);
                    Some((name?, tags?, count?))
                }),
            )
        };
        assert_eq!(
            kinds(read(&json!({"count": 1.5, "tags": ["a", 2]}))),
            [
                ("missing", "body.name".into()),
                ("string_type", "body.tags.1".into()),
                ("int_from_float", "body.count".into())
            ]
        );
        assert_eq!(read(&json!({"name": "n", "tags": [], "more": 1})), Ok(("n".into(), vec![], 1)));
        assert_eq!(kinds(read(&json!([]))), [("model_attributes_type", "body".into())]);
    }

    #[test]
    fn booleans_and_integers_are_lax_as_the_clients_expect() {
        for value in [json!(true), json!(1), json!("YES"), json!("on"), json!("t"), json!("1")] {
            assert_eq!(document(&value, &[], boolean), Ok(true), "{value}");
        }
        assert_eq!(kinds(document(&json!("maybe"), &[], boolean)), [("bool_parsing", String::new())]);
        for value in [json!(0.5), json!(null), json!([])] {
            assert_eq!(kinds(document(&value, &[], boolean)), [("bool_type", String::new())], "{value}");
        }
        assert_eq!(kinds(document(&json!(2), &[], boolean)), [("bool_parsing", String::new())]);
        for value in ["", "4.5", "_4", "4__0", "4e1", "four"] {
            assert_eq!(kinds(document(&json!(value), &[], integer)), [("int_parsing", String::new())], "{value}");
        }
        for value in [json!(4), json!(4.0), json!("4"), json!(" +4 "), json!("4.00"), json!("0_4")] {
            assert_eq!(document(&value, &[], integer), Ok(4), "{value}");
        }
        assert_eq!(document(&json!(true), &[], integer), Ok(1));
        assert_eq!(kinds(document(&json!(null), &[], integer)), [("int_type", String::new())]);
    }

    #[test]
    fn lengths_count_characters_after_trimming() {
        assert_eq!(document(&json!("  é "), &[], length(1, 1)), Ok("é".into()));
        assert_eq!(kinds(document(&json!("  "), &[], length(1, 64))), [("string_too_short", String::new())]);
    }
}

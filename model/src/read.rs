//! Reads untrusted JSON into the types of this crate and reports *every* error with its place, in the order of the
//! fields. The rules and the texts are those of Pydantic in its lax mode: `"4"` is an integer, `"yes"` is a boolean,
//! and unknown fields are ignored.
//!
//! A reader is a `Fn(&Value, &mut FieldErrors) -> Option<T>`. It returns `None` after it has added an error. Read all
//! fields of an object first and use `?` afterwards, so that every error is found.

mod error;
pub mod spec;

use serde_json::{Map, Value, json};

use crate::names;

pub use error::{FieldError, FieldErrors, Step};

/// Reads a whole document. The places of its errors start with `root`.
///
/// # Errors
/// All errors, in the order of the fields.
pub fn document<T>(
    value: &Value,
    root: &[&str],
    read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
) -> Result<T, Vec<FieldError>> {
    let mut errors = FieldErrors::at(root);
    let result = read(value, &mut errors);
    match result {
        Some(result) if errors.count() == 0 => Ok(result),
        _ => Err(errors.into_found()),
    }
}

/// The fields of an object that is being read.
pub struct Fields<'v, 'm> {
    map: &'v Map<String, Value>,
    whole: &'v Value,
    /// The errors found so far.
    pub errors: &'m mut FieldErrors,
}

impl<'v> Fields<'v, '_> {
    /// Returns whether the object has a key, even with the value null.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Returns the object itself.
    #[must_use]
    pub const fn whole(&self) -> &'v Value {
        self.whole
    }

    /// Reads a field that must be present.
    pub fn required<T>(&mut self, key: &str, read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>) -> Option<T> {
        let (map, whole) = (self.map, self.whole);
        self.errors.inside(key.into(), |errors| match map.get(key) {
            Some(value) => read(value, errors),
            None => errors.missing(whole),
        })
    }

    /// Reads a field with a default. A null value does not count as absent.
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

    /// Adds an error for each key that is not in `known`.
    pub fn forbid_others(&mut self, known: &[&str]) -> Option<()> {
        let (map, before) = (self.map, self.errors.count());
        for (key, value) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            self.errors.inside(key.as_str().into(), |errors| {
                errors.note::<()>("extra_forbidden", "Extra inputs are not permitted", value)
            });
        }
        (self.errors.count() == before).then_some(())
    }

    /// Reads a field that may be absent or null.
    pub fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
    ) -> Option<Option<T>> {
        self.or(key, None, |value, errors| nullable(read)(value, errors))
    }
}

/// Returns a reader for an object, field by field.
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

/// Returns a reader that also accepts null.
pub fn nullable<T>(
    read: impl FnOnce(&Value, &mut FieldErrors) -> Option<T>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<Option<T>> {
    |value, errors| if value.is_null() { Some(None) } else { read(value, errors).map(Some) }
}

/// Returns a reader for a list, item by item.
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

/// Returns a reader for an object with free keys, value by value. It keeps their order.
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

/// Reads an object and returns it unchanged.
pub fn object_as_is(value: &Value, errors: &mut FieldErrors) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map.clone()),
        other => errors.note("dict_type", "Input should be a valid dictionary", other),
    }
}

/// Reads a text. A number is not a text.
pub fn text(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        other => errors.note("string_type", "Input should be a valid string", other),
    }
}

/// Reads a text and removes the blanks around it.
pub fn trimmed(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    text(value, errors).map(|text| text.trim().to_owned())
}

/// Returns a reader for a name that people compare by eye: it also refuses characters that cannot be seen.
pub fn name(
    read: impl Fn(&Value, &mut FieldErrors) -> Option<String>,
) -> impl Fn(&Value, &mut FieldErrors) -> Option<String> {
    move |value, errors| {
        let name = read(value, errors)?;
        match names::check(&name) {
            Ok(()) => Some(name),
            Err(unseen) => errors.refuse(&unseen.to_string(), value),
        }
    }
}

/// Returns a reader for a trimmed text of `min` to `max` characters.
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

/// Reads a boolean, or a text or number that stands for one, such as `"yes"` or 1.
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

/// Reads an integer: also `4.0`, `"4"`, `"4.0"`, `"4_000"` and `true`.
pub fn integer(value: &Value, errors: &mut FieldErrors) -> Option<i64> {
    match value {
        Value::Bool(boolean) => Some(i64::from(*boolean)),
        Value::String(text) => parse_integer(text.trim()).or_else(|| {
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

/// Reads the text of an integer. It may have zeros after a point, and single underscores between digits.
fn parse_integer(text: &str) -> Option<i64> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) => Some(whole).filter(|_| zeros.bytes().all(|digit| digit == b'0'))?,
        None => text,
    };
    let has_stray = whole.starts_with('_') || whole.ends_with('_') || whole.contains("__");
    if has_stray { None } else { whole.replace('_', "").parse().ok() }
}

/// Returns a reader for an integer from `min` to `max`.
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

/// Reads a number, or a text with a number.
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

/// Reads an integer or a float. When both readings fail, the errors of both are reported, each below its name.
pub fn integer_or_float(value: &Value, errors: &mut FieldErrors) -> Option<f64> {
    match (document(value, &[], integer), document(value, &[], number)) {
        (_, Ok(number)) => Some(number),
        (whole, Err(not)) => {
            errors.note_all("int", whole.err().unwrap_or_default());
            errors.note_all("float", not);
            None
        }
    }
}

/// Whether a word stands for a value of an enumeration: the value itself, or the name that it has in the reference, in
/// capitals and with underscores.
pub fn is_named(word: &str, value: &str) -> bool {
    let is_capital = |(word, value): (u8, u8)| match value {
        b'-' => word == b'_',
        _ => word == value.to_ascii_uppercase(),
    };
    word == value || (word.len() == value.len() && word.bytes().zip(value.bytes()).all(is_capital))
}

/// Returns a reader for one of a set of texts, in small letters or as their names in capitals. `expected` lists the
/// texts in the error for people.
pub fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
    expected: &'static str,
) -> impl Fn(&Value, &mut FieldErrors) -> Option<T> {
    one_by(words, expected, is_named)
}

/// The same as [`one_of`] for words that have no other spelling.
pub fn exactly_one_of<T: Copy>(
    words: &'static [(&'static str, T)],
    expected: &'static str,
) -> impl Fn(&Value, &mut FieldErrors) -> Option<T> {
    one_by(words, expected, |word, name| word == name)
}

fn one_by<T: Copy>(
    words: &'static [(&'static str, T)],
    expected: &'static str,
    is_same: fn(&str, &str) -> bool,
) -> impl Fn(&Value, &mut FieldErrors) -> Option<T> {
    move |value, errors| {
        let found = value.as_str().and_then(|word| words.iter().find(|(name, _)| is_same(word, name)));
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
    fn all_errors_are_reported_in_the_order_of_the_fields() {
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
    fn booleans_and_integers_accept_texts_and_numbers() {
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
    fn values_of_enumerations_may_be_written_as_their_names() {
        let words: &[(&str, u8)] = &[("json-patch", 1), ("content_based_router", 2)];
        for (word, wanted) in [
            ("json-patch", Some(1)),
            ("JSON_PATCH", Some(1)),
            ("CONTENT_BASED_ROUTER", Some(2)),
            ("Json-Patch", None),
            ("json_patch", None),
        ] {
            assert_eq!(document(&json!(word), &[], one_of(words, "one")).ok(), wanted, "{word}");
        }
    }

    #[test]
    fn lengths_count_characters_after_trimming() {
        assert_eq!(document(&json!("  é "), &[], length(1, 1)), Ok("é".into()));
        assert_eq!(kinds(document(&json!("  "), &[], length(1, 64))), [("string_too_short", String::new())]);
    }
}

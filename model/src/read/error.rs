//! The errors of a document that clients send: their kinds, places and texts. They are those of Pydantic, which the
//! clients of this API know.

use serde::Serialize;
use serde_json::{Value, json};

/// A step from a value of a document to a value inside of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Step {
    /// The member of an object.
    Key(String),
    /// The element of a list, from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

/// An error of a document, in the form that clients of this API know (that of Pydantic).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ValidationError))]
pub struct FieldError {
    /// The kind of the error, such as `missing`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The place of the error.
    pub loc: Vec<Step>,
    /// The text for people.
    pub msg: String,
    /// The value at that place.
    pub input: Value,
    /// The limits or names of the text, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<std::collections::BTreeMap<String, Value>>))]
    pub ctx: Option<Value>,
}

impl FieldError {
    /// Returns an error without a context.
    #[must_use]
    pub fn new(kind: &'static str, loc: Vec<Step>, msg: impl Into<String>, input: Value) -> Self {
        Self { kind, loc, msg: msg.into(), input, ctx: None }
    }

    /// Sets the context.
    #[must_use]
    pub fn with_ctx(mut self, ctx: Value) -> Self {
        self.ctx = Some(ctx);
        self
    }

    /// Returns the error of a required field that is absent from `object`.
    #[must_use]
    pub fn missing(loc: Vec<Step>, object: Value) -> Self {
        Self::new("missing", loc, "Field required", object)
    }

    /// Returns the error of a text with a NUL character, which the databases cannot store.
    #[must_use]
    pub fn nul(loc: Vec<Step>, text: Value) -> Self {
        let msg = "Value error, a text cannot hold the character U+0000";
        Self::new("value_error", loc, msg, text).with_ctx(json!({"error": {}}))
    }

    /// Returns the place with dots, such as `agents.0.name`.
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

/// The most errors of one document that are kept.
pub const MAX_ERRORS: usize = 200;
/// The most bytes of all values that the errors of one document repeat, about as they are in memory.
const MAX_INPUT_BYTES: usize = 1 << 20;
/// What an error has in place of a value that is too large to repeat.
const TOO_LARGE: &str = "(too large to repeat)";

/// The errors found so far, and the place that is being read.
#[derive(Debug)]
pub struct FieldErrors {
    at: Vec<Step>,
    found: Vec<FieldError>,
    /// The errors that were found and not kept.
    left_out: usize,
    /// The bytes that the values of further errors may have.
    input_bytes: usize,
}

impl FieldErrors {
    /// Starts at a place without errors.
    #[must_use]
    pub fn at(root: &[&str]) -> Self {
        let at = root.iter().map(|step| Step::from(*step)).collect();
        Self { at, found: Vec::new(), left_out: 0, input_bytes: MAX_INPUT_BYTES }
    }

    /// Returns the errors in the order in which they were added. When there were more than `MAX_ERRORS`, the last one
    /// says how many are left out.
    #[must_use]
    pub fn into_found(mut self) -> Vec<FieldError> {
        if self.left_out > 0 {
            let msg = format!("{} more errors are not listed", self.left_out);
            self.found.push(FieldError::new("too_many_errors", self.at, msg, Value::Null));
        }
        self.found
    }

    /// Returns the number of errors.
    pub(super) const fn count(&self) -> usize {
        self.found.len()
    }

    /// Adds the error of a required field that is absent from `object`. Returns `None`.
    pub(super) fn missing<T>(&mut self, object: &Value) -> Option<T> {
        self.add(object, FieldError::missing)
    }

    /// Adds the error of a text with a NUL character. Returns `None`.
    pub fn nul<T>(&mut self, text: &Value) -> Option<T> {
        self.add(text, FieldError::nul)
    }

    /// Adds an error at this place. Returns `None`, the result of a reader that failed.
    pub fn note<T>(&mut self, kind: &'static str, msg: impl Into<String>, input: &Value) -> Option<T> {
        self.add(input, |at, input| FieldError::new(kind, at, msg, input))
    }

    /// Adds an error with a context at this place. Returns `None`.
    pub fn note_with<T>(&mut self, kind: &'static str, msg: impl Into<String>, input: &Value, ctx: Value) -> Option<T> {
        self.add(input, |at, input| FieldError::new(kind, at, msg, input).with_ctx(ctx))
    }

    /// Adds the error of a value that violates a rule. Returns `None`.
    pub fn refuse<T>(&mut self, msg: &str, input: &Value) -> Option<T> {
        self.note_with("value_error", format!("Value error, {msg}"), input, json!({"error": {}}))
    }

    /// Adds the errors of one way to read the value at this place, below a step that names this way.
    pub fn note_all(&mut self, step: &str, found: Vec<FieldError>) {
        for error in found {
            let FieldError { kind, loc, msg, input, ctx } = error;
            self.add::<()>(&input, |at, input| {
                let loc = at.into_iter().chain([step.into()]).chain(loc).collect();
                FieldError { kind, loc, msg, input, ctx }
            });
        }
    }

    /// Adds an error at this place unless there are too many. Returns `None`.
    fn add<T>(&mut self, input: &Value, error: impl FnOnce(Vec<Step>, Value) -> FieldError) -> Option<T> {
        if self.found.len() < MAX_ERRORS {
            let input = self.repeated(input);
            self.found.push(error(self.at.clone(), input));
        } else {
            self.left_out += 1;
        }
        None
    }

    /// Returns a copy of a value, or a text in its place when the errors repeat too much.
    fn repeated(&mut self, input: &Value) -> Value {
        match left_after(self.input_bytes, input) {
            Some(left) => {
                self.input_bytes = left;
                input.clone()
            }
            None => Value::from(TOO_LARGE),
        }
    }

    /// Runs a reader one step deeper, so that its errors have that place.
    pub fn inside<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.at.push(step);
        let result = read(self);
        self.at.pop();
        result
    }
}

/// What is left of `bytes` after a value. `None` when the value is larger; it is not looked at to its end.
fn left_after(bytes: usize, value: &Value) -> Option<usize> {
    let own = size_of::<Value>() + value.as_str().map_or(0, str::len);
    let left = bytes.checked_sub(own)?;
    match value {
        Value::Array(items) => items.iter().try_fold(left, left_after),
        Value::Object(fields) => fields
            .iter()
            .try_fold(left, |left, (key, item)| left_after(left.checked_sub(size_of::<String>() + key.len())?, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_beyond_the_most_are_counted() {
        let mut errors = FieldErrors::at(&["body"]);
        for _ in 0..MAX_ERRORS + 7 {
            errors.refuse::<()>("no", &json!(1));
        }
        let found = errors.into_found();
        assert_eq!(found.len(), MAX_ERRORS + 1);
        assert_eq!((found[MAX_ERRORS].kind, found[MAX_ERRORS].path()), ("too_many_errors", "body".to_owned()));
        assert_eq!(found[MAX_ERRORS].msg, "7 more errors are not listed");
    }

    #[test]
    fn large_values_are_repeated_up_to_a_bound() {
        let mut errors = FieldErrors::at(&[]);
        let large = json!({"text": "x".repeat(400 << 10), "list": [1, {"a": null}]});
        for _ in 0..3 {
            errors.refuse::<()>("no", &large);
        }
        errors.refuse::<()>("no", &json!("small"));
        let inputs: Vec<Value> = errors.into_found().into_iter().map(|error| error.input).collect();
        assert_eq!(inputs, [large.clone(), large, json!(TOO_LARGE), json!("small")]);
    }
}

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

/// The errors found so far, and the place that is being read.
#[derive(Debug, Default)]
pub struct FieldErrors {
    at: Vec<Step>,
    found: Vec<FieldError>,
}

impl FieldErrors {
    /// Starts at a place without errors.
    pub(super) fn at(root: &[&str]) -> Self {
        Self { at: root.iter().map(|step| Step::from(*step)).collect(), found: Vec::new() }
    }

    /// Returns the errors in the order in which they were added.
    pub(super) fn into_found(self) -> Vec<FieldError> {
        self.found
    }

    /// Returns the number of errors.
    pub(super) const fn count(&self) -> usize {
        self.found.len()
    }

    /// Adds the error of a required field that is absent from `object`. Returns `None`.
    pub(super) fn missing<T>(&mut self, object: &Value) -> Option<T> {
        self.found.push(FieldError::missing(self.at.clone(), object.clone()));
        None
    }

    /// Adds an error at this place. Returns `None`, the result of a reader that failed.
    pub fn note<T>(&mut self, kind: &'static str, msg: impl Into<String>, input: &Value) -> Option<T> {
        self.found.push(FieldError::new(kind, self.at.clone(), msg, input.clone()));
        None
    }

    /// Adds an error with a context at this place. Returns `None`.
    pub fn note_with<T>(&mut self, kind: &'static str, msg: impl Into<String>, input: &Value, ctx: Value) -> Option<T> {
        self.found.push(FieldError::new(kind, self.at.clone(), msg, input.clone()).with_ctx(ctx));
        None
    }

    /// Adds the error of a value that violates a rule. Returns `None`.
    pub fn refuse<T>(&mut self, msg: &str, input: &Value) -> Option<T> {
        self.note_with("value_error", format!("Value error, {msg}"), input, json!({"error": {}}))
    }

    /// Adds the errors of one way to read the value at this place, below a step that names this way.
    pub fn note_all(&mut self, step: &str, found: Vec<FieldError>) {
        let below: Vec<Step> = self.at.iter().cloned().chain([step.into()]).collect();
        let nested = |error: FieldError| FieldError { loc: below.iter().cloned().chain(error.loc).collect(), ..error };
        self.found.extend(found.into_iter().map(nested));
    }

    /// Runs a reader one step deeper, so that its errors have that place.
    pub fn inside<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.at.push(step);
        let result = read(self);
        self.at.pop();
        result
    }
}

//! The body of every error answer, whichever part of the host refuses the request.

use serde::Serialize;
use serde_json::Value;

/// The body of an error answer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Error))]
pub struct ErrorBody {
    /// A text for people, or the list of errors in a request's body.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Detail))]
    pub detail: Value,
    /// A stable name of the error, for programs.
    pub code: &'static str,
    /// What to do about the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The values that `detail` mentions, by name, for programs.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub context: Value,
    /// The id of the request's trace. It is empty until the API sends the body.
    pub trace_id: String,
}

impl ErrorBody {
    /// Returns a body without a hint, a context and a trace id.
    #[must_use]
    pub fn new(detail: impl Into<Value>, code: &'static str) -> Self {
        Self { detail: detail.into(), code, hint: None, context: Value::Null, trace_id: String::new() }
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the context, an object.
    #[must_use]
    pub fn about(mut self, context: Value) -> Self {
        self.context = context;
        self
    }
}

//! What every refused request is told, whichever part of the host refuses it.

use serde::Serialize;
use serde_json::Value;

/// The one shape of errors: `detail` (a text, or the list of errors in a body), `code` (stable, for programs), `hint`
/// and `context` where there are such, `trace_id` (empty until the API sends it).
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Error))]
pub struct ErrorBody {
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Detail))]
    pub detail: Value,
    pub code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What the words speak of, by name, for programs.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub context: Value,
    pub trace_id: String,
}

impl ErrorBody {
    #[must_use]
    pub fn new(detail: impl Into<Value>, code: &'static str) -> Self {
        Self { detail: detail.into(), code, hint: None, context: Value::Null, trace_id: String::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn about(mut self, context: Value) -> Self {
        self.context = context;
        self
    }
}

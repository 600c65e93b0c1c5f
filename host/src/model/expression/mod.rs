//! Expressions in rules and predicates: JSONata and CEL. An expression is checked
//! when it is read, compiled once, and bounded when it runs: in time, memory, depth
//! and size. One that fails says so with a name and harms nobody.
//!
//! They are evaluated by whatever was [`install`]ed in this process, which is the
//! sandbox's evaluator: expressions come from strangers as components do. What this
//! does not do: it knows nothing of messages; who calls builds the input.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an expression is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    Jsonata,
    Cel,
}

/// The longest expression, in bytes.
pub const MAX_SOURCE_BYTES: usize = 16 << 10;
/// The most that one takes, in bytes of JSON.
pub const MAX_INPUT_BYTES: usize = 4 << 20;
/// How long one may run.
pub const MAX_MILLIS: u64 = 100;
/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is not of its language; the words say where.
    #[error("expression_invalid: {0}")]
    Invalid(String),
    /// It ran into an error of its own.
    #[error("expression_failed: {0}")]
    Failed(String),
    #[error("expression_timeout: it ran for more than {MAX_MILLIS} ms")]
    Timeout,
    #[error("expression_too_deep: it, or what it gives, is nested too deeply")]
    TooDeep,
    #[error("expression_too_large: {0}")]
    TooLarge(String),
    /// The host cannot run expressions now.
    #[error("expression_unavailable: {0}")]
    Unavailable(String),
}

/// Evaluates expressions, bounded.
pub trait Evaluate: Send + Sync {
    /// Checks an expression in its own language.
    ///
    /// # Errors
    /// `Invalid`, with words for its author.
    fn check(&self, language: Language, source: &str) -> Result<(), ExpressionError>;

    /// Evaluates an expression on a JSON object; gives JSON, or nothing.
    ///
    /// # Errors
    /// Any; it has run for about [`MAX_MILLIS`] at the most.
    fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<String>, ExpressionError>;
}

static EVALUATOR: OnceLock<Arc<dyn Evaluate>> = OnceLock::new();

/// Makes an evaluator that of this process; the first one stays.
pub fn install(evaluator: Arc<dyn Evaluate>) {
    let _ = EVALUATOR.set(evaluator);
}

fn evaluator() -> Result<&'static Arc<dyn Evaluate>, ExpressionError> {
    EVALUATOR.get().ok_or_else(|| ExpressionError::Unavailable("no evaluator is installed".to_owned()))
}

/// Checks an expression in its own language.
///
/// # Errors
/// `Invalid`, with words for its author.
pub fn check(language: Language, source: &str) -> Result<(), ExpressionError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(ExpressionError::Invalid(format!("it may have {MAX_SOURCE_BYTES} bytes")));
    }
    evaluator()?.check(language, source)
}

/// Evaluates an expression on a JSON object. `None`: it gives nothing.
///
/// # Errors
/// Any; it has run for about [`MAX_MILLIS`] at the most.
pub fn evaluate(language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
    if source.len() > MAX_SOURCE_BYTES || input.len() > MAX_INPUT_BYTES {
        return Err(ExpressionError::TooLarge("what it is given".to_owned()));
    }
    let result = evaluator()?.evaluate(language, source, input)?;
    let parsed = result.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| ExpressionError::Failed(error.to_string()))
}

/// Whether a result counts as true: it does unless it is nothing, null, false, 0,
/// or empty.
#[must_use]
pub fn is_true(result: Option<&Value>) -> bool {
    match result {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

#[cfg(test)]
mod tests;

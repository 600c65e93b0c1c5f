//! Expressions in rules and predicates: JSONata and CEL. An expression is checked
//! when it is read, compiled once, and bounded when it runs: in time, memory, depth
//! and size. One that fails says so with a name and harms nobody.
//!
//! They are evaluated by whatever was [`install`]ed in this process, which is the
//! sandbox's evaluator: expressions come from strangers as components do. What this
//! does not do: it knows nothing of messages; who calls builds the input.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

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
    #[error("expression_timeout: it ran for more than {MAX_MILLIS} ms, or with others for more than {together} ms", together = MAX_TOGETHER.as_millis())]
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
    /// Waits until it can evaluate; the first time that may take seconds.
    fn get_ready(&self);

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

thread_local! {
    /// What is left for the expressions of the work at hand.
    static LEFT: Cell<Option<Duration>> = const { Cell::new(None) };
    /// What failed of it, in words.
    static FAILED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// So many failures of one piece of work are told.
const MAX_FAILED: usize = 8;

/// How long all expressions of one piece of work may run together: the routing of a
/// message, of what a turn said.
pub const MAX_TOGETHER: Duration = Duration::from_millis(200);

/// Has everything that `work` evaluates share [`MAX_TOGETHER`]; what comes after that
/// is a timeout. Gives what failed beside the result, in words. `work` runs on one
/// thread to its end.
pub fn together<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    struct Back(Option<Duration>);
    impl Drop for Back {
        fn drop(&mut self) {
            LEFT.set(self.0);
        }
    }
    let _back = Back(LEFT.replace(Some(MAX_TOGETHER)));
    FAILED.take();
    (work(), FAILED.take())
}

/// Calls the evaluator within what is left of the time.
fn timed<T>(call: impl FnOnce(&dyn Evaluate) -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
    let evaluator = evaluator()?;
    let Some(left) = LEFT.get() else { return call(&**evaluator) };
    if left.is_zero() {
        return Err(failed(ExpressionError::Timeout));
    }
    evaluator.get_ready();
    let began = Instant::now();
    let result = call(&**evaluator).map_err(failed);
    LEFT.set(Some(left.saturating_sub(began.elapsed())));
    result
}

fn failed(error: ExpressionError) -> ExpressionError {
    FAILED.with_borrow_mut(|failed| {
        if failed.len() < MAX_FAILED {
            failed.push(error.to_string());
        }
    });
    error
}

/// Checks an expression in its own language.
///
/// # Errors
/// `Invalid`, with words for its author.
pub fn check(language: Language, source: &str) -> Result<(), ExpressionError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(ExpressionError::Invalid(format!("it may have {MAX_SOURCE_BYTES} bytes")));
    }
    timed(|evaluator| evaluator.check(language, source))
}

/// Evaluates an expression on a JSON object. `None`: it gives nothing.
///
/// # Errors
/// Any; it has run for about [`MAX_MILLIS`] at the most.
pub fn evaluate(language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
    if source.len() > MAX_SOURCE_BYTES || input.len() > MAX_INPUT_BYTES {
        return Err(ExpressionError::TooLarge("what it is given".to_owned()));
    }
    let result = timed(|evaluator| evaluator.evaluate(language, source, input))?;
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

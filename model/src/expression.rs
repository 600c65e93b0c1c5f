//! Expressions in rules and predicates, in JSONata or CEL.
//!
//! This module has the trait of evaluators and the time that expressions share. It has no evaluator: expressions are
//! untrusted, as components are, so the sandbox evaluates them. It does not know messages: the caller builds the input.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The language of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Language {
    /// JSONata, the default.
    #[default]
    Jsonata,
    /// The Common Expression Language.
    Cel,
}

/// The longest expression, in bytes.
const MAX_SOURCE_BYTES: usize = 16 << 10;
/// The largest input of an expression, in bytes of JSON.
const MAX_INPUT_BYTES: usize = 4 << 20;
/// The most milliseconds that one expression may run.
const MAX_MILLIS: u64 = 100;

/// Why an expression has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// The text is not valid in its language; the detail says where.
    #[error("expression_invalid: {0}")]
    Invalid(String),
    /// The evaluation failed; the detail says why.
    #[error("expression_failed: {0}")]
    Failed(String),
    /// The expression ran longer than its own limit or the limit of the work it belongs to.
    #[error("expression_timeout: it ran for more than {MAX_MILLIS} ms, or with others for more than {together} ms", together = MAX_TOTAL.as_millis())]
    Timeout,
    /// The expression or its result is nested too deep.
    #[error("expression_too_deep: its steps may be nested 512 deep, and its result 64 levels")]
    TooDeep,
    /// The expression, its input or its result is too large; the detail says which.
    #[error("expression_too_large: {0}")]
    TooLarge(String),
    /// The host cannot evaluate expressions now.
    #[error("expression_unavailable: {0}")]
    Unavailable(String),
}

/// Evaluates expressions. The caller limits the time of each call, and the evaluator limits the memory.
pub trait Evaluate: Send + Sync {
    /// Blocks until the evaluator is ready. The first call in a process may take seconds, later calls return at once.
    fn prepare(&self);

    /// Checks the syntax of an expression, within `budget`.
    ///
    /// # Errors
    /// `Invalid` with a text for the author, or any error of [`Self::evaluate`].
    fn check(&self, language: Language, source: &str, budget: Duration) -> Result<(), ExpressionError>;

    /// Evaluates an expression on `input`, a JSON object, within `budget`. Returns the result as JSON text, or `None`
    /// if the expression has no result.
    ///
    /// # Errors
    /// Any [`ExpressionError`]. It is `Timeout` at the latest one tick of the evaluator's clock after `budget`.
    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        budget: Duration,
    ) -> Result<Option<String>, ExpressionError>;
}

/// At most this many failures of one piece of work are reported.
const MAX_FAILURES: usize = 8;

/// The time that all expressions of one piece of work share. Routing one message is one piece of work, and so is
/// routing the outgoing messages of one turn.
pub const MAX_TOTAL: Duration = Duration::from_millis(200);

/// The expressions of one piece of work: an evaluator, the time that is left, and the failures. It belongs to one
/// thread.
pub struct Expressions<'e> {
    evaluator: Option<&'e dyn Evaluate>,
    /// The time that is left for all expressions; `None` means that only each single one is limited.
    left: Cell<Option<Duration>>,
    failures: RefCell<Vec<String>>,
}

impl std::fmt::Debug for Expressions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expressions")
            .field("left", &self.left)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl<'e> Expressions<'e> {
    /// Returns expressions that share `total`. Once it is used up, every expression fails with `Timeout`.
    #[must_use]
    pub const fn sharing(evaluator: &'e dyn Evaluate, total: Duration) -> Self {
        Self { evaluator: Some(evaluator), left: Cell::new(Some(total)), failures: RefCell::new(Vec::new()) }
    }

    /// Returns expressions that have 100 ms each and share no limit. The number of expressions must be bounded
    /// otherwise, as by the size of a document.
    #[must_use]
    pub const fn unshared(evaluator: &'e dyn Evaluate) -> Self {
        Self { evaluator: Some(evaluator), left: Cell::new(None), failures: RefCell::new(Vec::new()) }
    }

    /// Returns expressions without an evaluator: each one fails with `Unavailable`.
    #[must_use]
    pub const fn none() -> Self {
        Self { evaluator: None, left: Cell::new(None), failures: RefCell::new(Vec::new()) }
    }

    /// Checks the length and the syntax of an expression.
    ///
    /// # Errors
    /// `Invalid` with a text for the author, or `Timeout` when no time is left.
    pub fn check(&self, language: Language, source: &str) -> Result<(), ExpressionError> {
        if source.len() > MAX_SOURCE_BYTES {
            let text = format!("it has {} bytes, the limit is {MAX_SOURCE_BYTES}", source.len());
            return Err(ExpressionError::Invalid(text));
        }
        self.timed(|evaluator, budget| evaluator.check(language, source, budget))
    }

    /// Evaluates an expression on `input`, a JSON object. Returns `None` if the expression has no result.
    ///
    /// # Errors
    /// Any [`ExpressionError`]. Errors of the evaluator are also reported by [`Self::into_failures`].
    pub fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
        if source.len() > MAX_SOURCE_BYTES || input.len() > MAX_INPUT_BYTES {
            return Err(ExpressionError::TooLarge("the expression or its input".to_owned()));
        }
        let result = self.timed(|evaluator, budget| evaluator.evaluate(language, source, input, budget))?;
        let parsed = result.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| ExpressionError::Failed(error.to_string()))
    }

    /// Returns the texts of the first failures, at most eight.
    #[must_use]
    pub fn into_failures(self) -> Vec<String> {
        self.failures.into_inner()
    }

    /// Calls the evaluator with the time that is left, and subtracts the time of the call.
    fn timed<T>(
        &self,
        call: impl FnOnce(&dyn Evaluate, Duration) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        const EACH: Duration = Duration::from_millis(MAX_MILLIS);
        let Some(evaluator) = self.evaluator else {
            return Err(ExpressionError::Unavailable("there is no evaluator here".to_owned()));
        };
        let Some(left) = self.left.get() else { return call(evaluator, EACH).map_err(|error| self.note(error)) };
        if left.is_zero() {
            return Err(self.note(ExpressionError::Timeout));
        }
        evaluator.prepare();
        let start = Instant::now();
        let result = call(evaluator, EACH.min(left)).map_err(|error| self.note(error));
        self.left.set(Some(left.saturating_sub(start.elapsed())));
        result
    }

    fn note(&self, error: ExpressionError) -> ExpressionError {
        let mut failures = self.failures.borrow_mut();
        if failures.len() < MAX_FAILURES {
            failures.push(error.to_string());
        }
        error
    }
}

/// Returns whether a result counts as true: every result does but an absent one, null, false, 0, and an empty text,
/// list or object.
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

#[cfg(feature = "native-evaluator")]
pub mod native;
#[cfg(test)]
mod tests;

//! Expressions in rules and predicates, in JSONata or CEL.
//!
//! This module holds the trait that an evaluator implements and the time that expressions may share. It evaluates
//! nothing itself: the sandbox has the evaluator, because expressions come from strangers, as components do. It knows
//! nothing of messages either: the caller builds the input.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an expression is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[error("expression_timeout: it ran for more than {MAX_MILLIS} ms, or with others for more than {together} ms", together = MAX_TOTAL.as_millis())]
    Timeout,
    #[error("expression_too_deep: it, or what it gives, is nested too deeply")]
    TooDeep,
    #[error("expression_too_large: {0}")]
    TooLarge(String),
    /// The host cannot run expressions now.
    #[error("expression_unavailable: {0}")]
    Unavailable(String),
}

/// Evaluates expressions, each within a time that the caller sets and a memory that the evaluator sets.
pub trait Evaluate: Send + Sync {
    /// Waits until the evaluator can evaluate. The first call in a process may take seconds, later ones return at once.
    fn prepare(&self);

    /// Checks an expression in its own language, within `budget`.
    ///
    /// # Errors
    /// `Invalid`, with words for the author; or any error of [`Self::evaluate`].
    fn check(&self, language: Language, source: &str, budget: Duration) -> Result<(), ExpressionError>;

    /// Evaluates an expression on a JSON object, within `budget`. Returns JSON text, or `None` when the expression
    /// gives nothing.
    ///
    /// # Errors
    /// Any [`ExpressionError`]. After `budget` and at most a tick of the evaluator's clock it is `Timeout`.
    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        budget: Duration,
    ) -> Result<Option<String>, ExpressionError>;
}

/// At most this many failures of one piece of work are kept.
const MAX_FAILURES: usize = 8;

/// How long all expressions of one piece of work may run together. Routing one message is one piece of work, and so is
/// routing what one turn emitted.
pub const MAX_TOTAL: Duration = Duration::from_millis(200);

/// The expressions of one piece of work: an evaluator, the time that is left, and what has failed. Used on one thread.
pub struct Expressions<'e> {
    evaluator: Option<&'e dyn Evaluate>,
    /// `None`: each expression has its own time and there is no limit for all of them.
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
    /// Expressions that share `total`. After that each one is a `Timeout`.
    #[must_use]
    pub const fn sharing(evaluator: &'e dyn Evaluate, total: Duration) -> Self {
        Self { evaluator: Some(evaluator), left: Cell::new(Some(total)), failures: RefCell::new(Vec::new()) }
    }

    /// Expressions that each have [`MAX_MILLIS`], however many there are: for documents whose size is bounded.
    #[must_use]
    pub const fn unshared(evaluator: &'e dyn Evaluate) -> Self {
        Self { evaluator: Some(evaluator), left: Cell::new(None), failures: RefCell::new(Vec::new()) }
    }

    /// No evaluator: every expression is `Unavailable`.
    #[must_use]
    pub const fn none() -> Self {
        Self { evaluator: None, left: Cell::new(None), failures: RefCell::new(Vec::new()) }
    }

    /// Checks an expression in its own language.
    ///
    /// # Errors
    /// `Invalid`, with words for the author; `Timeout` when no time is left.
    pub fn check(&self, language: Language, source: &str) -> Result<(), ExpressionError> {
        if source.len() > MAX_SOURCE_BYTES {
            let words = format!("it has {} bytes, the limit is {MAX_SOURCE_BYTES}", source.len());
            return Err(ExpressionError::Invalid(words));
        }
        self.timed(|evaluator, budget| evaluator.check(language, source, budget))
    }

    /// Evaluates an expression on a JSON object. `None`: it gives nothing.
    ///
    /// # Errors
    /// Any [`ExpressionError`]; it is kept for [`Self::into_failures`] as well.
    pub fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
        if source.len() > MAX_SOURCE_BYTES || input.len() > MAX_INPUT_BYTES {
            return Err(ExpressionError::TooLarge("what it is given".to_owned()));
        }
        let result = self.timed(|evaluator, budget| evaluator.evaluate(language, source, input, budget))?;
        let parsed = result.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| ExpressionError::Failed(error.to_string()))
    }

    /// The messages of the first failures, at most eight.
    #[must_use]
    pub fn into_failures(self) -> Vec<String> {
        self.failures.into_inner()
    }

    /// Calls the evaluator within what is left of the time, and subtracts what the call took.
    fn timed<T>(
        &self,
        call: impl FnOnce(&dyn Evaluate, Duration) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        const OWN: Duration = Duration::from_millis(MAX_MILLIS);
        let Some(evaluator) = self.evaluator else {
            return Err(ExpressionError::Unavailable("there is no evaluator here".to_owned()));
        };
        let Some(left) = self.left.get() else { return call(evaluator, OWN).map_err(|error| self.note(error)) };
        if left.is_zero() {
            return Err(self.note(ExpressionError::Timeout));
        }
        evaluator.prepare();
        let began = Instant::now();
        let result = call(evaluator, OWN.min(left)).map_err(|error| self.note(error));
        self.left.set(Some(left.saturating_sub(began.elapsed())));
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

#[cfg(feature = "native-evaluator")]
pub mod native;
#[cfg(test)]
mod tests;

//! Expressions in rules and predicates, in JSONata or CEL.
//!
//! This module has the trait of evaluators and the time that expressions share. It has no evaluator: expressions are
//! untrusted, as components are, so the sandbox evaluates them. It does not know messages: the caller builds the input.
//! A server evaluates nothing on its own threads: [`Evaluations`] runs work that has expressions elsewhere.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use evaluations::{Evaluations, RunWork, Work};

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
/// The most processor time of one expression.
pub const MAX_EACH: Duration = Duration::from_millis(MAX_MILLIS);

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
    #[error(
        "expression_timeout: it took more than {MAX_MILLIS} ms of a processor, or with others more than they may take together"
    )]
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

/// What evaluations have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time on a processor.
    pub cpu: Duration,
    /// Fuel, in the unit of `sandbox.fuel`.
    pub fuel: u64,
}

impl Cost {
    /// Adds another cost.
    pub fn add(&mut self, other: Self) {
        self.cpu = self.cpu.saturating_add(other.cpu);
        self.fuel = self.fuel.saturating_add(other.fuel);
    }

    /// Returns the weight that an agent is charged for the expressions of the rules of its turn, in the unit of
    /// `host.emit_rate`: 25 for each millisecond.
    #[must_use]
    pub fn weight(&self) -> u64 {
        u64::try_from(self.cpu.as_micros() * WEIGHT_PER_MS / 1_000).unwrap_or(u64::MAX)
    }
}

/// The weight of a millisecond of the expressions of rules.
const WEIGHT_PER_MS: u128 = 25;

/// Evaluates expressions. The caller limits the processor time of each call, and the evaluator limits the memory.
pub trait Evaluate: Send + Sync {
    /// Blocks until the evaluator is ready. The first call in a process may take seconds, later calls return at once.
    fn prepare(&self);

    /// Checks the syntax of an expression, within `budget`. Adds what it used to `cost`, also if it fails.
    ///
    /// # Errors
    /// `Invalid` with a text for the author, or any error of [`Self::evaluate`].
    fn check(&self, language: Language, source: &str, budget: Duration, cost: &mut Cost)
    -> Result<(), ExpressionError>;

    /// Evaluates an expression on `input`, a JSON object, within `budget`. Adds what it used to `cost`, also if it
    /// fails. Returns the result as JSON text, or `None` if the expression has no result.
    ///
    /// # Errors
    /// Any [`ExpressionError`]. It is `Timeout` at the latest one tick of the evaluator's clock after `budget`.
    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        budget: Duration,
        cost: &mut Cost,
    ) -> Result<Option<String>, ExpressionError>;
}

/// At most this many failures of one piece of work are reported.
const MAX_FAILURES: usize = 8;

/// The processor time that all expressions of one piece of work share. Routing one message is one piece of work, and
/// so is routing the outgoing messages of one turn.
pub const MAX_TOTAL: Duration = Duration::from_millis(200);
/// The processor time that all expressions of one document share, as those of a guild's spec.
pub const MAX_DOCUMENT: Duration = Duration::from_secs(2);

/// The expressions of one piece of work: an evaluator, the time that is left, what they have used, and the failures.
/// It belongs to one thread.
pub struct Expressions<'e> {
    evaluator: Evaluator<'e>,
    /// The time that is left for all expressions; `None` means that only each single one is limited.
    left: Cell<Option<Duration>>,
    cost: Cell<Cost>,
    was_met: Cell<bool>,
    failures: RefCell<Vec<String>>,
}

/// What evaluates the expressions of one piece of work.
#[derive(Clone, Copy)]
enum Evaluator<'e> {
    None,
    /// Nothing is evaluated: every expression is taken for valid.
    Probe,
    By(&'e dyn Evaluate),
}

impl std::fmt::Debug for Expressions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expressions")
            .field("left", &self.left)
            .field("cost", &self.cost)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl<'e> Expressions<'e> {
    const fn new(evaluator: Evaluator<'e>, left: Option<Duration>) -> Self {
        let cost = Cost { cpu: Duration::ZERO, fuel: 0 };
        Self {
            evaluator,
            left: Cell::new(left),
            cost: Cell::new(cost),
            was_met: Cell::new(false),
            failures: RefCell::new(Vec::new()),
        }
    }

    /// Returns expressions that share `total`, a processor time. Once it is used up, every expression fails with
    /// `Timeout`.
    #[must_use]
    pub const fn sharing(evaluator: &'e dyn Evaluate, total: Duration) -> Self {
        Self::new(Evaluator::By(evaluator), Some(total))
    }

    /// Returns expressions that have 100 ms each and share no limit. The number of expressions must be bounded
    /// otherwise, as by the size of a document.
    #[must_use]
    pub const fn unshared(evaluator: &'e dyn Evaluate) -> Self {
        Self::new(Evaluator::By(evaluator), None)
    }

    /// Returns expressions without an evaluator: each one fails with `Unavailable`.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(Evaluator::None, None)
    }

    /// Returns expressions that are not evaluated: each one counts as valid, and [`Self::was_met`] tells whether there
    /// was one. A text without expressions is read with them, which costs nothing; one with expressions is then read
    /// again by [`Evaluations`].
    #[must_use]
    pub const fn probe() -> Self {
        Self::new(Evaluator::Probe, None)
    }

    /// Returns whether an expression was checked or evaluated.
    #[must_use]
    pub const fn was_met(&self) -> bool {
        self.was_met.get()
    }

    /// Returns what the expressions have used so far.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost.get()
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
        if matches!(self.evaluator, Evaluator::Probe) {
            self.was_met.set(true);
            return Ok(());
        }
        self.timed(|evaluator, budget, cost| evaluator.check(language, source, budget, cost))
    }

    /// Evaluates an expression on `input`, a JSON object. Returns `None` if the expression has no result.
    ///
    /// # Errors
    /// Any [`ExpressionError`]. Errors of the evaluator are also reported by [`Self::take_failures`].
    pub fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
        if source.len() > MAX_SOURCE_BYTES || input.len() > MAX_INPUT_BYTES {
            return Err(ExpressionError::TooLarge("the expression or its input".to_owned()));
        }
        let result = self.timed(|evaluator, budget, cost| evaluator.evaluate(language, source, input, budget, cost))?;
        let parsed = result.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| ExpressionError::Failed(error.to_string()))
    }

    /// Takes the texts of the first failures, at most eight.
    #[must_use]
    pub fn take_failures(&self) -> Vec<String> {
        self.failures.take()
    }

    /// Calls the evaluator with the time that is left, and subtracts the time of the call.
    fn timed<T>(
        &self,
        call: impl FnOnce(&dyn Evaluate, Duration, &mut Cost) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        self.was_met.set(true);
        let Evaluator::By(evaluator) = self.evaluator else {
            return Err(ExpressionError::Unavailable("there is no evaluator here".to_owned()));
        };
        let left = self.left.get().unwrap_or(MAX_EACH);
        if left.is_zero() {
            return Err(self.note(ExpressionError::Timeout));
        }
        evaluator.prepare();
        let mut used = Cost::default();
        let result = call(evaluator, MAX_EACH.min(left), &mut used).map_err(|error| self.note(error));
        if self.left.get().is_some() {
            self.left.set(Some(left.saturating_sub(used.cpu)));
        }
        let mut cost = self.cost.get();
        cost.add(used);
        self.cost.set(cost);
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

mod evaluations;
#[cfg(feature = "native-evaluator")]
pub mod native;
#[cfg(test)]
mod tests;

//! Expressions in rules and predicates: JSONata and CEL. An expression is checked
//! when it is read, compiled once for each thread that runs it, and bounded when it
//! runs: in time, depth and size of what it takes and gives. One that fails says so
//! with a name and harms nobody.
//!
//! What it does not do: it knows nothing of messages; who calls builds the input.

mod cel;
mod jsonata;

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

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
/// The most that one gives, in bytes of JSON, about.
pub const MAX_RESULT_BYTES: usize = 1 << 20;
/// How deep what it gives may be nested.
pub const MAX_RESULT_DEPTH: usize = 64;
/// How long one may run.
pub const MAX_MILLIS: u64 = 100;
/// Compiled expressions that a thread keeps.
const KEPT: usize = 1_024;

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
    TooLarge(&'static str),
}

/// Checks an expression in its own language.
///
/// # Errors
/// `Invalid`, with words for its author.
pub fn check(language: Language, source: &str) -> Result<(), ExpressionError> {
    compiled(language, source).map(drop)
}

/// Evaluates an expression on a JSON object. `None`: it gives nothing.
///
/// # Errors
/// Any; it has run for [`MAX_MILLIS`] at the most.
pub fn evaluate(language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(ExpressionError::TooLarge("what it is given"));
    }
    let program = compiled(language, source)?;
    contained(|| match &*program {
        Program::Jsonata(program) => program.evaluate(input),
        Program::Cel(program) => program.evaluate(input),
    })
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

enum Program {
    Jsonata(jsonata::Program),
    Cel(cel::Program),
}

type Kept = HashMap<Box<str>, Rc<Program>>;

thread_local! {
    /// By language. The libraries' programs belong to one thread.
    static PROGRAMS: RefCell<[Kept; 2]> = RefCell::default();
}

fn compiled(language: Language, source: &str) -> Result<Rc<Program>, ExpressionError> {
    let place = language as usize;
    if let Some(program) = PROGRAMS.with_borrow(|kept| kept[place].get(source).cloned()) {
        return Ok(program);
    }
    if source.len() > MAX_SOURCE_BYTES {
        return Err(ExpressionError::Invalid(format!("it may have {MAX_SOURCE_BYTES} bytes")));
    }
    let program = Rc::new(contained(|| match language {
        Language::Jsonata => jsonata::Program::compile(source).map(Program::Jsonata),
        Language::Cel => cel::Program::compile(source).map(Program::Cel),
    })?);
    PROGRAMS.with_borrow_mut(|kept| {
        if kept[place].len() >= KEPT {
            kept[place].clear();
        }
        kept[place].insert(source.into(), program.clone());
    });
    Ok(program)
}

/// Runs foreign code of the libraries: a panic in there is an error here.
fn contained<T>(run: impl FnOnce() -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(ExpressionError::Failed("the evaluator gave up on it".to_owned())))
}

/// What may still be built of a result.
struct Room {
    bytes: usize,
}

impl Room {
    const fn new() -> Self {
        Self { bytes: MAX_RESULT_BYTES }
    }

    fn take(&mut self, bytes: usize, depth: usize) -> Result<(), ExpressionError> {
        if depth > MAX_RESULT_DEPTH {
            return Err(ExpressionError::TooDeep);
        }
        self.bytes = self.bytes.checked_sub(bytes + 2).ok_or(ExpressionError::TooLarge("what it gives"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Evaluates JSONata. Its numbers are doubles. An integer of the input that no double holds is exact in the result if the
//! expression passes it on unchanged, as a number or as text.

use std::borrow::Cow;
use std::rc::Rc;

use jsonata_core::Expression;
use jsonata_core::evaluator::{EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Number, Value};

use crate::bindings::Fault;
use crate::room::Room;

/// How deeply calls may be nested.
const MAX_CALLS: usize = 512;
/// The longest sequence that an evaluation may build, in items.
const MAX_SEQUENCE: usize = 100_000;

/// A compiled JSONata expression.
pub(crate) struct Program {
    expression: Expression,
}

impl Program {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with the parser's message.
    pub(crate) fn compile(source: &str) -> Result<Self, Fault> {
        // The host bounds the time. The library would read the clock at every step, which is a call out of the sandbox.
        let options = EvaluatorOptions {
            max_stack_depth: Some(MAX_CALLS),
            max_sequence_length: Some(MAX_SEQUENCE),
            ..EvaluatorOptions::default()
        };
        let expression =
            Expression::compile_with_options(source, options).map_err(|error| Fault::Invalid(error.to_string()))?;
        Ok(Self { expression })
    }

    /// Evaluates the expression on a JSON text. Returns `None` when the result is undefined or a function.
    ///
    /// # Errors
    /// The expression fails, or its result is too large.
    pub(crate) fn evaluate(&self, input: &str) -> Result<Option<Value>, Fault> {
        let data = JValue::from_json_str(input).map_err(|error| Fault::Failed(error.to_string()))?;
        let result = self.expression.evaluate(&data).map_err(|error| fault_of(&error))?;
        if result.is_undefined() || result.is_function() {
            return Ok(None);
        }
        let mut reader = Reader { room: Room::new(), input, exact: None };
        reader.read(&result, 0).map(Some)
    }
}

fn fault_of(error: &EvaluatorError) -> Fault {
    match error.code() {
        Some("D1011" | "U1001") => Fault::TooDeep,
        Some("D2015" | "D2014") => Fault::TooLarge("a sequence that it builds".to_owned()),
        _ => Fault::Failed(error.message().to_owned()),
    }
}

/// Turns a result into JSON with a bounded size and depth. Values may share their parts, so a result that is small in
/// memory may be huge as a text.
struct Reader<'a> {
    room: Room,
    input: &'a str,
    /// The integers of the input that do not fit into a double. They are read when they are first needed.
    exact: Option<Rc<[u64]>>,
}

impl Reader<'_> {
    fn read(&mut self, value: &JValue, depth: usize) -> Result<Value, Fault> {
        self.room.take(8, depth)?;
        Ok(match value {
            JValue::Null | JValue::Undefined => Value::Null,
            JValue::Bool(value) => Value::Bool(*value),
            JValue::Number(number) => self.number(*number),
            JValue::String(text) => {
                self.room.take(text.len(), depth)?;
                Value::String(self.text(text).into_owned())
            }
            JValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.read(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            JValue::Object(members) => {
                let mut read = serde_json::Map::new();
                for (name, value) in members.iter() {
                    self.room.take(name.len(), depth)?;
                    read.insert(name.clone(), self.read(value, depth + 1)?);
                }
                Value::Object(read)
            }
            // The reference implementation writes functions as empty strings.
            JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => Value::String(String::new()),
        })
    }

    fn number(&mut self, number: f64) -> Value {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || !number.is_finite() {
            return Number::from_f64(number).map_or(Value::Null, Value::Number);
        }
        if number.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            return Value::from(number as i64);
        }
        let input = self.input;
        let exact = self.exact.get_or_insert_with(|| big_integers(input));
        #[expect(clippy::cast_precision_loss, reason = "compared as the evaluator read them")]
        let mut same = exact.iter().filter(|integer| **integer as f64 == number);
        match (same.next(), same.next()) {
            (Some(integer), None) => Value::from(*integer),
            _ => Number::from_f64(number).map_or(Value::Null, Value::Number),
        }
    }
}

impl Reader<'_> {
    /// Returns a text of the result with exact integers. The evaluator writes the digits of a double, so the digits of an
    /// integer of the input are put in their place. Digits that the input has itself stay.
    fn text<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if !digit_runs(text).any(|run| run.len() >= MIN_BIG_DIGITS) {
            return Cow::Borrowed(text);
        }
        let mut written = String::with_capacity(text.len());
        let mut rest = text;
        for run in digit_runs(text).filter(|run| run.len() >= MIN_BIG_DIGITS) {
            let Some((before, after)) = rest.split_once(run) else { break };
            written.push_str(before);
            match self.exact_digits(run) {
                Some(integer) => written.push_str(&integer.to_string()),
                None => written.push_str(run),
            }
            rest = after;
        }
        written.push_str(rest);
        Cow::Owned(written)
    }

    /// Returns the integer of the input that the evaluator writes with these digits, if it is the only one.
    fn exact_digits(&mut self, run: &str) -> Option<u64> {
        let double: f64 = run.parse().ok().filter(|double| format!("{double}") == run)?;
        let input = self.input;
        let exact = self.exact.get_or_insert_with(|| big_integers(input));
        #[expect(clippy::cast_precision_loss, reason = "compared as the evaluator saw them")]
        let mut same = exact.iter().filter(|integer| **integer as f64 == double);
        match (same.next(), same.next()) {
            (Some(integer), None) if !digit_runs(input).any(|other| other == run) => Some(*integer),
            _ => None,
        }
    }
}

/// The decimal digits of 2^53, the smallest integer that a double may not hold exactly.
const MIN_BIG_DIGITS: usize = 16;

/// Returns the parts of a text that are digits, and empty parts.
fn digit_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit())
}

/// The distinct integers of 2^53 and more in a JSON text.
fn big_integers(json: &str) -> Rc<[u64]> {
    let runs = digit_runs(json).filter(|run| run.len() >= MIN_BIG_DIGITS);
    let mut found: Vec<u64> = runs.filter_map(|run| run.parse().ok()).take(1_024).collect();
    found.sort_unstable();
    found.dedup();
    found.into()
}

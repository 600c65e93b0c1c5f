//! Evaluates JSONata. Its numbers are doubles; [`numbers`] keeps integers of 64 bits exact. What the library lacks is
//! in [`functions`], and [`rewrite`] calls it.

mod functions;
mod numbers;
mod patterns;
mod rewrite;
mod urls;
mod walk;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use jsonata_core::Expression;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::Value;

use crate::bindings::Fault;
use crate::room::Room;
use functions::{Function, Patterns, Shared};
use numbers::Numbers;
use rewrite::Contents;

/// How deeply calls may be nested.
const MAX_CALLS: usize = 512;
/// The longest sequence that an evaluation may build, in items.
const MAX_SEQUENCE: usize = 100_000;

/// A compiled JSONata expression.
pub(crate) struct Program {
    /// The expression as the library evaluates it fastest; `None` when it needs functions of ours on any input.
    plain: Option<Expression>,
    /// The expression with functions of ours.
    full: AstNode,
    functions: Vec<&'static Function>,
    patterns: Rc<Patterns>,
    /// The integers of the expression itself.
    literals: Numbers,
}

/// The host bounds the time. The library would read the clock at every step, which is a call out of the sandbox.
fn options() -> EvaluatorOptions {
    EvaluatorOptions {
        max_stack_depth: Some(MAX_CALLS),
        max_sequence_length: Some(MAX_SEQUENCE),
        ..EvaluatorOptions::default()
    }
}

impl Program {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with the parser's message, or with a function or a pattern that does not exist.
    pub(crate) fn compile(source: &str) -> Result<Self, Fault> {
        let invalid = |text: &dyn ToString| Fault::Invalid(text.to_string());
        let parse = |source: &str| Expression::compile_with_options(source, options()).map_err(|error| invalid(&error));
        let mut plain = parse(source)?;
        let mut literals = Numbers::default();
        let mut full = plain.ast().clone();
        let mut contents = Contents::of(&mut full).map_err(|text| invalid(&text))?;
        let has_integers = numbers::has_long_digits(source);
        if has_integers && !contents.patterns.keys().any(|(pattern, _)| numbers::has_long_digits(pattern)) {
            plain = parse(&numbers::literals(source, &mut literals))?;
            full = plain.ast().clone();
        }
        let functions = rewrite::rewrite(&mut full, &contents);
        let is_full = has_integers || contents.needs_ours || contents.computes;
        let patterns = Rc::new(std::mem::take(&mut contents.patterns));
        Ok(Self { plain: (!is_full).then_some(plain), full, functions, patterns, literals })
    }

    /// Evaluates the expression on a JSON text. Returns `None` when the result is undefined or a function.
    ///
    /// # Errors
    /// The expression fails, or its result is too large.
    pub(crate) fn evaluate(&self, input: &str) -> Result<Option<Value>, Fault> {
        let failed = |error: serde_json::Error| Fault::Failed(error.to_string());
        let has_integers = numbers::has_long_digits(input);
        if let Some(plain) = self.plain.as_ref().filter(|_| !has_integers) {
            let data = JValue::from_json_str(input).map_err(failed)?;
            let result = plain.evaluate(&data).map_err(|error| fault_of(&error))?;
            return read(&result, &self.literals);
        }
        let mut numbers = self.literals.clone();
        let data = if has_integers { numbers.read(input) } else { JValue::from_json_str(input) };
        let data = data.map_err(failed)?;
        let shared =
            Rc::new(Shared { numbers: RefCell::new(numbers), patterns: self.patterns.clone(), now: OnceCell::new() });
        let mut evaluator = Evaluator::with_options(Context::new(), options());
        for function in self.functions.iter().copied() {
            let shared = shared.clone();
            evaluator
                .register_fn(function.ours, move |args: &[JValue]| (function.call)(&shared, args))
                .map_err(|error| Fault::Failed(error.message().to_owned()))?;
        }
        let result = evaluator.evaluate(&self.full, &data).map_err(|error| fault_of(&error))?;
        let numbers = shared.numbers.borrow();
        read(&result, &numbers)
    }
}

fn read(result: &JValue, numbers: &Numbers) -> Result<Option<Value>, Fault> {
    if result.is_undefined() || result.is_function() {
        return Ok(None);
    }
    Reader { room: Room::new(), numbers }.read(result, 0).map(Some)
}

fn fault_of(error: &EvaluatorError) -> Fault {
    match error.code() {
        Some("D1011" | "U1001") => Fault::TooDeep,
        Some("D2015" | "D2014") => {
            Fault::TooLarge(format!("a sequence that it builds has more than {MAX_SEQUENCE} items"))
        }
        _ => Fault::Failed(error.message().to_owned()),
    }
}

/// Turns a result into JSON with a bounded size and depth. Values may share their parts, so a result that is small in
/// memory may be huge as a text.
struct Reader<'a> {
    room: Room,
    numbers: &'a Numbers,
}

impl Reader<'_> {
    fn read(&mut self, value: &JValue, depth: usize) -> Result<Value, Fault> {
        self.room.take(8, depth)?;
        Ok(match value {
            JValue::Null | JValue::Undefined => Value::Null,
            JValue::Bool(value) => Value::Bool(*value),
            JValue::Number(number) => self.numbers.number(*number),
            JValue::String(text) => {
                self.room.take(text.len(), depth)?;
                Value::String(text.to_string())
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
}

#[cfg(test)]
mod tests;

//! Evaluates JSONata and CEL. The host runs this crate as a component in its sandbox, because an expression can use any
//! time and any memory. The sandbox bounds both, and the host drops an instance that traps.

#[cfg(target_family = "wasm")]
mod allocator;
mod cel;
mod jsonata;
mod room;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

/// The Rust types of `wit/expressions.wit`.
#[allow(unsafe_code, clippy::all, clippy::unwrap_used, reason = "generated: see the crate bindings")]
#[path = "generated.rs"]
#[rustfmt::skip]
mod bindings;

use bindings::Guest;
pub use bindings::{Fault, Language};

/// The component's export.
#[expect(unsafe_code, reason = "calls across the sandbox's border read and write raw memory")]
mod export {
    use super::{Evaluator, bindings};

    bindings::export!(Evaluator with_types_in bindings);
}

/// How many compiled expressions are kept for each language.
const MAX_KEPT: usize = 1_024;

/// A compiled expression.
enum Program {
    Jsonata(Box<jsonata::Program>),
    Cel(cel::Program),
}

type Kept = HashMap<Box<str>, Rc<Program>>;

thread_local! {
    /// The compiled expressions of each language, by their text.
    static PROGRAMS: RefCell<[Kept; 2]> = RefCell::default();
}

fn compiled(language: Language, source: &str) -> Result<Rc<Program>, Fault> {
    let index = match language {
        Language::Jsonata => 0,
        Language::Cel => 1,
    };
    if let Some(program) = PROGRAMS.with_borrow(|kept| kept[index].get(source).cloned()) {
        return Ok(program);
    }
    let program = Rc::new(match language {
        Language::Jsonata => Program::Jsonata(Box::new(jsonata::Program::compile(source)?)),
        Language::Cel => Program::Cel(cel::Program::compile(source)?),
    });
    PROGRAMS.with_borrow_mut(|kept| {
        if kept[index].len() >= MAX_KEPT {
            kept[index].clear();
        }
        kept[index].insert(source.into(), program.clone());
    });
    Ok(program)
}

fn result_of(program: &Program, input: &str) -> Result<Option<Value>, Fault> {
    match program {
        Program::Jsonata(program) => program.evaluate(input),
        Program::Cel(program) => program.evaluate(input),
    }
}

/// The stack for one call, in bytes.
const STACK_BYTES: usize = 4 << 20;

/// Makes a call on a new stack whose end is known. The end of a component's own stack is unknown, and there the JSONata
/// library would allocate a stack of 8 MiB at every step.
fn on_a_stack<T>(call: impl FnOnce() -> T) -> T {
    // Nothing reads what a panicking instance prints.
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|_| ()));
    stacker::grow(STACK_BYTES, call)
}

/// Checks an expression in its own language.
///
/// # Errors
/// `Fault::Invalid`, with a text for the author.
pub fn check(language: Language, source: &str) -> Result<(), Fault> {
    on_a_stack(|| compiled(language, source).map(drop))
}

/// Evaluates an expression on a JSON object. Takes and returns JSON text; `None` when the expression has no result.
///
/// # Errors
/// Any `Fault`.
pub fn evaluate(language: Language, source: &str, input: &str) -> Result<Option<String>, Fault> {
    on_a_stack(|| {
        let program = compiled(language, source)?;
        Ok(result_of(&program, input)?.map(|value| value.to_string()))
    })
}

/// The exports of the component.
struct Evaluator;

impl Guest for Evaluator {
    fn check(language: Language, source: String) -> Result<(), Fault> {
        check(language, &source)
    }

    fn evaluate(language: Language, source: String, input: String) -> Result<Option<String>, Fault> {
        evaluate(language, &source, &input)
    }
}

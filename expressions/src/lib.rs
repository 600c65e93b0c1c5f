//! Evaluates JSONata and CEL. A component that the host runs in its sandbox, since an expression can ask for any time and
//! any memory: there both are bounded, and what breaks is thrown away.

#[cfg(target_family = "wasm")]
mod allocator;
mod cel;
mod jsonata;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

/// What wit-bindgen made of `wit/expressions.wit`.
#[expect(unsafe_code, reason = "calls across the sandbox's border are made of raw memory")]
mod bindings {
    use super::Evaluator;

    wit_bindgen::generate!({ path: "wit", world: "evaluator" });
    export!(Evaluator);
}

use bindings::Guest;
pub use bindings::{Fault, Language};

/// The most that an expression gives, in bytes of JSON, about.
const MAX_RESULT_BYTES: usize = 1 << 20;
/// How deep what it gives may be nested.
const MAX_RESULT_DEPTH: usize = 64;
/// Compiled expressions that are kept.
const KEPT: usize = 1_024;

enum Program {
    Jsonata(jsonata::Program),
    Cel(cel::Program),
}

type Kept = HashMap<Box<str>, Rc<Program>>;

thread_local! {
    /// By language.
    static PROGRAMS: RefCell<[Kept; 2]> = RefCell::default();
}

fn compiled(language: Language, source: &str) -> Result<Rc<Program>, Fault> {
    let place = match language {
        Language::Jsonata => 0,
        Language::Cel => 1,
    };
    if let Some(program) = PROGRAMS.with_borrow(|kept| kept[place].get(source).cloned()) {
        return Ok(program);
    }
    let program = Rc::new(match language {
        Language::Jsonata => Program::Jsonata(jsonata::Program::compile(source)?),
        Language::Cel => Program::Cel(cel::Program::compile(source)?),
    });
    PROGRAMS.with_borrow_mut(|kept| {
        if kept[place].len() >= KEPT {
            kept[place].clear();
        }
        kept[place].insert(source.into(), program.clone());
    });
    Ok(program)
}

fn result_of(program: &Program, input: &str) -> Result<Option<Value>, Fault> {
    match program {
        Program::Jsonata(program) => program.evaluate(input),
        Program::Cel(program) => program.evaluate(input),
    }
}

/// What may still be built of a result.
struct Room {
    bytes: usize,
}

impl Room {
    const fn new() -> Self {
        Self { bytes: MAX_RESULT_BYTES }
    }

    fn take(&mut self, bytes: usize, depth: usize) -> Result<(), Fault> {
        if depth > MAX_RESULT_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.bytes = self.bytes.checked_sub(bytes + 2).ok_or_else(|| Fault::TooLarge("what it gives".to_owned()))?;
        Ok(())
    }
}

/// The stack for one call, in bytes.
const STACK_BYTES: usize = 4 << 20;

/// Calls on a stack whose end is known. On one whose end is not, as a component's is,
/// the library for JSONata takes a new stack of 8 MiB at every step.
fn on_a_stack<T>(call: impl FnOnce() -> T) -> T {
    // What breaks is thrown away with the instance; nobody reads what it prints.
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|_| ()));
    stacker::grow(STACK_BYTES, call)
}

/// Checks an expression in its own language.
///
/// # Errors
/// [`Fault::Invalid`], with words for the author.
pub fn check(language: Language, source: &str) -> Result<(), Fault> {
    on_a_stack(|| compiled(language, source).map(drop))
}

/// Evaluates an expression on a JSON object, given and returned as text. `None`: the expression gives nothing.
///
/// # Errors
/// Any [`Fault`].
pub fn evaluate(language: Language, source: &str, input: &str) -> Result<Option<String>, Fault> {
    on_a_stack(|| {
        let program = compiled(language, source)?;
        Ok(result_of(&program, input)?.map(|value| value.to_string()))
    })
}

struct Evaluator;

impl Guest for Evaluator {
    fn check(language: Language, source: String) -> Result<(), Fault> {
        check(language, &source)
    }

    fn evaluate(language: Language, source: String, input: String) -> Result<Option<String>, Fault> {
        evaluate(language, &source, &input)
    }
}

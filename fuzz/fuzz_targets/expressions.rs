//! Evaluates expressions in the sandbox.

#![no_main]

#[path = "../bounded.rs"]
mod bounded;

use std::sync::{Arc, LazyLock};

use guildhall_model::expression::{Evaluate, Expressions, Language};

/// The evaluator of the sandbox.
static EVALUATOR: LazyLock<Arc<dyn Evaluate>> =
    LazyLock::new(|| guildhall_sandbox::evaluator().expect("the evaluator starts"));

/// Checks and evaluates an expression in both languages. A zero byte separates it from its input.
fn expressions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (source, input) = text.split_once('\0').unwrap_or((text, "{\"a\": [1, \"x\", null]}"));
    let expressions = Expressions::unshared(&**EVALUATOR);
    for language in [Language::Jsonata, Language::Cel] {
        if expressions.check(language, source).is_ok() {
            let _ = expressions.evaluate(language, source, input);
        }
    }
}

/// Starts the evaluator, so that its memory counts for no input.
fn begin() {
    EVALUATOR.prepare();
    bounded::begin();
}

libfuzzer_sys::fuzz_target!(init: begin(), |bytes: &[u8]| bounded::run(expressions, bytes));

//! An evaluator in this process, without limits of time or memory. It serves tests, benchmarks and fuzzing; a server
//! evaluates in the sandbox.

use std::time::{Duration, Instant};

use guildhall_expressions::{Fault, Language as NativeLanguage};

use crate::expression::{Cost, Evaluate, ExpressionError, Language};

/// Evaluates expressions on the calling thread and ignores their budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeEvaluator;

impl Evaluate for NativeEvaluator {
    fn prepare(&self) {}

    fn check(&self, language: Language, source: &str, _: Duration, cost: &mut Cost) -> Result<(), ExpressionError> {
        let began = Instant::now();
        let checked = guildhall_expressions::check(native(language), source).map_err(error);
        cost.cpu += began.elapsed();
        checked
    }

    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        _: Duration,
        cost: &mut Cost,
    ) -> Result<Option<String>, ExpressionError> {
        let began = Instant::now();
        let value = guildhall_expressions::evaluate(native(language), source, input).map_err(error);
        cost.cpu += began.elapsed();
        value
    }
}

const fn native(language: Language) -> NativeLanguage {
    match language {
        Language::Jsonata => NativeLanguage::Jsonata,
        Language::Cel => NativeLanguage::Cel,
    }
}

fn error(fault: Fault) -> ExpressionError {
    match fault {
        Fault::Invalid(text) => ExpressionError::Invalid(text),
        Fault::Failed(text) => ExpressionError::Failed(text),
        Fault::TooDeep => ExpressionError::TooDeep,
        Fault::TooLarge(what) => ExpressionError::TooLarge(what),
    }
}

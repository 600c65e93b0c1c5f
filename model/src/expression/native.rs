//! An evaluator that runs in this process, without bounds of time or memory. For tests, benchmarks and fuzzing of what
//! is pure; a host evaluates in the sandbox.

use std::time::Duration;

use guildhall_expressions::{Fault, Language as NativeLanguage};

use super::{Evaluate, ExpressionError, Language};

/// Evaluates on the thread that calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeEvaluator;

impl Evaluate for NativeEvaluator {
    fn prepare(&self) {}

    fn check(&self, language: Language, source: &str, _: Duration) -> Result<(), ExpressionError> {
        guildhall_expressions::check(native(language), source).map_err(error)
    }

    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        _: Duration,
    ) -> Result<Option<String>, ExpressionError> {
        guildhall_expressions::evaluate(native(language), source, input).map_err(error)
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
        Fault::Invalid(words) => ExpressionError::Invalid(words),
        Fault::Failed(words) => ExpressionError::Failed(words),
        Fault::TooDeep => ExpressionError::TooDeep,
        Fault::TooLarge(what) => ExpressionError::TooLarge(what),
    }
}

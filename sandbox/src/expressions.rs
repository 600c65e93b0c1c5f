//! Expressions for agents: the evaluator that serves rules serves them too. It runs
//! on the thread of the turn, whose deadline bounds how often it is called.

use super::bindings::expressions::{Host, Language as Asked};
use super::guest::Guest;
use guildhall_model::expression::{Expressions, Language};

impl Host for Guest {
    fn check(&mut self, language: Asked, source: String) -> wasmtime::Result<Result<(), String>> {
        self.unsealed("expressions.check")?;
        Ok(self.expressions().check(read(language), &source).map_err(|error| error.to_string()))
    }

    fn evaluate(
        &mut self,
        language: Asked,
        source: String,
        input: String,
    ) -> wasmtime::Result<Result<Option<String>, String>> {
        self.unsealed("expressions.evaluate")?;
        let given = self.expressions().evaluate(read(language), &source, &input);
        Ok(given.map(|value| value.map(|value| value.to_string())).map_err(|error| error.to_string()))
    }
}

impl Guest {
    /// Each expression has its own time; the deadline of the turn bounds them together.
    fn expressions(&self) -> Expressions<'_> {
        Expressions::unshared(&*self.evaluator)
    }
}

const fn read(language: Asked) -> Language {
    match language {
        Asked::Jsonata => Language::Jsonata,
        Asked::Cel => Language::Cel,
    }
}

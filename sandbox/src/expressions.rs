//! The import `expressions` of the contract. The evaluator that evaluates rules evaluates the expressions of agents
//! too. It runs on the thread of the turn, and the turn's deadline bounds how often an agent calls it.

use crate::bindings::expressions::{Host, Language as GuestLanguage};
use crate::guest::Guest;
use guildhall_model::expression::{Expressions, Language};

impl Host for Guest {
    fn check(&mut self, language: GuestLanguage, source: String) -> wasmtime::Result<Result<(), String>> {
        self.unsealed("expressions.check")?;
        Ok(self.expressions().check(language_of(language), &source).map_err(|error| error.to_string()))
    }

    fn evaluate(
        &mut self,
        language: GuestLanguage,
        source: String,
        input: String,
    ) -> wasmtime::Result<Result<Option<String>, String>> {
        self.unsealed("expressions.evaluate")?;
        let value = self.expressions().evaluate(language_of(language), &source, &input);
        Ok(value.map(|value| value.map(|value| value.to_string())).map_err(|error| error.to_string()))
    }
}

impl Guest {
    /// Each expression has its own time. The deadline of the turn bounds them together.
    fn expressions(&self) -> Expressions<'_> {
        Expressions::unshared(&*self.evaluator)
    }
}

const fn language_of(language: GuestLanguage) -> Language {
    match language {
        GuestLanguage::Jsonata => Language::Jsonata,
        GuestLanguage::Cel => Language::Cel,
    }
}

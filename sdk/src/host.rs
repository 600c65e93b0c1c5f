//! The functions that an agent calls: the component's imports, or those of the test bench.

use crate::bindings::guildhall::agent::context::Identity;
use crate::bindings::guildhall::agent::expressions::Language;
use crate::bindings::guildhall::agent::messaging::{EmitError, Outgoing};
use crate::bindings::guildhall::agent::{context, expressions, messaging};

/// The imports of the world, one method each. `wit/agent.wit` describes them.
pub trait Host {
    fn emit(&mut self, outgoing: Outgoing) -> Result<(), EmitError>;
    fn progress(&mut self, format: &str, payload: &str) -> Result<(), EmitError>;
    fn whoami(&self) -> Identity;
    fn is_cancelled(&self) -> bool;
    fn agent_state(&self) -> String;
    fn guild_state(&self) -> String;
    fn update_agent_state(&mut self, patch: &str) -> Result<(), String>;
    fn update_guild_state(&mut self, patch: &str) -> Result<(), String>;
    fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<String>, String>;
}

/// The server. Outside of a component its functions do not exist, and calls panic.
pub struct Imports;

impl Host for Imports {
    fn emit(&mut self, outgoing: Outgoing) -> Result<(), EmitError> {
        messaging::emit(&outgoing)
    }

    fn progress(&mut self, format: &str, payload: &str) -> Result<(), EmitError> {
        messaging::progress(format, payload)
    }

    fn whoami(&self) -> Identity {
        context::whoami()
    }

    fn is_cancelled(&self) -> bool {
        context::is_cancelled()
    }

    fn agent_state(&self) -> String {
        context::agent_state()
    }

    fn guild_state(&self) -> String {
        context::guild_state()
    }

    fn update_agent_state(&mut self, patch: &str) -> Result<(), String> {
        context::update_agent_state(patch)
    }

    fn update_guild_state(&mut self, patch: &str) -> Result<(), String> {
        context::update_guild_state(patch)
    }

    fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<String>, String> {
        expressions::evaluate(language, source, input)
    }
}

impl Language {
    /// Checks the syntax of an expression, as the server does when it reads one. It is meant for
    /// [`Agent::new`](crate::Agent::new). Outside of a component every expression passes.
    ///
    /// # Errors
    /// A text for the author of the expression.
    pub fn check(self, source: &str) -> Result<(), String> {
        if cfg!(target_family = "wasm") { expressions::check(self, source) } else { Ok(()) }
    }
}

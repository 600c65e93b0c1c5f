//! What stands on the other side of an agent: the component's imports, or the test bench.

use crate::bindings::guildhall::agent::{context, expressions, messaging};
use crate::{EmitError, Identity, Language, Outgoing};

/// The imports of the world, one method each; `wit/agent.wit` says what they mean.
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

/// The real host. Outside of a component its functions do not exist and calls panic.
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
    /// Checks an expression, as the host does when it reads one. For [`Agent::new`](crate::Agent::new); outside of a
    /// component there is nobody to ask, and everything is good.
    ///
    /// # Errors
    /// Words for its author.
    pub fn check(self, source: &str) -> Result<(), String> {
        if cfg!(target_family = "wasm") { expressions::check(self, source) } else { Ok(()) }
    }
}

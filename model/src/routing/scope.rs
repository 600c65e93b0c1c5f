//! What the expressions of rules and predicates can use.

use crate::expression::Expressions;

/// What the expressions of rules and predicates can use: an evaluator with its time, and the last committed states.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Evaluates the expressions.
    pub expressions: &'a Expressions<'a>,
    /// The agent's state, a JSON object.
    pub agent_state: &'a str,
    /// The guild's state, a JSON object.
    pub guild_state: &'a str,
}

impl<'a> Scope<'a> {
    /// Returns a scope with two empty states.
    #[must_use]
    pub const fn without_states(expressions: &'a Expressions<'a>) -> Self {
        Self { expressions, agent_state: "{}", guild_state: "{}" }
    }
}

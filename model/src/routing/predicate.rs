//! Predicates: the conditions under which an agent handles a message.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect;
use crate::expression::{Language, is_true};
use crate::format;
use crate::message::Message;
use crate::spec::Predicate;

use crate::routing::scope::Scope;

/// The input of a predicate's expression.
#[derive(Serialize)]
struct Input<'a> {
    message: &'a RawValue,
    agent_state: &'a RawValue,
    guild_state: &'a RawValue,
}

/// Returns whether a predicate holds for a message that an agent received on a topic. An expression that fails does not
/// hold.
#[must_use]
pub fn holds(predicate: &Predicate, message: &Message, received_on: &str, scope: Scope<'_>) -> bool {
    let (language, source) = match predicate {
        Predicate::TypeEquals { expected_type } => {
            return format::is_same(expected_type, &message.format);
        }
        Predicate::Jsonata { expression } => (Language::Jsonata, expression),
        Predicate::Cel { expression } => (Language::Cel, expression),
    };
    let message = dialect::write_for_expressions(message, received_on);
    let parts = (
        serde_json::from_str(&message),
        serde_json::from_str(scope.agent_state),
        serde_json::from_str(scope.guild_state),
    );
    let (Ok(message), Ok(agent_state), Ok(guild_state)) = parts else { return false };
    let Ok(input) = serde_json::to_string(&Input { message, agent_state, guild_state }) else { return false };
    scope.expressions.evaluate(language, source, &input).is_ok_and(|result| is_true(result.as_ref()))
}

//! Predicates: whether a handler is to run for a message.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect;
use crate::expression::{Language, is_true};
use crate::format;
use crate::message::Message;
use crate::spec::Predicate;

use super::Scope;

/// What a predicate's expression sees.
#[derive(Serialize)]
struct Scene<'a> {
    message: &'a RawValue,
    agent_state: &'a RawValue,
    guild_state: &'a RawValue,
}

/// Whether a predicate holds for a message that was heard on a topic. One that
/// fails does not.
#[must_use]
pub fn holds(predicate: &Predicate, message: &Message, heard_on: &str, scope: Scope<'_>) -> bool {
    let (language, source) = match predicate {
        Predicate::TypeEquals { expected_type } => {
            return format::canonical(expected_type.clone()) == message.format;
        }
        Predicate::Jsonata { expression } => (Language::Jsonata, expression),
        Predicate::Cel { expression } => (Language::Cel, expression),
    };
    let message = dialect::write_heard(message, heard_on);
    let parts = (
        serde_json::from_str(&message),
        serde_json::from_str(scope.agent_state),
        serde_json::from_str(scope.guild_state),
    );
    let (Ok(message), Ok(agent_state), Ok(guild_state)) = parts else { return false };
    let Ok(input) = serde_json::to_string(&Scene { message, agent_state, guild_state }) else { return false };
    scope.expressions.evaluate(language, source, &input).is_ok_and(|result| is_true(result.as_ref()))
}

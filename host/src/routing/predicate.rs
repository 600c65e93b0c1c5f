//! Predicates: whether a handler is to run for a message.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::dialect;
use crate::model::expression::{self, Language, is_true};
use crate::model::format;
use crate::model::message::Message;
use crate::model::spec::Predicate;

use super::States;

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
pub fn holds(predicate: &Predicate, message: &Message, heard_on: &str, states: States<'_>) -> bool {
    let (language, source) = match predicate {
        Predicate::TypeEquals { expected_type } => {
            return format::canonical(expected_type.clone()) == message.format;
        }
        Predicate::Jsonata { expression } => (Language::Jsonata, expression),
        Predicate::Cel { expression } => (Language::Cel, expression),
    };
    let message = dialect::write_heard(message, heard_on);
    let parts =
        (serde_json::from_str(&message), serde_json::from_str(states.agent), serde_json::from_str(states.guild));
    let (Ok(message), Ok(agent_state), Ok(guild_state)) = parts else { return false };
    let Ok(input) = serde_json::to_string(&Scene { message, agent_state, guild_state }) else { return false };
    expression::evaluate(language, source, &input)
        .inspect_err(|error| tracing::debug!(%error, "a predicate failed"))
        .is_ok_and(|result| is_true(result.as_ref()))
}

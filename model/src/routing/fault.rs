//! What is said of a failure: the `ErrorMessage` for the user whose words led to
//! it, and the dead letter that keeps the message.

use serde::Serialize;
use serde_json::json;

use crate::fault::Fault;
use crate::format;
use crate::ids::{GuildId, MessageId};
use crate::message::{Message, raw_json};
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

use super::{GuildView, RoutedTurn, Scope, Speaker, TurnRouter};

/// Which try of a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    pub attempt: u32,
    /// Whether the message is given up now.
    pub is_last: bool,
}

/// The `ErrorMessage` of a failure: on the error topic, and with the user whose
/// message began the thread.
#[must_use]
pub fn error_message(fault: &Fault, origin: &Message, speaker: &Speaker, trial: Trial) -> Message {
    let mut payload = error_payload(fault, &speaker.class_name);
    if let Some(members) = payload.as_object_mut() {
        members.insert("agent".into(), json!({"id": speaker.tag.id, "name": speaker.tag.name}));
        members.insert("message_id".into(), json!(origin.id));
        members.insert("attempt".into(), json!(trial.attempt));
        members.insert("dead_lettered".into(), json!(trial.is_last));
    }
    let topics = Topics::Many(vec![topic::ERRORS.to_owned()]);
    let mut message = Message::draft(speaker.tag.clone(), topics, format::ERROR_MESSAGE, raw_json(&payload));
    message.also = origin.user.iter().map(topic::user_notifications).collect();
    message.is_error = true;
    message.in_response_to = Some(origin.id);
    message.thread = origin.full_thread();
    message.conversation_id.clone_from(&origin.conversation_id);
    message.traceparent.clone_from(&origin.traceparent);
    message.priority = origin.priority;
    message.history = origin.settled_history().into_owned();
    message.session_state.clone_from(&origin.session_state);
    message.user.clone_from(&origin.user);
    message.hops = origin.hops.saturating_add(1);
    message
}

/// All that is said of a message which is given up: the `ErrorMessage`, also where
/// the rules of the slip want errors, and what the rules change of states.
#[must_use]
pub fn last_words(
    fault: &Fault,
    origin: &Message,
    heard_on: &str,
    speaker: &Speaker,
    guild: &GuildView,
    trial: Trial,
    scope: Scope<'_>,
) -> RoutedTurn {
    let message = error_message(fault, origin, speaker, trial);
    TurnRouter::new(origin, heard_on, speaker, guild, scope).route_error(message)
}

/// The members of an `ErrorMessage`: those of the reference, and what the fault
/// knows besides.
#[must_use]
pub fn error_payload(fault: &Fault, agent_type: &str) -> serde_json::Value {
    let mut payload = json!({
        "agent_type": agent_type,
        "error_type": fault.kind.name().to_ascii_uppercase(),
        "error_message": fault.message,
    });
    if let (Some(into), Ok(serde_json::Value::Object(from))) = (payload.as_object_mut(), serde_json::to_value(fault)) {
        into.extend(from.into_iter().filter(|(name, _)| name != "message"));
    }
    payload
}

/// Written straight to text: a message holds JSON that is passed through unparsed.
#[derive(Serialize)]
struct DeadLetter<'a> {
    delivery_backend: &'static str,
    client_id: String,
    original_topic: &'a str,
    original_message_id: MessageId,
    original_message: &'a Message,
    error_type: &'static str,
    error_message: &'a str,
    /// Who could not serve it.
    agent: &'a AgentTag,
    /// How often it was tried.
    attempts: u32,
    fault: &'a Fault,
}

/// The dead letter of a message that is given up.
#[must_use]
pub fn dead_letter(
    guild: &GuildId,
    fault: &Fault,
    origin: &Message,
    heard_on: &str,
    speaker: &Speaker,
    trial: Trial,
) -> Message {
    let payload = DeadLetter {
        delivery_backend: "guildhall",
        client_id: format!("{guild}${}", speaker.id),
        original_topic: heard_on,
        original_message_id: origin.id,
        original_message: origin,
        error_type: fault.kind.name(),
        error_message: &fault.message,
        agent: &speaker.tag,
        attempts: trial.attempt,
        fault,
    };
    let topics = Topics::Many(vec![topic::DEAD_LETTERS.to_owned()]);
    let sender = AgentTag::new("messaging_backend", "MessagingBackend");
    let mut message = Message::draft(sender, topics, format::DELIVERY_FAILURE, raw_json(&payload));
    message.in_response_to = Some(origin.id);
    message.thread = origin.full_thread();
    message.is_error = true;
    message
}

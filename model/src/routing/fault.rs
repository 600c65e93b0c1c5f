//! The messages about a failed turn: the `ErrorMessage` for the user whose message started the thread, and the dead
//! letter that keeps the message for replay.

use serde::Serialize;
use serde_json::json;

use crate::fault::Fault;
use crate::format;
use crate::ids::{GuildId, MessageId};
use crate::message::{Message, raw_json};
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

use crate::routing::guild_view::GuildView;
use crate::routing::scope::Scope;
use crate::routing::sender::Sender;
use crate::routing::turn::{RoutedTurn, TurnRouter};

/// The attempt of a turn that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the attempt, from 1.
    pub number: u32,
    /// Whether no other attempt follows, so that the message becomes a dead letter.
    pub is_last: bool,
}

/// Returns the `ErrorMessage` of a failure. It goes to the error topic and to the user whose message started the
/// thread.
#[must_use]
pub fn error_message(fault: &Fault, origin: &Message, sender: &Sender, attempt: Attempt) -> Message {
    let mut payload = error_payload(fault, &sender.class_name);
    if let Some(members) = payload.as_object_mut() {
        members.insert("agent".into(), json!({"id": sender.tag.id, "name": sender.tag.name}));
        members.insert("message_id".into(), json!(origin.id));
        members.insert("attempt".into(), json!(attempt.number));
        members.insert("dead_lettered".into(), json!(attempt.is_last));
    }
    let topics = Topics::Many(vec![topic::ERRORS.to_owned()]);
    let mut message = Message::draft(sender.tag.clone(), topics, format::ERROR_MESSAGE, raw_json(&payload));
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
    message.root_number = origin.root_number;
    message.hops = origin.hops.saturating_add(1);
    message
}

/// Returns the `ErrorMessage` about a user's own message that goes nowhere. It is for the step that appends `first`,
/// which has no id yet: `in_response_to` 0 stands for it. The guild's manager sends it.
#[must_use]
pub fn lost_message(fault: &Fault, first: &Message, guild: &GuildId) -> Message {
    let payload = raw_json(&error_payload(fault, format::MANAGER_CLASS));
    let topics = Topics::Many(vec![topic::ERRORS.to_owned()]);
    let mut message = Message::draft(AgentTag::manager_of(guild), topics, format::ERROR_MESSAGE, payload);
    message.also = first.user.iter().map(topic::user_notifications).collect();
    message.is_error = true;
    message.in_response_to = Some(MessageId::default());
    message.conversation_id.clone_from(&first.conversation_id);
    message.traceparent.clone_from(&first.traceparent);
    message.user.clone_from(&first.user);
    message.full_names = first.full_names;
    message.hops = 1;
    message
}

/// Returns the messages about a message that is given up: the `ErrorMessage`, its copies by the rules of the slip, and
/// the state changes of these rules.
#[must_use]
pub fn failure_messages(
    fault: &Fault,
    origin: &Message,
    received_on: &str,
    sender: &Sender,
    guild: &GuildView,
    attempt: Attempt,
    scope: Scope<'_>,
) -> RoutedTurn {
    let message = error_message(fault, origin, sender, attempt);
    TurnRouter::new(origin, received_on, sender, guild, scope).route_error(message)
}

/// Returns the payload of an `ErrorMessage`: the members of the reference, and those of the fault.
#[must_use]
fn error_payload(fault: &Fault, agent_type: &str) -> serde_json::Value {
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

/// The payload of a dead letter. It is serialized to text directly, because the message holds unparsed JSON.
#[derive(Serialize)]
struct DeadLetter<'a> {
    delivery_backend: &'static str,
    client_id: String,
    original_topic: &'a str,
    original_message_id: MessageId,
    original_message: &'a Message,
    error_type: &'static str,
    error_message: &'a str,
    /// The agent that failed.
    agent: &'a AgentTag,
    /// The number of attempts.
    attempts: u32,
    fault: &'a Fault,
}

/// Returns the dead letter of a message that is given up.
#[must_use]
pub fn dead_letter(
    guild: &GuildId,
    fault: &Fault,
    origin: &Message,
    received_on: &str,
    sender: &Sender,
    attempt: Attempt,
) -> Message {
    let payload = DeadLetter {
        delivery_backend: "guildhall",
        client_id: format!("{guild}${}", sender.id),
        original_topic: received_on,
        original_message_id: origin.id,
        original_message: origin,
        error_type: fault.kind.name(),
        error_message: &fault.message,
        agent: &sender.tag,
        attempts: attempt.number,
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

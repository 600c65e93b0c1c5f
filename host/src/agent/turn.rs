//! Between a message and a guest's turn: what the guest is given, and what its
//! words become. Pure.

use std::sync::Arc;

use serde_json::json;

use crate::journal::{Delivery, Turn};
use crate::model::fault::{Fault, FaultKind};
use crate::model::ids::{AgentId, MessageId};
use crate::model::message::{Message, Topics, raw_json};
use crate::model::spec::AgentSpec;
use crate::model::state::{StateChange, StateOwner, changed};
use crate::model::{dialect, format, topic};
use crate::routing;
use crate::routing::{GuildView, Said, Speaker, States, TurnRouter};
use crate::sandbox::{self, Emit, GuestMessage, GuestTag};

/// What the sandbox is given for a delivery.
pub fn for_guest(
    delivery: &Delivery,
    budget_ms: u64,
    agent_state: Arc<str>,
    guild_state: Arc<str>,
) -> sandbox::Delivery {
    let message = &delivery.message;
    let tag = |tag: &crate::model::message::AgentTag| GuestTag { id: tag.id.clone(), name: tag.name.clone() };
    sandbox::Delivery {
        message: GuestMessage {
            id: message.id.get(),
            format: message.format.clone(),
            payload: message.payload.get().to_owned(),
            sender: tag(&message.sender),
            topic: delivery.topic.clone(),
            recipients: message.recipients.iter().map(tag).collect(),
            thread: message.full_thread().iter().rev().take(MAX_THREAD).rev().map(|id| id.get()).collect(),
            in_response_to: message.in_response_to.map(crate::model::ids::MessageId::get),
            conversation_id: message.conversation_id.as_ref().map(|value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
            priority: message.priority.get(),
            timestamp_ms: message.id.timestamp_ms(),
            is_error: message.is_error,
            session_state: message.session_state.as_ref().map(|state| state.get().to_owned()),
            traceparent: message.traceparent.clone(),
            attempt: delivery.attempt(),
            budget_ms: u32::try_from(budget_ms).unwrap_or(u32::MAX),
        },
        agent_state,
        guild_state,
    }
}

/// How many messages the routes may make of what one turn said.
const MAX_ROUTED: usize = 1_024;

/// The messages with these ids as JSON texts, in this order; what is not there is
/// passed over.
pub fn in_order(ids: &[MessageId], found: &[Message]) -> Vec<String> {
    ids.iter().filter_map(|id| found.iter().find(|message| message.id == *id)).map(dialect::write_plain).collect()
}

/// Adds earlier messages to the session state that a guest is given.
pub fn enrich(given: &mut sandbox::Delivery, history: &[String]) {
    let state = given.message.session_state.as_deref().unwrap_or("{}");
    let mut state: serde_json::Value = serde_json::from_str(state).unwrap_or_else(|_| json!({}));
    state["enriched_history"] = history.into();
    given.message.session_state = Some(state.to_string());
}

/// The last ids of a thread that a guest is shown.
const MAX_THREAD: usize = 64;

/// What a good turn commits.
///
/// # Errors
/// `hop_limit`, or `invalid_payload`: a rule makes something that is no payload, or a
/// state patch is not JSON.
pub fn commit_of(
    emits: Vec<Emit>,
    patches: [(StateOwner, Vec<String>); 2],
    delivery: &Delivery,
    speaker: &Speaker,
    guild: &GuildView,
    states: States<'_>,
) -> Result<Turn, Fault> {
    let mut router = TurnRouter::new(&delivery.message, &delivery.topic, speaker, guild).with_states(states);
    let mut turn = Turn::default();
    for emit in emits {
        let said = Said {
            format: format::canonical(emit.format),
            payload: emit.payload,
            topics: emit.topics,
            recipients: emit.recipients,
            priority: emit.priority,
            new_thread: emit.new_thread,
            session_state: emit.session_state,
            reason: emit.reason,
        };
        let spoken = router.route(said)?;
        turn.emits.extend(spoken.messages);
        if turn.emits.len() > MAX_ROUTED {
            let text = format!("the routes make more than {MAX_ROUTED} messages of what one turn said");
            return Err(Fault::new(FaultKind::Denied, text));
        }
        for (owner, change) in spoken.changes {
            match tried(&owner, &change, states) {
                Ok(()) => turn.changes.push((owner, change)),
                Err(error) => turn.emits.push(state_error(&error, &owner, &change, delivery, speaker, guild)),
            }
        }
    }
    for (owner, patches) in patches {
        for patch in patches {
            let patch = serde_json::from_str(&patch).map_err(|error| {
                Fault::new(FaultKind::InvalidPayload, format!("a state patch is not JSON: {error}"))
            })?;
            turn.changes.push((owner.clone(), StateChange::merge(patch)));
        }
    }
    Ok(turn)
}

/// Tries a change of a rule on the state as the turn saw it.
fn tried(owner: &StateOwner, change: &StateChange, states: States<'_>) -> Result<(), String> {
    let text = match owner {
        StateOwner::Guild => states.guild,
        StateOwner::Agent(_) => states.agent,
    };
    let state = serde_json::from_str(text).map_err(|error| error.to_string())?;
    changed(&state, 0, change).map(drop).map_err(|error| error.to_string())
}

/// What is said of a change of a rule that does not apply.
fn state_error(
    error: &str,
    owner: &StateOwner,
    change: &StateChange,
    delivery: &Delivery,
    speaker: &Speaker,
    guild: &GuildView,
) -> Message {
    let agent = match owner {
        StateOwner::Guild => None,
        StateOwner::Agent(agent) => Some(agent),
    };
    let request = json!({
        "state_owner": if agent.is_some() { "agent" } else { "guild" },
        "guild_id": guild.id,
        "agent_id": agent,
        "update_format": change.format,
        "state_update": change.update,
    });
    let topics = Topics::Many(vec![topic::ERRORS.to_owned()]);
    let payload = raw_json(&json!({"state_update_request": request, "error": error}));
    let mut message = Message::draft(speaker.tag.clone(), topics, format::STATE_UPDATE_ERROR, payload);
    message.is_error = true;
    message.in_response_to = Some(delivery.message.id);
    message.thread = delivery.message.full_thread();
    message.user.clone_from(&delivery.message.user);
    message
}

/// Whether this agent is to act on a message at all: it is tagged if it must be, and
/// the predicate of its handler holds. A predicate that fails does not hold.
pub fn is_for(delivery: &Delivery, agent: &AgentSpec, speaker: &Speaker, states: States<'_>) -> bool {
    let message = &delivery.message;
    if agent.act_only_when_tagged && !message.is_tagged_for(&speaker.tag) {
        return false;
    }
    agent
        .predicates
        .get(speaker.method)
        .is_none_or(|predicate| routing::holds(predicate, message, &delivery.topic, states))
}

/// The two owners of state that a turn may patch.
pub fn owners(agent: &AgentId) -> (StateOwner, StateOwner) {
    (StateOwner::Agent(agent.clone()), StateOwner::Guild)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::message::AgentTag;

    fn message(id: u64) -> Message {
        let topics = Topics::One("t".into());
        let mut message = Message::draft(AgentTag::new("a", "A"), topics, "f.x", raw_json(&json!({"n": id})));
        message.id = MessageId::new(id);
        message.session_state = Some(raw_json(&json!({"k": 1})));
        message
    }

    #[test]
    fn earlier_messages_are_given_in_the_order_asked_for_and_without_their_sessions() {
        let found = [message(1), message(2)];
        let ids = [MessageId::new(2), MessageId::new(9), MessageId::new(1)];
        let texts = in_order(&ids, &found);
        let delivery = Delivery { message: Arc::new(message(3)), topic: "t".into(), tries: Default::default() };
        let mut given = for_guest(&delivery, 1, "{}".into(), "{}".into());
        enrich(&mut given, &texts);
        let state: serde_json::Value = serde_json::from_str(&given.message.session_state.unwrap()).unwrap();
        assert_eq!(state["k"], 1);
        let payload = |n: usize| {
            let text = state["enriched_history"][n].as_str().unwrap();
            let message: serde_json::Value = serde_json::from_str(text).unwrap();
            assert!(message.get("session_state").is_none());
            message["payload"]["n"].clone()
        };
        assert_eq!((payload(0), payload(1)), (json!(2), json!(1)));
    }
}

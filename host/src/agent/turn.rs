//! Between a message and a guest's turn: what the guest is given, and what its
//! words become. Pure.

use std::sync::Arc;

use crate::journal::{Delivery, StateOwner, Turn};
use crate::model::fault::{Fault, FaultKind};
use crate::model::ids::AgentId;
use crate::model::message::Message;
use crate::routing::{GuildView, Said, Speaker, TurnRouter};
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
            attempt: delivery.attempt,
            budget_ms: u32::try_from(budget_ms).unwrap_or(u32::MAX),
        },
        agent_state,
        guild_state,
    }
}

/// How many messages the routes may make of what one turn said.
const MAX_ROUTED: usize = 1_024;
/// The last ids of a thread that a guest is shown.
const MAX_THREAD: usize = 64;

/// What a good turn commits.
///
/// # Errors
/// `hop_limit`, or `invalid_payload` for a state patch that is not JSON.
pub fn commit_of(
    emits: Vec<Emit>,
    patches: [(StateOwner, Vec<String>); 2],
    delivery: &Delivery,
    speaker: &Speaker,
    guild: &GuildView,
) -> Result<Turn, Fault> {
    let mut router = TurnRouter::new(&delivery.message, &delivery.topic, speaker, guild);
    let mut turn = Turn::default();
    for emit in emits {
        let said = Said {
            format: crate::model::format::canonical(emit.format),
            payload: emit.payload,
            topics: emit.topics,
            recipients: emit.recipients,
            priority: emit.priority,
            new_thread: emit.new_thread,
            session_state: emit.session_state,
            reason: emit.reason,
        };
        turn.emits.extend(router.route(said)?);
        if turn.emits.len() > MAX_ROUTED {
            let text = format!("the routes make more than {MAX_ROUTED} messages of what one turn said");
            return Err(Fault::new(FaultKind::Denied, text));
        }
    }
    for (owner, patches) in patches {
        for patch in patches {
            let patch = serde_json::from_str(&patch).map_err(|error| {
                Fault::new(FaultKind::InvalidPayload, format!("a state patch is not JSON: {error}"))
            })?;
            turn.patches.push((owner.clone(), patch));
        }
    }
    Ok(turn)
}

/// Whether this agent is to act on a message at all.
pub fn is_for(message: &Message, only_when_tagged: bool, speaker: &Speaker) -> bool {
    !only_when_tagged || message.is_tagged_for(&speaker.tag)
}

/// The two owners of state that a turn may patch.
pub fn owners(agent: &AgentId) -> (StateOwner, StateOwner) {
    (StateOwner::Agent(agent.clone()), StateOwner::Guild)
}

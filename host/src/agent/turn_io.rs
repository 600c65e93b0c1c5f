//! What goes into a turn and what comes out of it: a message becomes the input of a guest, and the results of a turn
//! become a commit. Pure: nothing here reads or writes the journal.

use std::sync::Arc;

use serde_json::json;

use crate::journal::{Commit, Delivery};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{AgentId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::routing;
use guildhall_model::routing::{GuildView, Outgoing, Scope, Sender, TurnRouter};
use guildhall_model::spec::{AgentSpec, Predicate};
use guildhall_model::state::{StateChange, StateError, StateOwner, changed, text_of};
use guildhall_model::topic::Topics;
use guildhall_model::values::ValueWrite;
use guildhall_model::{dialect, format, topic};
use guildhall_sandbox as sandbox;
use guildhall_sandbox::{GuestMessage, GuestTag};

/// The input of a turn that serves a delivery. `timeout_ms` is the time limit of the turn; the states are JSON objects.
#[must_use]
pub fn turn_input(
    delivery: &Delivery,
    timeout_ms: u64,
    agent_state: Arc<str>,
    guild_state: Arc<str>,
) -> sandbox::TurnInput {
    let message = &delivery.message;
    let tag = |tag: &guildhall_model::tag::AgentTag| GuestTag { id: tag.id.clone(), name: tag.name.clone() };
    sandbox::TurnInput {
        message: GuestMessage {
            id: message.id.get(),
            format: message.format.clone(),
            payload: message.payload.get().to_owned(),
            sender: tag(&message.sender),
            topic: delivery.topic.clone(),
            recipients: message.recipients.iter().map(tag).collect(),
            thread: message.full_thread().iter().rev().take(MAX_THREAD).rev().map(|id| id.get()).collect(),
            in_response_to: message.in_response_to.map(guildhall_model::ids::MessageId::get),
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
            budget_ms: u32::try_from(timeout_ms).unwrap_or(u32::MAX),
        },
        agent_state,
        guild_state,
    }
}

/// The most messages that the routes may make of the emits of one turn.
const MAX_ROUTED: usize = 1_024;

/// The most earlier messages that a receiver gets with a message.
const MAX_HISTORY: usize = 64;
/// The most bytes that these messages have together as JSON. If there are more, the newest are passed.
const MAX_HISTORY_BYTES: usize = 256 << 10;

/// The ids of the earlier messages that a message's receiver gets with it, oldest first: at most the newest 64. `None`:
/// the message asks for no history.
#[must_use]
pub fn requested_history(message: &Message) -> Option<Vec<MessageId>> {
    if message.enrich_with_history == 0 {
        return None;
    }
    let requested = usize::try_from(message.enrich_with_history).unwrap_or(usize::MAX).min(MAX_HISTORY);
    let from = message.history.len().saturating_sub(requested);
    Some(message.settled_history()[from..].iter().map(|entry| entry.origin).collect())
}

/// The messages with these ids as JSON texts, in the order of the ids: the newest that have 256 KiB together. Ids that
/// were not found are left out.
#[must_use]
pub fn history_texts(ids: &[MessageId], found: &[Message]) -> Vec<String> {
    let mut left = MAX_HISTORY_BYTES;
    let newest_first = ids.iter().rev().filter_map(|id| found.iter().find(|message| message.id == *id));
    let mut texts: Vec<String> = newest_first
        .map(dialect::write_without_session)
        .map_while(|text| {
            left = left.checked_sub(text.len())?;
            Some(text)
        })
        .collect();
    texts.reverse();
    texts
}

/// Adds earlier messages, as JSON texts, to the session state of a turn's input.
pub fn add_history(input: &mut sandbox::TurnInput, history: &[String]) {
    let state = input.message.session_state.as_deref().unwrap_or("{}");
    let mut state: serde_json::Value = serde_json::from_str(state).unwrap_or_else(|_| json!({}));
    state["enriched_history"] = history.into();
    input.message.session_state = Some(state.to_string());
}

/// The most ids of a thread that a guest gets; the last ones.
const MAX_THREAD: usize = 64;

/// What a turn emitted and changed. A commit writes all of it or nothing.
#[derive(Debug, Default)]
pub struct TurnResults {
    /// The messages that the agent emitted, before routing.
    pub emits: Vec<Outgoing>,
    /// Merge patches of the agent's state, JSON texts.
    pub agent_patches: Vec<String>,
    /// Merge patches of the guild's state, JSON texts.
    pub guild_patches: Vec<String>,
    /// The changes of key-value pairs.
    pub values: Vec<ValueWrite>,
}

/// What a turn commits, and what it costs to write.
#[derive(Debug)]
pub struct WeighedCommit {
    /// The messages, changes and values.
    pub commit: Commit,
    /// The weight of the messages.
    pub messages: u64,
    /// The KiB of the states that are written.
    pub state_kib: u64,
    /// Why what was emitted goes nowhere.
    pub lost: Option<Fault>,
}

/// Turns the results of a successful turn into a commit. A state change of a rule that does not apply becomes an error
/// message on the error topic. The fault says why what was emitted goes nowhere.
///
/// # Errors
/// `hop_limit`; `denied`: the routes make too many messages or too many bytes; `invalid_payload`: a rule makes something
/// that is not a payload, the session state is too large, a state patch is not JSON or nests too deep;
/// `state_too_large`.
pub fn commit_of(
    results: TurnResults,
    delivery: &Delivery,
    speaker: &Sender,
    guild: &GuildView,
    scope: Scope<'_>,
) -> Result<WeighedCommit, Fault> {
    let mut router = TurnRouter::new(&delivery.message, &delivery.topic, speaker, guild, scope);
    let values = results.values;
    let mut commit = Commit { announces: announces_states(delivery, guild), values, ..Commit::default() };
    let mut dropped = Vec::new();
    for emit in results.emits {
        let routed = router.route(emit)?;
        commit.emits.extend(routed.messages);
        dropped.extend(routed.dropped);
        if commit.emits.len() > MAX_ROUTED {
            let text = format!("the routes make more than {MAX_ROUTED} messages of the emits of one turn");
            return Err(Fault::new(FaultKind::Denied, text));
        }
        for (owner, change) in routed.changes {
            match check_change(&owner, &change, scope) {
                Ok(()) => commit.changes.push((owner, change)),
                Err(error) => commit.emits.push(state_error(&error, &owner, &change, delivery, speaker, guild)),
            }
        }
    }
    let lost = routing::lost_of_turn(&commit.emits, dropped, speaker, guild);
    let (agent, own) = state_owners(&speaker.id);
    for (owner, patches) in [(agent, results.agent_patches), (own, results.guild_patches)] {
        for patch in patches {
            let patch = serde_json::from_str(&patch).map_err(|error| {
                Fault::new(FaultKind::InvalidPayload, format!("a state patch is not JSON: {error}"))
            })?;
            commit.changes.push((owner.clone(), StateChange::merge(patch)));
        }
    }
    let state_kib = state_kib(&commit.changes, guild.bounds.state_bytes, scope)?;
    let messages = commit.emits.iter().map(|message| message.weight() as u64).sum();
    Ok(WeighedCommit { commit, messages, state_kib, lost })
}

/// Whether routing what a turn emits may evaluate an expression: the message has a slip with expressions, or follows
/// the guild's rules.
#[must_use]
pub fn has_expressions(delivery: &Delivery, guild: &GuildView) -> bool {
    match &delivery.message.routing_slip {
        Some(slip) => slip.has_expressions(),
        None => guild.routes.has_expressions(),
    }
}

/// Whether the predicate that decides about an agent's messages is an expression.
#[must_use]
pub fn has_predicate_expression(agent: &AgentSpec, speaker: &Sender) -> bool {
    matches!(agent.predicates.get(speaker.method), Some(Predicate::Jsonata { .. } | Predicate::Cel { .. }))
}

/// Whether the states that a turn changes are announced to others. Agents that answer state changes with state changes
/// end at the hop limit.
#[must_use]
pub fn announces_states(delivery: &Delivery, guild: &GuildView) -> bool {
    delivery.message.hops < guild.hop_limit
}

/// Returns the KiB of the states that a turn changes, starting from the states that the turn saw. Refuses a turn after
/// which a state would have more than `most` bytes or would be too deep.
fn state_kib(changes: &[(StateOwner, StateChange)], most: usize, scope: Scope<'_>) -> Result<u64, Fault> {
    let mut kib = 0;
    for (is_guilds, text) in [(true, scope.guild_state), (false, scope.agent_state)] {
        if !changes.iter().any(|(owner, _)| (*owner == StateOwner::Guild) == is_guilds) {
            continue;
        }
        let mut state = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
        let its_changes = changes.iter().filter(|(owner, _)| (*owner == StateOwner::Guild) == is_guilds);
        for (_, change) in its_changes {
            state = match changed(&state, 0, change) {
                Err(error @ StateError::TooDeep) => {
                    return Err(Fault::new(FaultKind::InvalidPayload, error.to_string()));
                }
                // A change that does not apply is reported when it is committed.
                changed => changed.unwrap_or(state),
            };
        }
        match text_of(&state, most) {
            Ok(text) => kib += (text.len() >> 10) as u64,
            Err(error) => {
                let StateError::TooLarge { bytes, limit } = error else { continue };
                let text = format!("{error}; it is that of the {}", if is_guilds { "guild" } else { "agent" });
                let fault = Fault::new(FaultKind::StateTooLarge, text);
                return Err(fault.over(limit as u64, Some(bytes as u64), "host.state_bytes"));
            }
        }
    }
    Ok(kib)
}

/// Checks that a change of a rule applies to the state that the turn saw.
fn check_change(owner: &StateOwner, change: &StateChange, scope: Scope<'_>) -> Result<(), String> {
    let text = match owner {
        StateOwner::Guild => scope.guild_state,
        StateOwner::Agent(_) => scope.agent_state,
    };
    let state = serde_json::from_str(text).map_err(|error| error.to_string())?;
    changed(&state, 0, change).map(drop).map_err(|error| error.to_string())
}

/// The error message for a change of a rule that does not apply.
fn state_error(
    error: &str,
    owner: &StateOwner,
    change: &StateChange,
    delivery: &Delivery,
    speaker: &Sender,
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
    message.root_number = delivery.message.root_number;
    message
}

/// Whether an agent acts on a message: the message tags the agent if the agent wants that, and the predicate of the
/// agent's handler holds. A predicate that fails does not hold.
#[must_use]
pub fn accepts(delivery: &Delivery, agent: &AgentSpec, speaker: &Sender, scope: Scope<'_>) -> bool {
    let message = &delivery.message;
    if agent.act_only_when_tagged && !message.is_tagged_for(&speaker.tag) {
        return false;
    }
    agent
        .predicates
        .get(speaker.method)
        .is_none_or(|predicate| routing::holds(predicate, message, &delivery.topic, scope))
}

/// The fault of a message whose time to live is over; `None` if it still lives. Such a message is not served.
#[must_use]
pub fn expiry_fault(message: &Message, now_ms: u64) -> Option<Fault> {
    if !message.is_expired(now_ms) {
        return None;
    }
    let lives_ms = message.ttl_ms()?;
    let waited_ms = now_ms.saturating_sub(message.id.timestamp_ms());
    let text = format!("the message waited {waited_ms} ms, its time to live is {lives_ms} ms (its own `ttl`)");
    Some(Fault { limit: Some(lives_ms), value: Some(waited_ms), ..Fault::new(FaultKind::Expired, text) })
}

/// The two states that a turn may change: the agent's and the guild's.
#[must_use]
pub fn state_owners(agent: &AgentId) -> (StateOwner, StateOwner) {
    (StateOwner::Agent(agent.clone()), StateOwner::Guild)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use guildhall_model::expression::Expressions;
    use guildhall_model::tag::AgentTag;

    fn message(id: u64) -> Message {
        let topics = Topics::One("t".into());
        let mut message = Message::draft(AgentTag::new("a", "A"), topics, "f.x", raw_json(&json!({"n": id})));
        message.id = MessageId::new(id);
        message.session_state = Some(raw_json(&json!({"k": 1})));
        message
    }

    #[test]
    fn a_message_expires_after_its_time_to_live() {
        let mut message = message(0);
        message.id = MessageId::first_at(1_700_000_000_000);
        assert_eq!(expiry_fault(&message, u64::MAX), None, "without a ttl it never expires");
        message.ttl = Some(2);
        assert_eq!(expiry_fault(&message, 1_700_000_002_000), None);
        let fault = expiry_fault(&message, 1_700_000_002_500).unwrap();
        assert_eq!((fault.kind, fault.limit, fault.value), (FaultKind::Expired, Some(2_000), Some(2_500)));
    }

    #[test]
    fn a_state_that_would_be_too_large_is_refused_with_its_size() {
        const MOST: usize = 10 << 10;
        let full = json!({"a": "x".repeat(MOST - 100)}).to_string();
        let change = |text: &str| (StateOwner::Guild, StateChange::merge(json!({"b": text})));
        let expressions = Expressions::none();
        let scope = Scope { guild_state: &full, ..Scope::without_states(&expressions) };
        assert_eq!(state_kib(&[], MOST, scope), Ok(0), "a state that does not change costs nothing");
        assert_eq!(state_kib(&[change("y")], MOST, scope), Ok(9), "the whole state is written");
        let long = "y".repeat(200);
        let fault = state_kib(&[change(&long)], MOST, scope).unwrap_err();
        assert_eq!((fault.kind, fault.limit), (FaultKind::StateTooLarge, Some(MOST as u64)));
        assert_eq!(fault.setting.as_deref(), Some("host.state_bytes"));
        assert!(fault.value > fault.limit, "{fault}");
        assert!(state_kib(&[change(&long), change("y")], MOST, scope).is_ok(), "the state after all changes counts");
    }

    #[test]
    fn earlier_messages_are_passed_in_the_requested_order_and_without_their_session_states() {
        let found = [message(1), message(2)];
        let ids = [MessageId::new(2), MessageId::new(9), MessageId::new(1)];
        let texts = history_texts(&ids, &found);
        let delivery = Delivery { message: Arc::new(message(3)), topic: "t".into(), attempts: Default::default() };
        let mut input = turn_input(&delivery, 1, "{}".into(), "{}".into());
        add_history(&mut input, &texts);
        let state: serde_json::Value = serde_json::from_str(&input.message.session_state.unwrap()).unwrap();
        assert_eq!(state["k"], 1);
        let payload = |n: usize| {
            let text = state["enriched_history"][n].as_str().unwrap();
            let message: serde_json::Value = serde_json::from_str(text).unwrap();
            assert!(message.get("session_state").is_none());
            message["payload"]["n"].clone()
        };
        assert_eq!((payload(0), payload(1)), (json!(2), json!(1)));
    }

    #[test]
    fn only_the_newest_earlier_messages_are_passed() {
        let large = |id| Message { payload: raw_json(&json!({"n": "x".repeat(100 << 10)})), ..message(id) };
        let found = [large(1), large(2), large(3)];
        let ids: Vec<_> = found.iter().map(|message| message.id).collect();
        let texts = history_texts(&ids, &found);
        assert_eq!(texts, [dialect::write_without_session(&found[1]), dialect::write_without_session(&found[2])]);
    }
}

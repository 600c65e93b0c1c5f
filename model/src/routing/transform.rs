//! The expressions of a rule: transformers and state updates. A result that cannot be used drops the message, and so
//! does an error in the expression. The rule counts as used either way.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::expression::{ExpressionError, Language};
use crate::fault::{Fault, FaultKind};
use crate::ids::MessageId;
use crate::message::{ForwardHeader, MAX_PAYLOAD_BYTES, Message, raw_json};
use crate::names;
use crate::priority::Priority;
use crate::routing::scope::Scope;
use crate::spec::{RoutingRule, StateUpdate, Transformer};
use crate::state::{StateChange, StateOwner};
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

/// A message as expressions see and change it.
#[derive(Serialize)]
struct Routable<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_state: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_state: Option<&'a RawValue>,
    topics: &'a Topics,
    priority: Priority,
    recipient_list: &'a [AgentTag],
    payload: &'a RawValue,
    format: &'a str,
    forward_header: Option<&'a ForwardHeader>,
    context: Option<&'a RawValue>,
    enrich_with_history: u32,
    process_status: Option<ProcessStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    untransformed: Option<Box<Routable<'a>>>,
}

#[derive(Serialize)]
struct Origin<'a> {
    id: MessageId,
    sender: &'a AgentTag,
    recipient_list: &'a [AgentTag],
    payload: &'a RawValue,
    format: &'a str,
}

fn routable<'a>(message: &'a Message, no_context: &'a RawValue) -> Routable<'a> {
    Routable {
        origin: None,
        agent_state: None,
        guild_state: None,
        topics: &message.topics,
        priority: message.priority,
        recipient_list: &message.recipients,
        payload: &message.payload,
        format: &message.format,
        forward_header: message.forward_header.as_ref(),
        context: Some(message.session_state.as_deref().unwrap_or(no_context)),
        enrich_with_history: message.enrich_with_history,
        process_status: message.process_status,
        untransformed: None,
    }
}

/// Returns the input of a rule's expressions as JSON text. `before` is the message before the transformer.
fn input(message: &Message, before: Option<&Message>, origin: &Message, scope: Scope<'_>) -> Option<String> {
    let no_context = serde_json::from_str("{}").ok()?;
    let mut input = routable(message, no_context);
    input.origin = Some(Origin {
        id: origin.id,
        sender: &origin.sender,
        recipient_list: &origin.recipients,
        payload: &origin.payload,
        format: &origin.format,
    });
    input.agent_state = serde_json::from_str(scope.agent_state).ok();
    input.guild_state = serde_json::from_str(scope.guild_state).ok();
    input.untransformed = before.map(|before| Box::new(routable(before, no_context)));
    serde_json::to_string(&input).ok()
}

/// Evaluates an expression. `Ok(None)`: it has no result, or the result null.
fn run(scope: Scope<'_>, language: Language, source: &str, input: &str) -> Result<Option<Value>, ExpressionError> {
    let value = scope.expressions.evaluate(language, source, input)?;
    Ok(value.filter(|value| !value.is_null()))
}

/// A message and the changes of states that go with it.
type Routed = (Message, Vec<(StateOwner, StateChange)>);

/// What a rule made of a message, or why it made nothing, for the user whose message began the thread.
pub(super) type Made<T> = Result<T, Fault>;

/// Applies the expressions of a rule to a message. Returns the message with the state changes, or why it is dropped. A
/// rule without expressions returns the message as it is. `agent` is the sender.
///
/// # Errors
/// `invalid_payload` when a result cannot be a payload.
pub(super) fn by_rule(
    rule: &RoutingRule,
    message: Message,
    origin: &Message,
    agent: &StateOwner,
    scope: Scope<'_>,
) -> Result<Made<Routed>, Fault> {
    let has_updates = rule.agent_state_update.is_some() || rule.guild_state_update.is_some();
    if rule.transformer.is_none() && !has_updates {
        return Ok(refuse_closed(rule, message).map(|message| (message, Vec::new())));
    }
    let before = has_updates.then(|| message.clone());
    let made = match &rule.transformer {
        Some(transformer) => transform(transformer, message, origin, scope)?,
        None => Ok(message),
    };
    let routed = match made {
        Ok(routed) => routed,
        Err((kind, why)) => return Ok(Err(Fault::new(kind, format!("the rule {} {why}", described(rule))))),
    };
    let routed = match refuse_closed(rule, routed) {
        Ok(routed) => routed,
        Err(fault) => return Ok(Err(fault)),
    };
    let changes = before.map(|before| changes(rule, &routed, &before, origin, agent, scope)).unwrap_or_default();
    Ok(Ok((routed, changes)))
}

/// Drops a message on a topic that is closed to rules. A rule may keep the topics of the message that it answers, and
/// an earlier version may have stored it.
fn refuse_closed(rule: &RoutingRule, message: Message) -> Made<Message> {
    let closed = message.topics.as_slice().iter().find(|name| topic::is_closed_to_rules(name));
    match closed {
        Some(name) => {
            let text = format!("the rule {} may not write to {name}, a topic of the host's own", described(rule));
            Err(Fault::new(FaultKind::Denied, text))
        }
        None => Ok(message),
    }
}

/// A rule for people: whose messages it is for, and where it sends them.
fn described(rule: &RoutingRule) -> String {
    let tag = rule.agent.as_ref().and_then(|tag| tag.name.as_deref().or(tag.id.as_deref()));
    let whose = tag.or(rule.agent_type.as_deref()).unwrap_or("every agent");
    match rule.topics() {
        Some(topics) => format!("for {whose} to {}", topics.as_slice().join(", ")),
        None => format!("for {whose}"),
    }
}

/// Why a transformer made no message: the kind of the fault, and what follows the name of the rule.
type Dropped = (FaultKind, String);

fn failed(error: &ExpressionError) -> Dropped {
    (FaultKind::RuleFailed, format!("failed: {error}"))
}

fn nothing() -> Dropped {
    (FaultKind::RuleDropped, "has an expression without a result, so that it made no message".to_owned())
}

fn unusable(what: impl std::fmt::Display) -> Dropped {
    (FaultKind::RuleFailed, format!("has an expression with a result that cannot be used: {what}"))
}

/// Applies the transformer of a rule. The inner error says why the message is dropped.
///
/// # Errors
/// `invalid_payload` when the result cannot be a payload.
fn transform(
    transformer: &Transformer,
    mut message: Message,
    origin: &Message,
    scope: Scope<'_>,
) -> Result<Result<Message, Dropped>, Fault> {
    match transformer {
        Transformer::Payload { output_format, expression_type, expression, .. } => {
            let payload = match run(scope, *expression_type, expression, message.payload.get()) {
                Ok(Some(payload)) => payload,
                Ok(None) => return Ok(Err(nothing())),
                Err(error) => return Ok(Err(failed(&error))),
            };
            message.payload = payload_of(&payload)?;
            if let Some(name) = output_format {
                message.format.clone_from(name);
            }
            Ok(Ok(message))
        }
        Transformer::Functional { expression_type, handler, .. } => {
            let Some(given) = input(&message, None, origin, scope) else {
                return Ok(Err(unusable("its message cannot be passed to an expression")));
            };
            match run(scope, *expression_type, handler, &given) {
                Ok(Some(Value::Object(members))) => overlay(message, members),
                Ok(Some(_)) => Ok(Err(unusable("it is not an object"))),
                Ok(None) => Ok(Err(nothing())),
                Err(error) => Ok(Err(failed(&error))),
            }
        }
    }
}

fn payload_of(value: &Value) -> Result<Box<RawValue>, Fault> {
    let refused = |what: &str| Fault::new(FaultKind::InvalidPayload, format!("a routing rule returned {what}"));
    if value.as_object().is_none_or(Map::is_empty) {
        return Err(refused("a payload that is not a JSON object with at least one member"));
    }
    let payload = raw_json(value);
    if payload.get().len() > MAX_PAYLOAD_BYTES {
        return Err(refused(&format!("a payload of {} bytes, the limit is {MAX_PAYLOAD_BYTES}", payload.get().len())));
    }
    Ok(payload)
}

/// Replaces members of a message. A member of the wrong type drops the message, and an unknown member is ignored.
fn overlay(mut message: Message, members: Map<String, Value>) -> Result<Result<Message, Dropped>, Fault> {
    let names_topics = members.contains_key("topics");
    for (name, value) in members {
        let is_good = match name.as_str() {
            "payload" => {
                if !value.is_object() {
                    return Ok(Err(unusable("`payload` is not an object")));
                }
                message.payload = payload_of(&value)?;
                true
            }
            "topics" => set(&mut message.topics, value, |topics: &Topics| !topics.is_empty()),
            "priority" => Priority::read(&value).map(|priority| message.priority = priority).is_some(),
            "recipient_list" => set(&mut message.recipients, value, |tags: &Vec<AgentTag>| tags.len() <= MAX_TAGS),
            "format" => set(&mut message.format, value, |format: &String| is_format(format)),
            "forward_header" => set(&mut message.forward_header, value, |_| true),
            "context" => merge_context(&mut message, value),
            "enrich_with_history" => count(&value).map(|number| message.enrich_with_history = number).is_some(),
            "process_status" => set(&mut message.process_status, value, |_| true),
            _ => true,
        };
        if !is_good {
            return Ok(Err(unusable(format_args!("`{}` has no valid value", shortened(&name)))));
        }
    }
    message.topics = match message.topics {
        Topics::One(name) => Topics::One(topic::canonical(&name)),
        Topics::Many(names) => Topics::Many(names.iter().map(|name| topic::canonical(name)).collect()),
    };
    if names_topics && !may_go_to(&message) {
        let names = shortened(&message.topics.as_slice().join(", "));
        return Ok(Err((FaultKind::Denied, format!("may not send this message to {names}"))));
    }
    Ok(Ok(message))
}

/// The beginning of a text that an expression made, for an error.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

/// Merges members into the session state, whose other members stay. Null merges nothing. Returns whether the value has
/// the right type.
fn merge_context(message: &mut Message, value: Value) -> bool {
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return true,
        _ => return false,
    };
    let state = message.session_state.as_deref();
    let mut merged: Map<String, Value> =
        state.and_then(|state| serde_json::from_str(state.get()).ok()).unwrap_or_default();
    merged.extend(members);
    message.session_state = Some(raw_json(&Value::Object(merged)));
    true
}

/// Reads a number of messages. It may be decimal text, and null means none.
fn count(value: &Value) -> Option<u32> {
    match value {
        Value::Null => Some(0),
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

/// Returns whether an expression may give a message this format.
fn is_format(name: &str) -> bool {
    name.chars().take(3).count() == 3 && name.len() <= MAX_NAME && names::check(name).is_ok()
}

/// Returns whether a message may go to the topics that an expression chose. Users can send slips with expressions, so
/// an expression may choose the topics that a user may: neither the host's own topics nor those of another user.
fn may_go_to(message: &Message) -> bool {
    let is_own = |owner: &str| message.user.as_ref().is_some_and(|user| user.as_str() == owner);
    let names = message.topics.as_slice();
    let is_good =
        |name: &String| name.len() <= MAX_NAME && !topic::is_reserved(name) && topic::owner(name).is_none_or(is_own);
    names.len() <= MAX_TOPICS && names.iter().all(is_good)
}

/// The most topics that an expression may choose.
const MAX_TOPICS: usize = 16;
/// The longest topic and the longest format that an expression may choose, in bytes.
const MAX_NAME: usize = 256;

/// The most recipients that an expression may choose.
const MAX_TAGS: usize = 256;

fn set<T: serde::de::DeserializeOwned>(place: &mut T, value: Value, is_allowed: impl FnOnce(&T) -> bool) -> bool {
    match serde_json::from_value(value) {
        Ok(read) if is_allowed(&read) => {
            *place = read;
            true
        }
        _ => false,
    }
}

/// Returns the state changes of a rule, the guild's first. `before` is the message before the transformer.
fn changes(
    rule: &RoutingRule,
    message: &Message,
    before: &Message,
    origin: &Message,
    agent: &StateOwner,
    scope: Scope<'_>,
) -> Vec<(StateOwner, StateChange)> {
    let Some(given) = input(message, Some(before), origin, scope) else { return Vec::new() };
    let of = |owner: StateOwner, update: Option<&StateUpdate>| {
        let update = update?;
        let patch = run(scope, update.expression_type, &update.state_update, &given);
        let patch = patch.ok().flatten().filter(Value::is_object)?;
        Some((owner, StateChange { format: update.update_format, ..StateChange::merge(patch) }))
    };
    let guild = of(StateOwner::Guild, rule.guild_state_update.as_deref());
    let agent = of(agent.clone(), rule.agent_state_update.as_deref());
    guild.into_iter().chain(agent).collect()
}

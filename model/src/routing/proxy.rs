//! The user proxy: how a user's message enters a guild. The reference wraps, unwraps, copies back and forwards it, five
//! messages in all. Here the message is stored once, with the topics it goes to and the user's own notifications as an
//! additional topic.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::draft::UserDraft;
use crate::fault::{Fault, FaultKind};
use crate::format;
use crate::ids::{ClientId, MessageId};
use crate::message::{HistoryEntry, Message, raw_json};
use crate::spec::RoutingSlip;
use crate::state::{StateChange, StateOwner};
use crate::topic;
use crate::topic::Topics;

use crate::routing::guild_view::{GuildView, subscriptions};
use crate::routing::lost::lost_of_user;
use crate::routing::room::Room;
use crate::routing::scope::Scope;
use crate::routing::sender::Sender;
use crate::routing::slip::{RuleInput, take_matching};
use crate::routing::{mentions, transform};

/// A user's message after routing: the message itself, and the copies that the rules make of it.
#[derive(Debug)]
pub struct Routed {
    /// The message itself.
    pub first: Message,
    /// The copies of the rules. Each answers `first`; `in_response_to` 0 stands for its id.
    pub others: Vec<Message>,
    /// The state changes of the rules.
    pub changes: Vec<(StateOwner, StateChange)>,
    /// Why the message, or a copy of it, goes nowhere.
    pub lost: Option<Fault>,
}

/// The most copies that the rules may make of one message of a user.
const MAX_COPIES: usize = 256;

/// Routes a message of a user. The agent state of `scope` is that of the user's proxy.
///
/// # Errors
/// `no_recipient` when the guild has no routes and no agent listens to the topics. `denied` when the user may not write
/// to a topic, when more than 256 rules make a copy, or when the copies would be too large together. `invalid_payload`
/// when a transformer returns a value that cannot be a payload, or when the session state would be too large.
pub fn route_user_message(draft: UserDraft, guild: &GuildView, scope: Scope<'_>) -> Result<Routed, Fault> {
    let steps = draft.routing_slip.iter().flat_map(|slip| &slip.steps);
    let destinations = steps.filter_map(|rule| rule.destination.as_ref()?.topics.as_ref());
    for name in destinations.flat_map(Topics::as_slice) {
        refuse_topic_of_others(name, &draft)?;
    }
    let name = guild.users.iter().find(|(user, _)| *user == draft.user).map_or(&draft.user_name, |(_, name)| name);
    let sender = Sender::proxy_of(&draft.user, name);
    let (own, inbox) = (topic::user_notifications(&draft.user), topic::user_inbox(&draft.user));
    if is_request(&draft) {
        let mut first = message_of(draft, &sender);
        first.also.push(own);
        push_hop(&mut first, &sender, &inbox);
        return Ok(Routed { first, others: Vec::new(), changes: Vec::new(), lost: None });
    }
    for name in draft.topics.iter().flat_map(Topics::as_slice) {
        refuse_topic_of_others(name, &draft)?;
    }
    let own_slip = draft.routing_slip.clone();
    let is_routed = guild.has_routes() || own_slip.is_some();
    let mut first = message_of(draft, &sender);
    let is_for_all = first.recipients.is_empty();
    add_mentions(&mut first, guild, is_routed);
    first.also.push(own);
    if is_routed && is_for_all {
        first.also.push(topic::BROADCAST.to_owned());
    }
    if is_routed {
        return by_rules(first, &inbox, own_slip.as_deref(), &sender, guild, scope);
    }
    first.topics = listeners_of(&first.topics, guild)?;
    push_hop(&mut first, &sender, &inbox);
    guild.notify_tagged_users(&mut first);
    Ok(Routed { first, others: Vec::new(), changes: Vec::new(), lost: None })
}

/// Returns whether routing the draft may evaluate an expression. Then it is done away from the server's threads.
#[must_use]
pub fn user_message_has_expressions(draft: &UserDraft, guild: &GuildView) -> bool {
    draft.routing_slip.as_ref().is_some_and(|slip| slip.has_expressions()) || guild.routes.has_expressions()
}

/// Returns whether a draft is a request to the guild's manager, on topics where the manager receives requests.
fn is_request(draft: &UserDraft) -> bool {
    let is_managers = |name: &String| matches!(topic::canonical(name).as_str(), topic::SYSTEM | topic::STATE);
    let topics = draft.topics.as_ref().map(Topics::as_slice).unwrap_or_default();
    !topics.is_empty() && topics.iter().all(is_managers) && format::REQUESTS.contains(&format::canonical(&draft.format))
}

/// Adds the agents that the user mentions to the recipients. In text formats under their full class names the payload
/// lists them too, as JSON text in `tagged_users`. The payload stays as it is under a short name such as `text`, and when
/// there is no mention in a guild without routes.
fn add_mentions(message: &mut Message, guild: &GuildView, is_routed: bool) {
    let lists_tags = matches!(message.format.as_str(), format::TEXT_FORMAT | format::FILES_WITH_TEXT);
    let may_mention = message.payload.get().contains('@') || message.payload.get().contains("\\u0040");
    let may_change = may_mention || (lists_tags && is_routed);
    if !may_change {
        return;
    }
    let Ok(mut payload) = serde_json::from_str::<Value>(message.payload.get()) else { return };
    let tags = if may_mention { mentions::in_payload(&payload, &guild.mentionable()) } else { Vec::new() };
    if lists_tags && (is_routed || !tags.is_empty()) {
        let listed: Vec<String> =
            tags.iter().map(|tag| python_spaced(&json!({"id": tag.id, "name": tag.name}))).collect();
        payload["tagged_users"] = format!("[{}]", listed.join(", ")).into();
        message.payload = raw_json(&payload);
    }
    message.recipients.extend(tags);
}

/// Writes a flat JSON object with a blank after each colon and comma, as the reference does.
fn python_spaced(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten();
    let members: Vec<String> = members.map(|(name, value)| format!("{}: {value}", json!(name))).collect();
    format!("{{{}}}", members.join(", "))
}

fn refuse_topic_of_others(name: &str, draft: &UserDraft) -> Result<(), Fault> {
    let name = topic::canonical(name);
    let is_of_other_user = topic::owner(&name).is_some_and(|owner| owner != draft.user.as_str());
    if topic::is_reserved(&name) || is_of_other_user {
        return Err(Fault::new(FaultKind::Denied, format!("a user may not write to the topic {name}")));
    }
    Ok(())
}

/// Returns the message of a draft. The user's own inbox counts as no topic, because every message of a user enters
/// there; without another topic the message goes to the default topic.
fn message_of(draft: UserDraft, sender: &Sender) -> Message {
    let inbox = topic::user_inbox(&draft.user);
    let given = draft.topics.iter().flat_map(Topics::as_slice).map(|name| topic::canonical(name));
    let mut topics: Vec<String> = given.filter(|name| *name != inbox).collect();
    if topics.is_empty() {
        topics.push(topic::DEFAULT.to_owned());
    }
    let topics = Topics::Many(topics);
    let mut message = Message::draft(sender.tag.clone(), topics, draft.format, draft.payload);
    message.recipients = draft.recipients;
    message.priority = draft.priority;
    message.conversation_id = draft.conversation_id;
    message.session_state = draft.session_state;
    message.traceparent = draft.traceparent;
    message.ttl = draft.ttl;
    message.root_number = draft.client_id.as_ref().and_then(ClientId::number);
    message.client_id = draft.client_id;
    message.full_names = draft.full_names;
    message.user = Some(draft.user);
    message.socket = draft.socket;
    message
}

/// Returns the topics of a message in a guild without routes: the given ones if an agent listens to one of them. If no
/// agent listens to the default topic, it is replaced by the additional topics of all agents.
fn listeners_of(given: &Topics, guild: &GuildView) -> Result<Topics, Fault> {
    let has_listener = |name: &String| guild.agents.iter().any(|agent| subscriptions(agent).contains(name));
    if given.as_slice().iter().any(has_listener) {
        return Ok(given.clone());
    }
    if given.as_slice() == [topic::DEFAULT] {
        let mut topics: Vec<String> = Vec::new();
        for name in guild.agents.iter().flat_map(|agent| &agent.additional_topics) {
            let name = topic::canonical(name);
            if !topics.contains(&name) {
                topics.push(name);
            }
        }
        if !topics.is_empty() {
            return Ok(Topics::Many(topics));
        }
    }
    let names = given.as_slice().join(", ");
    Err(Fault::new(FaultKind::NoRecipient, format!("no agent of this guild listens to {names}")))
}

/// Routes a message by the rules of the guild and of its own slip. The message itself goes to its own topics and to the
/// other users, and each rule for the proxy adds a copy.
fn by_rules(
    mut first: Message,
    inbox: &str,
    given: Option<&RoutingSlip>,
    sender: &Sender,
    guild: &GuildView,
    scope: Scope<'_>,
) -> Result<Routed, Fault> {
    let mut slip = guild.routes.clone();
    if let Some(given) = given {
        Arc::make_mut(&mut slip).steps.extend(given.steps.iter().cloned());
    }
    let input = RuleInput {
        sender,
        origin_sender: &first.sender,
        origin_topic: inbox,
        origin_format: format::MESSAGE,
        format: &first.format,
    };
    let rules = take_matching(&mut slip, &input);
    if rules.len() > MAX_COPIES {
        let text = format!("{} rules make a copy of this message, the limit is {MAX_COPIES}", rules.len());
        return Err(Fault::new(FaultKind::Denied, text));
    }
    first.routing_slip = Some(slip);
    guild.notify_tagged_users(&mut first);
    let owner = StateOwner::Agent(sender.id.clone());
    let (mut others, mut changes, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    let mut room = Room::new(guild.bounds);
    room.take_message(&first)?;
    let bytes = first.stored_bytes();
    for rule in rules {
        room.check(bytes)?;
        let mut copy = first.clone();
        copy.also.clear();
        copy.client_id = None;
        copy.recipients.clear();
        copy.in_response_to = Some(MessageId::default());
        copy.topics = rule.topics().unwrap_or_else(|| Topics::Many(vec![inbox.to_owned()]));
        rule.apply(&mut copy, &first);
        let (mut copy, changed) = match transform::by_rule(&rule, copy, &first, &owner, scope)? {
            Ok(made) => made,
            Err(fault) => {
                dropped.push(fault);
                continue;
            }
        };
        changes.extend(changed);
        push_hop(&mut copy, sender, inbox);
        guild.notify_tagged_users(&mut copy);
        room.take_message(&copy)?;
        others.push(copy);
    }
    first.enrich_with_history = guild.conversation_history;
    let lost = lost_of_user(&first, &others, dropped, sender, guild);
    push_hop(&mut first, sender, inbox);
    Ok(Routed { first, others, changes, lost })
}

/// Adds the proxy to the history of a message. The origin is the message itself, whose id the journal sets.
fn push_hop(message: &mut Message, sender: &Sender, inbox: &str) {
    let to_topics = message.topics.as_slice().to_vec();
    message.push_history(HistoryEntry {
        agent: sender.tag.clone(),
        origin: MessageId::default(),
        result: MessageId::default(),
        processor: sender.method.to_owned(),
        from_topic: Some(inbox.to_owned()),
        to_topics,
        reason: None,
    });
}

//! The user's proxy: how a user's words enter a guild. In the reference they are
//! wrapped, unwrapped, copied back and forwarded, five messages in all; here the
//! first message is stored once, with the topics it goes to and the user's own
//! notifications beside them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::draft::UserDraft;
use crate::fault::{Fault, FaultKind};
use crate::format;
use crate::ids::{AgentId, MessageId};
use crate::message::{HistoryEntry, Message, raw_json};
use crate::spec::RoutingSlip;
use crate::state::{StateChange, StateOwner};
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

use super::{GuildView, Scope, Speaker, Speaking, also_to_tagged_users, mentions, take_matching, transform};

/// What a user's words become: the message itself, and what the guild's rules
/// make of it besides.
#[derive(Debug)]
pub struct Routed {
    pub first: Message,
    /// Each answers to the first (`in_response_to` 0 stands for its id).
    pub others: Vec<Message>,
    /// What the rules change of states.
    pub changes: Vec<(StateOwner, StateChange)>,
}

/// How many copies the rules may make of one user's message.
const MAX_COPIES: usize = 256;

/// Routes a user's words. The agent of `scope` is the user's proxy.
///
/// # Errors
/// `no_recipient` when nobody would hear them in a guild without routes,
/// `denied` for a topic that is not the user's to write to, `invalid_payload` when
/// a rule makes something that is no payload.
pub fn enter(draft: UserDraft, guild: &GuildView, scope: Scope<'_>) -> Result<Routed, Fault> {
    let steps = draft.routing_slip.iter().flat_map(|slip| &slip.steps);
    let destinations = steps.filter_map(|rule| rule.destination.as_ref()?.topics.as_ref());
    for name in destinations.flat_map(Topics::as_slice) {
        refuse_foreign_topic(name, &draft)?;
    }
    let proxy = AgentId::proxy_of(&draft.user);
    let name = guild.users.iter().find(|(user, _)| *user == draft.user).map_or(&draft.user_name, |(_, name)| name);
    let speaker = Speaker {
        tag: AgentTag::new(proxy.as_str(), name.as_str()),
        id: proxy,
        class_name: format::USER_PROXY_CLASS.to_owned(),
        method: "unwrap_and_forward_message",
        to_default: false,
    };
    let (own, inbox) = (topic::user_notifications(&draft.user), topic::user_inbox(&draft.user));
    if is_request(&draft) {
        let mut first = message_of(draft, &speaker);
        first.also.push(own);
        note_hop(&mut first, &speaker, &inbox);
        return Ok(Routed { first, others: Vec::new(), changes: Vec::new() });
    }
    for name in draft.topics.iter().flat_map(Topics::as_slice) {
        refuse_foreign_topic(name, &draft)?;
    }
    let given_slip = draft.routing_slip.clone();
    let is_routed = guild.has_routes() || given_slip.is_some();
    let mut first = message_of(draft, &speaker);
    let is_for_all = first.recipients.is_empty();
    note_mentions(&mut first, guild, is_routed);
    first.also.push(own);
    if is_routed && is_for_all {
        first.also.push(topic::BROADCAST.to_owned());
    }
    if is_routed {
        return by_rules(first, &inbox, given_slip.as_deref(), &speaker, guild, scope);
    }
    first.topics = listeners_of(&first.topics, guild)?;
    note_hop(&mut first, &speaker, &inbox);
    also_to_tagged_users(&mut first, guild);
    Ok(Routed { first, others: Vec::new(), changes: Vec::new() })
}

/// Whether it is a request to the guild's manager, on a topic where it hears such.
fn is_request(draft: &UserDraft) -> bool {
    let hears = |name: &String| matches!(topic::canonical(name).as_str(), topic::SYSTEM | topic::STATE);
    let topics = draft.topics.as_ref().map(Topics::as_slice).unwrap_or_default();
    !topics.is_empty() && topics.iter().all(hears) && format::REQUESTS.contains(&draft.format.as_str())
}

/// Tags whom the user mentions. In the formats that have texts for people the
/// payload says so too, as a JSON text; not where a client writes the short `text`,
/// nor where nobody is mentioned in a guild without routes: there the payload
/// passes through as it is.
fn note_mentions(message: &mut Message, guild: &GuildView, is_routed: bool) {
    let has_text = matches!(message.format.as_str(), format::TEXT_FORMAT | format::FILES_WITH_TEXT);
    let says_so = has_text && message.full_names;
    let may_mention = message.payload.get().contains('@') || message.payload.get().contains("\\u0040");
    let is_touched = may_mention || (says_so && is_routed);
    if !is_touched {
        return;
    }
    let Ok(mut payload) = serde_json::from_str::<Value>(message.payload.get()) else { return };
    let tags = if may_mention { mentions::in_payload(&payload, &guild.mentionable()) } else { Vec::new() };
    if says_so && (is_routed || !tags.is_empty()) {
        let words: Vec<String> =
            tags.iter().map(|tag| python_spaced(&json!({"id": tag.id, "name": tag.name}))).collect();
        payload["tagged_users"] = format!("[{}]", words.join(", ")).into();
        message.payload = raw_json(&payload);
    }
    message.recipients.extend(tags);
}

/// One flat JSON object with a blank after each colon and comma, as clients of the
/// reference know it.
fn python_spaced(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten();
    let members: Vec<String> = members.map(|(name, value)| format!("{}: {value}", json!(name))).collect();
    format!("{{{}}}", members.join(", "))
}

fn refuse_foreign_topic(name: &str, draft: &UserDraft) -> Result<(), Fault> {
    let name = topic::canonical(name);
    let is_anothers = topic::owner(&name).is_some_and(|owner| owner != draft.user.as_str());
    if topic::is_hosts(&name) || is_anothers {
        return Err(Fault::new(FaultKind::Denied, format!("a user may not write to the topic {name}")));
    }
    Ok(())
}

/// A user's own inbox is where users write: naming it is naming nothing.
fn message_of(draft: UserDraft, speaker: &Speaker) -> Message {
    let inbox = topic::user_inbox(&draft.user);
    let given = draft.topics.iter().flat_map(Topics::as_slice).map(|name| topic::canonical(name));
    let mut topics: Vec<String> = given.filter(|name| *name != inbox).collect();
    if topics.is_empty() {
        topics.push(topic::DEFAULT.to_owned());
    }
    let topics = Topics::Many(topics);
    let mut message = Message::draft(speaker.tag.clone(), topics, draft.format, draft.payload);
    message.recipients = draft.recipients;
    message.priority = draft.priority;
    message.conversation_id = draft.conversation_id;
    message.session_state = draft.session_state;
    message.traceparent = draft.traceparent;
    message.ttl = draft.ttl;
    message.client_id = draft.client_id;
    message.full_names = draft.full_names;
    message.user = Some(draft.user);
    message.socket = draft.socket;
    message
}

/// In a guild without routes: the listeners of the topics given or of the default
/// topic; if nobody listens to that one, every agent's additional topics.
fn listeners_of(given: &Topics, guild: &GuildView) -> Result<Topics, Fault> {
    let hears = |name: &String| guild.agents.iter().any(|agent| super::subscriptions(agent).contains(name));
    if given.as_slice().iter().any(hears) {
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

/// In a guild with routes they alone decide: the message itself goes to its own
/// topics and to the other users, and each rule for the proxy adds a copy.
fn by_rules(
    mut first: Message,
    inbox: &str,
    given: Option<&RoutingSlip>,
    speaker: &Speaker,
    guild: &GuildView,
    scope: Scope<'_>,
) -> Result<Routed, Fault> {
    let mut slip = guild.routes.clone();
    if let Some(given) = given {
        Arc::make_mut(&mut slip).steps.extend(given.steps.iter().cloned());
    }
    let speaking = Speaking {
        speaker,
        origin_sender: &first.sender,
        origin_topic: inbox,
        origin_format: format::MESSAGE,
        format: &first.format,
    };
    let rules = take_matching(&mut slip, &speaking);
    if rules.len() > MAX_COPIES {
        let text = format!("{} rules make copies of this message, the limit is {MAX_COPIES}", rules.len());
        return Err(Fault::new(FaultKind::Denied, text));
    }
    first.routing_slip = Some(slip);
    also_to_tagged_users(&mut first, guild);
    let owner = StateOwner::Agent(speaker.id.clone());
    let (mut others, mut changes) = (Vec::new(), Vec::new());
    for rule in rules {
        let mut copy = first.clone();
        copy.also.clear();
        copy.client_id = None;
        copy.recipients.clear();
        copy.in_response_to = Some(MessageId::default());
        copy.topics = rule.topics().unwrap_or_else(|| Topics::Many(vec![inbox.to_owned()]));
        rule.apply(&mut copy, &first);
        let Some((mut copy, changed)) = transform::by_rule(&rule, copy, &first, &owner, scope)? else { continue };
        changes.extend(changed);
        note_hop(&mut copy, speaker, inbox);
        also_to_tagged_users(&mut copy, guild);
        others.push(copy);
    }
    first.enrich_with_history = guild.conversation_history;
    note_hop(&mut first, speaker, inbox);
    Ok(Routed { first, others, changes })
}

/// Notes in the history who forwarded the message; the origin is the message
/// itself, whose id the journal sets.
fn note_hop(message: &mut Message, speaker: &Speaker, inbox: &str) {
    let to_topics = message.topics.as_slice().to_vec();
    message.push_history(HistoryEntry {
        agent: speaker.tag.clone(),
        origin: MessageId::default(),
        result: MessageId::default(),
        processor: speaker.method.to_owned(),
        from_topic: Some(inbox.to_owned()),
        to_topics,
        reason: None,
    });
}

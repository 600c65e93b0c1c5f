//! The user's proxy: how a user's words enter a guild. In the reference they are
//! wrapped, unwrapped, copied back and forwarded, five messages in all; here the
//! first message is stored once, with the topics it goes to and the user's own
//! notifications beside them.

use std::sync::Arc;

use crate::model::draft::UserDraft;
use crate::model::fault::{Fault, FaultKind};
use crate::model::format;
use crate::model::ids::{AgentId, MessageId};
use crate::model::message::{AgentTag, HistoryEntry, Message, Topics};
use crate::model::spec::RoutingSlip;
use crate::model::topic;

use super::{GuildView, Speaker, Speaking, also_to_tagged_users, take_matching};

/// What a user's words become: the message itself, and what the guild's rules
/// make of it besides.
#[derive(Debug)]
pub struct Entered {
    pub first: Message,
    /// Each answers to the first (`in_response_to` 0 stands for its id).
    pub others: Vec<Message>,
}

/// How many copies the rules may make of one user's message.
const MAX_COPIES: usize = 256;

/// Routes a user's words.
///
/// # Errors
/// `no_recipient` when nobody would hear them in a guild without routes,
/// `denied` for a topic that is not the user's to write to.
pub fn enter(draft: UserDraft, guild: &GuildView) -> Result<Entered, Fault> {
    let steps = draft.routing_slip.iter().flat_map(|slip| &slip.steps);
    let destinations = steps.filter_map(|rule| rule.destination.as_ref()?.topics.as_ref());
    for name in draft.topics.iter().chain(destinations).flat_map(Topics::as_slice) {
        refuse_foreign_topic(name, &draft)?;
    }
    let proxy = AgentId::proxy_of(&draft.user);
    let name = guild.users.iter().find(|(user, _)| *user == draft.user).map_or(&draft.user_name, |(_, name)| name);
    let speaker = Speaker {
        tag: AgentTag::new(proxy.as_str(), name.as_str()),
        id: proxy,
        class_name: format::USER_PROXY_CLASS.to_owned(),
        method: "unwrap_and_forward_message",
    };
    let given_slip = draft.routing_slip.clone();
    let (own, inbox) = (topic::user_notifications(&draft.user), topic::user_inbox(&draft.user));
    let mut first = message_of(draft, &speaker);
    first.also.push(own);
    if guild.has_routes() || given_slip.is_some() {
        return by_rules(first, &inbox, given_slip.as_deref(), &speaker, guild);
    }
    first.topics = listeners_of(&first.topics, guild)?;
    note_hop(&mut first, &speaker, &inbox);
    also_to_tagged_users(&mut first, guild);
    Ok(Entered { first, others: Vec::new() })
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
) -> Result<Entered, Fault> {
    let mut slip = RoutingSlip { steps: guild.routes.steps.clone() };
    slip.steps.extend(given.into_iter().flat_map(|given| given.steps.clone()));
    let speaking = Speaking {
        speaker,
        origin_sender: &first.sender,
        origin_topic: inbox,
        origin_format: "rustic_ai.core.messaging.core.message.Message",
        format: &first.format,
    };
    let rules = take_matching(&mut slip, &speaking);
    if rules.len() > MAX_COPIES {
        let text = format!("{} rules make copies of this message, the limit is {MAX_COPIES}", rules.len());
        return Err(Fault::new(FaultKind::Denied, text));
    }
    first.routing_slip = Some(Arc::new(slip));
    if first.recipients.is_empty() {
        first.also.push(topic::BROADCAST.to_owned());
    }
    also_to_tagged_users(&mut first, guild);
    let others = rules
        .into_iter()
        .map(|rule| {
            let mut copy = first.clone();
            copy.also.clear();
            copy.client_id = None;
            copy.recipients.clear();
            copy.in_response_to = Some(MessageId::default());
            copy.topics = rule.topics().unwrap_or_else(|| Topics::Many(vec![inbox.to_owned()]));
            rule.apply(&mut copy, &first);
            note_hop(&mut copy, speaker, inbox);
            also_to_tagged_users(&mut copy, guild);
            copy
        })
        .collect();
    note_hop(&mut first, speaker, inbox);
    Ok(Entered { first, others })
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

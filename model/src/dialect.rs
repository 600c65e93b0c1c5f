//! The dialects in which messages are written for clients: `guide` is that of the wire document and the default,
//! `rustic` that of the reference server, and `ui` that of the browser component kit. `guide` and `rustic` write the
//! whole envelope of the reference. They differ in the names of formats and topics, in the sender that clients see, in
//! whether a socket sees its own messages, and in the numbers of messages: `rustic` writes the number that a client gave
//! its message in place of the id. `ui` is `guide` with camel-case members, ids as texts, one topic, times in ISO 8601 and
//! short formats.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::clock::rfc3339_ms;
use crate::format;
use crate::health;
use crate::ids::{AgentId, ClientId, MessageId, UserId};
use crate::message::{ForwardHeader, GuildStackEntry, HistoryEntry, Message};
use crate::priority::Priority;
use crate::spec::RoutingSlip;
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

/// A dialect, which a socket chooses with `?dialect=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The dialect of the wire document.
    #[default]
    Guide,
    /// The dialect of the reference server.
    Rustic,
    /// The dialect of the browser component kit.
    Ui,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 3] = [Self::Guide, Self::Rustic, Self::Ui];

    /// Returns the name, as `?dialect=` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Rustic => "rustic",
            Self::Ui => "ui",
        }
    }
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|dialect| dialect.name() == text);
        named.ok_or_else(|| format!("dialect is guide, rustic or ui, not `{text}`"))
    }
}

/// The client that a frame is written for.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The dialect of the socket.
    pub dialect: Dialect,
    /// The user of the socket.
    pub user: UserId,
    /// The display name of the user.
    pub user_name: String,
    /// The kind of the socket.
    pub channel: Channel,
}

/// The kind of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The conversation of a user: notifications, outbox, broadcast and history.
    User,
    /// The status of the guild.
    System,
}

/// The envelope, with its members in the order of the reference.
#[derive(Serialize)]
struct Frame<'a> {
    sender: Cow<'a, AgentTag>,
    topics: Cow<'a, Topics>,
    recipient_list: &'a [AgentTag],
    payload: &'a RawValue,
    format: &'a str,
    in_response_to: Option<MessageId>,
    thread: Vec<MessageId>,
    conversation_id: &'a Option<Value>,
    forward_header: Cow<'a, Option<ForwardHeader>>,
    routing_slip: Option<&'a RoutingSlip>,
    message_history: Cow<'a, [HistoryEntry]>,
    ttl: Option<i64>,
    is_error_message: bool,
    traceparent: &'a Option<String>,
    session_state: Option<&'a RawValue>,
    topic_published_to: Cow<'a, str>,
    enrich_with_history: u32,
    process_status: Option<ProcessStatus>,
    origin_guild_stack: &'a [GuildStackEntry],
    id: MessageId,
    priority: Priority,
    timestamp: u64,
    current_thread_id: MessageId,
    root_thread_id: MessageId,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a ClientId>,
}

/// Returns whether a socket shows a message. In `guide` and `ui` a socket does not show the messages that it sent.
#[must_use]
pub fn is_shown(message: &Message, socket: u64, viewer: &Viewer) -> bool {
    viewer.dialect == Dialect::Rustic || message.socket != socket || socket == 0
}

/// Returns whether a system socket of this dialect shows a message. Announcements and heartbeats of the manager are for
/// `rustic` alone, and heartbeats of agents are for the other dialects.
#[must_use]
pub fn is_shown_on_system(message: &Message, dialect: Dialect) -> bool {
    let is_managers = message.sender.id.as_deref().is_some_and(|id| id.ends_with("#manager_agent"));
    match message.format.as_str() {
        format::HEARTBEAT => (dialect == Dialect::Rustic) == is_managers,
        format::GUILD_UPDATED | format::STATE_FETCH_RESPONSE => dialect == Dialect::Rustic,
        _ => true,
    }
}

/// Returns a message as a JSON text frame for a client. `received_on` is the topic of the delivery.
#[must_use]
pub fn write(message: &Message, received_on: &str, viewer: &Viewer) -> String {
    let with_manager = lists_manager(message, viewer).then(|| health::with_manager(message)).flatten();
    let mut frame = envelope(message, received_on, viewer.dialect);
    if let Some(payload) = &with_manager {
        frame.payload = payload;
    }
    match viewer.channel {
        Channel::User => address_to_user(&mut frame, message, viewer),
        Channel::System if message.format == format::PARTICIPANT_LIST => address_participants(&mut frame, viewer),
        Channel::System => {}
    }
    if viewer.dialect == Dialect::Rustic
        && let Some(number) = message.root_number
    {
        use_number(&mut frame, message, MessageId::new(number));
    }
    match viewer.dialect {
        Dialect::Guide | Dialect::Rustic => serde_json::to_string(&frame).unwrap_or_default(),
        Dialect::Ui => to_ui(serde_json::to_value(&frame).unwrap_or_default()),
    }
}

/// Returns a frame that a socket itself made, with the members and names of `guide`, in a dialect.
#[must_use]
pub fn write_own(frame: Value, dialect: Dialect) -> String {
    match dialect {
        Dialect::Guide | Dialect::Rustic => frame.to_string(),
        Dialect::Ui => to_ui(frame),
    }
}

/// Returns a message as predicates see it: all members, and the names that its sender wrote. `received_on` is the topic of the delivery.
#[must_use]
pub fn write_for_expressions(message: &Message, received_on: &str) -> String {
    serde_json::to_string(&envelope(message, received_on, Dialect::Rustic)).unwrap_or_default()
}

/// Returns a message without its session state and its thread ids, as agents receive earlier messages.
#[must_use]
pub fn write_without_session(message: &Message) -> String {
    let mut frame = envelope(message, "", Dialect::Rustic);
    frame.session_state = None;
    let Ok(Value::Object(mut members)) = serde_json::to_value(&frame) else { return String::new() };
    for name in ["session_state", "current_thread_id", "root_thread_id"] {
        members.remove(name);
    }
    members.insert("topic_published_to".to_owned(), Value::Null);
    Value::Object(members).to_string()
}

/// The members that have another word in the component kit's envelope. All others are in camel case there.
const UI_MEMBERS: [(&str, &str); 4] =
    [("payload", "data"), ("topics", "topic"), ("thread", "threads"), ("in_response_to", "inReplyTo")];
/// The members that are ids, which `ui` writes as texts.
pub const IDS: [&str; 4] = ["id", "in_response_to", "current_thread_id", "root_thread_id"];

/// Translates a frame of the `guide` dialect to the `ui` dialect.
fn to_ui(frame: Value) -> String {
    let Value::Object(mut members) = frame else { return String::new() };
    let format = members.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
    let short = match format.as_str() {
        format::PARTICIPANT_LIST | format::PARTICIPANTS => "participants",
        format::HEALTH_REPORT => "healthReport",
        other => format::short_name(other),
    };
    members.insert("format".to_owned(), short.into());
    if let Some(ms) = members.get("timestamp").and_then(Value::as_u64) {
        members.insert("timestamp".to_owned(), rfc3339_ms(ms).into());
    }
    if let Some(Value::Array(topics)) = members.get_mut("topics") {
        let first = topics.drain(..).next().unwrap_or_default();
        members.insert("topics".to_owned(), first);
    }
    for name in IDS {
        if let Some(Value::Number(number)) = members.get(name) {
            let text = number.to_string();
            members.insert(name.to_owned(), text.into());
        }
    }
    if let Some(Value::Array(ids)) = members.get_mut("thread") {
        ids.iter_mut().for_each(|id| *id = id.to_string().into());
    }
    if short == "participants"
        && let Some(list) = members.get_mut("payload").and_then(|payload| payload.get_mut("participants"))
    {
        let list = list.take();
        members.insert("payload".to_owned(), list);
    }
    Value::Object(members.into_iter().map(|(name, value)| (ui_name(&name), value)).collect()).to_string()
}

/// Returns the name of a member of the envelope in the dialect `ui`.
#[must_use]
pub fn ui_name(name: &str) -> String {
    if let Some((_, other)) = UI_MEMBERS.iter().find(|(own, _)| *own == name) {
        return (*other).to_owned();
    }
    let (mut camel, mut is_start) = (String::with_capacity(name.len()), false);
    for letter in name.chars() {
        if letter != '_' {
            camel.push(if is_start { letter.to_ascii_uppercase() } else { letter });
        }
        is_start = letter == '_';
    }
    camel
}

/// Returns the envelope of a message without a client.
fn envelope<'a>(message: &'a Message, received_on: &'a str, dialect: Dialect) -> Frame<'a> {
    let mut thread = message.full_thread();
    if dialect != Dialect::Rustic && thread.last() != Some(&message.id) {
        thread.push(message.id);
    }
    let history = message.settled_history();
    Frame {
        sender: Cow::Borrowed(&message.sender),
        topics: Cow::Borrowed(&message.topics),
        recipient_list: &message.recipients,
        payload: &message.payload,
        format: format_out(message, dialect),
        in_response_to: message.in_response_to,
        conversation_id: &message.conversation_id,
        forward_header: Cow::Borrowed(&message.forward_header),
        routing_slip: message.routing_slip.as_deref(),
        message_history: history,
        ttl: message.ttl,
        is_error_message: message.is_error,
        traceparent: &message.traceparent,
        session_state: message.session_state.as_deref(),
        topic_published_to: Cow::Borrowed(received_on),
        enrich_with_history: message.enrich_with_history,
        process_status: message.process_status,
        origin_guild_stack: &message.origin_guild_stack,
        id: message.id,
        priority: message.priority,
        timestamp: message.timestamp_ms(),
        current_thread_id: thread.last().copied().unwrap_or(message.id),
        root_thread_id: message.root(),
        thread,
        client_id: message.client_id.as_ref(),
    }
}

/// Changes the sender and the topics of an envelope to those that a user sees.
fn address_to_user(frame: &mut Frame<'_>, message: &Message, viewer: &Viewer) {
    let own_topic = topic::user_notifications(&viewer.user);
    match viewer.dialect {
        Dialect::Guide | Dialect::Ui => {
            if let Some(user) = author(message) {
                frame.sender = Cow::Owned(AgentTag { id: Some(user.to_string()), name: message.sender.name.clone() });
            }
            frame.topics = Cow::Owned(Topics::Many(vec![topic::as_document(&own_topic)]));
            frame.topic_published_to = Cow::Owned(topic::as_document(&own_topic));
        }
        Dialect::Rustic => {
            let first_sender = match author(message) {
                Some(user) => AgentTag { id: Some(format!("user_socket:{user}")), name: message.sender.name.clone() },
                None => message.sender.clone(),
            };
            let proxy = AgentId::proxy_of(&viewer.user);
            frame.sender = Cow::Owned(AgentTag::new(proxy.into_string(), viewer.user_name.as_str()));
            let header = message
                .forward_header
                .clone()
                .unwrap_or(ForwardHeader { origin_message_id: message.id, on_behalf_of: first_sender });
            frame.forward_header = Cow::Owned(Some(header));
            // The reference sends a user's own copy to a list of topics, and hands the rest on to one topic.
            let is_own = author(message) == Some(&viewer.user);
            frame.topics =
                Cow::Owned(if is_own { Topics::Many(vec![own_topic.clone()]) } else { Topics::One(own_topic.clone()) });
            frame.topic_published_to = Cow::Owned(own_topic);
        }
    }
}

/// Addresses a list of participants to the user of a system socket. In `rustic` it comes from the user's proxy.
fn address_participants(frame: &mut Frame<'_>, viewer: &Viewer) {
    let own_topic = topic::user_system_notification(&viewer.user);
    if viewer.dialect == Dialect::Rustic {
        let proxy = AgentId::proxy_of(&viewer.user);
        frame.sender = Cow::Owned(AgentTag::new(proxy.into_string(), viewer.user_name.as_str()));
    }
    frame.topics = Cow::Owned(Topics::Many(vec![own_topic.clone()]));
    frame.topic_published_to = Cow::Owned(own_topic);
}

/// Returns whether a health report shows the guild's manager among the agents. In the reference it does not.
fn lists_manager(message: &Message, viewer: &Viewer) -> bool {
    viewer.channel == Channel::System && viewer.dialect != Dialect::Rustic && message.format == format::HEALTH_REPORT
}

/// Writes the number that a client gave the first message of a thread in place of that message's id, and of the ids of
/// the copies that rules made of it. The id of a frame stays, because `?after=` and boards refer to it. In the reference
/// the number belongs to what the socket hands to the user's proxy, and the own copy of the user answers it.
fn use_number(frame: &mut Frame<'_>, message: &Message, number: MessageId) {
    let root = message.root();
    // Only the proxy's entry has one id for what was taken and what was made of it.
    let is_proxys = |entry: &HistoryEntry| entry.origin == entry.result;
    let made: Vec<MessageId> =
        frame.message_history.iter().filter(|entry| is_proxys(entry)).map(|entry| entry.result).collect();
    let is_users = |id: MessageId| id == root || made.contains(&id);
    let replace = |id: &mut MessageId| {
        if is_users(*id) {
            *id = number;
        }
    };
    frame.thread.iter_mut().for_each(replace);
    replace(&mut frame.current_thread_id);
    replace(&mut frame.root_thread_id);
    if let Some(header) = frame.forward_header.to_mut() {
        let is_answer = message.forward_header.is_none() && message.in_response_to.is_some_and(is_users);
        if is_answer || is_users(header.origin_message_id) {
            header.origin_message_id = number;
        }
    }
    if message.id == root {
        frame.in_response_to = Some(number);
    }
    if let Some(id) = &mut frame.in_response_to {
        replace(id);
    }
    if !made.is_empty() {
        for entry in frame.message_history.to_mut().iter_mut().filter(|entry| is_proxys(entry)) {
            entry.origin = number;
        }
    }
}

/// Returns the user of a message that the user sent through the proxy.
fn author(message: &Message) -> Option<&UserId> {
    let user = message.user.as_ref()?;
    (message.sender.id.as_deref()? == AgentId::proxy_of(user).as_str()).then_some(user)
}

/// Returns the name of a message's format in a dialect. `rustic` has the name that was written, `guide` those of the
/// wire document, and `ui` the full name, which is shortened later.
fn format_out(message: &Message, dialect: Dialect) -> &str {
    match (dialect, format::canonical(&message.format)) {
        (Dialect::Rustic, _) => &message.format,
        (Dialect::Guide, format::TEXT_FORMAT) if !message.full_names => format::TEXT,
        (Dialect::Guide, format::PARTICIPANT_LIST) => format::PARTICIPANTS,
        (Dialect::Guide | Dialect::Ui, full) => full,
    }
}

#[cfg(test)]
mod tests;

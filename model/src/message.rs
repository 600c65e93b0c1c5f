//! Messages of a guild and their envelope. The members are those of the reference's wire format. The journal sets the
//! id, and the timestamp and the end of the thread follow from it, so a message that is not stored yet has id 0.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{ClientId, MessageId, UserId};
use crate::priority::Priority;
use crate::spec::RoutingSlip;
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic::Topics;

/// Marks a message as forwarded and names its first sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForwardHeader {
    /// The message that was forwarded.
    pub origin_message_id: MessageId,
    /// The agent that sent it.
    pub on_behalf_of: AgentTag,
}

/// One hop of a message: an agent handled one message and sent another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ProcessEntry))]
pub struct HistoryEntry {
    /// The agent that sent.
    pub agent: AgentTag,
    /// The message that the agent handled; 0 stands for the message that holds this entry.
    pub origin: MessageId,
    /// The message that the agent sent; 0 stands for the message that holds this entry.
    pub result: MessageId,
    /// The name of the handler.
    pub processor: String,
    /// The topic on which the agent received the origin.
    pub from_topic: Option<String>,
    /// The topics of the result.
    pub to_topics: Vec<String>,
    /// The reasons that the agent and the rule gave.
    pub reason: Option<Vec<String>>,
}

impl HistoryEntry {
    /// Returns about how many bytes the entry has in the log.
    fn stored_bytes(&self) -> usize {
        let texts = self.to_topics.iter().chain(self.reason.iter().flatten()).map(|text| text.len() + 3);
        HISTORY_ENTRY_BYTES
            + self.agent.stored_bytes()
            + self.processor.len()
            + self.from_topic.as_ref().map_or(0, String::len)
            + texts.sum::<usize>()
    }
}

/// About how many bytes a stored hop has besides its texts.
const HISTORY_ENTRY_BYTES: usize = 128;

/// One hop of a message between guilds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GuildStackEntry {
    /// The guild that the message came from.
    pub guild_id: String,
    /// The id that the sending guild uses for the exchange.
    #[serde(default)]
    pub saga_id: Option<String>,
}

/// A message of a guild. Before the journal stores it, its id is 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The id, which the journal sets. It is not part of the stored text.
    #[serde(skip)]
    pub id: MessageId,
    /// When an ephemeral message was sent, in milliseconds since 1970. The id of a stored message has its time.
    #[serde(skip)]
    pub sent_ms: Option<u64>,
    /// The agent or the user proxy that sent it.
    pub sender: AgentTag,
    /// The topics that it was sent to.
    pub topics: Topics,
    /// Additional topics on which the host delivers the message, such as the notifications of its user. They are not
    /// part of `topics` on the wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The agents that it is meant for; with none it is for all that listen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<AgentTag>,
    /// A JSON object, passed through unparsed.
    pub payload: Box<RawValue>,
    /// The format of the payload.
    pub format: String,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_response_to: Option<MessageId>,
    /// The ids of the thread before this message, root first; empty for a root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thread: Vec<MessageId>,
    /// Whether the thread ends with this message's own id. For a root it always does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_thread: bool,
    /// The conversation, a text or a number as the client sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<serde_json::Value>,
    /// The first sender, if the message was forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_header: Option<ForwardHeader>,
    /// The rules that travel with the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_slip: Option<Arc<RoutingSlip>>,
    /// The hops that led to the message, oldest first; at most [`MAX_HISTORY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// The seconds for which the message is delivered after it was sent; `None` means without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// Whether the message reports an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// The W3C trace context of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// A JSON object that travels with the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_state: Option<Box<RawValue>>,
    /// The number of earlier messages that a receiver gets with this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub enrich_with_history: u32,
    /// The state of the work that the message belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_status: Option<ProcessStatus>,
    /// The guilds that the message passed through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origin_guild_stack: Vec<GuildStackEntry>,
    /// The lane of the message in each consumer.
    #[serde(default)]
    pub priority: Priority,
    /// The user whose message started the thread. Internal to the host: this user receives error messages and the
    /// answers that no rule routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The number of messages from the root to this one, each caused by the one before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// The id that the client gave the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// The number that the client gave the first message of the thread. The dialect `rustic` writes it in place of the
    /// id of that message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_number: Option<u64>,
    /// Whether the user of the thread writes formats as full class names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_names: bool,
    /// The socket that sent the message, which is not shown it again; 0 means no socket.
    #[serde(default, skip_serializing_if = "is_no_socket")]
    pub socket: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_no_socket(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The largest payload of a message of a user or of a rule, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// The most hops that a message's history keeps. The oldest ones are removed first.
pub const MAX_HISTORY: usize = 64;

/// The most bytes that these hops have together in the log, about. The oldest ones are removed first.
pub const MAX_HISTORY_BYTES: usize = 32 << 10;

/// About how many bytes a stored message has besides its texts.
const ENVELOPE_BYTES: usize = 256;

/// The bytes of a stored id and its separator.
const ID_BYTES: usize = 17;

impl Message {
    /// Returns a message with id 0, normal priority and no optional members.
    #[must_use]
    pub fn draft(sender: AgentTag, topics: Topics, format: impl Into<String>, payload: Box<RawValue>) -> Self {
        Self {
            id: MessageId::default(),
            sent_ms: None,
            sender,
            topics,
            also: Vec::new(),
            recipients: Vec::new(),
            payload,
            format: format.into(),
            in_response_to: None,
            thread: Vec::new(),
            new_thread: false,
            conversation_id: None,
            forward_header: None,
            routing_slip: None,
            history: Vec::new(),
            ttl: None,
            is_error: false,
            traceparent: None,
            session_state: None,
            enrich_with_history: 0,
            process_status: None,
            origin_guild_stack: Vec::new(),
            priority: Priority::NORMAL,
            user: None,
            hops: 0,
            client_id: None,
            root_number: None,
            full_names: false,
            socket: 0,
        }
    }

    /// Returns about how many bytes the message has in the log: its payload and everything that travels with it. Cheap:
    /// nothing is serialized.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        let topics = self.topics.as_slice().iter().chain(&self.also).map(String::len);
        let state = self.session_state.as_ref().map_or(0, |state| state.get().len());
        let slip = self.routing_slip.as_ref().map_or(0, |slip| slip.stored_bytes());
        ENVELOPE_BYTES
            + self.payload.get().len()
            + self.format.len()
            + state
            + slip
            + topics.sum::<usize>()
            + self.recipients.iter().map(AgentTag::stored_bytes).sum::<usize>()
            + self.history.iter().map(HistoryEntry::stored_bytes).sum::<usize>()
            + self.thread.len() * ID_BYTES
    }

    /// Returns the weight of the message for flow control: 1, and 1 more for each KiB that it has in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        1 + (self.stored_bytes() >> 10)
    }

    /// Returns the whole thread as the reference writes it: root first and never empty.
    #[must_use]
    pub fn full_thread(&self) -> Vec<MessageId> {
        let mut thread = self.thread.clone();
        if thread.is_empty() || self.new_thread {
            thread.push(self.id);
        }
        thread
    }

    /// Returns the first message of the thread.
    #[must_use]
    pub fn root(&self) -> MessageId {
        self.thread.first().copied().unwrap_or(self.id)
    }

    /// Returns whether one of the recipients selects this agent.
    #[must_use]
    pub fn is_tagged_for(&self, agent: &AgentTag) -> bool {
        self.recipients.iter().any(|tag| tag.matches(agent))
    }

    /// Returns the history with the message's own id in place of 0.
    #[must_use]
    pub fn settled_history(&self) -> Cow<'_, [HistoryEntry]> {
        let own = MessageId::default();
        let mut history = Cow::Borrowed(self.history.as_slice());
        if self.history.iter().any(|entry| entry.result == own || entry.origin == own) {
            for entry in history.to_mut() {
                for id in [&mut entry.result, &mut entry.origin] {
                    if *id == own {
                        *id = self.id;
                    }
                }
            }
        }
        history
    }

    /// Returns when the message was sent, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp_ms(&self) -> u64 {
        self.sent_ms.unwrap_or_else(|| self.id.timestamp_ms())
    }

    /// Returns the milliseconds for which the message is delivered after it was sent; `None` means without limit.
    #[must_use]
    pub fn ttl_ms(&self) -> Option<u64> {
        self.ttl.map(|seconds| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000))
    }

    /// Returns whether the time to live of the message is over.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.ttl_ms().is_some_and(|ttl_ms| now_ms.saturating_sub(self.timestamp_ms()) > ttl_ms)
    }

    /// Adds a hop to the history and removes the oldest ones above [`MAX_HISTORY`] and [`MAX_HISTORY_BYTES`]. The new
    /// one stays.
    pub fn push_history(&mut self, entry: HistoryEntry) {
        let mut left = MAX_HISTORY_BYTES.saturating_sub(entry.stored_bytes());
        let newest_first = self.history.iter().rev().take(MAX_HISTORY - 1);
        let kept = newest_first
            .take_while(|entry| match left.checked_sub(entry.stored_bytes()) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            })
            .count();
        self.history.drain(..self.history.len() - kept);
        self.history.push(entry);
    }
}

/// Returns a value as JSON text. `value` must be a type of this project that cannot fail to serialize; for others the
/// result may be `null`.
#[must_use]
pub fn raw_json<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_read_back_as_it_was_stored() {
        let mut draft =
            Message::draft(AgentTag::new("u", "U"), Topics::One("t".into()), "text", raw_json(&json!({"text": "hi"})));
        draft.thread = vec![MessageId::new(7)];
        draft.hops = 3;
        let text = serde_json::to_string(&draft).unwrap();
        let read: Message = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.full_thread(), vec![MessageId::new(7)]);
    }

    #[test]
    fn a_history_keeps_the_newest_hops() {
        let mut message =
            Message::draft(AgentTag::default(), Topics::One("t".into()), "text", raw_json(&json!({"a": 1})));
        for n in 0..200 {
            message.push_history(HistoryEntry {
                agent: AgentTag::default(),
                origin: MessageId::new(n),
                result: MessageId::default(),
                processor: String::new(),
                from_topic: None,
                to_topics: Vec::new(),
                reason: None,
            });
        }
        assert_eq!(message.history.len(), MAX_HISTORY);
        assert_eq!(message.history.last().unwrap().origin, MessageId::new(199));
    }

    #[test]
    fn a_history_is_bounded_in_bytes_too() {
        let mut message =
            Message::draft(AgentTag::default(), Topics::One("t".into()), "text", raw_json(&json!({"a": 1})));
        for n in 0..100 {
            message.push_history(HistoryEntry {
                agent: AgentTag::default(),
                origin: MessageId::new(n),
                result: MessageId::default(),
                processor: String::new(),
                from_topic: None,
                to_topics: Vec::new(),
                reason: Some(vec!["x".repeat(4 << 10)]),
            });
            let stored = serde_json::to_string(&message.history).unwrap().len();
            assert!(stored <= MAX_HISTORY_BYTES, "{stored}");
        }
        assert_eq!((message.history.len(), message.history.last().unwrap().origin), (7, MessageId::new(99)));
    }

    #[test]
    fn the_weight_of_a_message_counts_all_that_is_stored_with_it() {
        let mut message =
            Message::draft(AgentTag::new("a", "A"), Topics::One("t".into()), "text", raw_json(&json!({"a": 1})));
        assert_eq!(message.weight(), 1);
        message.session_state = Some(raw_json(&json!({"a": "x".repeat(10 << 10)})));
        assert_eq!(message.weight(), 11);
        message.recipients = vec![AgentTag::new("x".repeat(512), "x".repeat(512)); 10];
        message.also = vec!["x".repeat(1 << 10); 10];
        message.thread = vec![MessageId::new(1 << 52); 1_000];
        let rule: crate::spec::RoutingRule = serde_json::from_value(json!({"agent": {"name": "A"}})).unwrap();
        message.routing_slip = Some(Arc::new(RoutingSlip {
            steps: std::iter::repeat_with(|| Arc::new(rule.clone())).take(100).collect(),
        }));
        let (stored, guessed) = (serde_json::to_string(&message).unwrap().len(), message.stored_bytes());
        assert!(guessed > stored * 9 / 10 && guessed < stored * 11 / 10, "{guessed} for {stored}");
    }
}

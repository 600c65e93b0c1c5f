//! A message and what it carries. The members are those of the reference's wire
//! format; `id`, `timestamp` and the tail of `thread` are known only once the
//! journal has taken the message, so a draft has id 0.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{MessageId, UserId};
use crate::priority::Priority;
use crate::spec::RoutingSlip;
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic::Topics;

/// "Somebody else said this."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForwardHeader {
    pub origin_message_id: MessageId,
    pub on_behalf_of: AgentTag,
}

/// One hop of a message's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ProcessEntry))]
pub struct HistoryEntry {
    pub agent: AgentTag,
    pub origin: MessageId,
    /// The id of the message made; 0 stands for the message that holds this
    /// entry, whose id is not known while it is a draft.
    pub result: MessageId,
    pub processor: String,
    pub from_topic: Option<String>,
    pub to_topics: Vec<String>,
    pub reason: Option<Vec<String>>,
}

/// One hop of a message's way between guilds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GuildStackEntry {
    pub guild_id: String,
    #[serde(default)]
    pub saga_id: Option<String>,
}

/// A message of a guild, or the draft of one (id 0).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Set by the journal; not part of the stored body.
    #[serde(skip)]
    pub id: MessageId,
    pub sender: AgentTag,
    pub topics: Topics,
    /// Topics on which the host delivers it besides, such as the notifications of
    /// the user who wrote it: derived, not part of the wire's `topics`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<AgentTag>,
    /// A JSON object, passed through unparsed.
    pub payload: Box<RawValue>,
    pub format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_response_to: Option<MessageId>,
    /// The ids above this message's own, root first; empty for a root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thread: Vec<MessageId>,
    /// Whether this message's own id ends its thread (always so for a root).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_thread: bool,
    /// A text or a number, as the client gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_header: Option<ForwardHeader>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_slip: Option<Arc<RoutingSlip>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// A JSON object that travels with the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_state: Option<Box<RawValue>>,
    /// How many of the messages before it its receiver is given with it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub enrich_with_history: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_status: Option<ProcessStatus>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origin_guild_stack: Vec<GuildStackEntry>,
    #[serde(default)]
    pub priority: Priority,
    /// The user whose message began the thread. Host-internal: who is told of
    /// faults, and who gets a reply that no rule routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// How many messages stand between this one and the root of what caused it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// What the client called this message, when it gave it a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Whether the thread's user writes formats by their full class names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_names: bool,
    /// The socket that sent it, 0 for none: it is not mirrored there.
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

/// How many bytes of JSON a message's payload may have.
pub const MAX_PAYLOAD_BYTES: usize = 256 << 10;

/// At most this many hops are kept in a message's history; older ones go first.
pub const MAX_HISTORY: usize = 64;

impl Message {
    /// A draft with nothing but who says what, in which format, to which topics.
    #[must_use]
    pub fn draft(sender: AgentTag, topics: Topics, format: impl Into<String>, payload: Box<RawValue>) -> Self {
        Self {
            id: MessageId::default(),
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
            full_names: false,
            socket: 0,
        }
    }

    /// What it costs to keep and to pass on, about: one, and one for each KiB of payload.
    #[must_use]
    pub fn weight(&self) -> usize {
        1 + (self.payload.get().len() >> 10)
    }

    /// The whole thread, root first, never empty: what the reference calls
    /// `thread`.
    #[must_use]
    pub fn full_thread(&self) -> Vec<MessageId> {
        let mut thread = self.thread.clone();
        if thread.is_empty() || self.new_thread {
            thread.push(self.id);
        }
        thread
    }

    /// The first message of the thread.
    #[must_use]
    pub fn root(&self) -> MessageId {
        self.thread.first().copied().unwrap_or(self.id)
    }

    /// Whether one of its recipients means this agent.
    #[must_use]
    pub fn is_tagged_for(&self, agent: &AgentTag) -> bool {
        self.recipients.iter().any(|tag| tag.matches(agent))
    }

    /// Its history with its own id where an entry stands for it.
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

    /// For how many milliseconds it is delivered after it was said; `None`: for ever.
    #[must_use]
    pub fn lives_ms(&self) -> Option<u64> {
        self.ttl.map(|seconds| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000))
    }

    /// Whether its time to live is over.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.lives_ms().is_some_and(|lives_ms| now_ms.saturating_sub(self.id.timestamp_ms()) > lives_ms)
    }

    /// Adds a hop to the history and forgets the oldest past [`MAX_HISTORY`].
    pub fn push_history(&mut self, entry: HistoryEntry) {
        if self.history.len() >= MAX_HISTORY {
            self.history.drain(..=self.history.len() - MAX_HISTORY);
        }
        self.history.push(entry);
    }
}

/// JSON text of something that serialises for sure (a struct or map of ours).
#[must_use]
pub fn raw_json<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_draft_survives_its_stored_form() {
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
    fn history_is_capped() {
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
}

//! Reads the frames that clients send on sockets, with the aliases of all dialects. It does no I/O. The error of a
//! frame that cannot be used says what a valid frame looks like.

mod error;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::draft::UserDraft;
use crate::expression::Expressions;
use crate::format;
use crate::ids::{ClientId, UserId};
use crate::message::MAX_PAYLOAD_BYTES;
use crate::names;
use crate::payload;
use crate::priority::Priority;
use crate::read::spec::slip as read_slip;
use crate::read::{document, integer};
use crate::spec::RoutingSlip;
use crate::tag::AgentTag;
use crate::topic::Topics;

pub use error::{FrameError, FrameErrorKind};

/// A frame that was read. Its topics may still be refused by routing.
#[derive(Debug)]
pub struct Frame {
    /// The format, as the client wrote it.
    pub format: String,
    /// Whether the client wrote the format as a full class name.
    pub full_names: bool,
    /// The payload, a JSON object; requests on system sockets may have none.
    pub payload: Option<Box<RawValue>>,
    /// The topics that the client chose.
    pub topics: Option<Topics>,
    /// The agents that the message is meant for.
    pub recipients: Vec<AgentTag>,
    /// The priority.
    pub priority: Priority,
    /// The conversation, a text or a number.
    pub conversation_id: Option<Value>,
    /// A JSON object that travels with the thread.
    pub session_state: Option<Box<RawValue>>,
    /// The W3C trace context.
    pub traceparent: Option<String>,
    /// The seconds for which the message is delivered.
    pub ttl: Option<i64>,
    /// The client's own rules.
    pub routing_slip: Option<Arc<RoutingSlip>>,
    /// The client's id for the message.
    pub client_id: Option<ClientId>,
}

/// The largest session state and the largest routing slip, in bytes.
const MAX_SESSION_BYTES: usize = 64 << 10;
/// The most recipients.
const MAX_RECIPIENTS: usize = 64;
/// The most rules of a routing slip.
const MAX_STEPS: usize = 32;
/// The longest topic, format, id and name, in bytes.
const MAX_NAME: usize = 256;

/// Reads a text frame. `expressions` checks the expressions of its routing slip.
///
/// # Errors
/// [`FrameError`] when the frame cannot be used.
pub fn read(text: &str, expressions: &Expressions<'_>) -> Result<Frame, FrameError> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(|error| {
        if matches!(error.classify(), serde_json::error::Category::Data) {
            FrameError::new(FrameErrorKind::InvalidFrame, "a frame is a JSON object with `format` and `payload`")
        } else {
            FrameError::new(FrameErrorKind::InvalidJson, format!("the frame is not JSON: {error}"))
        }
    })?;
    let reader = Reader { members, expressions };
    let client_id = reader.client_id();
    reader.frame(client_id.clone().ok().flatten()).map_err(|mut error| {
        error.client_id = client_id.ok().flatten().map(|id| id.to_json());
        error
    })
}

struct Reader<'e> {
    members: BTreeMap<String, Box<RawValue>>,
    expressions: &'e Expressions<'e>,
}

impl Reader<'_> {
    /// Returns the first of several spellings that is present and not null.
    fn raw(&self, names: &[&str]) -> Option<&RawValue> {
        names.iter().filter_map(|name| self.members.get(*name)).map(|raw| &**raw).find(|raw| raw.get() != "null")
    }

    fn get<'a, T: Deserialize<'a>>(&'a self, names: &[&str], what: &str) -> Result<Option<T>, FrameError> {
        let Some(raw) = self.raw(names) else { return Ok(None) };
        match serde_json::from_str(raw.get()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(FrameError::new(FrameErrorKind::InvalidFrame, format!("`{}` is {what}", names[0]))),
        }
    }

    /// Reads the id: a whole number of 64 bits, or a text, which is trimmed.
    fn client_id(&self) -> Result<Option<ClientId>, FrameError> {
        let wrong =
            || FrameError::new(FrameErrorKind::InvalidFrame, "`id` is a whole number from 0 to 2^64-1 or a text");
        match self.get::<Value>(&["id"], "a number or a text")? {
            None | Some(Value::Bool(false)) => Ok(None),
            Some(Value::String(text)) => {
                let text = text.trim();
                if text.len() > MAX_NAME {
                    return Err(FrameError::new(
                        FrameErrorKind::InvalidFrame,
                        format!("`id` has at most {MAX_NAME} bytes"),
                    ));
                }
                Ok((!text.is_empty()).then(|| ClientId::Text(text.to_owned())))
            }
            Some(Value::Number(number)) => Ok(Some(ClientId::Number(number.as_u64().ok_or_else(wrong)?))),
            Some(_) => Err(wrong()),
        }
    }

    fn frame(&self, client_id: Option<ClientId>) -> Result<Frame, FrameError> {
        self.client_id()?;
        let given: String = self.get(&["format"], "a text")?.unwrap_or_else(|| format::GENERIC_JSON.to_owned());
        let given = given.trim();
        if given.len() < 3 || given.len() > MAX_NAME {
            return Err(FrameError::new(
                FrameErrorKind::InvalidFrame,
                format!("`format` has 3 to {MAX_NAME} characters"),
            ));
        }
        check_name("format", given)?;
        let payload = self.raw(&["payload", "data"]);
        if let Some(payload) = payload {
            check_payload(payload.get())?;
        }
        Ok(Frame {
            format: given.to_owned(),
            full_names: given.contains('.'),
            payload: payload.map(RawValue::to_owned),
            topics: self.topics()?,
            recipients: self.recipients()?,
            priority: self.priority()?,
            conversation_id: self.conversation()?,
            session_state: self.session_state()?,
            traceparent: self.get::<String>(&["traceparent"], "a text")?.filter(|text| text.len() <= MAX_NAME),
            ttl: self.ttl()?,
            routing_slip: self.routing_slip()?,
            client_id,
        })
    }

    fn ttl(&self) -> Result<Option<i64>, FrameError> {
        let Some(given) = self.get::<Value>(&["ttl"], "a whole number of seconds")? else { return Ok(None) };
        match document(&given, &["ttl"], integer) {
            Ok(seconds) if seconds >= 0 => Ok(Some(seconds)),
            _ => Err(FrameError::new(
                FrameErrorKind::InvalidFrame,
                format!("`ttl` is a whole number of seconds, 0 or more, not {given}"),
            )),
        }
    }

    fn topics(&self) -> Result<Option<Topics>, FrameError> {
        let topics: Option<Topics> = self.get(&["topics", "topic"], "a text or a list of texts")?;
        let topics = topics.map(Topics::trimmed).filter(|topics| !topics.is_empty());
        let names = topics.as_ref().map(Topics::as_slice).unwrap_or_default();
        if names.len() > 16 || names.iter().any(|name| name.len() > MAX_NAME) {
            return Err(FrameError::new(
                FrameErrorKind::InvalidFrame,
                "`topics` has at most 16 names of at most 256 bytes",
            ));
        }
        names.iter().try_for_each(|name| check_name("topics", name))?;
        Ok(topics)
    }

    fn priority(&self) -> Result<Priority, FrameError> {
        let Some(value) = self.get::<Value>(&["priority"], "a number")? else { return Ok(Priority::NORMAL) };
        Priority::read(&value).ok_or_else(|| {
            FrameError::new(
                FrameErrorKind::InvalidFrame,
                format!("`priority` is 0 (urgent) to 7 (lowest), or a name such as \"HIGH\", not {value}"),
            )
        })
    }

    fn conversation(&self) -> Result<Option<Value>, FrameError> {
        let value = self.get::<Value>(&["conversation_id", "conversationId"], "a text or a number")?;
        match value {
            Some(Value::String(text)) if text.len() > MAX_NAME => Err(FrameError::new(
                FrameErrorKind::InvalidFrame,
                format!("`conversation_id` has at most {MAX_NAME} bytes"),
            )),
            None | Some(Value::String(_) | Value::Number(_)) => Ok(value),
            Some(_) => Err(FrameError::new(FrameErrorKind::InvalidFrame, "`conversation_id` is a text or a number")),
        }
    }

    fn session_state(&self) -> Result<Option<Box<RawValue>>, FrameError> {
        let Some(state) = self.raw(&["session_state", "sessionState"]) else { return Ok(None) };
        if state.get().len() > MAX_SESSION_BYTES {
            let text = format!("`session_state` has at most {MAX_SESSION_BYTES} bytes");
            return Err(FrameError::new(FrameErrorKind::InvalidFrame, text));
        }
        payload::check_object(state.get())
            .map_err(|wrong| FrameError::new(FrameErrorKind::InvalidFrame, format!("`session_state`: {wrong}")))?;
        Ok(Some(state.to_owned()))
    }

    fn recipients(&self) -> Result<Vec<AgentTag>, FrameError> {
        let names: Vec<AgentTag> =
            self.get(&["recipient_list", "recipientList"], "a list of {id, name}")?.unwrap_or_default();
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_NAME);
        if names.len() > MAX_RECIPIENTS || names.iter().any(|tag| is_long(&tag.id) || is_long(&tag.name)) {
            let text = format!("`recipient_list` has at most {MAX_RECIPIENTS} entries of at most {MAX_NAME} bytes");
            return Err(FrameError::new(FrameErrorKind::InvalidFrame, text));
        }
        Ok(names)
    }

    /// Reads the client's own slip and checks its expressions. The slip is bounded, because each of its rules may make
    /// a copy of every message in the thread.
    fn routing_slip(&self) -> Result<Option<Arc<RoutingSlip>>, FrameError> {
        let Some(raw) = self.raw(&["routing_slip", "routingSlip"]) else { return Ok(None) };
        payload::check_object(raw.get())
            .map_err(|wrong| FrameError::new(FrameErrorKind::InvalidFrame, format!("`routing_slip`: {wrong}")))?;
        let given: Value = serde_json::from_str(raw.get())
            .map_err(|error| FrameError::new(FrameErrorKind::InvalidFrame, format!("`routing_slip`: {error}")))?;
        let steps = given.get("steps").and_then(Value::as_array).map_or(0, Vec::len);
        if steps > MAX_STEPS || raw.get().len() > MAX_SESSION_BYTES {
            let text = format!("`routing_slip` has at most {MAX_STEPS} steps and {MAX_SESSION_BYTES} bytes");
            return Err(FrameError::new(FrameErrorKind::InvalidFrame, text));
        }
        let slip = document(&given, &["routing_slip"], read_slip(self.expressions)).map_err(|errors| {
            let texts: Vec<String> =
                errors.iter().take(3).map(|error| format!("{}: {}", error.path(), error.msg)).collect();
            FrameError::new(FrameErrorKind::InvalidFrame, texts.join("; "))
        })?;
        Ok(Some(Arc::new(slip)))
    }
}

/// Checks that a format or a topic has no characters that cannot be seen.
fn check_name(member: &str, name: &str) -> Result<(), FrameError> {
    names::check(name).map_err(|unseen| FrameError::new(FrameErrorKind::InvalidFrame, format!("`{member}`: {unseen}")))
}

/// Checks the size of a payload, and that it is a JSON object with at least one member.
fn check_payload(text: &str) -> Result<(), FrameError> {
    if text.len() > MAX_PAYLOAD_BYTES {
        let text = format!("`payload` has {} bytes, the limit is {MAX_PAYLOAD_BYTES}", text.len());
        return Err(FrameError::new(FrameErrorKind::PayloadTooLarge, text));
    }
    payload::check(text).map_err(|wrong| FrameError::new(FrameErrorKind::InvalidPayload, format!("`payload`: {wrong}")))
}

impl Frame {
    /// Returns the frame as a message of a user.
    ///
    /// # Errors
    /// [`FrameError`] when the frame has no payload.
    pub fn into_draft(self, user: &UserId, user_name: &str, socket: u64) -> Result<UserDraft, FrameError> {
        let payload = self.payload.ok_or_else(|| FrameError {
            client_id: self.client_id.as_ref().map(ClientId::to_json),
            ..FrameError::new(
                FrameErrorKind::InvalidPayload,
                "`payload` is missing: a JSON object with at least one member",
            )
        })?;
        Ok(UserDraft {
            user: user.clone(),
            user_name: user_name.to_owned(),
            socket,
            format: self.format,
            payload,
            topics: self.topics,
            recipients: self.recipients,
            priority: self.priority,
            conversation_id: self.conversation_id,
            session_state: self.session_state,
            traceparent: self.traceparent,
            ttl: self.ttl,
            routing_slip: self.routing_slip,
            client_id: self.client_id,
            full_names: self.full_names,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_of_the_wire_document_is_read() {
        let text = json!({
            "id": "msg123", "format": "text", "payload": {"text": "Hello Echo!"},
            "sender": {"id": "x", "name": "y"}, "conversationId": "conv_789", "timestamp": "2025-01-15T10:00:00.000Z",
        });
        let frame = read(&text.to_string(), &Expressions::none()).unwrap();
        assert_eq!(frame.format, format::TEXT);
        assert_eq!(frame.client_id, Some(ClientId::Text("msg123".into())));
        assert_eq!(frame.conversation_id, Some(json!("conv_789")));
        assert_eq!(frame.payload.unwrap().get(), r#"{"text":"Hello Echo!"}"#);
    }

    #[test]
    fn every_alias_is_read() {
        let text = json!({
            "id": 5, "format": "TextFormat", "data": {"a": 1}, "topic": "t", "recipientList": [{"id": "e"}],
            "priority": "HIGH", "conversation_id": 7,
        });
        let frame = read(&text.to_string(), &Expressions::none()).unwrap();
        assert_eq!(frame.topics, Some(Topics::One("t".into())));
        assert_eq!((frame.priority, frame.recipients.len()), (Priority::HIGH, 1));
        assert_eq!(frame.client_id, Some(ClientId::Number(5)));
    }

    #[test]
    fn a_frame_that_cannot_be_used_is_refused_with_a_type_and_a_message() {
        let deep = format!(
            "{}1{}",
            r#"{"format":"text","payload":{"a":"#.to_owned() + &"[".repeat(200),
            "]".repeat(200) + "}}"
        );
        let cases = [
            ("", "INVALID_JSON"),
            ("not json", "INVALID_JSON"),
            ("[1]", "INVALID_FRAME"),
            ("5", "INVALID_FRAME"),
            ("null", "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":NaN}}"#, "INVALID_JSON"),
            (r#"{"format":"text","payload":[1]}"#, "INVALID_PAYLOAD"),
            (r#"{"format":"text","payload":{ }}"#, "INVALID_PAYLOAD"),
            (r#"{"format":"text","payload":{"a":"\ud800"}}"#, "INVALID_PAYLOAD"),
            (r#"{"format":"text","payload":{"a":1e999}}"#, "INVALID_PAYLOAD"),
            (r#"{"format":"x","payload":{"a":1}}"#, "INVALID_FRAME"),
            (r#"{"format":"te\u200bxt","payload":{"a":1}}"#, "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":1},"topic":"t\u202ex"}"#, "INVALID_FRAME"),
            (r#"{"format":5,"payload":{"a":1}}"#, "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":1},"priority":9}"#, "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":1},"id":-1}"#, "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":1},"id":1.5}"#, "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":1},"ttl":-1}"#, "INVALID_FRAME"),
            (r#"{"format":"text","payload":{"a":1},"topics":5}"#, "INVALID_FRAME"),
            (deep.as_str(), "INVALID_PAYLOAD"),
        ];
        for (text, error_type) in cases {
            let error = read(text, &Expressions::none()).map(|_| ()).unwrap_err();
            assert_eq!(error.kind.name(), error_type, "{text}");
            assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn a_missing_payload_is_reported_with_the_client_id() {
        let frame = read(r#"{"format":"text","id":"m1"}"#, &Expressions::none()).unwrap();
        let error = frame.into_draft(&"u".into(), "U", 1).unwrap_err();
        assert_eq!((error.kind, error.client_id), (FrameErrorKind::InvalidPayload, Some(json!("m1"))));
    }
}

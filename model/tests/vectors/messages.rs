//! Reads and writes messages.

use guildhall_model::dialect::{self, Channel, Dialect, Viewer};
use guildhall_model::frame;
use guildhall_model::ids::{short_id, short_uuid};
use guildhall_model::participant::{self, Participant};
use guildhall_model::tag::AgentTag;
use serde_json::{Value, json};

use super::vectors::compare::{Outcome, check, differs};
use super::vectors::inputs::{expressions, message, text};

/// The members that the connection or the routing sets. The values of a client are dropped.
const NOT_THE_CLIENTS: [&str; 14] = [
    "id",
    "sender",
    "in_response_to",
    "thread",
    "forward_header",
    "message_history",
    "ttl",
    "is_error_message",
    "topic_published_to",
    "enrich_with_history",
    "process_status",
    "origin_guild_stack",
    "timestamp",
    "priority",
];

/// Reads a message as a client's frame. Frames are read with more tolerance than the reference reads messages: unknown
/// members and those that a client cannot set are dropped, topics may be missing, a conversation may be a text. Payloads
/// are not trimmed.
pub fn parse(input: &Value, expected: &Value) -> Outcome {
    let read = frame::read(&input.to_string(), &expressions())
        .and_then(|frame| {
            let slip = frame.routing_slip.clone();
            frame.into_draft(&"u".into(), "U", 1).map(|draft| (draft, slip))
        })
        .map_err(|error| error.message);
    if expected["ok"] != true {
        return match read {
            Ok(_) if !is_tolerated(input, expected) => differs(format!("{input} is read, expected {expected}")),
            Ok(_) | Err(_) => Ok(()),
        };
    }
    let (draft, slip) = read?;
    let wire = &expected["wire"];
    // Payloads may differ only in the blanks that the reference trims.
    let payload: Value = serde_json::from_str(draft.payload.get()).map_err(|error| error.to_string())?;
    check(&payload, &input["payload"])?;
    check(&trimmed(&payload), &trimmed(&wire["payload"]))?;
    check(&trimmed(&json!(draft.session_state)), &trimmed(&wire["session_state"]))?;
    let found = json!({
        "topics": draft.topics, "recipient_list": draft.recipients, "routing_slip": slip,
    });
    for (name, found) in found.as_object().into_iter().flatten() {
        check(&json!({name: found}), &json!({name: wire[name]}))?;
    }
    // A conversation that is a text stays a text.
    let conversation = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    check(&json!(conversation(&json!(draft.conversation_id))), &json!(conversation(&wire["conversation_id"])))?;
    check(&wire["format"], &json!(draft.format))?;
    check(&json!(draft.traceparent.as_deref().map(str::trim)), &wire["traceparent"])
}

/// Returns whether frames tolerate every error that the reference reports.
fn is_tolerated(input: &Value, expected: &Value) -> bool {
    let Some(errors) = expected["error"]["errors"].as_array() else {
        // An error without a list is about the id.
        return expected["error"].is_string() || expected["error"]["kind"].is_string();
    };
    errors.iter().all(|error| {
        let member = error["loc"][0].as_str().unwrap_or_default();
        let kind = error["type"].as_str().unwrap_or_default();
        NOT_THE_CLIENTS.contains(&member)
            // Null counts as missing.
            || input.get(member).is_some_and(Value::is_null)
            || (kind, error["loc"].as_array().map_or(0, Vec::len)) == ("extra_forbidden", 1)
            || (member == "topics" && matches!(kind, "missing" | "too_short" | "string_too_short"))
            || (member == "conversation_id" && matches!(kind, "int_parsing" | "int_from_float"))
    })
}

/// Returns a value without the blanks around its texts and the names of its members.
pub fn trimmed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.trim().into(),
        Value::Array(items) => items.iter().map(trimmed).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.trim().to_owned(), trimmed(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Writes a message for a socket, and compares the members and their order. Times are left out: they are part of ids,
/// which have another layout here.
pub fn wire(input: &Value, expected: &Value) -> Outcome {
    let given = &input["message"];
    let message = message(given)?;
    let viewer = Viewer { dialect: Dialect::Rustic, user: "u".into(), user_name: "U".into(), channel: Channel::System };
    let topic = text(&given["topic_published_to"]);
    let read = |text: &str| -> Result<Value, String> {
        let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        value["timestamp"] = Value::Null;
        Ok(value)
    };
    let written = read(&dialect::write(&message, &topic, &viewer))?;
    let mut wanted = read(expected["websocket_json_text"].as_str().unwrap_or_default())?;
    if wanted["topic_published_to"].is_null() {
        // This project always knows the topic.
        wanted["topic_published_to"] = written["topic_published_to"].clone();
    }
    check(&json!(written.to_string()), &json!(wanted.to_string()))
}

pub fn generated_id(expected: &Value) -> Outcome {
    let alphabet = text(&expected["alphabet"]);
    for _ in 0..1000 {
        let id = short_uuid(rand::random());
        if id.len() as u64 != expected["length"].as_u64().unwrap_or_default()
            || !id.chars().all(|c| alphabet.contains(c))
        {
            return differs(format!("{id} has another length or alphabet"));
        }
    }
    for (number, short) in [("example_uuid_hex", "example_short"), ("example2_uuid_hex", "example2_short")] {
        let number = u128::from_str_radix(&text(&expected[number]), 16).map_err(|error| error.to_string())?;
        check(&json!(short_id(number)), &expected[short])?;
    }
    Ok(())
}

pub fn participants(input: &Value, expected: &Value) -> Outcome {
    let agents = input["agents"].as_array().into_iter().flatten();
    let read = |agent: &Value| {
        Participant::new(AgentTag::new(text(&agent["id"]), text(&agent["name"])), &text(&agent["class_name"]))
    };
    let mut participants: Vec<Participant> = agents.map(read).collect();
    participant::sort(&mut participants);
    check(&json!(participants), &expected["participants"])
}

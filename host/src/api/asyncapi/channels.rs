//! The two sockets: their URLs, their options, and what goes through them in which direction.

use serde_json::{Map, Value, json};

use super::messages::{FROM_SYSTEM, FROM_USER, TO_SYSTEM, TO_USER};
use guildhall_model::close::CloseCode;
use guildhall_model::dialect::Dialect;
use guildhall_model::frame::FrameErrorKind;

/// The names of the channels.
const SYSTEM: &str = "system";
const USER: &str = "user";

pub(super) fn channels() -> Value {
    let guild = ("guild_id", "The id of the guild, as a launch answers it");
    let user = ("user_id", "The id of the user: any text of at most 256 bytes without a slash");
    let name = ("user_name", "The name that others see, URL-encoded, 1 to 64 characters");
    json!({
        SYSTEM: channel(
            "/ws/guilds/{guild_id}/syscomms/{user_id}",
            "The system socket",
            "Reports about the guild. The first frame is a health report that lists the manager alone and says \
             `starting`. The full report follows when the same user's user socket is open, or after 1.2 seconds.",
            &[guild, user],
            &[dialect(), events()],
            &[FROM_SYSTEM, TO_SYSTEM],
        ),
        USER: channel(
            "/ws/guilds/{guild_id}/usercomms/{user_id}/{user_name}",
            "The user socket",
            "The messages of one user. The sender is that of the URL, whatever a frame says. Messages that are for the \
             user come in the order of the guild's log.",
            &[guild, user, name],
            &[dialect(), after(), ack()],
            &[FROM_USER, TO_USER],
        ),
    })
}

/// An option of a socket's query: its name and its schema.
type QueryOption = (&'static str, Value);

fn dialect() -> QueryOption {
    let text = "How frames to the client are spelt. Frames of the client may be in any dialect. Without it the host's \
                own dialect is used, which is `guide` unless the operator chose another one.";
    ("dialect", json!({"type": "string", "enum": Dialect::ALL.map(Dialect::name), "description": text}))
}

fn after() -> QueryOption {
    let text = "The largest id that the client has seen. The socket sends all later messages of the user, and then what \
                is new. Without it the socket sends what is new. 0 sends all messages that are kept.";
    ("after", json!({"type": "integer", "minimum": 0, "description": text}))
}

fn ack() -> QueryOption {
    let text = "Whether each message of the client is answered with an `Ack` frame once it is stored.";
    ("ack", json!({"type": "boolean", "default": false, "description": text}))
}

fn events() -> QueryOption {
    let text = "Whether the socket also sends events about agents and components.";
    ("events", json!({"type": "boolean", "default": false, "description": text}))
}

fn channel(
    address: &str,
    title: &str,
    description: &str,
    parameters: &[(&str, &str)],
    query: &[QueryOption],
    messages: &[&[&str]],
) -> Value {
    let parameters: Map<String, Value> =
        parameters.iter().map(|(name, text)| ((*name).to_owned(), json!({"description": text}))).collect();
    let properties: Map<String, Value> =
        query.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let messages: Map<String, Value> = messages
        .concat()
        .into_iter()
        .map(|name| (name.to_owned(), json!({"$ref": format!("#/components/messages/{name}")})))
        .collect();
    json!({
        "address": address,
        "title": title,
        "description": description,
        "parameters": parameters,
        "messages": messages,
        "bindings": {"ws": {
            "method": "GET",
            "query": {"type": "object", "properties": properties},
            "bindingVersion": "0.1.0",
        }},
    })
}

/// The operations, seen from the host: it sends and receives.
pub(super) fn operations() -> Value {
    json!({
        "sendSystemFrames": operation("send", SYSTEM, "Report health, participants and events", FROM_SYSTEM),
        "receiveSystemFrames": operation("receive", SYSTEM, "Take requests about the guild", TO_SYSTEM),
        "sendUserFrames": operation("send", USER, "Deliver the messages for a user", FROM_USER),
        "receiveUserFrames": operation("receive", USER, "Take the messages of a user", TO_USER),
    })
}

fn operation(action: &str, channel: &str, summary: &str, messages: &[&str]) -> Value {
    let messages: Vec<Value> =
        messages.iter().map(|name| json!({"$ref": format!("#/channels/{channel}/messages/{name}")})).collect();
    json!({
        "action": action,
        "channel": {"$ref": format!("#/channels/{channel}")},
        "summary": summary,
        "tags": [{"name": "sockets"}],
        "messages": messages,
    })
}

/// The codes with which the host closes sockets.
pub(super) fn close_codes() -> Value {
    let code =
        |code: CloseCode| json!({"code": code.number(), "meaning": code.meaning(), "reconnect": code.is_temporary()});
    CloseCode::ALL.map(code).into_iter().collect()
}

/// The kinds of errors about one frame, or about the socket. Errors of turns have the names of faults.
pub(super) fn error_types() -> Value {
    let kind = |kind: FrameErrorKind| json!({"error_type": kind.name(), "meaning": kind.meaning()});
    FrameErrorKind::ALL.map(kind).into_iter().collect()
}

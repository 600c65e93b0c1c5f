//! The messages of the sockets: kinds of frames, each with its schema and an example.

use serde_json::{Map, Value, json};

use guildhall_model::format;

/// What the system socket sends.
pub(super) const FROM_SYSTEM: &[&str] =
    &["healthReport", "participants", "heartbeat", "event", "stopping", "error", "uiFrame"];
/// What the system socket takes.
pub(super) const TO_SYSTEM: &[&str] = &["participantsRequest", "healthCheckRequest", "stopGuildRequest"];
/// What the user socket sends.
pub(super) const FROM_USER: &[&str] = &["message", "progress", "ack", "error", "uiFrame"];
/// What the user socket takes.
pub(super) const TO_USER: &[&str] = &["userMessage", "managerRequest"];

/// Returns all messages by their names.
pub(super) fn all() -> Value {
    let messages = [
        message(
            "message",
            "MessageFrame",
            "A message for the user",
            "From an agent, or from the user's other sockets. In `rustic` also the user's own messages. In `ui` it has \
             the members of `UiMessage`.",
            None,
        ),
        message(
            "progress",
            "ProgressFrame",
            "Progress of a turn",
            "Sent by an agent in the middle of its turn, with `process_status` `running`. It is not stored, so it is in \
             no history and is not sent again.",
            None,
        ),
        message(
            "ack",
            "AckFrame",
            "A message is stored",
            "Sent on a socket with `ack`, after all messages with smaller ids; without `ack` only for a message that the \
             log already had, which then has `duplicate`.",
            None,
        ),
        message(
            "error",
            "ErrorFrame",
            "An error",
            "About a frame that the host refuses (`client_id` names it), or about a turn that failed (`message_id` names \
             the message). The socket stays open.",
            None,
        ),
        message(
            "uiFrame",
            "UiMessage",
            "Any frame in the dialect `ui`",
            "The same frames, with the names of the browser component kit: `data`, camel case, ids as texts, one topic, \
             times in ISO 8601.",
            None,
        ),
        message(
            "healthReport",
            "HealthReportFrame",
            "The health of the guild",
            "Sent at once, and after each change. `guild_health` is `ok` when all agents are.",
            None,
        ),
        message(
            "participants",
            "ParticipantsFrame",
            "The participants of the guild",
            "Sent when it is asked for, and when somebody joins or leaves.",
            None,
        ),
        message(
            "heartbeat",
            "HeartbeatFrame",
            "The health of one agent",
            "Sent after a health check was asked for.",
            None,
        ),
        message(
            "event",
            "EventFrame",
            "An event about an agent, a component or the guild",
            "Sent on a socket with `events`. It is not stored.",
            None,
        ),
        message(
            "stopping",
            "StoppingFrame",
            "The guild is stopping",
            "Confirms a request to stop the guild. The sockets are closed with 1000 soon after.",
            None,
        ),
        message(
            "userMessage",
            "ClientFrame",
            "A message of the user",
            "With an `id` of the client's own, the message is stored once even if it is sent again.",
            Some(json!({"id": "m1", "format": format::TEXT, "payload": {"text": "Hello"}})),
        ),
        message(
            "managerRequest",
            "ManagerRequestFrame",
            "A request to the manager of the guild",
            "Goes to the topic `system_topic`. The answer is a message on the user socket.",
            Some(
                json!({"format": format::AGENT_LIST_REQUEST, "topics": "system_topic", "payload": {"guild_id": "GUILD"}}),
            ),
        ),
        message(
            "participantsRequest",
            "ParticipantsRequestFrame",
            "Ask for the participants",
            "The answer is a list of participants.",
            Some(json!({"format": format::PARTICIPANTS_REQUEST, "payload": {"guild_id": "GUILD"}})),
        ),
        message(
            "healthCheckRequest",
            "HealthCheckRequestFrame",
            "Ask for the health of all agents",
            "The answers are heartbeats and a health report.",
            Some(json!({"format": format::HEALTH_CHECK_REQUEST, "payload": {"checktime": "2026-12-01T10:00:00.000Z"}})),
        ),
        message(
            "stopGuildRequest",
            "StopGuildRequestFrame",
            "Stop the guild",
            "The guild keeps its messages, states, files and users.",
            Some(json!({"format": format::STOP_GUILD_SHORT, "payload": {"guild_id": "GUILD"}})),
        ),
    ];
    Value::Object(Map::from_iter(messages))
}

fn message(name: &str, schema: &str, title: &str, description: &str, example: Option<Value>) -> (String, Value) {
    let mut message = json!({
        "name": name,
        "title": title,
        "summary": title,
        "description": description,
        "contentType": "application/json",
        "payload": {"$ref": format!("#/components/schemas/{schema}")},
    });
    if let Some(example) = example {
        message["examples"] = json!([{"name": name, "payload": example}]);
    }
    (name.to_owned(), message)
}

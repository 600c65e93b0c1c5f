//! The schemas of frames and payloads. Those of the types of the model are derived; those of the formats of the reference
//! are the ones that the host serves by name; frames are put together from both.
#![expect(dead_code, reason = "the types are described and never made")]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::api::openapi::operation::{SchemaList, register};
use crate::api::openapi::schemas::Message;
use guildhall_model::fault::Fault;
use guildhall_model::health::HealthReport;
use guildhall_model::ids::{ClientId, MessageId};
use guildhall_model::participant::Participant;
use guildhall_model::priority::Priority;
use guildhall_model::spec::RoutingSlip;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use guildhall_model::{dialect, event, format, schemas as built_in};

/// A frame of the socket itself. It has no id of the log.
#[derive(ToSchema)]
struct OwnFrame {
    id: MessageId,
    format: String,
    payload: BTreeMap<String, Value>,
    sender: AgentTag,
    topics: Topics,
    /// Milliseconds since 1970.
    timestamp: f64,
    thread: Vec<MessageId>,
    priority: Priority,
    is_error_message: bool,
    client_id: Option<ClientId>,
}

/// A frame of a client. Other members, such as `sender`, are accepted and not used.
#[derive(ToSchema)]
struct ClientFrame {
    /// The client's own id for the message. A message that is sent twice with the same text is stored once.
    id: Option<ClientId>,
    /// The format of the payload, `generic_json` unless given.
    format: Option<String>,
    /// A JSON object with at least one member. It may also be named `data`.
    payload: BTreeMap<String, Value>,
    /// The topics of the message: those of the guild's routes unless given. It may also be named `topic`.
    topics: Option<Topics>,
    /// The agents that the message is meant for.
    recipient_list: Option<Vec<AgentTag>>,
    /// 0 (urgent) to 7 (lowest), or a name such as `HIGH`; 4 unless given.
    priority: Option<Value>,
    /// The client's own name for a dialogue, a text or a number. Answers carry it.
    conversation_id: Option<Value>,
    /// A JSON object that travels with the thread.
    session_state: Option<BTreeMap<String, Value>>,
    /// The W3C trace context.
    traceparent: Option<String>,
    /// The seconds for which the message is delivered.
    ttl: Option<i64>,
    /// Rules that travel with the message.
    routing_slip: Option<RoutingSlip>,
}

/// The payload of an `Ack`.
#[derive(ToSchema)]
struct AckPayload {
    /// The id that the client gave the message.
    #[schema(required = true)]
    client_id: Option<ClientId>,
    /// The id of the message in the log.
    id: MessageId,
    /// Whether the log already had the message.
    #[schema(nullable = false)]
    duplicate: Option<bool>,
}

/// The participants of a guild.
#[derive(ToSchema)]
struct ParticipantList {
    participants: Vec<Participant>,
}

/// What an `ErrorMessage` says. An error of a turn also has the members of its fault.
#[derive(ToSchema)]
struct ErrorPayload {
    /// `gateway` for an error about a frame, else the class of the agent that failed.
    agent_type: String,
    /// A stable name: a kind of error of frames, or that of a fault in upper case.
    error_type: String,
    /// A sentence for people.
    error_message: String,
    /// The client's id of the message, in an error about a frame.
    client_id: Option<ClientId>,
    /// The agent that failed.
    #[schema(nullable = false)]
    agent: Option<AgentTag>,
    /// The message whose turn failed.
    #[schema(nullable = false)]
    message_id: Option<MessageId>,
    /// The number of the attempt, from 1.
    #[schema(nullable = false)]
    attempt: Option<u32>,
    /// Whether no other attempt follows: the message is a dead letter.
    #[schema(nullable = false)]
    dead_lettered: Option<bool>,
}

/// An event. Most events have more members.
#[derive(ToSchema)]
struct EventPayload {
    event: String,
    /// When it happened, RFC 3339 in UTC with milliseconds.
    at: String,
    /// The agent, for an event of an agent.
    #[schema(nullable = false)]
    agent: Option<AgentTag>,
}

/// Returns all schemas by their names.
pub(super) fn all() -> Value {
    let mut schemas = derived();
    complete(&mut schemas);
    schemas.extend(frames());
    let ui = ui_message(&schemas["Message"]);
    schemas.insert("UiMessage".to_owned(), ui);
    add_built_in(&mut schemas);
    Value::Object(schemas)
}

/// The schemas of types.
fn derived() -> Map<String, Value> {
    let mut list = SchemaList::new();
    register::<Message>(&mut list);
    register::<OwnFrame>(&mut list);
    register::<ClientFrame>(&mut list);
    register::<AckPayload>(&mut list);
    register::<ParticipantList>(&mut list);
    register::<HealthReport>(&mut list);
    register::<ErrorPayload>(&mut list);
    register::<EventPayload>(&mut list);
    register::<Fault>(&mut list);
    list.into_iter().map(|(name, schema)| (name, json!(schema))).collect()
}

/// Adds what types do not say: the members of a fault in an error, and the names of events.
fn complete(schemas: &mut Map<String, Value>) {
    let fault = schemas["Fault"]["properties"].clone();
    let members = fault.as_object().into_iter().flatten().filter(|(name, _)| *name != "message");
    for (name, member) in members {
        schemas["ErrorPayload"]["properties"][name] = member.clone();
    }
    schemas["EventPayload"]["properties"]["event"] = json!({
        "type": "string",
        "description": "The name: one of the examples, or `guild.` and the new status of the guild.",
        "examples": event::ALL,
    });
}

/// The schemas of kinds of frames: a base, the names of the format, and the payload.
fn frames() -> [(String, Value); 13] {
    let health = &[format::HEALTH_REPORT];
    let participants = &[format::PARTICIPANTS, format::PARTICIPANT_LIST];
    let errors = &[format::ERROR_MESSAGE];
    let ask_participants = &[format::PARTICIPANTS_REQUEST, format::PARTICIPANT_LIST_REQUEST];
    let ask_health = &["HealthCheckRequest", "healthCheckRequest", format::HEALTH_CHECK_REQUEST];
    let stop = &[format::STOP_GUILD_SHORT, format::STOP_GUILD_REQUEST];
    let progress = json!({"allOf": [
        reference("Message"),
        {"type": "object", "required": ["process_status"], "properties": {"process_status": {"const": "running"}}},
    ]});
    [
        ("MessageFrame", reference("Message")),
        ("ProgressFrame", progress),
        ("AckFrame", frame("OwnFrame", &[format::ACK], Some("AckPayload"))),
        ("ErrorFrame", frame("OwnFrame", errors, Some("ErrorPayload"))),
        ("HealthReportFrame", frame("Message", health, Some("HealthReport"))),
        ("ParticipantsFrame", frame("Message", participants, Some("ParticipantList"))),
        ("HeartbeatFrame", frame("Message", &[format::HEARTBEAT], Some("Heartbeat"))),
        ("EventFrame", frame("Message", &[format::EVENT], Some("EventPayload"))),
        ("StoppingFrame", frame("Message", &[format::STOP_GUILD_RESPONSE], Some("StopGuildResponse"))),
        ("ManagerRequestFrame", frame("ClientFrame", &format::REQUESTS, None)),
        ("ParticipantsRequestFrame", frame("ClientFrame", ask_participants, Some("ParticipantListRequest"))),
        ("HealthCheckRequestFrame", frame("ClientFrame", ask_health, Some("HealthCheckRequest"))),
        ("StopGuildRequestFrame", frame("ClientFrame", stop, Some("StopGuildRequest"))),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
}

fn frame(base: &str, formats: &[&str], payload: Option<&str>) -> Value {
    let mut own = json!({
        "type": "object",
        "required": ["format", "payload"],
        "properties": {"format": {"type": "string", "enum": formats}},
    });
    if let Some(payload) = payload {
        own["properties"]["payload"] = reference(payload);
    }
    json!({"allOf": [reference(base), own]})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The envelope of the dialect `ui`, made of that of the others. Frames of the socket itself have only some members.
fn ui_message(message: &Value) -> Value {
    let ids = || json!({"type": ["string", "null"]});
    let mut members = Map::new();
    for (name, schema) in message["properties"].as_object().into_iter().flatten() {
        let schema = match name.as_str() {
            "thread" => json!({"type": "array", "items": {"type": "string"}}),
            "timestamp" => json!({"type": "string", "format": "date-time"}),
            "topics" => json!({"type": ["string", "null"]}),
            "payload" => json!({"description": "The payload; of a list of participants the list itself."}),
            "client_id" => json!({"oneOf": [schema.clone(), {"type": "null"}]}),
            id if dialect::IDS.contains(&id) => ids(),
            _ => schema.clone(),
        };
        members.insert(dialect::ui_name(name), schema);
    }
    let required = ["id", "format", "payload", "sender", "topics", "timestamp", "thread", "priority"];
    json!({
        "type": "object",
        "description": "A frame in the dialect `ui`, whatever its format is.",
        "required": required.map(dialect::ui_name),
        "properties": members,
    })
}

/// Adds the schemas of the formats of the reference and what they refer to, under their short names.
fn add_built_in(schemas: &mut Map<String, Value>) {
    for (name, schema) in built_in::all() {
        let Ok(Value::Object(mut schema)) =
            serde_json::from_str(&schema.get().replace("#/$defs/", "#/components/schemas/"))
        else {
            continue;
        };
        let parts = schema.remove("$defs");
        for (part, schema) in parts.as_ref().and_then(Value::as_object).into_iter().flatten() {
            schemas.entry(part.clone()).or_insert_with(|| schema.clone());
        }
        schemas.entry(format::short_name(name).to_owned()).or_insert_with(|| Value::Object(schema));
    }
}

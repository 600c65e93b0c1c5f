//! Makes values of the model from the inputs of the vectors.

use std::sync::Arc;

use guildhall_model::expression::Expressions;
use guildhall_model::expression::native::NativeEvaluator;
use guildhall_model::ids::MessageId;
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::read::spec::{SandboxCeilings, SpecContext};
use guildhall_model::routing::{Bounds, GuildView, HOP_LIMIT, Sender};
use guildhall_model::spec::{AgentSpec, RoutingSlip};
use guildhall_model::tag::AgentTag;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The ceilings under which specs are read.
const CEILINGS: SandboxCeilings =
    SandboxCeilings { fuel: 2_000_000_000, memory_mib: 64, timeout_ms: 30_000, emits: 256, ..SandboxCeilings::NOTHING };

/// Returns an evaluator of expressions without a budget.
pub fn expressions() -> Expressions<'static> {
    Expressions::unshared(&NativeEvaluator)
}

/// Returns what is needed to read a spec.
pub fn spec_context<'a>(expressions: &'a Expressions<'a>) -> SpecContext<'a> {
    SpecContext { ceilings: &CEILINGS, expressions, random: rand::random }
}

/// Reads a value of the model.
///
/// # Errors
/// The error text of serde.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

/// Returns a string value's text, and an empty text for any other value.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the agent that emits, with its handler.
pub fn speaker(id: &Value, name: &Value, class: &Value, method: &Value) -> Sender {
    Sender {
        id: text(id).into(),
        tag: AgentTag::new(text(id), text(name)),
        class_name: text(class),
        method: text(method).leak(),
        to_default: false,
    }
}

/// Reads a message that is written in full.
///
/// # Errors
/// A member cannot be read.
pub fn message(wire: &Value) -> Result<Message, String> {
    let mut message = Message::draft(
        read(&wire["sender"])?,
        read(&wire["topics"])?,
        text(&wire["format"]),
        raw_json(&wire["payload"]),
    );
    message.id = read(&wire["id"])?;
    message.recipients = read(&wire["recipient_list"])?;
    message.in_response_to = read(&wire["in_response_to"])?;
    let mut thread: Vec<MessageId> = read(&wire["thread"])?;
    if thread.last() == Some(&message.id) {
        thread.pop();
        message.new_thread = !thread.is_empty();
    }
    message.thread = thread;
    message.forward_header = read(&wire["forward_header"])?;
    message.routing_slip = read::<Option<RoutingSlip>>(&wire["routing_slip"])?.map(Arc::new);
    message.history = read(&wire["message_history"])?;
    message.ttl = read(&wire["ttl"])?;
    message.traceparent = read(&wire["traceparent"])?;
    message.session_state = Some(&wire["session_state"]).filter(|state| !state.is_null()).map(raw_json);
    message.process_status = read(&wire["process_status"])?;
    message.origin_guild_stack = read(&wire["origin_guild_stack"])?;
    message.priority = Priority::read(&wire["priority"]).unwrap_or_default();
    Ok(message)
}

/// Returns the guild `g1` with these routes (null: none) and agents.
///
/// # Errors
/// The routes cannot be read.
pub fn guild(routes: &Value, agents: Vec<AgentSpec>) -> Result<GuildView, String> {
    let routes: RoutingSlip = if routes.is_null() { RoutingSlip::default() } else { read(routes)? };
    Ok(GuildView {
        id: "g1".into(),
        name: "G".into(),
        routes: Arc::new(routes),
        agents,
        users: Vec::new(),
        hop_limit: HOP_LIMIT,
        bounds: Bounds::default(),
        conversation_history: 0,
    })
}

//! What a user said, as the edge has read it and before the guild has routed it.
//! Who said it comes from the connection, never from the frame.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::ids::UserId;
use crate::priority::Priority;
use crate::spec::RoutingSlip;
use crate::tag::AgentTag;
use crate::topic::Topics;

/// A user's message on its way into a guild.
#[derive(Clone, Debug)]
pub struct UserDraft {
    pub user: UserId,
    pub user_name: String,
    /// The socket it came from, so that it is not mirrored there.
    pub socket: u64,
    /// A full class name or a free text; aliases are resolved already.
    pub format: String,
    /// A JSON object with at least one member.
    pub payload: Box<RawValue>,
    /// Where the client wants it; without, the guild decides.
    pub topics: Option<Topics>,
    pub recipients: Vec<AgentTag>,
    pub priority: Priority,
    pub conversation_id: Option<serde_json::Value>,
    pub session_state: Option<Box<RawValue>>,
    pub traceparent: Option<String>,
    /// Seconds for which it is worth delivering.
    pub ttl: Option<i64>,
    pub routing_slip: Option<Arc<RoutingSlip>>,
    /// The client's own name for the message; the same name again is the same
    /// message.
    pub client_id: Option<String>,
    /// Whether the client wrote the format by its full class name.
    pub full_names: bool,
}

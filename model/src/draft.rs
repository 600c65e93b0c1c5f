//! A message of a user, after it was read and before it is routed. The user comes from the connection, never from the
//! frame.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::ids::{ClientId, UserId};
use crate::priority::Priority;
use crate::spec::RoutingSlip;
use crate::tag::AgentTag;
use crate::topic::Topics;

/// A user's message on its way into a guild.
#[derive(Clone, Debug)]
pub struct UserDraft {
    /// The user of the connection.
    pub user: UserId,
    /// The display name of the user.
    pub user_name: String,
    /// The socket that it came from, which is not shown the message again; 0 means no socket.
    pub socket: u64,
    /// The format, as the client wrote it.
    pub format: String,
    /// A JSON object with at least one member.
    pub payload: Box<RawValue>,
    /// The topics that the client chose; `None` leaves the choice to the guild.
    pub topics: Option<Topics>,
    /// The agents that the message is meant for.
    pub recipients: Vec<AgentTag>,
    /// The priority.
    pub priority: Priority,
    /// The conversation, a text or a number.
    pub conversation_id: Option<serde_json::Value>,
    /// A JSON object that travels with the thread.
    pub session_state: Option<Box<RawValue>>,
    /// The W3C trace context of the client.
    pub traceparent: Option<String>,
    /// The seconds for which the message is delivered.
    pub ttl: Option<i64>,
    /// The client's own rules, added to those of the guild.
    pub routing_slip: Option<Arc<RoutingSlip>>,
    /// The client's id for the message. A message that is sent twice with the same text as client id is stored once.
    pub client_id: Option<ClientId>,
    /// Whether the client wrote the format as a full class name.
    pub full_names: bool,
}

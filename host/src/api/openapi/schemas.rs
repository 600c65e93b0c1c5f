//! Shapes of JSON that no type of the host has: bodies with several spellings, forms, and messages, which the dialects
//! write by hand. All other schemas are derived from the types that are read and written.
#![expect(dead_code, reason = "the types are described and never made")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use guildhall_model::ids::{ClientId, MessageId};
use guildhall_model::message::{ForwardHeader, GuildStackEntry, HistoryEntry};
use guildhall_model::openapi::HandlerEntry;
use guildhall_model::priority::Priority;
use guildhall_model::spec::RoutingSlip;
use guildhall_model::status::ProcessStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;

/// A new category.
#[derive(ToSchema)]
pub struct BlueprintCategoryCreate {
    name: String,
    description: String,
}

/// A new review of a blueprint.
#[derive(ToSchema)]
pub struct BlueprintReviewCreate {
    user_id: String,
    rating: i64,
    #[schema(nullable = false)]
    review: Option<String>,
}

/// A message of a history, in the dialect of this host.
#[derive(ToSchema)]
pub struct Message {
    sender: AgentTag,
    topics: Topics,
    recipient_list: Vec<AgentTag>,
    payload: BTreeMap<String, Value>,
    format: String,
    #[schema(required = true)]
    in_response_to: Option<MessageId>,
    thread: Vec<MessageId>,
    /// The value that the client gave.
    conversation_id: Value,
    #[schema(required = true)]
    forward_header: Option<ForwardHeader>,
    #[schema(required = true)]
    routing_slip: Option<RoutingSlip>,
    message_history: Vec<HistoryEntry>,
    #[schema(required = true)]
    ttl: Option<i64>,
    is_error_message: bool,
    #[schema(required = true)]
    traceparent: Option<String>,
    #[schema(required = true)]
    session_state: Option<BTreeMap<String, Value>>,
    topic_published_to: String,
    enrich_with_history: u32,
    #[schema(required = true)]
    process_status: Option<ProcessStatus>,
    origin_guild_stack: Vec<GuildStackEntry>,
    id: MessageId,
    priority: Priority,
    /// Milliseconds since 1970.
    timestamp: f64,
    current_thread_id: MessageId,
    root_thread_id: MessageId,
    /// The id that the client gave.
    #[schema(nullable = false)]
    client_id: Option<ClientId>,
}

/// The form of an upload.
#[derive(ToSchema)]
pub struct UploadForm {
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    /// A JSON object that is stored with the file.
    file_meta: Option<String>,
}

/// An agent class, with the members of the answer or with the short ones.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum AgentEntryInput {
    Whole(AgentEntryWhole),
    Short(AgentEntryShort),
}

/// An agent class with the members of the answer.
#[derive(Serialize, ToSchema)]
pub struct AgentEntryWhole {
    agent_name: String,
    qualified_class_name: String,
    agent_doc: Option<String>,
    agent_props_schema: BTreeMap<String, Value>,
    message_handlers: BTreeMap<String, HandlerEntry>,
    agent_dependencies: Vec<AgentDependencyInput>,
}

/// An agent class with the short members.
#[derive(Serialize, ToSchema)]
pub struct AgentEntryShort {
    qualified_class_name: String,
    description: String,
    properties_schema: Option<BTreeMap<String, Value>>,
    #[schema(nullable = false)]
    dependencies: Option<Vec<AgentDependencyInput>>,
    /// A digest, or `name@version`.
    component: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct AgentDependencyInput {
    dependency_key: String,
    dependency_var: Option<String>,
    #[schema(default = false, nullable = false)]
    guild_level: Option<bool>,
    #[schema(default = false, nullable = false)]
    org_level: Option<bool>,
    required_type: Option<String>,
}

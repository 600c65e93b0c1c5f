//! The shapes of bodies and answers, as clients read them. Bodies are read by hand (all errors at once), so
//! these types hold no data: they are what is promised, and the tests from outside hold the host to it.
#![expect(dead_code, reason = "the types are described and never made")]

mod catalog;
pub mod running;
mod spec;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

pub use catalog::{
    AgentIcon, AgentNameWithIcon, BlueprintAgentsIconReqRes, BlueprintCategoryCreate, BlueprintCategoryResponse,
    BlueprintCreate, BlueprintDetailsResponse, BlueprintInfoResponse, BlueprintResponseWithAccessReason,
    BlueprintReviewCreate, BlueprintReviewResponse, BlueprintReviewsResponse, ShareWithOrgRequest,
};
pub use spec::GuildSpecResponse;
use spec::{AgentTag, GuildSpec, ProcessStatus, RoutingSlip, Topics};

/// Names of schemas, and what they are.
pub type SchemaList = Vec<(String, RefOr<Schema>)>;

/// Every answer of 400 and above.
#[derive(ToSchema)]
pub struct Error {
    detail: Detail,
    /// Stable, for programs.
    code: String,
    /// What would help.
    #[schema(nullable = false)]
    hint: Option<String>,
    /// What the words speak of, by name, for programs.
    #[schema(nullable = false)]
    context: Option<Value>,
    trace_id: String,
}

/// What is wrong: a sentence, or each mistake.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Detail {
    Sentence(String),
    FieldErrors(Vec<ValidationError>),
}

/// One mistake, and where it is.
#[derive(Serialize, ToSchema)]
struct ValidationError {
    r#type: String,
    /// Steps into what was sent: names of members, places in lists.
    loc: Vec<Step>,
    msg: String,
    /// What was there.
    input: Value,
    #[schema(nullable = false)]
    ctx: Option<BTreeMap<String, Value>>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Step {
    Key(String),
    Index(u64),
}

#[derive(ToSchema)]
pub struct IdInfo {
    id: String,
    /// What is kept but not used.
    #[schema(nullable = false)]
    warnings: Option<Vec<String>>,
}

#[derive(ToSchema)]
pub struct Words {
    message: String,
}

#[derive(ToSchema)]
pub struct Alive {
    status: String,
}

// Guilds

#[derive(ToSchema)]
pub struct LaunchGuildReq {
    spec: GuildSpec,
    org_id: String,
}

#[derive(ToSchema)]
pub struct LaunchGuildFromBlueprintRequest {
    #[schema(min_length = 1, max_length = 64)]
    guild_name: String,
    user_id: String,
    org_id: String,
    #[schema(min_length = 1)]
    description: Option<String>,
    #[schema(default = json!({}), nullable = false)]
    configuration: Option<BTreeMap<String, Value>>,
    /// The id of the guild to be; an empty one is none.
    guild_id: Option<String>,
}

#[derive(ToSchema)]
pub struct RelaunchResponse {
    is_relaunching: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum GuildStatus {
    Requested,
    NotLaunched,
    Starting,
    Running,
    Warning,
    Backlogged,
    Unknown,
    Error,
    Stopping,
    Stopped,
}

#[derive(ToSchema)]
pub struct GuildListed {
    id: String,
    name: String,
    status: GuildStatus,
    organization_id: String,
    #[schema(required = true)]
    blueprint_id: Option<String>,
    created_at: String,
}

#[derive(ToSchema)]
pub struct BasicGuildInfo {
    id: String,
    name: String,
    blueprint_id: Option<String>,
    icon: Option<String>,
    status: GuildStatus,
}

/// A message as it is shown in a history, in the dialect of this host.
#[derive(ToSchema)]
pub struct Message {
    sender: AgentTag,
    topics: Topics,
    recipient_list: Vec<AgentTag>,
    payload: BTreeMap<String, Value>,
    format: String,
    #[schema(required = true)]
    in_response_to: Option<u64>,
    thread: Vec<u64>,
    /// Whatever the client gave.
    conversation_id: Value,
    #[schema(required = true)]
    forward_header: Option<ForwardHeader>,
    #[schema(required = true)]
    routing_slip: Option<RoutingSlip>,
    message_history: Vec<ProcessEntry>,
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
    id: u64,
    #[schema(minimum = 0, maximum = 7)]
    priority: u8,
    /// Milliseconds since 1970.
    timestamp: f64,
    current_thread_id: u64,
    root_thread_id: u64,
    /// The id that the client gave, when it was no number.
    #[schema(nullable = false)]
    client_id: Option<String>,
}

#[derive(ToSchema)]
struct ForwardHeader {
    origin_message_id: u64,
    on_behalf_of: AgentTag,
}

#[derive(ToSchema)]
struct ProcessEntry {
    agent: AgentTag,
    origin: u64,
    result: u64,
    processor: String,
    from_topic: Option<String>,
    #[schema(nullable = false)]
    to_topics: Option<Vec<String>>,
    reason: Option<Vec<String>>,
}

#[derive(ToSchema)]
struct GuildStackEntry {
    guild_id: String,
    saga_id: Option<String>,
}

// Files

#[derive(ToSchema)]
pub struct UploadForm {
    #[schema(content_media_type = "application/octet-stream")]
    file: String,
    /// A JSON object.
    file_meta: Option<String>,
}

#[derive(ToSchema)]
pub struct Uploaded {
    guild_id: String,
    filename: String,
    url: String,
    #[schema(required = true)]
    content_type: Option<String>,
    content_length: u64,
}

#[derive(ToSchema)]
pub struct MediaLink {
    id: String,
    name: Option<String>,
    mimetype: Option<String>,
    metadata: Option<BTreeMap<String, Value>>,
    content_hash: Option<String>,
    size_in_bytes: Option<u64>,
    url: String,
    encoding: Option<String>,
    on_filesystem: Option<bool>,
}

// Agent classes and components

/// An agent class. Besides the members of the answer, the short ones are understood.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum AgentEntryInput {
    Whole(AgentEntryWhole),
    Short(AgentEntryShort),
}

#[derive(Serialize, ToSchema)]
pub struct AgentEntryWhole {
    agent_name: String,
    qualified_class_name: String,
    agent_doc: Option<String>,
    agent_props_schema: BTreeMap<String, Value>,
    message_handlers: BTreeMap<String, HandlerEntry>,
    agent_dependencies: Vec<AgentDependencyInput>,
}

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

#[derive(ToSchema)]
pub struct AgentEntryOutput {
    agent_name: String,
    qualified_class_name: String,
    agent_doc: Option<String>,
    agent_props_schema: BTreeMap<String, Value>,
    message_handlers: BTreeMap<String, HandlerEntry>,
    agent_dependencies: Vec<AgentDependencyOutput>,
    /// The digest of the component that serves the class.
    #[schema(nullable = false)]
    component: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct HandlerEntry {
    handler_name: String,
    message_format: String,
    message_format_schema: BTreeMap<String, Value>,
    #[schema(default = "")]
    handler_doc: Option<String>,
    send_message_calls: Vec<SendMessageCall>,
}

#[derive(Serialize, ToSchema)]
struct SendMessageCall {
    calling_class: Option<String>,
    calling_function: String,
    call_type: String,
    message_type: Option<String>,
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

#[derive(ToSchema)]
struct AgentDependencyOutput {
    dependency_key: String,
    dependency_var: Option<String>,
    #[schema(nullable = false)]
    guild_level: Option<bool>,
    #[schema(nullable = false)]
    org_level: Option<bool>,
    required_type: Option<String>,
    agent_level: bool,
    variable_name: String,
}

#[derive(ToSchema)]
pub struct Component {
    digest: String,
    state: ComponentState,
    /// Every `name@version` that stands for it.
    names: Vec<String>,
    #[schema(required = true)]
    class_name: Option<String>,
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    version: Option<String>,
    #[schema(required = true)]
    summary: Option<String>,
    size: u64,
    /// What the component says of itself.
    description: Value,
    imports: Vec<String>,
    /// What a blueprint that uses it has to ask for, and the operator to allow.
    grants: Vec<String>,
    /// Why it was refused, or why compiling it failed.
    #[schema(required = true)]
    reason: Option<String>,
    /// The same for programs.
    #[schema(required = true)]
    refusal: Option<ComponentRefusal>,
    created_at: String,
}

#[derive(ToSchema)]
struct ComponentRefusal {
    /// Stable, as in errors.
    code: String,
    /// What the words speak of, by name.
    context: Value,
}

/// What serves an agent class.
#[derive(ToSchema)]
pub struct ComponentBinding {
    /// A digest, or `name@version`.
    component: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum ComponentState {
    Compiling,
    Ready,
    Refused,
    Failed,
}

// Boards

#[derive(ToSchema)]
pub struct CreateBoardRequest {
    guild_id: String,
    name: String,
    created_by: String,
    #[schema(default = false)]
    is_default: Option<bool>,
    #[schema(default = false)]
    is_private: Option<bool>,
}

#[derive(ToSchema)]
pub struct BoardsResponse {
    boards: Vec<BoardResponse>,
}

#[derive(ToSchema)]
struct BoardResponse {
    id: String,
    name: String,
    guild_id: String,
    created_by: String,
    created_at: String,
    is_default: bool,
    is_private: bool,
}

#[derive(ToSchema)]
pub struct AddMessageToBoardRequest {
    message_id: String,
}

#[derive(ToSchema)]
pub struct BoardMessagesResponse {
    ids: Vec<String>,
}

//! The specs of guilds: agents, what they ask for, and routes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::GuildStatus;

#[derive(ToSchema)]
pub(super) struct GuildSpec {
    /// An empty one is none.
    #[schema(nullable = false)]
    id: Option<String>,
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[schema(min_length = 1)]
    description: String,
    #[schema(nullable = false)]
    properties: Option<BTreeMap<String, Value>>,
    #[schema(nullable = false)]
    agents: Option<Vec<AgentSpec>>,
    #[schema(nullable = false)]
    dependency_map: Option<BTreeMap<String, DependencySpec>>,
    #[schema(nullable = false)]
    routes: Option<RoutingSlip>,
    gateway: Option<GatewayConfig>,
}

#[derive(ToSchema)]
pub struct GuildSpecResponse {
    id: String,
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[schema(min_length = 1)]
    description: String,
    properties: BTreeMap<String, Value>,
    agents: Vec<AgentSpec>,
    dependency_map: BTreeMap<String, DependencySpec>,
    routes: RoutingSlip,
    #[schema(required = true)]
    gateway: Option<GatewayConfig>,
    status: GuildStatus,
}

#[derive(ToSchema)]
struct AgentSpec {
    #[schema(nullable = false)]
    id: Option<String>,
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[schema(min_length = 1)]
    description: String,
    /// With a dot in it.
    #[schema(pattern = r"\.")]
    class_name: String,
    #[schema(nullable = false)]
    additional_topics: Option<Vec<String>>,
    #[schema(nullable = false)]
    properties: Option<BTreeMap<String, Value>>,
    #[schema(default = true, nullable = false)]
    listen_to_default_topic: Option<bool>,
    #[schema(default = false, nullable = false)]
    act_only_when_tagged: Option<bool>,
    #[schema(nullable = false)]
    predicates: Option<BTreeMap<String, Predicate>>,
    #[schema(nullable = false)]
    dependency_map: Option<BTreeMap<String, DependencySpec>>,
    #[schema(nullable = false)]
    additional_dependencies: Option<Vec<String>>,
    #[schema(nullable = false)]
    resources: Option<ResourceSpec>,
    #[schema(nullable = false)]
    qos: Option<QOSSpec>,
    /// The component that serves the agent: its digest, `name@version`, or its place in a registry,
    /// `oci://…@sha256:…`; else the one that the catalog binds its class to.
    component: Option<String>,
    sandbox: Option<SandboxSpec>,
}

/// What an agent asks of its sandbox, within the operator's ceilings and grants.
#[derive(ToSchema)]
struct SandboxSpec {
    #[schema(minimum = 1)]
    fuel: Option<u64>,
    #[schema(minimum = 1)]
    memory_mib: Option<u64>,
    #[schema(minimum = 1)]
    timeout_ms: Option<u64>,
    #[schema(minimum = 1)]
    emits: Option<u64>,
    /// HTTP requests of one turn.
    #[schema(minimum = 1)]
    http_calls: Option<u64>,
    /// KiB of responses that one turn reads.
    #[schema(minimum = 1)]
    http_response_kib: Option<u64>,
    /// Keys of a bucket.
    #[schema(minimum = 1)]
    keyvalue_keys: Option<u64>,
    /// KiB of a bucket.
    #[schema(minimum = 1)]
    keyvalue_kib: Option<u64>,
    /// Where it sends requests: `https://api.example.com`, `http://10.0.0.5:8080`, `https://*.example.com`.
    #[schema(nullable = false)]
    http: Option<Vec<String>>,
    /// Whether it keeps values under keys.
    #[schema(nullable = false)]
    keyvalue: Option<bool>,
    /// What it reads as its configuration.
    config: Option<BTreeMap<String, String>>,
    /// Secrets that go into its requests, by name.
    #[schema(nullable = false)]
    secrets: Option<Vec<String>>,
    /// Secrets that it reads, by name.
    #[schema(nullable = false)]
    reveal: Option<Vec<String>>,
    /// Variables of the host's environment that it sees, by name.
    #[schema(nullable = false)]
    env: Option<Vec<String>>,
    /// Seconds without a message after which the instance is dropped; 0: never.
    idle_unload_s: Option<u64>,
}

#[derive(ToSchema)]
struct DependencySpec {
    #[schema(min_length = 1)]
    class_name: String,
    #[schema(nullable = false)]
    properties: Option<BTreeMap<String, Value>>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Predicate {
    Expression(ExpressionPredicate),
    TypeEquals(TypeEqualsPredicate),
}

#[derive(Serialize, ToSchema)]
struct ExpressionPredicate {
    #[schema(nullable = false)]
    predicate_type: Option<ExpressionKind>,
    expression: String,
}

#[derive(Serialize, ToSchema)]
#[schema(rename_all = "snake_case")]
enum ExpressionKind {
    JsonataFn,
    CelFn,
}

#[derive(Serialize, ToSchema)]
struct TypeEqualsPredicate {
    predicate_type: TypeEquals,
    expected_type: String,
}

#[derive(Serialize, ToSchema)]
#[schema(rename_all = "snake_case")]
enum TypeEquals {
    TypeEquals,
}

#[derive(ToSchema)]
struct ResourceSpec {
    num_cpus: Option<f64>,
    num_gpus: Option<f64>,
    #[schema(nullable = false)]
    custom_resources: Option<BTreeMap<String, f64>>,
}

#[derive(ToSchema)]
struct QOSSpec {
    timeout: Option<u64>,
    retry_count: Option<u32>,
    latency: Option<u64>,
}

#[derive(ToSchema)]
struct GatewayConfig {
    #[schema(default = true, nullable = false)]
    enabled: Option<bool>,
    input_formats: Vec<String>,
    output_formats: Vec<String>,
    #[schema(nullable = false)]
    returned_formats: Option<Vec<String>>,
}

#[derive(ToSchema)]
pub(super) struct RoutingSlip {
    #[schema(nullable = false)]
    steps: Option<Vec<RoutingRule>>,
}

/// Needs `agent` or `agent_type`.
#[derive(ToSchema)]
struct RoutingRule {
    agent: Option<AgentTag>,
    agent_type: Option<String>,
    method_name: Option<String>,
    origin_filter: Option<RoutingOrigin>,
    message_format: Option<String>,
    destination: Option<RoutingDestination>,
    #[schema(default = false, nullable = false)]
    mark_forwarded: Option<bool>,
    #[schema(default = 1, nullable = false)]
    route_times: Option<i64>,
    transformer: Option<Transformer>,
    agent_state_update: Option<StateTransformer>,
    guild_state_update: Option<StateTransformer>,
    process_status: Option<ProcessStatus>,
    reason: Option<String>,
}

#[derive(ToSchema)]
struct RoutingOrigin {
    origin_sender: Option<AgentTag>,
    origin_topic: Option<String>,
    origin_message_format: Option<String>,
}

#[derive(ToSchema)]
struct RoutingDestination {
    topics: Option<Topics>,
    #[schema(nullable = false)]
    recipient_list: Option<Vec<AgentTag>>,
    #[schema(minimum = 0, maximum = 7)]
    priority: Option<u8>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Topics {
    One(String),
    Many(Vec<String>),
}

/// With `handler` it sees and makes a whole message, without one a payload.
#[derive(ToSchema)]
struct Transformer {
    #[schema(nullable = false)]
    style: Option<String>,
    expression_type: Option<String>,
    output_format: Option<String>,
    expression: Option<String>,
    #[schema(nullable = false)]
    handler: Option<String>,
}

#[derive(ToSchema)]
struct StateTransformer {
    expression_type: Option<String>,
    #[schema(nullable = false)]
    update_format: Option<StateUpdateFormat>,
    state_update: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
enum StateUpdateFormat {
    JsonPatch,
    JsonMergePatch,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum ProcessStatus {
    Running,
    Error,
    Completed,
}

#[derive(ToSchema)]
pub(super) struct AgentTag {
    id: Option<String>,
    name: Option<String>,
}

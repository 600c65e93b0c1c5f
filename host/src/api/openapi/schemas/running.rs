//! The shapes of what is told of agents at work.

use serde_json::Value;
use utoipa::ToSchema;

#[derive(ToSchema)]
pub struct AgentLogs {
    /// Oldest first.
    lines: Vec<LogLine>,
}

#[derive(ToSchema)]
struct LogLine {
    /// 1 for the first line of the agent since the host was started.
    number: u64,
    at: String,
    level: LogLevel,
    source: LogSource,
    text: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum LogSource {
    /// The agent printed it.
    Agent,
    /// The host says it of the agent.
    Host,
}

#[derive(ToSchema)]
pub struct MessageRef {
    message_id: u64,
}

#[derive(ToSchema)]
pub struct ComponentChoice {
    /// A digest, `sha256:…`, or `name@version`.
    component: String,
}

#[derive(ToSchema)]
pub struct ComponentSwapped {
    agent_id: String,
    component: String,
}

#[derive(ToSchema)]
pub struct BlueprintChoice {
    blueprint_id: String,
    /// Who may launch it.
    user_id: String,
}

#[derive(ToSchema)]
pub struct BlueprintChanged {
    guild_id: String,
    blueprint_id: String,
    /// The agents that had another component.
    swapped: Vec<ComponentSwapped>,
}

#[derive(ToSchema)]
pub struct DeadLetters {
    dead_letters: Vec<DeadLetter>,
    /// Where the next page begins.
    #[schema(required = true)]
    next: Option<u64>,
}

#[derive(ToSchema)]
pub struct DeadLetter {
    id: u64,
    /// The message that was given up.
    message_id: u64,
    /// Who could not serve it: `id` and `name`.
    agent: Value,
    /// Where that agent heard it.
    topic: String,
    at: String,
    /// How often it was tried.
    attempts: u32,
    fault: Fault,
    /// The message as it was.
    message: Value,
}

#[derive(ToSchema)]
struct Fault {
    kind: String,
    message: String,
    /// The limit that was met, in the unit of the setting.
    #[schema(nullable = false)]
    limit: Option<u64>,
    #[schema(nullable = false)]
    value: Option<u64>,
    /// The setting that changes the limit.
    #[schema(nullable = false)]
    setting: Option<String>,
    #[schema(nullable = false)]
    fuel_used: Option<u64>,
    #[schema(nullable = false)]
    peak_memory_bytes: Option<u64>,
    /// The end of what the agent wrote to its standard error.
    #[schema(nullable = false)]
    stderr: Option<String>,
    /// Names of functions, innermost first.
    #[schema(nullable = false)]
    backtrace: Option<Vec<String>>,
}

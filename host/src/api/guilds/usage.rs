//! What guilds and agents have used since they were started on this host.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::error::ApiError;
use crate::api::state::{ApiState, Route};
use crate::guild;
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{AgentId, GuildId};

pub fn routes() -> Vec<Route> {
    vec![("/api/guilds/{id}/usage", get(of_agents))]
}

/// What a guild has used since it was started here. It begins at 0 when the guild sleeps and wakes.
#[derive(Serialize, ToSchema)]
pub struct GuildUsage {
    /// The agents that have a task here.
    agents: usize,
    /// Those among them whose health is `ok`.
    healthy: usize,
    /// Messages that agents have handled.
    turns: u64,
    /// Those among them that were declined, that failed, or that were cancelled.
    failed: u64,
    /// Units of fuel.
    fuel: u64,
}

impl From<guild::GuildUsage> for GuildUsage {
    fn from(usage: guild::GuildUsage) -> Self {
        let guild::GuildUsage { agents, healthy, turns, failed, fuel } = usage;
        Self { agents, healthy, turns, failed, fuel }
    }
}

/// What an agent has used since it was started here, and its limits.
#[derive(Serialize, ToSchema)]
pub struct AgentUsage {
    agent_id: AgentId,
    /// Its health; null when it does not run here.
    #[schema(required = true)]
    health: Option<HealthStatus>,
    /// Why its health is not `ok`.
    #[schema(required = true)]
    detail: Option<String>,
    /// The milliseconds that it has worked at its message; null when it is idle.
    #[schema(required = true)]
    busy_ms: Option<u64>,
    /// Messages that it has handled.
    turns: u64,
    /// Those among them that were declined, that failed, or that were cancelled.
    failed: u64,
    /// Units of fuel of all turns.
    fuel: u64,
    /// Units of fuel of the turn that used most.
    most_fuel: u64,
    /// The most linear memory that it held, in bytes.
    peak_memory_bytes: u64,
    /// The longest turn, in milliseconds.
    longest_ms: u64,
    /// The limits of one turn; null when its blueprint asks for more than the operator allows.
    #[schema(required = true)]
    limits: Option<TurnLimits>,
}

/// The limits of an agent that its use is compared with.
#[derive(Serialize, ToSchema)]
pub struct TurnLimits {
    /// Units of fuel of one turn: `sandbox.fuel`.
    fuel: u64,
    /// Bytes of linear memory: `sandbox.memory_mib`.
    memory_bytes: u64,
    /// Milliseconds of one turn: `sandbox.timeout_ms`.
    timeout_ms: u64,
}

impl From<guild::AgentUsage> for AgentUsage {
    fn from(usage: guild::AgentUsage) -> Self {
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (health, detail) = usage.health.map_or((None, None), |health| (Some(health.status), health.detail));
        let totals = usage.totals;
        Self {
            agent_id: usage.id,
            health,
            detail,
            busy_ms: usage.busy.map(ms),
            turns: totals.turns,
            failed: totals.failed,
            fuel: totals.fuel,
            most_fuel: totals.most_fuel,
            peak_memory_bytes: totals.peak_memory_bytes,
            longest_ms: ms(totals.longest),
            limits: usage.limits.map(|limits| TurnLimits {
                fuel: limits.fuel,
                memory_bytes: limits.memory_bytes,
                timeout_ms: ms(limits.timeout),
            }),
        }
    }
}

async fn of_agents(State(api): State<ApiState>, Path(id): Path<GuildId>) -> Result<Json<Vec<AgentUsage>>, ApiError> {
    let usage = api.guilds.usage_of_agents(&id).await?;
    Ok(Json(usage.into_iter().map(AgentUsage::from).collect()))
}

//! The members of a guild: an agent with its task, and the row of a user's proxy.

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::{AgentHealth, Handle};
use crate::journal::Lag;
use crate::store::{AgentKind, AgentRow};
use guildhall_model::format;
use guildhall_model::health::{HealthStatus, by_latency};
use guildhall_model::ids::{AgentId, UserId};
use guildhall_model::spec::AgentSpec;
use guildhall_model::status::AgentStatus;
use guildhall_model::topic;

/// An agent of the guild, as its manager holds it.
pub(super) struct Member {
    pub(super) spec: AgentSpec,
    pub(super) handle: Handle,
    /// How far its inbox lags.
    pub(super) lag: Lag,
    /// Ends its task.
    pub(super) stop: CancellationToken,
    /// Its task.
    pub(super) task: TaskTracker,
    /// Whether its instance is never dropped because it is idle.
    pub(super) is_kept: bool,
}

impl Member {
    /// The health of the agent now: what its task knows, lowered by what the host measures.
    pub(super) fn health(&self, now_ms: u64) -> AgentHealth {
        let health = self.handle.gauges().health();
        if health.status != HealthStatus::Ok {
            return health;
        }
        let (lag, limit) = (self.lag.messages(), self.lag.limit());
        if lag >= limit {
            let detail = format!("{lag} messages wait, the limit is {limit} (limits.agent_lag)");
            return AgentHealth { status: HealthStatus::Backlogged, detail: Some(detail) };
        }
        let waited = self.handle.gauges().waited_ms().max(self.lag.waited_ms(now_ms));
        let in_ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let limit = self.spec.qos.latency.filter(|_| lag > 0);
        if by_latency(limit.map(in_ms), in_ms(waited)) == HealthStatus::Backlogged {
            let detail = format!("a message waited {waited} ms, qos.latency is {}", limit.unwrap_or_default());
            return AgentHealth { status: HealthStatus::Backlogged, detail: Some(detail) };
        }
        health
    }
}

/// The row of a user's proxy.
pub(super) fn proxy_row(user: &UserId, name: &str) -> AgentRow {
    let spec = AgentSpec {
        id: AgentId::proxy_of(user),
        name: name.to_owned(),
        description: format!("Agent for user {user}"),
        class_name: format::USER_PROXY_CLASS.to_owned(),
        additional_topics: vec![topic::user_inbox(user), topic::user_outbox(user), topic::BROADCAST.to_owned()],
        properties: std::iter::once(("user_id".to_owned(), json!(user))).collect(),
        listen_to_default_topic: true,
        act_only_when_tagged: false,
        predicates: Default::default(),
        dependency_map: Default::default(),
        additional_dependencies: Vec::new(),
        resources: Default::default(),
        qos: Default::default(),
        component: None,
        sandbox: None,
    };
    AgentRow::new(AgentKind::UserProxy, spec, AgentStatus::Running)
}

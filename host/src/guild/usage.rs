//! What the guilds that run here and their agents have used since they were started here, and which limits bound that.
//! Nothing is woken for it, and nothing of it is stored.

use std::time::Duration;

use super::error::GuildError;
use super::guilds::Guilds;
use super::serving::limits_of;
use crate::agent::{AgentGauges, AgentHealth, TurnTotals};
use crate::store::AgentKind;
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{AgentId, GuildId};
use guildhall_model::status::AgentStatus;
use guildhall_sandbox::Limit;

/// What a guild has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuildUsage {
    /// The agents that have a task here.
    pub agents: usize,
    /// Those among them whose health is `ok`.
    pub healthy: usize,
    /// Turns that have ended.
    pub turns: u64,
    /// Those among them that failed.
    pub failed: u64,
    /// Units of fuel of all turns.
    pub fuel: u64,
}

impl GuildUsage {
    fn add(&mut self, agent: &AgentGauges) {
        let totals = agent.totals();
        self.agents += 1;
        self.healthy += usize::from(agent.health().status == HealthStatus::Ok);
        self.turns += totals.turns;
        self.failed += totals.failed;
        self.fuel = self.fuel.saturating_add(totals.fuel);
    }
}

/// The limits of an agent that its totals can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnLimits {
    /// Units of fuel of one turn.
    pub fuel: u64,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// The time of one turn.
    pub timeout: Duration,
}

/// What an agent has used, and may use.
#[derive(Clone, Debug)]
pub struct AgentUsage {
    /// The agent.
    pub id: AgentId,
    /// Its health; `None`: it has no task here.
    pub health: Option<AgentHealth>,
    /// How long it has worked at its message; `None`: it is idle.
    pub busy: Option<Duration>,
    /// What its turns have used.
    pub totals: TurnTotals,
    /// Its limits; `None`: its blueprint asks for more than the operator allows, so it does not start.
    pub limits: Option<TurnLimits>,
}

impl Guilds {
    /// What a guild has used; `None`: it does not run here.
    #[must_use]
    pub fn usage(&self, id: &GuildId) -> Option<GuildUsage> {
        let roster = self.0.running.roster(id)?;
        let mut usage = GuildUsage::default();
        for agent in roster.lock().values() {
            usage.add(agent.gauges());
        }
        Some(usage)
    }

    /// What each agent of a guild has used, in the order of the guild's spec. Cancel safe.
    ///
    /// # Errors
    /// `Unknown`, or the store fails.
    pub async fn usage_of_agents(&self, id: &GuildId) -> Result<Vec<AgentUsage>, GuildError> {
        let setup = &self.0.setup;
        if setup.store.guild_status(id).await?.is_none() {
            return Err(GuildError::Unknown);
        }
        let rows = setup.store.agents(id).await?;
        let roster = self.0.running.roster(id);
        let now_ms = setup.clock.now_ms();
        let members =
            rows.into_iter().filter(|row| row.kind == AgentKind::Member && row.status != AgentStatus::Deleted);
        Ok(members
            .map(|row| {
                let handle = roster.as_ref().and_then(|roster| roster.lock().get(&row.id).cloned());
                let gauges = handle.as_ref().map(|handle| handle.gauges());
                AgentUsage {
                    health: gauges.map(AgentGauges::health),
                    busy: gauges.and_then(|gauges| gauges.busy_ms(now_ms)).map(Duration::from_millis),
                    totals: gauges.map(AgentGauges::totals).unwrap_or_default(),
                    limits: limits_of(&setup.components, &row.spec).ok().map(|limits| TurnLimits {
                        fuel: limits.get(Limit::Fuel),
                        memory_bytes: limits.memory_bytes(),
                        timeout: limits.turn_timeout(),
                    }),
                    id: row.id,
                }
            })
            .collect())
    }
}

//! The life of a guild as a pure function: it takes what happened and returns what is to be done. The manager's task
//! carries the effects out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::agent::AgentHealth;
use guildhall_model::health::{HealthStatus, aggregate};
use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::status::{AgentStatus, GuildStatus};

/// What happens to a guild.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The manager is about to start the agents.
    Started,
    /// The health of all agents was measured.
    Measured(BTreeMap<AgentId, AgentHealth>),
    /// A user opened a socket, or was created by a message.
    Joined {
        /// The user.
        user: UserId,
        /// The name that others see.
        name: String,
    },
    /// A health report was requested; `None`: by the manager itself.
    CheckRequested(Option<HealthCheck>),
    /// A user requested the list of participants.
    ParticipantsRequested(ParticipantsRequest),
    /// The end of the guild was requested.
    StopRequested {
        /// The user who gets the answer; `None` for a request over REST.
        user: Option<UserId>,
        /// The guild that is to end, if the request names it. A request for another guild is ignored.
        guild: Option<String>,
    },
}

/// A request for the list of participants.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticipantsRequest {
    /// Who gets the list.
    pub user: UserId,
    /// The request's message.
    pub request: MessageId,
    /// The number that the client gave the request.
    pub number: Option<u64>,
    /// The conversation of the request; the answer has the same.
    pub conversation_id: Option<Value>,
}

/// A request for a health report. It is answered with heartbeats as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The request's message.
    pub request: MessageId,
    /// The number that the client gave the request.
    pub number: Option<u64>,
    /// When it was sent, in Unix milliseconds, as its sender says.
    pub time_ms: Option<u64>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Store the guild's status.
    SetStatus(GuildStatus),
    /// Store the status of agents.
    SetAgents(Vec<(AgentId, AgentStatus)>),
    /// Publish a health report.
    Report,
    /// Publish the last heartbeats and ask idle agents for new ones.
    AskAgents(Option<HealthCheck>),
    /// Create the proxy of a user.
    AddUser {
        /// The user.
        user: UserId,
        /// The name that others see.
        name: String,
    },
    /// Send the list of participants to the user who requested it.
    SendParticipants(ParticipantsRequest),
    /// Store that the guild stops, confirm the stop, then end the guild. If it cannot be stored, the user is told, and
    /// [`GuildLifecycle::stop_failed`] is called.
    Stop {
        /// The user who gets the answer.
        user: Option<UserId>,
    },
}

/// What the manager knows of its guild's life.
#[derive(Clone, Debug)]
pub struct GuildLifecycle {
    guild: GuildId,
    status: GuildStatus,
    agents: BTreeMap<AgentId, AgentHealth>,
    users: BTreeMap<UserId, String>,
    /// The status before a stop was requested.
    before_stop: GuildStatus,
}

impl GuildLifecycle {
    /// A guild that was launched or resumed with this status, these agents and users.
    pub fn new(
        guild: GuildId,
        status: GuildStatus,
        agents: impl IntoIterator<Item = AgentId>,
        users: impl IntoIterator<Item = (UserId, String)>,
    ) -> Self {
        let starting = |agent| (agent, AgentHealth::without_detail(HealthStatus::Starting));
        let (agents, users) = (agents.into_iter().map(starting).collect(), users.into_iter().collect());
        Self { guild, status, agents, users, before_stop: status }
    }

    /// The status of the guild.
    #[cfg(test)]
    pub const fn status(&self) -> GuildStatus {
        self.status
    }

    /// The health of each agent, as it was measured last.
    #[must_use]
    pub const fn agents(&self) -> &BTreeMap<AgentId, AgentHealth> {
        &self.agents
    }

    /// The health of the whole guild, as reports show it.
    #[must_use]
    pub fn health(&self) -> HealthStatus {
        aggregate(self.agents.values().map(|health| health.status))
    }

    /// Decides what to do about an event. A guild that is over does nothing.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        if self.status.is_over() {
            return Vec::new();
        }
        match event {
            Event::Started => self.started(),
            Event::Measured(agents) => self.measured(agents),
            Event::Joined { user, name } => self.joined(user, name),
            Event::CheckRequested(check) => vec![Effect::Report, Effect::AskAgents(check)],
            Event::ParticipantsRequested(request) => vec![Effect::SendParticipants(request)],
            Event::StopRequested { user, guild } => self.stop_requested(user, guild),
        }
    }

    fn started(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.status == GuildStatus::Requested {
            effects.push(Effect::SetStatus(GuildStatus::PendingLaunch));
        }
        self.status = GuildStatus::Starting;
        effects.push(Effect::SetStatus(self.status));
        effects.extend(self.update_status());
        effects
    }

    fn measured(&mut self, agents: BTreeMap<AgentId, AgentHealth>) -> Vec<Effect> {
        let rows: Vec<_> = agents
            .iter()
            .filter(|(agent, health)| {
                self.agents.get(*agent).is_none_or(|old| old.stored_status() != health.stored_status())
            })
            .map(|(agent, health)| (agent.clone(), health.stored_status()))
            .collect();
        let has_changed = agents != self.agents;
        self.agents = agents;
        let mut effects = Vec::new();
        if !rows.is_empty() {
            effects.push(Effect::SetAgents(rows));
        }
        if has_changed {
            effects.extend(self.update_status());
        }
        effects
    }

    /// The guild's status follows its health. One agent in error is a warning for
    /// the guild as long as another still serves.
    fn update_status(&mut self) -> Vec<Effect> {
        let status = match self.health() {
            HealthStatus::Error if self.agents.values().any(|health| health.status != HealthStatus::Error) => {
                GuildStatus::Warning
            }
            health => health.guild_status(),
        };
        let mut effects = Vec::new();
        if status != self.status {
            self.status = status;
            effects.push(Effect::SetStatus(status));
        }
        effects.push(Effect::Report);
        effects
    }

    fn joined(&mut self, user: UserId, name: String) -> Vec<Effect> {
        if self.users.get(&user) == Some(&name) {
            return Vec::new();
        }
        self.users.insert(user.clone(), name.clone());
        vec![Effect::AddUser { user, name }, Effect::Report]
    }

    fn stop_requested(&mut self, user: Option<UserId>, guild: Option<String>) -> Vec<Effect> {
        if guild.is_some_and(|guild| guild != self.guild.as_str()) {
            return Vec::new();
        }
        self.before_stop = std::mem::replace(&mut self.status, GuildStatus::Stopping);
        vec![Effect::Stop { user }]
    }

    /// Goes on as before the stop, which could not be stored.
    pub fn stop_failed(&mut self) {
        self.status = self.before_stop;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guild(agents: &[&str]) -> GuildLifecycle {
        GuildLifecycle::new("g".into(), GuildStatus::Requested, agents.iter().map(|id| AgentId::from(*id)), [])
    }

    fn measured(agents: &[(&str, HealthStatus)]) -> Event {
        Event::Measured(
            agents.iter().map(|(id, status)| (AgentId::from(*id), AgentHealth::without_detail(*status))).collect(),
        )
    }

    #[test]
    fn a_guild_goes_from_requested_to_running() {
        let mut state = guild(&["a", "b"]);
        let started = state.on(Event::Started);
        assert_eq!(
            started,
            [Effect::SetStatus(GuildStatus::PendingLaunch), Effect::SetStatus(GuildStatus::Starting), Effect::Report]
        );
        let half = state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Starting)]));
        assert_eq!(half, [Effect::SetAgents(vec![("a".into(), AgentStatus::Running)]), Effect::Report]);
        let whole = state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Ok)]));
        assert!(whole.contains(&Effect::SetStatus(GuildStatus::Running)));
        assert_eq!(state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Ok)])), [], "no change, no report");
    }

    #[test]
    fn a_guild_without_agents_runs() {
        let mut state = guild(&[]);
        assert!(state.on(Event::Started).contains(&Effect::SetStatus(GuildStatus::Running)));
    }

    #[test]
    fn one_agent_in_error_is_a_warning_and_all_in_error_an_error() {
        let mut state = guild(&["a", "b"]);
        state.on(Event::Started);
        state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Error)]));
        assert_eq!((state.status(), state.health()), (GuildStatus::Warning, HealthStatus::Error));
        state.on(measured(&[("a", HealthStatus::Error), ("b", HealthStatus::Error)]));
        assert_eq!(state.status(), GuildStatus::Error);
    }

    #[test]
    fn a_user_is_added_once_and_renamed() {
        let mut state = guild(&[]);
        let join = |name: &str| Event::Joined { user: "u".into(), name: name.into() };
        assert_eq!(state.on(join("U")).len(), 2);
        assert_eq!(state.on(join("U")), []);
        assert_eq!(state.on(join("V"))[0], Effect::AddUser { user: "u".into(), name: "V".into() });
    }

    #[test]
    fn a_stop_for_another_guild_is_ignored_and_a_stopped_guild_does_nothing() {
        let mut state = guild(&["a"]);
        let stop =
            |guild: Option<&str>| Event::StopRequested { user: Some("u".into()), guild: guild.map(str::to_owned) };
        assert_eq!(state.on(stop(Some("other"))), []);
        assert_eq!(state.on(stop(None)), [Effect::Stop { user: Some("u".into()) }]);
        assert_eq!(state.on(Event::CheckRequested(None)), []);
        assert_eq!(state.on(measured(&[("a", HealthStatus::Ok)])), []);
    }

    #[test]
    fn a_guild_whose_stop_could_not_be_stored_goes_on() {
        let mut state = guild(&[]);
        state.on(Event::Started);
        state.on(Event::StopRequested { user: Some("u".into()), guild: None });
        state.stop_failed();
        assert_eq!(state.status(), GuildStatus::Running);
        assert_eq!(state.on(Event::CheckRequested(None)).len(), 2);
    }
}

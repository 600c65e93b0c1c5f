//! A guild's life as a pure function: what happened in, what is to be done out.
//! The task that calls it carries the effects out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::agent::AgentHealth;
use guildhall_model::health::{HealthStatus, aggregate};
use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::status::{AgentStatus, GuildStatus};

/// What happens to a guild.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The manager begins to start the agents.
    Begun,
    /// How the agents are, all of them.
    Measured(BTreeMap<AgentId, AgentHealth>),
    /// A user opened a socket.
    Joined { user: UserId, name: String },
    /// Somebody wants to know how the guild is; `None`: the manager itself.
    Checked(Option<Check>),
    /// Somebody wants to know who is there.
    ParticipantsAsked(Asked),
    /// A user wants the guild to end; with a guild id, it must be this one's.
    StopAsked { user: UserId, guild: Option<String> },
}

/// Who asked, with what is needed to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub user: UserId,
    pub request: MessageId,
    pub conversation_id: Option<Value>,
}

/// A check that is answered with heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub request: MessageId,
    /// When it was made, as its sender says.
    pub time_ms: Option<u64>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Store the guild's status.
    SetStatus(GuildStatus),
    /// Store the status of agents.
    SetAgents(Vec<(AgentId, AgentStatus)>),
    /// Tell everybody how the guild is.
    Report,
    /// Ask the agents that are idle how they are.
    AskAgents(Option<Check>),
    /// Make a proxy for a user.
    AddUser { user: UserId, name: String },
    /// Tell one user who is there.
    TellParticipants(Asked),
    /// Confirm that the guild ends, then end it.
    Stop { user: UserId },
}

/// What the manager knows of its guild.
#[derive(Clone, Debug)]
pub struct GuildState {
    guild: GuildId,
    status: GuildStatus,
    signs: BTreeMap<AgentId, AgentHealth>,
    users: BTreeMap<UserId, String>,
}

impl GuildState {
    /// A guild that was found or made with this status, these members and users.
    pub fn new(
        guild: GuildId,
        status: GuildStatus,
        agents: impl IntoIterator<Item = AgentId>,
        users: impl IntoIterator<Item = (UserId, String)>,
    ) -> Self {
        let starting = |agent| (agent, AgentHealth::without_detail(HealthStatus::Starting));
        Self { guild, status, signs: agents.into_iter().map(starting).collect(), users: users.into_iter().collect() }
    }

    /// Where the guild is in its life.
    #[cfg(test)]
    pub const fn status(&self) -> GuildStatus {
        self.status
    }

    #[must_use]
    pub const fn signs(&self) -> &BTreeMap<AgentId, AgentHealth> {
        &self.signs
    }

    /// What a report says of the whole guild.
    #[must_use]
    pub fn health(&self) -> HealthStatus {
        aggregate(self.signs.values().map(|health| health.status))
    }

    /// Decides what to do about what happened.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        if self.status.is_over() {
            return Vec::new();
        }
        match event {
            Event::Begun => self.begin(),
            Event::Measured(signs) => self.measured(signs),
            Event::Joined { user, name } => self.joined(user, name),
            Event::Checked(check) => vec![Effect::Report, Effect::AskAgents(check)],
            Event::ParticipantsAsked(asked) => vec![Effect::TellParticipants(asked)],
            Event::StopAsked { user, guild } => self.stop_asked(user, guild),
        }
    }

    fn begin(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.status == GuildStatus::Requested {
            effects.push(Effect::SetStatus(GuildStatus::PendingLaunch));
        }
        self.status = GuildStatus::Starting;
        effects.push(Effect::SetStatus(self.status));
        effects.extend(self.settle());
        effects
    }

    fn measured(&mut self, signs: BTreeMap<AgentId, AgentHealth>) -> Vec<Effect> {
        let rows: Vec<_> = signs
            .iter()
            .filter(|(agent, health)| {
                self.signs.get(*agent).is_none_or(|old| old.stored_status() != health.stored_status())
            })
            .map(|(agent, health)| (agent.clone(), health.stored_status()))
            .collect();
        let is_news = signs != self.signs;
        self.signs = signs;
        let mut effects = Vec::new();
        if !rows.is_empty() {
            effects.push(Effect::SetAgents(rows));
        }
        if is_news {
            effects.extend(self.settle());
        }
        effects
    }

    /// The guild's status follows its health. One agent in error is a warning for
    /// the guild as long as another still serves.
    fn settle(&mut self) -> Vec<Effect> {
        let status = match self.health() {
            HealthStatus::Error if self.signs.values().any(|health| health.status != HealthStatus::Error) => {
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

    fn stop_asked(&mut self, user: UserId, guild: Option<String>) -> Vec<Effect> {
        if guild.is_some_and(|guild| guild != self.guild.as_str()) {
            return Vec::new();
        }
        self.status = GuildStatus::Stopping;
        vec![Effect::SetStatus(GuildStatus::Stopping), Effect::Stop { user }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guild(agents: &[&str]) -> GuildState {
        GuildState::new("g".into(), GuildStatus::Requested, agents.iter().map(|id| AgentId::from(*id)), [])
    }

    fn measured(signs: &[(&str, HealthStatus)]) -> Event {
        Event::Measured(
            signs.iter().map(|(id, status)| (AgentId::from(*id), AgentHealth::without_detail(*status))).collect(),
        )
    }

    #[test]
    fn a_guild_goes_from_requested_to_running() {
        let mut state = guild(&["a", "b"]);
        let begun = state.on(Event::Begun);
        assert_eq!(
            begun,
            [Effect::SetStatus(GuildStatus::PendingLaunch), Effect::SetStatus(GuildStatus::Starting), Effect::Report]
        );
        let half = state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Starting)]));
        assert_eq!(half, [Effect::SetAgents(vec![("a".into(), AgentStatus::Running)]), Effect::Report]);
        let whole = state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Ok)]));
        assert!(whole.contains(&Effect::SetStatus(GuildStatus::Running)));
        assert_eq!(state.on(measured(&[("a", HealthStatus::Ok), ("b", HealthStatus::Ok)])), [], "no news, no report");
    }

    #[test]
    fn a_guild_without_agents_runs() {
        let mut state = guild(&[]);
        assert!(state.on(Event::Begun).contains(&Effect::SetStatus(GuildStatus::Running)));
    }

    #[test]
    fn one_agent_in_error_is_a_warning_and_all_in_error_an_error() {
        let mut state = guild(&["a", "b"]);
        state.on(Event::Begun);
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
        let stop = |guild: Option<&str>| Event::StopAsked { user: "u".into(), guild: guild.map(str::to_owned) };
        assert_eq!(state.on(stop(Some("other"))), []);
        assert_eq!(state.on(stop(None)).len(), 2);
        assert_eq!(state.on(Event::Checked(None)), []);
        assert_eq!(state.on(measured(&[("a", HealthStatus::Ok)])), []);
    }
}

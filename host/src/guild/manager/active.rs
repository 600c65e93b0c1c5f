//! A manager whose task runs: it starts and ends the agents, reads the ephemeral requests of sockets, and carries out
//! what the lifecycle decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::member::{Member, proxy_row};
use super::pace::Pace;
use crate::agent::{self, Agent, Report, ReportKind};
use crate::guild::lifecycle::{Effect, Event, GuildLifecycle, HealthCheck, ParticipantsRequest};
use crate::guild::running::Roster;
use crate::guild::serving::{Serving, limits_of};
use crate::journal::{Consumer, GuildLog, JournalError, Tail, TailEvent};
use crate::metrics::Metrics;
use crate::store::{AgentKind, AgentRow, Store};
use guildhall_model::clock::{Clock, read_time};
use guildhall_model::ids::{AgentId, Digest, UserId};
use guildhall_model::routing::GuildView;
use guildhall_model::spec::{AgentSpec, GuildSpec};
use guildhall_model::status::{AgentStatus, GuildStatus};
use guildhall_model::tag::AgentTag;
use guildhall_model::{event, format, topic};
use guildhall_sandbox::MemoryBudget;

/// How long the agents of a guild may take to end before their tasks are abandoned.
const END_WITHIN: Duration = Duration::from_secs(8);

/// Why a manager's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A user stopped the guild.
    Stopped,
    /// The host shuts down.
    HostShutdown,
}

/// A manager whose task runs.
pub(super) struct ActiveManager {
    pub(super) log: GuildLog,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) spec: GuildSpec,
    pub(super) view: watch::Sender<Arc<GuildView>>,
    pub(super) lifecycle: GuildLifecycle,
    /// The manager as the sender of messages.
    pub(super) tag: AgentTag,
    pub(super) members: BTreeMap<AgentId, Member>,
    pub(super) serving: Arc<Serving>,
    pub(super) guild_memory: Arc<MemoryBudget>,
    pub(super) revive: watch::Sender<()>,
    pub(super) roster: Roster,
    pub(super) idle_unload: Option<Duration>,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    /// Ends the tasks of all agents.
    pub(super) agents_stop: CancellationToken,
    pub(super) pace: Pace,
    pub(super) due: Due,
}

/// What is to be published as soon as the pace allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    /// The guild and its state, after a user has joined.
    announcement: bool,
    /// A health report.
    report: bool,
}

impl ActiveManager {
    /// Starts the task of an agent.
    pub(super) fn start_agent(&mut self, spec: AgentSpec, consumer: Consumer) {
        let idle_unload = match spec.sandbox.as_ref().and_then(|asked| asked.idle_unload_s) {
            None => self.idle_unload,
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds)),
        };
        let stop = self.agents_stop.child_token();
        let agent = Agent {
            spec: spec.clone(),
            log: self.log.clone(),
            find: self.serving.finder(),
            sandbox: self.serving.components.sandbox().clone(),
            // An agent that asks for too much does not find its component.
            limits: limits_of(&self.serving.components, &spec).unwrap_or_default(),
            guild_memory: self.guild_memory.clone(),
            view: self.view.subscribe(),
            reports: self.reports.clone(),
            idle_unload,
            metrics: self.metrics.clone(),
            revive: self.revive.subscribe(),
            stop: stop.clone(),
            shutdown: self.shutdown.clone(),
            clock: self.clock.clone(),
            consumer,
        };
        let task = TaskTracker::new();
        let lag = agent.consumer.lag();
        let handle = agent::spawn(agent, &task);
        task.close();
        self.roster.lock().insert(spec.id.clone(), handle.clone());
        self.members.insert(spec.id.clone(), Member { spec, handle, lag, stop, task });
    }

    /// Ends one agent within 8 s and removes its cursor. Returns whether there was such an agent. Dropping the future
    /// leaves the cursor.
    pub(super) async fn end_agent(&mut self, id: &AgentId) -> bool {
        let Some(member) = self.members.remove(id) else { return false };
        self.roster.lock().remove(id);
        member.stop.cancel();
        if tokio::time::timeout(END_WITHIN, member.task.wait()).await.is_err() {
            tracing::error!(agent = %id, "an agent did not end in time; its task is abandoned");
        }
        self.log.forget_consumer(id);
        true
    }

    /// Measures the health of all agents.
    pub(super) fn measure(&self) -> Event {
        let now_ms = self.clock.now_ms();
        Event::Measured(self.members.iter().map(|(id, member)| (id.clone(), member.health(now_ms))).collect())
    }

    /// Reads an ephemeral request of a socket. A manager that lags behind the sockets subscribes again and publishes a
    /// report.
    pub(super) fn read_socket_request(&self, next: Result<TailEvent, JournalError>, tail: &mut Tail) -> Option<Event> {
        let message = match next {
            Ok(TailEvent::Message { message, .. }) => message,
            Ok(TailEvent::Passed) => return None,
            Ok(TailEvent::Lagged) => {
                tracing::error!(guild = %self.log.guild(), "the manager received more requests than it could answer");
                *tail = self.log.tail(vec![topic::SYSTEM.to_owned()], None);
                return Some(Event::CheckRequested(None));
            }
            Err(error) => {
                tracing::error!(%error, "the system topic cannot be read");
                return None;
            }
        };
        let sender = message.sender.id.as_deref().unwrap_or_default();
        if !sender.starts_with("sys_comms_socket:") && !sender.starts_with("user_socket:") {
            // A message of the log: it arrives with the requests.
            return None;
        }
        let user = message.user.clone();
        let payload: Value = serde_json::from_str(message.payload.get()).unwrap_or_default();
        match message.format.as_str() {
            format::USER_AGENT_CREATION_REQUEST => {
                let name = payload.get("user_name").and_then(Value::as_str).unwrap_or_default().to_owned();
                user.map(|user| Event::Joined { user, name })
            }
            format::HEALTH_CHECK_REQUEST => {
                let time_ms = payload.get("checktime").and_then(read_time);
                Some(Event::CheckRequested(Some(HealthCheck { request: message.id, time_ms })))
            }
            format::PARTICIPANT_LIST_REQUEST => user.map(|user| {
                let conversation_id = message.conversation_id.clone();
                Event::ParticipantsRequested(ParticipantsRequest { user, request: message.id, conversation_id })
            }),
            format::STOP_GUILD_REQUEST => user.map(|user| {
                let guild = payload.get("guild_id").and_then(Value::as_str).map(str::to_owned);
                Event::StopRequested { user, guild }
            }),
            _ => None,
        }
    }

    /// Carries effects out and returns whether the guild is to end. Dropping the future leaves the rest undone.
    pub(super) async fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        let mut ends = false;
        for effect in effects {
            match effect {
                Effect::SetStatus(status) => self.set_status(status).await,
                Effect::SetAgents(rows) => {
                    if let Err(error) = self.store.set_agent_statuses(self.log.guild(), &rows).await {
                        tracing::error!(%error, guild = %self.log.guild(), "the agents' statuses cannot be stored");
                    }
                }
                Effect::Report => self.due.report = true,
                Effect::AskAgents(check) => {
                    self.publish_heartbeats(check);
                    self.ask_agents();
                }
                Effect::AddUser { user, name } => {
                    self.add_user(user, name).await;
                    self.due.announcement = true;
                }
                Effect::SendParticipants(request) => self.send_participants(request),
                Effect::Stop { user } => {
                    self.confirm_stop(&user);
                    ends = true;
                }
            }
        }
        if ends {
            // Nothing is published later.
            let due = std::mem::take(&mut self.due);
            self.publish(due);
        }
        ends
    }

    /// Publishes what is due, if the pace allows; else returns when it will.
    pub(super) fn publish_due(&mut self) -> Option<Instant> {
        if !self.due.report && !self.due.announcement {
            return None;
        }
        let now = Instant::now();
        match self.pace.take(now) {
            Ok(()) => {
                let due = std::mem::take(&mut self.due);
                self.publish(due);
                None
            }
            Err(next) => Some(next),
        }
    }

    fn publish(&self, due: Due) {
        if due.announcement {
            self.announce_guild();
        }
        if due.report {
            self.report();
        }
    }

    async fn set_status(&self, status: GuildStatus) {
        let guild = self.log.guild();
        if let Err(error) = self.store.set_guild_status(guild, status, self.clock.now_ms()).await {
            tracing::error!(%error, %guild, status = status.name(), "the guild's status cannot be stored");
        }
        let event = format!("guild.{}", status.name());
        self.log.signal(event::message(&event, &self.tag, self.clock.now_ms(), json!({"guild_id": guild})));
    }

    /// Handles what an agent's task reports.
    pub(super) async fn handle_report(&mut self, report: Report) {
        match report.kind {
            ReportKind::Changed | ReportKind::Answered | ReportKind::Ended => {}
            ReportKind::Swapped { component, confirm } => {
                self.store_component(&report.agent, &component).await;
                confirm.confirm();
            }
        }
    }

    /// Stores which component an agent runs, so that it runs the same one after a restart of the host.
    async fn store_component(&mut self, id: &AgentId, component: &Digest) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.spec.component = Some(component.to_string());
        let spec = member.spec.clone();
        for agent in self.spec.agents.iter_mut().filter(|agent| agent.id == *id) {
            agent.component.clone_from(&spec.component);
        }
        let row = AgentRow::new(AgentKind::Member, spec, member.health(self.clock.now_ms()).stored_status());
        if let Err(error) = self.store.upsert_agent(&self.spec.id, &row).await {
            tracing::error!(%error, agent = %id, "the component of an agent cannot be stored");
        }
        self.refresh().await;
    }

    /// Asks the idle agents for a heartbeat.
    pub(super) fn ask_agents(&self) {
        for member in self.members.values() {
            member.handle.ask_heartbeat();
        }
    }

    async fn add_user(&mut self, user: UserId, name: String) {
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.users.retain(|(other, _)| *other != user);
            view.users.push((user.clone(), name.clone()));
        });
        let row = AgentRow { user: Some(user.clone()), ..proxy_row(&user, &name) };
        if let Err(error) = self.store.upsert_agent(self.log.guild(), &row).await {
            tracing::error!(%error, %user, "a user's proxy cannot be stored");
        }
    }

    /// Ends the agents within 8 s. A guild that was stopped also loses its cursors and gets its last status.
    pub(super) async fn end(self, ended: Ended) -> Ended {
        self.log.close_ingress();
        self.agents_stop.cancel();
        let tasks = futures_util::future::join_all(self.members.values().map(|member| member.task.wait()));
        if tokio::time::timeout(END_WITHIN, tasks).await.is_err() {
            tracing::error!(guild = %self.log.guild(), "agents did not end in time; their tasks are abandoned");
        }
        if ended == Ended::Stopped {
            // A cursor that stays would keep the log from being trimmed.
            if !matches!(tokio::time::timeout(END_WITHIN, self.log.forget_consumers()).await, Ok(Ok(()))) {
                tracing::error!(guild = %self.log.guild(), "the cursors of a guild that was stopped stay until a restart");
                return ended;
            }
            let rows: Vec<_> = self.members.keys().map(|id| (id.clone(), AgentStatus::Stopped)).collect();
            if let Err(error) = self.store.set_agent_statuses(self.log.guild(), &rows).await {
                tracing::error!(%error, "the agents' statuses cannot be stored");
            }
            self.set_status(GuildStatus::Stopped).await;
            self.log.forget(topic::GUILD_STATUS);
            self.log.retain(self.message(topic::ENDING, format::GUILD_ENDED, &json!({"status": "stopped"})));
        }
        ended
    }
}

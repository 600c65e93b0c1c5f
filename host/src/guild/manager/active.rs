//! A manager whose task runs: it starts and ends the agents, reads the ephemeral requests of sockets, and carries out
//! what the lifecycle decides.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::member::{Member, proxy_row};
use super::pace::Pace;
use super::removal::Removal;
use super::sleeper::Sleeper;
use super::unsaved::Unsaved;
use crate::agent::{self, Agent, Confirm, Notices, Report, ReportKind};
use crate::guild::lifecycle::{Effect, Event, GuildLifecycle, HealthCheck, ParticipantsRequest};
use crate::guild::running::Roster;
use crate::guild::serving::{Serving, limits_of};
use crate::guild::stop_requests::StopRequests;
use crate::journal::{Consumer, GuildLog, JournalError, Tail, TailEvent};
use crate::metrics::Metrics;
use crate::store::{AgentKind, AgentRow, MemberChange, Store, StoreError};
use guildhall_model::clock::{Clock, read_time};
use guildhall_model::ids::{AgentId, Digest, UserId};
use guildhall_model::participant::Participant;
use guildhall_model::routing::GuildView;
use guildhall_model::spec::{AgentSpec, GuildSpec};
use guildhall_model::status::GuildStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::{event, format, topic};
use guildhall_sandbox::MemoryBudget;

/// How long a request waits for the end of an agent. A longer end goes on beside the manager.
const END_AT_ONCE: Duration = Duration::from_millis(250);
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
    pub(super) stops: Arc<StopRequests>,
    pub(super) roster: Roster,
    pub(super) idle_unload: Option<Duration>,
    pub(super) notices: Arc<Notices>,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    /// The participants that sockets were told of.
    pub(super) known_participants: Vec<Participant>,
    /// Ends the tasks of all agents.
    pub(super) agents_stop: CancellationToken,
    /// Cancelled when the guild falls asleep.
    pub(super) asleep: CancellationToken,
    pub(super) sleeper: Sleeper,
    pub(super) pace: Pace,
    pub(super) due: Due,
    /// What is stored as soon as the store is back.
    pub(super) unsaved: Unsaved,
    /// The removed agents whose tasks have not ended. No agent of their ids is launched.
    pub(super) ending: Arc<Mutex<HashSet<AgentId>>>,
    /// The tasks that wait for them.
    pub(super) ends: TaskTracker,
}

/// What is to be published as soon as the pace allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    /// The guild and its state, after a user has joined.
    announcement: bool,
    /// The participants, if they have changed.
    pub(super) participants: bool,
    /// A health report.
    report: bool,
}

impl ActiveManager {
    /// Starts the task of an agent. One that has `failed` for a reason waits until the guild is relaunched.
    pub(super) fn start_agent(&mut self, spec: AgentSpec, consumer: Consumer, failed: Option<String>) {
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
            notices: self.notices.clone(),
            metrics: self.metrics.clone(),
            revive: self.revive.subscribe(),
            stop: stop.clone(),
            shutdown: self.shutdown.clone(),
            asleep: self.asleep.clone(),
            failed,
            clock: self.clock.clone(),
            consumer,
        };
        let task = TaskTracker::new();
        let lag = agent.consumer.lag();
        let handle = agent::spawn(agent, &task);
        task.close();
        self.roster.lock().insert(spec.id.clone(), handle.clone());
        self.members.insert(spec.id.clone(), Member { spec, handle, lag, stop, task, is_kept: idle_unload.is_none() });
    }

    /// Ends one agent and removes its cursor. An agent whose turn lasts longer gets up to 8 s in a task of its own, so
    /// that the guild is managed meanwhile. Dropping the future leaves the cursor.
    pub(super) async fn end_agent(&mut self, id: &AgentId) {
        let Some(member) = self.members.remove(id) else { return };
        self.roster.lock().remove(id);
        self.unsaved.forget(id);
        member.stop.cancel();
        self.ending.lock().insert(id.clone());
        let removal = Removal {
            member,
            tag: self.tag.clone(),
            log: self.log.clone(),
            notices: self.notices.clone(),
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
            ending: self.ending.clone(),
        };
        let ended = self.ends.spawn(removal.finish());
        // A longer end goes on beside the manager.
        let _ = tokio::time::timeout(END_AT_ONCE, ended).await;
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
                let check = HealthCheck { request: message.id, number: message.root_number, time_ms };
                Some(Event::CheckRequested(Some(check)))
            }
            format::PARTICIPANT_LIST_REQUEST => user.map(|user| {
                let conversation_id = message.conversation_id.clone();
                let (request, number) = (message.id, message.root_number);
                Event::ParticipantsRequested(ParticipantsRequest { user, request, number, conversation_id })
            }),
            format::STOP_GUILD_REQUEST => user.map(|user| {
                let guild = payload.get("guild_id").and_then(Value::as_str).map(str::to_owned);
                Event::StopRequested { user: Some(user), guild }
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
                        self.unsaved.agents(rows);
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
                    let stored = self.store_status(GuildStatus::Stopping).await;
                    ends |= stored.is_ok();
                    if let Err(error) = &stored {
                        tracing::error!(%error, guild = %self.log.guild(), "a stop cannot be stored; the guild goes on");
                        self.lifecycle.stop_failed();
                    }
                    self.stops.answer(&stored);
                    match (user, stored) {
                        (None, _) => {}
                        (Some(user), Ok(())) => self.confirm_stop(&user),
                        (Some(user), Err(error)) => self.refuse_stop(&user, &error),
                    }
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
        if !self.due.report && !self.due.announcement && !self.due.participants {
            return None;
        }
        let receivers = self.view.borrow().users.len();
        match self.pace.take(Instant::now(), receivers) {
            Ok(()) => {
                let due = std::mem::take(&mut self.due);
                self.publish(due);
                None
            }
            Err(next) => Some(next),
        }
    }

    fn publish(&mut self, due: Due) {
        if due.announcement {
            self.publish_spec();
        }
        if due.report {
            self.report();
        }
        if due.announcement || due.participants {
            self.publish_participants();
        }
    }

    /// Stores the guild's status now, or as soon as the store is back, and announces it.
    async fn set_status(&mut self, status: GuildStatus) {
        if let Err(error) = self.store_status(status).await {
            let guild = self.log.guild();
            tracing::error!(%error, %guild, status = status.name(), "the guild's status cannot be stored");
            self.unsaved.status(Some(status));
            self.announce_status(status);
        }
    }

    /// Stores the guild's status and announces it.
    pub(super) async fn store_status(&mut self, status: GuildStatus) -> Result<(), StoreError> {
        self.store.set_guild_status(self.log.guild(), status, self.clock.now_ms()).await?;
        self.unsaved.status(None);
        self.announce_status(status);
        Ok(())
    }

    fn announce_status(&self, status: GuildStatus) {
        let event = format!("guild.{}", status.name());
        let details = json!({"guild_id": self.log.guild()});
        self.log.signal(event::message(&event, &self.tag, self.clock.now_ms(), details));
    }

    /// Handles what an agent's task reports.
    pub(super) async fn handle_report(&mut self, report: Report) {
        match report.kind {
            ReportKind::Changed | ReportKind::Answered | ReportKind::Ended => {}
            ReportKind::Swapped { component, confirm } => {
                self.store_component(&report.agent, &component, confirm).await;
            }
        }
    }

    /// Stores which component an agent runs, so that it runs the same one after a restart of the host.
    async fn store_component(&mut self, id: &AgentId, component: &Digest, confirm: Confirm) {
        let Some(member) = self.members.get_mut(id) else { return confirm.confirm() };
        member.spec.component = Some(component.to_string());
        let spec = member.spec.clone();
        for agent in self.spec.agents.iter_mut().filter(|agent| agent.id == *id) {
            agent.component.clone_from(&spec.component);
        }
        let row = AgentRow::new(AgentKind::Member, spec, member.health(self.clock.now_ms()).stored_status());
        match self.store.change_guild(&self.spec, MemberChange::Put(&row), self.clock.now_ms()).await {
            Ok(()) => confirm.confirm(),
            Err(error) => {
                tracing::error!(%error, agent = %id, "the component of an agent cannot be stored");
                confirm.not_stored(error.to_string());
                self.unsaved.row(row);
                self.unsaved.spec();
            }
        }
        self.publish_guild();
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
            self.unsaved.row(row);
        }
    }
}

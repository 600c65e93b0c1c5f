//! The task that manages one guild. It hears what sockets ask on the system topic
//! and what the agents report, lets [`GuildState`] decide, and carries out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::{self, Agent, AgentHealth, Components, Handle, Report, ReportKind};
use crate::journal::{Consumer, Gauge, GuildLog, Tail, TailEvent};
use crate::metrics::Metrics;
use crate::store::{AgentKind, AgentRow, Store};
use guildhall_model::clock::{Clock, read_time};
use guildhall_model::health::{HealthStatus, by_latency};
use guildhall_model::ids::{AgentId, Digest, UserId};
use guildhall_model::message::AgentTag;
use guildhall_model::routing::GuildView;
use guildhall_model::spec::{AgentSpec, GuildSpec};
use guildhall_model::status::{AgentStatus, GuildStatus};
use guildhall_model::{event, format, topic};
use guildhall_sandbox::{Limits, MemoryBudget};

use super::agents::Roster;
use super::lock;
use super::serving::Serving;
use super::state::{Asked, Check, Effect, Event, GuildState};

/// How often agents are looked at when nothing happens.
const CHECK_EVERY: Duration = Duration::from_secs(15);
/// How long the agents of a guild get to end before it is left behind.
const END_WITHIN: Duration = Duration::from_secs(8);

/// One member as the manager holds it.
pub(super) struct Member {
    pub(super) spec: AgentSpec,
    pub(super) handle: Handle,
    gauge: Gauge,
    stop: CancellationToken,
    /// The member's task.
    task: TaskTracker,
}

/// What a manager is made of.
pub struct Manager {
    pub log: GuildLog,
    pub store: Store,
    pub clock: Clock,
    pub serving: Arc<Serving>,
    pub view: watch::Sender<Arc<GuildView>>,
    pub state: GuildState,
    pub tail: Tail,
    /// What the manager is asked by messages of the log.
    pub requests: Consumer,
    /// The guild as it is now.
    pub spec: GuildSpec,
    /// The agents' subscriptions, made before anybody could know the guild's id.
    pub consumers: Vec<(AgentSpec, Consumer)>,
    pub guild_memory: Arc<MemoryBudget>,
    /// Tells agents that have given up to try again.
    pub revive: watch::Sender<()>,
    /// Where others find the agents.
    pub roster: Roster,
    pub idle_unload: Option<Duration>,
    pub metrics: Metrics,
    /// Ends the guild's tasks when the host goes down; statuses are left alone.
    pub shutdown: CancellationToken,
}

/// Why a manager's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A user stopped the guild.
    Stopped,
    /// The host goes down.
    HostShutdown,
}

/// A manager at work.
pub(super) struct Running {
    pub(super) log: GuildLog,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) spec: GuildSpec,
    pub(super) view: watch::Sender<Arc<GuildView>>,
    pub(super) state: GuildState,
    pub(super) tag: AgentTag,
    pub(super) members: BTreeMap<AgentId, Member>,
    pub(super) serving: Arc<Serving>,
    guild_memory: Arc<MemoryBudget>,
    revive: watch::Sender<()>,
    roster: Roster,
    idle_unload: Option<Duration>,
    metrics: Metrics,
    shutdown: CancellationToken,
    reports: mpsc::UnboundedSender<Report>,
    agents_stop: CancellationToken,
}

impl Manager {
    /// Manages the guild until it is stopped or the host goes down.
    pub async fn run(self) -> Ended {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let guild = self.log.guild().clone();
        let (mut tail, mut requests, shutdown) = (self.tail, self.requests, self.shutdown);
        let agents_stop = shutdown.child_token();
        // Whatever ends this task ends the agents.
        let _ends_agents = agents_stop.clone().drop_guard();
        let mut running = Running {
            tag: AgentTag::manager_of(&guild),
            log: self.log,
            store: self.store,
            clock: self.clock,
            spec: self.spec,
            view: self.view,
            state: self.state,
            members: BTreeMap::new(),
            serving: self.serving,
            guild_memory: self.guild_memory,
            revive: self.revive,
            roster: self.roster,
            idle_unload: self.idle_unload,
            metrics: self.metrics,
            shutdown: shutdown.clone(),
            reports,
            agents_stop,
        };
        let begun = running.state.on(Event::Begun);
        running.carry_out(begun).await;
        for (spec, consumer) in self.consumers {
            running.start_agent(spec, consumer);
        }
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return running.end(Ended::HostShutdown).await,
                Some(report) = reported.recv() => {
                    let mut next = Some(report);
                    while let Some(report) = next {
                        running.reported(report).await;
                        next = reported.try_recv().ok();
                    }
                    Some(running.measure())
                }
                heard = tail.next() => running.heard(heard, &mut tail),
                asked = requests.next() => match asked {
                    Ok(delivery) => running.serve(&mut requests, &delivery).await,
                    Err(error) => {
                        tracing::error!(%error, %guild, "the requests to a manager cannot be read");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        None
                    }
                },
                _ = check.tick() => {
                    running.ask_agents();
                    Some(running.measure())
                }
            };
            let Some(event) = event else { continue };
            if matches!(event, Event::Checked(_)) {
                let measured = running.measure();
                let effects = running.state.on(measured);
                running.carry_out(effects).await;
            }
            let effects = running.state.on(event);
            if running.carry_out(effects).await {
                // Gone before its position is forgotten, so that nothing writes it again.
                drop(requests);
                return running.end(Ended::Stopped).await;
            }
        }
    }
}

impl Running {
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
            // An agent that asks for too much finds no component.
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
        let gauge = agent.consumer.gauge();
        let handle = agent::spawn(agent, &task);
        task.close();
        lock(&self.roster).insert(spec.id.clone(), handle.clone());
        self.members.insert(spec.id.clone(), Member { spec, handle, gauge, stop, task });
    }

    /// Ends one agent, bounded in time, and forgets how far it got. Says whether
    /// there was one.
    pub(super) async fn end_agent(&mut self, id: &AgentId) -> bool {
        let Some(member) = self.members.remove(id) else { return false };
        lock(&self.roster).remove(id);
        member.stop.cancel();
        if tokio::time::timeout(END_WITHIN, member.task.wait()).await.is_err() {
            tracing::error!(agent = %id, "an agent did not end in time; it is left behind");
        }
        self.log.forget_consumer(id);
        true
    }

    /// How the agents are now: what they say, lowered by what the host measures.
    pub(super) fn measure(&self) -> Event {
        let now_ms = self.clock.now_ms();
        Event::Measured(self.members.iter().map(|(id, member)| (id.clone(), member.health(now_ms))).collect())
    }

    fn heard(&self, heard: Result<TailEvent, crate::journal::JournalError>, tail: &mut Tail) -> Option<Event> {
        let message = match heard {
            Ok(TailEvent::Message { message, .. }) => message,
            Ok(TailEvent::Lagged) => {
                tracing::error!(guild = %self.log.guild(), "the manager was asked more than it could answer");
                *tail = self.log.tail(vec![topic::SYSTEM.to_owned()], None);
                return Some(Event::Checked(None));
            }
            Err(error) => {
                tracing::error!(%error, "the system topic cannot be read");
                return None;
            }
        };
        let sender = message.sender.id.as_deref().unwrap_or_default();
        if !sender.starts_with("sys_comms_socket:") && !sender.starts_with("user_socket:") {
            // A message of the log: it comes with the requests.
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
                Some(Event::Checked(Some(Check { request: message.id, time_ms })))
            }
            format::PARTICIPANT_LIST_REQUEST => user.map(|user| {
                let conversation_id = message.conversation_id.clone();
                Event::ParticipantsAsked(Asked { user, request: message.id, conversation_id })
            }),
            format::STOP_GUILD_REQUEST => user.map(|user| {
                let guild = payload.get("guild_id").and_then(Value::as_str).map(str::to_owned);
                Event::StopAsked { user, guild }
            }),
            _ => None,
        }
    }

    /// Carries effects out; says whether the guild is to end.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        let mut ends = false;
        let mut reports = false;
        for effect in effects {
            match effect {
                Effect::SetStatus(status) => self.set_status(status).await,
                Effect::SetAgents(rows) => {
                    if let Err(error) = self.store.set_agent_statuses(self.log.guild(), &rows).await {
                        tracing::error!(%error, guild = %self.log.guild(), "the agents' statuses cannot be stored");
                    }
                }
                Effect::Report => reports = true,
                Effect::AskAgents(check) => {
                    self.beat(check);
                    self.ask_agents();
                }
                Effect::AddUser { user, name } => {
                    self.add_user(user, name).await;
                    self.announce();
                }
                Effect::TellParticipants(asked) => self.tell_participants(asked),
                Effect::Stop { user } => {
                    self.confirm_stop(&user);
                    ends = true;
                }
            }
        }
        if reports {
            self.report();
        }
        ends
    }

    async fn set_status(&self, status: GuildStatus) {
        let guild = self.log.guild();
        if let Err(error) = self.store.set_guild_status(guild, status, self.clock.now_ms()).await {
            tracing::error!(%error, %guild, status = status.name(), "the guild's status cannot be stored");
        }
        let event = format!("guild.{}", status.name());
        self.log.signal(event::message(&event, &self.tag, self.clock.now_ms(), json!({"guild_id": guild})));
    }

    async fn reported(&mut self, report: Report) {
        match report.kind {
            ReportKind::Changed | ReportKind::Answered | ReportKind::Ended => {}
            ReportKind::Swapped { component, confirm } => {
                self.keep_component(&report.agent, &component).await;
                confirm.confirm();
            }
        }
    }

    /// Keeps which component an agent runs, so that it runs the same after a restart.
    async fn keep_component(&mut self, id: &AgentId, component: &Digest) {
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

    fn ask_agents(&self) {
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

    /// Ends the agents, bounded in time, and with a stop the guild's status.
    async fn end(self, ended: Ended) -> Ended {
        self.log.close_ingress();
        self.agents_stop.cancel();
        let tasks = futures_util::future::join_all(self.members.values().map(|member| member.task.wait()));
        if tokio::time::timeout(END_WITHIN, tasks).await.is_err() {
            tracing::error!(guild = %self.log.guild(), "agents did not end in time; they are left behind");
        }
        if ended == Ended::Stopped {
            // A position that stays would keep the log from being trimmed.
            for id in self.members.keys().chain([&AgentId::manager_of(self.log.guild())]) {
                self.log.forget_consumer(id);
            }
            let rows: Vec<_> = self.members.keys().map(|id| (id.clone(), AgentStatus::Stopped)).collect();
            if let Err(error) = self.store.set_agent_statuses(self.log.guild(), &rows).await {
                tracing::error!(%error, "the agents' statuses cannot be stored");
            }
            self.set_status(GuildStatus::Stopped).await;
            self.log.forget(topic::GUILD_STATUS);
            self.log.retain(self.say(topic::ENDING, format::GUILD_ENDED, &json!({"status": "stopped"})));
        }
        ended
    }
}

impl Member {
    fn health(&self, now_ms: u64) -> AgentHealth {
        let health = self.handle.gauges().health();
        if health.status != HealthStatus::Ok {
            return health;
        }
        let (lag, limit) = self.gauge.lag();
        if lag >= limit {
            let detail = format!("{lag} messages wait, the limit is {limit} (limits.agent_lag)");
            return AgentHealth { status: HealthStatus::Backlogged, detail: Some(detail) };
        }
        let waited = self.handle.gauges().waited_ms().max(self.gauge.waited_ms(now_ms));
        let in_ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let limit = self.spec.qos.latency.filter(|_| lag > 0);
        if by_latency(limit.map(in_ms), in_ms(waited)) == HealthStatus::Backlogged {
            let detail = format!("a message waited {waited} ms, qos.latency is {}", limit.unwrap_or_default());
            return AgentHealth { status: HealthStatus::Backlogged, detail: Some(detail) };
        }
        health
    }
}

/// What an agent may take, as its blueprint and the operator have it.
///
/// # Errors
/// It asks for more than the operator allows, in words.
pub(super) fn limits_of(components: &Components, spec: &AgentSpec) -> Result<Limits, String> {
    let asked = spec.sandbox.clone().unwrap_or_default();
    let timeout = spec.qos.timeout.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    components.sandbox().ceilings().for_agent(&asked, timeout).map_err(|over| over.to_string())
}

/// The row of a user's proxy.
fn proxy_row(user: &UserId, name: &str) -> AgentRow {
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

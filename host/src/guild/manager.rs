//! The task that manages one guild. It hears what sockets ask on the system topic
//! and what the agents report, lets [`GuildState`] decide, and carries out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::{self, Agent, Command, Components, Pulse, Report, Sign};
use crate::journal::{Consumer, Gauge, GuildLog, Tail, TailEvent};
use crate::model::clock::{Clock, rfc3339_ms};
use crate::model::format;
use crate::model::health::{HealthReport, HealthStatus, Heartbeat};
use crate::model::ids::{AgentId, UserId};
use crate::model::message::{AgentTag, Message, Topics, raw_json};
use crate::model::spec::AgentSpec;
use crate::model::status::{AgentStatus, GuildStatus};
use crate::model::topic;
use crate::routing::GuildView;
use crate::sandbox::{Component, Limits, MemoryBudget};
use crate::store::{AgentKind, AgentRow, Store};

use super::state::{Asked, Effect, Event, GuildState};

/// How often agents are looked at when nothing happens.
const CHECK_EVERY: Duration = Duration::from_secs(15);
/// How long the agents of a guild get to end before it is left behind.
const END_WITHIN: Duration = Duration::from_secs(8);

/// One member as the manager holds it.
struct Member {
    spec: AgentSpec,
    pulse: Arc<Pulse>,
    gauge: Gauge,
    commands: mpsc::Sender<Command>,
}

/// What a manager is made of.
pub struct Manager {
    pub log: GuildLog,
    pub store: Store,
    pub clock: Clock,
    pub components: Components,
    pub built_in: Arc<HashMap<String, Arc<Component>>>,
    pub view: watch::Sender<Arc<GuildView>>,
    pub state: GuildState,
    pub tail: Tail,
    /// The agents' subscriptions, made before anybody could know the guild's id.
    pub consumers: Vec<(AgentSpec, Consumer)>,
    pub guild_memory: Arc<MemoryBudget>,
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

struct Running {
    log: GuildLog,
    store: Store,
    clock: Clock,
    view: watch::Sender<Arc<GuildView>>,
    state: GuildState,
    tag: AgentTag,
    members: BTreeMap<AgentId, Member>,
    agents_stop: CancellationToken,
    tracker: TaskTracker,
}

impl Manager {
    /// Manages the guild until it is stopped or the host goes down.
    pub async fn run(self) -> Ended {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let guild = self.log.guild().clone();
        let Self { log, store, clock, components, built_in, view, state, mut tail, consumers, guild_memory, shutdown } =
            self;
        let agents_stop = shutdown.child_token();
        let mut running = Running {
            tag: AgentTag::new(AgentId::manager_of(&guild).into_string(), format!("GuildManagerAgent4{guild}")),
            log,
            store,
            clock,
            view,
            state,
            members: BTreeMap::new(),
            agents_stop,
            tracker: TaskTracker::new(),
        };
        let begun = running.state.on(Event::Begun);
        running.carry_out(begun).await;
        for (spec, consumer) in consumers {
            let component = resolve(&running.store, &components, &built_in, &spec).await;
            running.start_agent(spec, consumer, component, &components, &guild_memory, &reports);
        }
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return running.end(Ended::HostShutdown).await,
                Some(report) = reported.recv() => {
                    while reported.try_recv().is_ok() {}
                    tracing::trace!(agent = %report.agent, kind = ?report.kind, "reported");
                    Some(running.measure())
                }
                heard = tail.next() => running.heard(heard),
                _ = check.tick() => Some(running.measure()),
            };
            let Some(event) = event else { continue };
            let effects = running.state.on(event);
            if running.carry_out(effects).await {
                return running.end(Ended::Stopped).await;
            }
        }
    }
}

/// The component that serves an agent: the one its entry names, else the one the
/// catalog binds its class to, else a built-in one of that class.
async fn resolve(
    store: &Store,
    components: &Components,
    built_in: &HashMap<String, Arc<Component>>,
    spec: &AgentSpec,
) -> Result<Arc<Component>, String> {
    let named = match &spec.component {
        Some(digest) => Some(digest.as_str().into()),
        None => match store.agent_entry(&spec.class_name).await {
            Ok(entry) => entry.and_then(|entry| entry.component),
            Err(error) => return Err(format!("the catalog cannot be read: {error}")),
        },
    };
    match named {
        Some(digest) => match built_in.values().find(|component| component.digest == digest) {
            Some(component) => Ok(component.clone()),
            None => components.get(&digest).await.map_err(|error| error.to_string()),
        },
        None => built_in.get(&spec.class_name).cloned().ok_or_else(|| {
            format!("no component serves the class {}: upload one to /catalog/components", spec.class_name)
        }),
    }
}

impl Running {
    fn start_agent(
        &mut self,
        spec: AgentSpec,
        consumer: Consumer,
        component: Result<Arc<Component>, String>,
        components: &Components,
        guild_memory: &Arc<MemoryBudget>,
        reports: &mpsc::UnboundedSender<Report>,
    ) {
        let asked = spec.sandbox.clone().unwrap_or_default();
        let timeout = spec.qos.timeout.map(Duration::from_secs);
        let (limits, component) = match components.sandbox().ceilings().for_agent(&asked, timeout) {
            Ok(limits) => (limits, component),
            Err(over) => (Limits::default(), Err(over.to_string())),
        };
        let (commands, commanded) = mpsc::channel(4);
        let pulse = Arc::new(Pulse::default());
        let member = Member { spec: spec.clone(), pulse: pulse.clone(), gauge: consumer.gauge(), commands };
        self.members.insert(spec.id.clone(), member);
        let agent = Agent {
            spec,
            log: self.log.clone(),
            consumer,
            component,
            sandbox: components.sandbox().clone(),
            limits,
            guild_memory: guild_memory.clone(),
            view: self.view.subscribe(),
            reports: reports.clone(),
            commands: commanded,
            pulse,
            stop: self.agents_stop.clone(),
            clock: self.clock.clone(),
        };
        agent::spawn(agent, &self.tracker);
    }

    /// How the agents are now: what they say, lowered by what the host measures.
    fn measure(&self) -> Event {
        Event::Measured(self.members.iter().map(|(id, member)| (id.clone(), member.sign())).collect())
    }

    fn heard(&self, heard: Result<TailEvent, crate::journal::JournalError>) -> Option<Event> {
        let message = match heard {
            Ok(TailEvent::Message { message, .. }) => message,
            Ok(TailEvent::Lagged) => {
                tracing::error!(guild = %self.log.guild(), "the manager was asked more than it could answer");
                return None;
            }
            Err(error) => {
                tracing::error!(%error, "the system topic cannot be read");
                return None;
            }
        };
        let user = message.user.clone();
        let payload: Value = serde_json::from_str(message.payload.get()).unwrap_or_default();
        match message.format.as_str() {
            format::USER_AGENT_CREATION_REQUEST => {
                let name = payload.get("user_name").and_then(Value::as_str).unwrap_or_default().to_owned();
                user.map(|user| Event::Joined { user, name })
            }
            format::HEALTH_CHECK_REQUEST => Some(Event::Checked),
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
                Effect::AskAgents => self.ask_agents(),
                Effect::AddUser { user, name } => self.add_user(user, name).await,
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
    }

    fn ask_agents(&self) {
        for member in self.members.values() {
            // An agent that has questions waiting will answer those.
            let _ = member.commands.try_send(Command::Heartbeat);
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

    /// Tells everybody who listens, and whoever will, how the guild is.
    fn report(&self) {
        let now_ms = self.clock.now_ms();
        let users = self.view.borrow().users.clone();
        let mut agents: BTreeMap<AgentId, Heartbeat> = self
            .state
            .signs()
            .iter()
            .map(|(id, sign)| (id.clone(), heartbeat(sign, self.members.get(id), now_ms)))
            .collect();
        for (user, _) in &users {
            agents.insert(AgentId::proxy_of(user), heartbeat(&Sign::of(HealthStatus::Ok), None, now_ms));
        }
        let report = HealthReport { agents, guild_health: self.state.health() };
        self.log.retain(self.say(topic::GUILD_STATUS, format::HEALTH_REPORT, &json!(report)));
    }

    fn tell_participants(&self, asked: Asked) {
        let view = self.view.borrow().clone();
        let participant = |id: &str, name: &str, kind: &str| json!({"id": id, "name": name, "type": kind});
        let mut participants: Vec<(String, Value)> = self
            .members
            .values()
            .map(|member| &member.spec)
            .map(|spec| (spec.name.clone(), participant(spec.id.as_str(), &spec.name, "bot")))
            .collect();
        let (id, name) = (self.tag.id.clone().unwrap_or_default(), self.tag.name.clone().unwrap_or_default());
        participants.push((name.clone(), participant(&id, &name, "bot")));
        for (user, name) in &view.users {
            participants.push((name.clone(), participant(AgentId::proxy_of(user).as_str(), name, "human")));
        }
        participants.sort_by(|one, other| one.0.cmp(&other.0));
        let participants: Vec<Value> = participants.into_iter().map(|(_, participant)| participant).collect();
        let to = topic::user_system_notification(&asked.user);
        let mut answer = self.say(&to, format::PARTICIPANT_LIST, &json!({"participants": participants}));
        answer.in_response_to = Some(asked.request);
        answer.thread = vec![asked.request];
        answer.conversation_id = asked.conversation_id;
        self.log.signal(answer);
    }

    fn confirm_stop(&self, user: &UserId) {
        self.log.signal(self.say(topic::GUILD_STATUS, format::STOP_GUILD_RESPONSE, &json!({"user_id": user})));
    }

    fn say(&self, to: &str, format: &str, payload: &Value) -> Message {
        Message::draft(self.tag.clone(), Topics::Many(vec![to.to_owned()]), format, raw_json(payload))
    }

    /// Ends the agents, bounded in time, and with a stop the guild's status.
    async fn end(self, ended: Ended) -> Ended {
        self.log.close_ingress();
        self.agents_stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(END_WITHIN, self.tracker.wait()).await.is_err() {
            tracing::error!(guild = %self.log.guild(), "agents did not end in time; they are left behind");
        }
        if ended == Ended::Stopped {
            let rows: Vec<_> = self.members.keys().map(|id| (id.clone(), AgentStatus::Stopped)).collect();
            if let Err(error) = self.store.set_agent_statuses(self.log.guild(), &rows).await {
                tracing::error!(%error, "the agents' statuses cannot be stored");
            }
            self.set_status(GuildStatus::Stopped).await;
            self.log.forget(topic::GUILD_STATUS);
            self.log.signal(self.say(topic::ENDING, format::GUILD_ENDED, &json!({"status": "stopped"})));
        }
        ended
    }
}

impl Member {
    fn sign(&self) -> Sign {
        let sign = self.pulse.sign();
        if sign.status != HealthStatus::Ok {
            return sign;
        }
        let (lag, limit) = self.gauge.lag();
        if lag >= limit {
            let detail = format!("{lag} messages wait, the limit is {limit} (limits.agent_lag)");
            return Sign { status: HealthStatus::Backlogged, detail: Some(detail) };
        }
        match self.spec.qos.latency {
            Some(latency) if latency > 0 && self.pulse.waited_ms() > latency => {
                let waited = self.pulse.waited_ms();
                let detail = format!("a message waited {waited} ms, qos.latency is {latency}");
                Sign { status: HealthStatus::Backlogged, detail: Some(detail) }
            }
            _ => sign,
        }
    }
}

fn heartbeat(sign: &Sign, member: Option<&Member>, now_ms: u64) -> Heartbeat {
    let mut checkmeta = Map::new();
    let latency = member.and_then(|member| member.spec.qos.latency);
    checkmeta.insert("qos_latency".into(), json!(latency));
    checkmeta.insert("observed_latency".into(), json!(member.map_or(0, |member| member.pulse.waited_ms())));
    if let Some(busy) = member.and_then(|member| member.pulse.busy_ms(now_ms)) {
        checkmeta.insert("busy_ms".into(), json!(busy));
    }
    if let Some(detail) = &sign.detail {
        checkmeta.insert("detail".into(), json!(detail));
    }
    let time = rfc3339_ms(now_ms);
    Heartbeat { checktime: time.clone(), checkstatus: sign.status, responsetime: time, checkmeta }
}

/// The row of a user's proxy.
fn proxy_row(user: &UserId, name: &str) -> AgentRow {
    let spec = AgentSpec {
        id: AgentId::proxy_of(user),
        name: name.to_owned(),
        description: format!("The proxy of the user {name}"),
        class_name: format::USER_PROXY_CLASS.to_owned(),
        additional_topics: vec![topic::user_inbox(user), topic::user_outbox(user), topic::BROADCAST.to_owned()],
        properties: std::iter::once(("user_id".to_owned(), json!(user))).collect(),
        listen_to_default_topic: true,
        act_only_when_tagged: false,
        predicates: Default::default(),
        dependency_map: Map::new(),
        additional_dependencies: Vec::new(),
        resources: Default::default(),
        qos: Default::default(),
        component: None,
        sandbox: None,
    };
    AgentRow::new(AgentKind::UserProxy, spec, AgentStatus::Running)
}

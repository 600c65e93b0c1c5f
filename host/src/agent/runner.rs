//! The task of one agent: serve, retry, restart, report.
//!
//! Turns are committed in order and not waited for: the next turn begins while
//! the last is being written, up to [`UNCOMMITTED`] of them. Nobody outside sees
//! a turn before it is durable.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::journal::{Consumer, Delivery, GuildLog, Receipt, Turn};
use crate::model::clock::Clock;
use crate::model::fault::{Fault, FaultKind};
use crate::model::health::HealthStatus;
use crate::model::ids::AgentId;
use crate::model::message::{Message, Topics};
use crate::model::spec::AgentSpec;
use crate::model::topic;
use crate::routing::{
    GuildView, Speaker, States, Trial, WIRING_CLASS, dead_letter, error_message, handler_of, last_words,
};
use crate::sandbox::{
    Body, Component, Failure, Identity, Limits, LogLevel, LogLine, MemoryBudget, Progress, Sandbox, Setup, StartFault,
    StopReason, TurnEnd,
};

use super::budget::RestartBudget;
use super::pulse::{Pulse, Sign};
use super::turn;

/// Turns that may wait for the disk at once.
const UNCOMMITTED: usize = 64;
/// A message that breaks its agent this often is given up.
const FATAL_ATTEMPTS: u32 = 3;
/// How often a message is redelivered after `retry` unless the blueprint says.
const RETRIES: u32 = 3;
/// How long a full host is given before an agent tries again.
const HOST_FULL_WAIT: Duration = Duration::from_millis(500);

/// Everything an agent's task needs.
pub struct Agent {
    pub spec: AgentSpec,
    pub log: GuildLog,
    pub consumer: Consumer,
    /// The component to run, or why there is none.
    pub component: Result<Arc<Component>, String>,
    pub sandbox: Sandbox,
    pub limits: Limits,
    pub guild_memory: Arc<MemoryBudget>,
    pub view: watch::Receiver<Arc<GuildView>>,
    pub reports: mpsc::UnboundedSender<Report>,
    pub commands: mpsc::Receiver<Command>,
    pub pulse: Arc<Pulse>,
    /// Wakes an agent that has given up.
    pub revive: Arc<Notify>,
    pub stop: CancellationToken,
    pub clock: Clock,
}

/// What an agent's task can be told.
#[derive(Debug)]
pub enum Command {
    /// Ask the guest how it is, when it is idle.
    Heartbeat,
}

/// What an agent's task has to tell. The channel is unbounded: there is one
/// report for each change of an agent's sign, each answer to a command, and one
/// last word.
#[derive(Debug)]
pub struct Report {
    pub agent: AgentId,
    pub kind: ReportKind,
}

#[derive(Debug)]
pub enum ReportKind {
    /// The sign is a new one.
    Changed,
    /// The guest answered.
    Answered,
    /// The task is over.
    Ended,
}

/// Starts an agent's task on a tracker. It ends when it is told to stop, and says
/// so, even on a panic.
pub fn spawn(agent: Agent, tracker: &tokio_util::task::TaskTracker) {
    let last_word =
        LastWord { reports: agent.reports.clone(), agent: agent.spec.id.clone(), pulse: agent.pulse.clone() };
    tracker.spawn(async move {
        let _last_word = last_word;
        Runner::new(agent).run().await;
    });
}

struct LastWord {
    reports: mpsc::UnboundedSender<Report>,
    agent: AgentId,
    pulse: Arc<Pulse>,
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(agent = %self.agent, "the task of an agent panicked");
            self.pulse
                .set(Sign { status: HealthStatus::Error, detail: Some("host error: the agent's task ended".into()) });
        }
        // Nobody listens any more when the guild is gone.
        let _ = self.reports.send(Report { agent: self.agent.clone(), kind: ReportKind::Ended });
    }
}

struct Runner {
    agent: Agent,
    speaker: Speaker,
    body: Option<Body>,
    budget: RestartBudget,
    uncommitted: VecDeque<(Receipt, Arc<Message>)>,
    /// The message being served, for what the guest says in the middle of it.
    served: Arc<Mutex<Option<Arc<Message>>>>,
    /// How often the message being served has broken the agent.
    fatal: u32,
}

/// Whether the agent goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

impl Runner {
    fn new(agent: Agent) -> Self {
        let speaker = Speaker {
            id: agent.spec.id.clone(),
            tag: agent.spec.tag(),
            class_name: agent.spec.class_name.clone(),
            method: handler_of(&agent.spec.class_name),
            to_default: agent.spec.class_name == WIRING_CLASS,
        };
        Self {
            agent,
            speaker,
            body: None,
            budget: RestartBudget::default(),
            uncommitted: VecDeque::new(),
            served: Arc::default(),
            fatal: 0,
        }
    }

    async fn run(mut self) {
        if self.start().await == Flow::On {
            while self.step().await == Flow::On {}
        }
        self.finish().await;
    }

    async fn finish(&mut self) {
        if let Some(body) = self.body.take() {
            body.stop(StopReason::Requested).await;
        }
        while let Some((receipt, message)) = self.uncommitted.pop_front() {
            let outcome = receipt.await;
            self.settle(outcome, &message);
        }
    }

    async fn step(&mut self) -> Flow {
        self.settle_some().await;
        let next = tokio::select! {
            biased;
            () = self.agent.stop.cancelled() => return Flow::Stop,
            Some(command) = self.agent.commands.recv() => return self.obey(&command).await,
            next = self.agent.consumer.next() => next,
        };
        match next {
            Ok(delivery) => self.serve(delivery).await,
            Err(error) => {
                tracing::error!(%error, agent = %self.agent.spec.id, "an agent's inbox cannot be read");
                self.show(Sign { status: HealthStatus::Error, detail: Some("its inbox cannot be read".into()) });
                match self.pause(Duration::from_secs(1)).await {
                    Flow::On => self.heartbeat().await,
                    Flow::Stop => Flow::Stop,
                }
            }
        }
    }

    async fn obey(&mut self, command: &Command) -> Flow {
        match command {
            Command::Heartbeat => {
                let flow = self.heartbeat().await;
                self.report(ReportKind::Answered);
                flow
            }
        }
    }

    /// Asks the guest, whose answer can lower its status and never raise it.
    async fn heartbeat(&mut self) -> Flow {
        let Some(body) = self.body.take() else { return Flow::On };
        let (body, health) = body.heartbeat().await;
        self.body = body;
        match health {
            Ok(health) => {
                self.show(Sign { status: health.status, detail: health.detail });
                Flow::On
            }
            Err(fault) => self.restart(&fault).await,
        }
    }

    async fn serve(&mut self, mut delivery: Delivery) -> Flow {
        if !self.is_for(&delivery) {
            self.commit(&delivery, Turn::default());
            return Flow::On;
        }
        if let Some(expired) = turn::expired(&delivery.message, self.agent.clock.now_ms()) {
            self.give_up(&delivery, &expired);
            return Flow::On;
        }
        let now_ms = self.agent.clock.now_ms();
        self.fatal = delivery.attempt - 1;
        self.agent.pulse.begin(now_ms, now_ms.saturating_sub(delivery.message.id.timestamp_ms()));
        let flow = loop {
            match self.attempt(&delivery).await {
                Attempt::Over => break Flow::On,
                Attempt::Stop => break Flow::Stop,
                Attempt::Again => delivery.attempt += 1,
                Attempt::SameAgain => {}
            }
        };
        self.agent.pulse.end();
        flow
    }

    /// Whether the agent is to act on it; a guild without predicates does not pay for
    /// them.
    fn is_for(&self, delivery: &Delivery) -> bool {
        let spec = &self.agent.spec;
        if spec.predicates.is_empty() {
            return turn::is_for(delivery, spec, &self.speaker, States::default());
        }
        let (agent, guild) = turn::owners(&spec.id);
        let (agent, guild) = (self.agent.log.state(&agent), self.agent.log.state(&guild));
        turn::is_for(delivery, spec, &self.speaker, States { agent: &agent, guild: &guild })
    }

    /// The messages before it that its receiver is given with it, as JSON texts.
    async fn enriched(log: &GuildLog, message: &Message) -> Option<Vec<String>> {
        let ids = turn::asked_history(message)?;
        match log.by_ids(&ids).await {
            Ok(found) => Some(turn::in_order(&ids, &found)),
            Err(error) => {
                tracing::error!(%error, "the history of a message cannot be read");
                Some(Vec::new())
            }
        }
    }

    async fn attempt(&mut self, delivery: &Delivery) -> Attempt {
        let Some(body) = self.body.take() else {
            return if self.start().await == Flow::On { Attempt::SameAgain } else { Attempt::Stop };
        };
        let (agent_state, guild_state) = turn::owners(&self.agent.spec.id);
        let budget_ms = u64::try_from(self.agent.limits.turn_timeout().as_millis()).unwrap_or(u64::MAX);
        let states = (self.agent.log.state(&agent_state), self.agent.log.state(&guild_state));
        let mut given = turn::for_guest(delivery, budget_ms, states.0.clone(), states.1.clone());
        if let Some(history) = Self::enriched(&self.agent.log, &delivery.message).await {
            turn::enrich(&mut given, &history);
        }
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(delivery.message.clone());
        let canceller = body.canceller();
        let mut receiving = std::pin::pin!(body.receive(given));
        let (body, done) = tokio::select! {
            biased;
            done = &mut receiving => done,
            () = self.agent.stop.cancelled() => {
                // The turn finishes within the grace of whoever stops the guild;
                // then it is cancelled, and its message waits for the next start.
                match tokio::time::timeout(STOP_GRACE, &mut receiving).await {
                    Ok(done) => done,
                    Err(_) => {
                        canceller.cancel();
                        receiving.await
                    }
                }
            }
        };
        self.body = body;
        match done.end {
            TurnEnd::Done { emits, agent_patches, guild_patches, values } => {
                let view = self.agent.view.borrow().clone();
                let patches = [(agent_state, agent_patches), (guild_state, guild_patches)];
                match turn::commit_of(
                    emits,
                    patches,
                    delivery,
                    &self.speaker,
                    &view,
                    States { agent: &states.0, guild: &states.1 },
                ) {
                    Ok(turn) => self.commit(delivery, Turn { values, ..turn }),
                    Err(fault) => self.give_up(delivery, &fault),
                }
                Attempt::Over
            }
            TurnEnd::Declined(failure) => self.declined(delivery, failure).await,
            TurnEnd::Cancelled => Attempt::Stop,
            TurnEnd::Broken(mut fault) => {
                fault.fuel_used = fault.fuel_used.or(Some(done.usage.fuel_used));
                fault.peak_memory_bytes = fault.peak_memory_bytes.or(Some(done.usage.peak_memory_bytes));
                self.broken(delivery, fault).await
            }
        }
    }

    async fn declined(&mut self, delivery: &Delivery, failure: Failure) -> Attempt {
        match failure {
            Failure::Reject(reason) | Failure::Other(reason) => {
                self.give_up(delivery, &Fault::new(FaultKind::Rejected, reason));
                Attempt::Over
            }
            Failure::Retry { reason, after_ms } => {
                let retries = self.agent.spec.qos.retry_count.unwrap_or(RETRIES);
                if delivery.attempt > retries {
                    let text = format!("{reason} (tried {} times)", delivery.attempt);
                    let fault = Fault::new(FaultKind::RetriesExhausted, text).over(
                        u64::from(retries),
                        Some(u64::from(delivery.attempt - 1)),
                        "qos.retry_count",
                    );
                    self.give_up(delivery, &fault);
                    return Attempt::Over;
                }
                self.agent.consumer.record_attempt(delivery.message.id, delivery.attempt);
                let backoff = 100_u64.saturating_mul(1 << delivery.attempt.min(8));
                let wait = Duration::from_millis(after_ms.map_or(backoff, u64::from)).min(Duration::from_secs(30));
                if self.pause(wait).await == Flow::On { Attempt::Again } else { Attempt::Stop }
            }
        }
    }

    async fn broken(&mut self, delivery: &Delivery, fault: Fault) -> Attempt {
        if matches!(fault.kind, FaultKind::HostFull | FaultKind::HostError) {
            tracing::error!(%fault, agent = %self.agent.spec.id, "the host could not run a turn; trying again");
            return if self.pause(HOST_FULL_WAIT).await == Flow::On { Attempt::SameAgain } else { Attempt::Stop };
        }
        tracing::warn!(%fault, agent = %self.agent.spec.id, message = %delivery.message.id, "a turn failed");
        self.fatal += 1;
        if self.fatal >= FATAL_ATTEMPTS {
            self.budget.refund(self.fatal - 1);
            self.give_up(delivery, &fault);
            return if self.start().await == Flow::On { Attempt::Over } else { Attempt::Stop };
        }
        self.agent.consumer.record_attempt(delivery.message.id, delivery.attempt);
        let trial = Trial { attempt: delivery.attempt, is_last: false };
        // Told whether or not it is written: the next try says it again.
        drop(self.agent.log.publish(vec![error_message(&fault, &delivery.message, &self.speaker, trial)]));
        if self.restart(&fault).await == Flow::On { Attempt::Again } else { Attempt::Stop }
    }

    /// Ends a message that cannot be served: it becomes a dead letter, and the
    /// user is told.
    fn give_up(&mut self, delivery: &Delivery, fault: &Fault) {
        if matches!(delivery.topic.as_str(), topic::ERRORS | topic::DEAD_LETTERS) {
            // A failure about a failure is said no further: two agents would tell
            // each other for ever.
            tracing::warn!(%fault, agent = %self.agent.spec.id, "a message about a failure failed");
            return self.commit(delivery, Turn::default());
        }
        let trial = Trial { attempt: delivery.attempt, is_last: true };
        let view = self.agent.view.borrow().clone();
        let said = last_words(fault, &delivery.message, &delivery.topic, &self.speaker, &view, trial);
        let mut emits = said.messages;
        emits.push(dead_letter(self.agent.log.guild(), fault, &delivery.message, &delivery.topic, &self.speaker));
        self.commit(delivery, Turn { emits, changes: said.changes, ..Turn::default() });
    }

    fn commit(&mut self, delivery: &Delivery, turn: Turn) {
        let receipt = self.agent.consumer.commit(&delivery.message, turn);
        self.uncommitted.push_back((receipt, delivery.message.clone()));
    }

    /// Takes note of the turns that have been written, and waits when too many
    /// have not.
    async fn settle_some(&mut self) {
        loop {
            let is_full = self.uncommitted.len() >= UNCOMMITTED;
            let Some((receipt, message)) = self.uncommitted.front_mut() else { return };
            let outcome = match futures_util::FutureExt::now_or_never(&mut *receipt) {
                Some(outcome) => outcome,
                None if is_full => receipt.await,
                None => return,
            };
            let message = message.clone();
            self.uncommitted.pop_front();
            self.settle(outcome, &message);
        }
    }

    fn settle(&self, outcome: Result<(), crate::journal::JournalError>, message: &Message) {
        if let Err(error) = outcome {
            tracing::error!(%error, message = %message.id, "a turn could not be written");
            let fault = Fault::new(FaultKind::HostError, format!("the turn could not be written: {error}"));
            let trial = Trial { attempt: 1, is_last: false };
            drop(self.agent.log.publish(vec![error_message(&fault, message, &self.speaker, trial)]));
        }
    }

    /// Charges the restart budget, waits, and starts a new body.
    async fn restart(&mut self, fault: &Fault) -> Flow {
        let now_ms = self.agent.clock.now_ms();
        let Some(wait) = self.budget.charge(now_ms, rand::random()) else {
            let detail = format!("restarted too often, the last time for {fault}; relaunch the guild to try again");
            self.show(Sign { status: HealthStatus::Error, detail: Some(detail) });
            return self.give_up_until_revived().await;
        };
        let detail = format!("{fault}; restarts in {} ms", wait.as_millis());
        self.show(Sign { status: HealthStatus::Warning, detail: Some(detail) });
        if self.pause(wait).await == Flow::Stop {
            return Flow::Stop;
        }
        self.start().await
    }

    /// Starts a body; waits for room, gives up on an agent that refuses.
    async fn start(&mut self) -> Flow {
        let component = match &self.agent.component {
            Ok(component) => component.clone(),
            Err(reason) => {
                self.show(Sign { status: HealthStatus::Error, detail: Some(reason.clone()) });
                return self.give_up_until_revived().await;
            }
        };
        loop {
            match self.agent.sandbox.start(&component, self.setup()).await {
                Ok(body) => {
                    self.body = Some(body);
                    self.budget.healthy_from(self.agent.clock.now_ms());
                    return Box::pin(self.heartbeat()).await;
                }
                Err(StartFault::Refused(reason)) => {
                    let detail = format!("configuration: {reason}");
                    tracing::warn!(agent = %self.agent.spec.id, reason, "an agent refuses its properties");
                    self.show(Sign { status: HealthStatus::Error, detail: Some(detail) });
                    return self.give_up_until_revived().await;
                }
                Err(StartFault::Missing(refusal)) => {
                    let code = refusal.code();
                    tracing::warn!(agent = %self.agent.spec.id, code, %refusal, "an agent lacks a grant");
                    self.show(Sign { status: HealthStatus::Error, detail: Some(format!("{code}: {refusal}")) });
                    return self.give_up_until_revived().await;
                }
                Err(StartFault::Broken(fault)) if matches!(fault.kind, FaultKind::HostFull | FaultKind::HostError) => {
                    tracing::error!(%fault, agent = %self.agent.spec.id, "an agent cannot be started now");
                    self.show(Sign { status: HealthStatus::Warning, detail: Some(fault.to_string()) });
                    if self.pause(HOST_FULL_WAIT).await == Flow::Stop {
                        return Flow::Stop;
                    }
                }
                Err(StartFault::Broken(fault)) => return Box::pin(self.restart(&fault)).await,
            }
        }
    }

    fn setup(&self) -> Setup {
        let agent = &self.agent;
        let (agent_state, guild_state) = turn::owners(&agent.spec.id);
        Setup {
            identity: Identity {
                guild_id: agent.log.guild().to_string(),
                guild_name: agent.view.borrow().name.clone(),
                agent_id: agent.spec.id.to_string(),
                agent_name: agent.spec.name.clone(),
                class_name: agent.spec.class_name.clone(),
            },
            properties: serde_json::Value::Object(agent.spec.properties.clone()).to_string(),
            limits: agent.limits.clone(),
            asked: agent.spec.sandbox.clone().unwrap_or_default(),
            values: agent.log.values().clone(),
            guild_memory: agent.guild_memory.clone(),
            progress: Some(self.progress_sink()),
            log: log_sink(agent.log.guild().to_string(), agent.spec.id.to_string()),
            agent_state: agent.log.state(&agent_state),
            guild_state: agent.log.state(&guild_state),
        }
    }

    fn progress_sink(&self) -> Arc<dyn Fn(Progress) + Send + Sync> {
        let (served, log, speaker) = (self.served.clone(), self.agent.log.clone(), self.speaker.clone());
        Arc::new(move |progress| {
            let origin = served.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(message) = origin.and_then(|origin| progress_message(progress, &origin, &speaker)) {
                log.signal(message);
            }
        })
    }

    async fn pause(&mut self, wait: Duration) -> Flow {
        tokio::select! {
            () = self.agent.stop.cancelled() => Flow::Stop,
            () = tokio::time::sleep(wait) => Flow::On,
        }
    }

    /// Waits, with its inbox kept, until somebody relaunches the guild, and starts
    /// again then.
    async fn give_up_until_revived(&mut self) -> Flow {
        tokio::select! {
            () = self.agent.stop.cancelled() => Flow::Stop,
            () = self.agent.revive.notified() => {
                self.budget = RestartBudget::default();
                Box::pin(self.start()).await
            }
        }
    }

    fn show(&self, sign: Sign) {
        if self.agent.pulse.set(sign) {
            self.report(ReportKind::Changed);
        }
    }

    fn report(&self, kind: ReportKind) {
        // Nobody listens any more when the guild is gone.
        let _ = self.agent.reports.send(Report { agent: self.agent.spec.id.clone(), kind });
    }
}

/// How a try of a message ended.
enum Attempt {
    Over,
    /// Try again; it counts.
    Again,
    /// Try again; it does not count.
    SameAgain,
    Stop,
}

/// How long a turn may go on after its agent was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// Writes what a guest prints to the host's log, under the agent's name.
fn log_sink(guild: String, agent: String) -> Arc<dyn Fn(LogLine) + Send + Sync> {
    Arc::new(move |line: LogLine| match line.level {
        LogLevel::Debug => tracing::debug!(target: "guildhall::guest", guild, agent, "{}", line.text),
        LogLevel::Info => tracing::info!(target: "guildhall::guest", guild, agent, "{}", line.text),
        LogLevel::Warn => tracing::warn!(target: "guildhall::guest", guild, agent, "{}", line.text),
        LogLevel::Error => tracing::error!(target: "guildhall::guest", guild, agent, "{}", line.text),
    })
}

/// What a turn wants its user to see at once: never stored, not in order with
/// what it emits.
fn progress_message(progress: Progress, origin: &Message, speaker: &Speaker) -> Option<Message> {
    let user = origin.user.as_ref()?;
    let payload = serde_json::value::RawValue::from_string(progress.payload).ok()?;
    let topics = Topics::Many(vec![topic::user_notifications(user)]);
    let mut message = Message::draft(speaker.tag.clone(), topics, progress.format, payload);
    message.in_response_to = Some(origin.id);
    message.thread = origin.full_thread();
    message.user = Some(user.clone());
    Some(message)
}

//! The task of one agent: what it does next. How it serves a message is in
//! `serve`, how its instance comes and goes in `life`, what it tells in `tell`.
//!
//! Turns are committed in order and not waited for: the next turn begins while
//! the last is being written, up to [`UNCOMMITTED`] of them. Nobody outside sees
//! a turn before it is durable.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::journal::{Consumer, Delivery, GuildLog, Receipt};
use crate::metrics::{ClassMetrics, Metrics};
use guildhall_model::clock::Clock;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{AgentId, Digest};
use guildhall_model::message::Message;
use guildhall_model::routing::{GuildView, Sender, WIRING_CLASS, handler_of};
use guildhall_model::spec::AgentSpec;
use guildhall_sandbox::{Component, Instance, Limits, MemoryBudget, Sandbox, StopReason};

use super::budget::RestartBudget;
use super::gauges::{AgentGauges, AgentHealth};
use super::handle::{Command, Handle, SwapAnswer};
use super::life::StartReason;
use super::logs::LogWriter;
use super::pace::Pace;

/// Turns that may wait for the disk at once.
const UNCOMMITTED: usize = 64;
/// Messages of such turns. All guilds have one writer: an agent that says much waits
/// for its own words, so that others do not.
const UNCOMMITTED_MESSAGES: usize = 256;
/// How late tokio's timers fire: they round up to the next millisecond, and then wait
/// in whole ones.
const TIMER_LATENESS: Duration = Duration::from_millis(1);
/// An agent that has been idle for so long makes room for another when the host is
/// full.
const MAKES_ROOM_AFTER: Duration = Duration::from_secs(1);

/// Finds the component that serves an agent, or says why there is none. It may take as
/// long as a compiler does, and is asked again when the guild is relaunched.
pub type Find = Arc<dyn Fn(&AgentSpec) -> BoxFuture<'static, Result<Arc<Component>, String>> + Send + Sync>;

/// Everything an agent's task needs.
pub struct Agent {
    pub spec: AgentSpec,
    pub log: GuildLog,
    pub consumer: Consumer,
    pub find: Find,
    pub sandbox: Sandbox,
    pub limits: Limits,
    pub guild_memory: Arc<MemoryBudget>,
    pub view: watch::Receiver<Arc<GuildView>>,
    pub reports: mpsc::UnboundedSender<Report>,
    /// How long it may be idle before its instance is dropped; `None`: for ever.
    pub idle_unload: Option<Duration>,
    pub metrics: Metrics,
    /// Changes when agents that have given up are to try again.
    pub revive: watch::Receiver<()>,
    pub stop: CancellationToken,
    /// Why it stops: the host goes down.
    pub shutdown: CancellationToken,
    pub clock: Clock,
}

/// What an agent's task has to tell. The channel is unbounded: there is one
/// report for each change of an agent's health, each answer to a command, and one
/// last word.
pub struct Report {
    pub agent: AgentId,
    pub kind: ReportKind,
}

pub enum ReportKind {
    /// The health is a new one.
    Changed,
    /// The guest answered.
    Answered,
    /// It runs another component: to be kept, and then confirmed.
    Swapped { component: Digest, confirm: Confirm },
    /// The task is over.
    Ended,
}

/// Tells whoever asked for a swap that it is done and kept.
pub struct Confirm(pub(super) SwapAnswer);

impl Confirm {
    pub fn confirm(self) {
        // Who asked may have gone.
        let _ = self.0.send(Ok(()));
    }
}

/// Starts an agent's task on a tracker. It ends when it is told to stop, and says
/// so, even on a panic.
pub fn spawn(agent: Agent, tracker: &tokio_util::task::TaskTracker) -> Handle {
    let (writer, reader) = LogWriter::new(agent.clock.clone());
    let (handle, commands) = Handle::new(reader);
    let gauges = handle.gauges.clone();
    let last_word = LastWord { reports: agent.reports.clone(), agent: agent.spec.id.clone(), gauges: gauges.clone() };
    tracker.spawn(async move {
        let _last_word = last_word;
        Runner::new(agent, commands, gauges, writer).run().await;
    });
    handle
}

struct LastWord {
    reports: mpsc::UnboundedSender<Report>,
    agent: AgentId,
    gauges: Arc<AgentGauges>,
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(agent = %self.agent, "the task of an agent panicked");
            self.gauges.set(AgentHealth {
                status: HealthStatus::Error,
                detail: Some("host error: the agent's task ended".into()),
            });
        }
        // Nobody listens any more when the guild is gone.
        let _ = self.reports.send(Report { agent: self.agent.clone(), kind: ReportKind::Ended });
    }
}

pub(super) struct Runner {
    pub(super) agent: Agent,
    /// What it runs, once that was found.
    pub(super) component: Option<Arc<Component>>,
    pub(super) gauges: Arc<AgentGauges>,
    pub(super) logs: LogWriter,
    pub(super) counters: Arc<ClassMetrics>,
    pub(super) speaker: Sender,
    pub(super) life: Life,
    pub(super) rest: Backoff,
    pub(super) budget: RestartBudget,
    /// The message that is being tried.
    pub(super) trying: Option<Delivery>,
    /// The same in the middle of a try.
    pub(super) at_work: Option<Delivery>,
    /// The same, for what the guest says in the middle of it.
    pub(super) served: Arc<Mutex<Option<Arc<Message>>>>,
    pub(super) idle_since: Instant,
    pub(super) pace: Pace,
    /// Whether the agent was told of its pauses.
    pub(super) is_slowed: bool,
    commands: mpsc::Receiver<Command>,
    uncommitted: VecDeque<Uncommitted>,
    /// What those turns say, all together.
    uncommitted_messages: usize,
}

/// A turn that waits for the disk.
struct Uncommitted {
    receipt: Receipt,
    /// What it served.
    message: Arc<Message>,
    /// How many messages it says.
    messages: usize,
}

/// Whether there is an instance.
pub(super) enum Life {
    /// One is to be started now.
    Due(StartReason),
    Live(Instance),
    /// The next message starts one.
    Unloaded,
}

/// What the agent waits for before it does anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backoff {
    No,
    Until(Instant),
    /// Somebody relaunches the guild or swaps the component; the inbox is kept.
    UntilRevived,
}

/// Whether the agent goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlFlow {
    On,
    Stop,
}

impl Runner {
    pub(super) fn new(
        agent: Agent,
        commands: mpsc::Receiver<Command>,
        gauges: Arc<AgentGauges>,
        logs: LogWriter,
    ) -> Self {
        let speaker = Sender {
            id: agent.spec.id.clone(),
            tag: agent.spec.tag(),
            class_name: agent.spec.class_name.clone(),
            method: handler_of(&agent.spec.class_name),
            to_default: agent.spec.class_name == WIRING_CLASS,
        };
        Self {
            counters: agent.metrics.class(&agent.spec.class_name),
            agent,
            component: None,
            gauges,
            logs,
            speaker,
            life: Life::Due(StartReason::Launch),
            rest: Backoff::No,
            budget: RestartBudget::default(),
            trying: None,
            at_work: None,
            served: Arc::default(),
            idle_since: Instant::now(),
            pace: Pace::default(),
            is_slowed: false,
            commands,
            uncommitted: VecDeque::new(),
            uncommitted_messages: 0,
        }
    }

    async fn run(mut self) {
        loop {
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(ControlFlow::On) => {}
                Ok(ControlFlow::Stop) => break,
                Err(panic) => self.panicked(&*panic),
            }
        }
        // Boxed, as whatever is seldom done: a task is as large as the largest thing
        // that it ever waits for.
        Box::pin(self.finish()).await;
    }

    async fn finish(&mut self) {
        let reason = if self.agent.shutdown.is_cancelled() { StopReason::HostShutdown } else { StopReason::Requested };
        self.end_instance(reason).await;
        while let Some(turn) = self.uncommitted.pop_front() {
            let outcome = turn.receipt.await;
            self.settle(outcome, &turn.message);
        }
    }

    /// A mistake of the host's own, which no other agent is to feel. It is charged as a
    /// trap is, so that one that comes again and again ends.
    pub(super) fn panicked(&mut self, panic: &(dyn Any + Send)) {
        let words = panic.downcast_ref::<&str>().copied();
        let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
        let reference = format!("{:08x}", rand::random::<u32>());
        tracing::error!(words, reference, agent = %self.agent.spec.id, "the task of an agent panicked");
        let fault = Fault::new(FaultKind::HostError, format!("a mistake of the host's, {reference} in its log"));
        self.gauges.set_turn(None);
        self.life = Life::Due(StartReason::Restart);
        match self.at_work.take() {
            Some(delivery) => self.charged(delivery, fault),
            None => {
                self.fault(&fault, None);
                self.restart_after(&fault);
            }
        }
    }

    async fn step(&mut self) -> ControlFlow {
        if self.agent.stop.is_cancelled() {
            return ControlFlow::Stop;
        }
        self.settle_some().await;
        match (self.rest, &self.life) {
            (Backoff::Until(end), _) => self.rest_until(end).await,
            (Backoff::UntilRevived, _) => self.rest_until_revived().await,
            (Backoff::No, Life::Due(reason)) => {
                let (reason, stop) = (*reason, self.agent.stop.clone());
                // Dropped in the middle, it leaves an agent without an instance.
                stop.run_until_cancelled(Box::pin(self.start(reason))).await.unwrap_or(ControlFlow::Stop)
            }
            (Backoff::No, Life::Live(_)) => match self.trying.take() {
                Some(delivery) => {
                    self.at_work = Some(delivery.clone());
                    let flow = self.attempt(delivery).await;
                    self.at_work = None;
                    flow
                }
                None => self.wait().await,
            },
            (Backoff::No, Life::Unloaded) if self.trying.is_some() => {
                self.life = Life::Due(StartReason::Message);
                ControlFlow::On
            }
            (Backoff::No, Life::Unloaded) => self.wait().await,
        }
    }

    async fn rest_until(&mut self, end: Instant) -> ControlFlow {
        tokio::select! {
            biased;
            () = self.agent.stop.cancelled() => ControlFlow::Stop,
            Some(command) = self.commands.recv() => Box::pin(self.obey(command)).await,
            () = tokio::time::sleep_until(end) => {
                self.rest = Backoff::No;
                ControlFlow::On
            }
        }
    }

    async fn rest_until_revived(&mut self) -> ControlFlow {
        tokio::select! {
            biased;
            () = self.agent.stop.cancelled() => ControlFlow::Stop,
            Some(command) = self.commands.recv() => Box::pin(self.obey(command)).await,
            Ok(()) = self.agent.revive.changed() => {
                self.budget = RestartBudget::default();
                self.rest = Backoff::No;
                ControlFlow::On
            }
        }
    }

    /// Waits for a message, and for what may happen to an idle agent.
    async fn wait(&mut self) -> ControlFlow {
        let unload_at = self.unload_at();
        let makes_room_at = unload_at.map(|at| at.min(self.idle_since + MAKES_ROOM_AFTER));
        let is_fresh = makes_room_at.is_some_and(|at| at > Instant::now());
        let sandbox = self.agent.sandbox.clone();
        tokio::select! {
            biased;
            () = self.agent.stop.cancelled() => ControlFlow::Stop,
            Some(command) = self.commands.recv() => Box::pin(self.obey(command)).await,
            next = self.agent.consumer.next() => match next {
                Ok(delivery) => self.take(delivery),
                Err(error) => self.inbox_failed(&error),
            },
            () = until(makes_room_at), if is_fresh => ControlFlow::On,
            () = sandbox.wants_room(), if unload_at.is_some() && !is_fresh => Box::pin(self.unload()).await,
            () = until(unload_at), if !is_fresh => Box::pin(self.unload()).await,
        }
    }

    /// When an instance that stays idle is dropped.
    fn unload_at(&self) -> Option<Instant> {
        match self.life {
            Life::Live(_) => self.agent.idle_unload.and_then(|after| self.idle_since.checked_add(after)),
            Life::Due(_) | Life::Unloaded => None,
        }
    }

    async fn obey(&mut self, command: Command) -> ControlFlow {
        match command {
            Command::Heartbeat => {
                self.heartbeat().await;
                self.report(ReportKind::Answered);
            }
            Command::Swap { component, answer } => {
                let stop = self.agent.stop.clone();
                if stop.run_until_cancelled(self.swap(component, answer)).await.is_none() {
                    return ControlFlow::Stop;
                }
            }
        }
        ControlFlow::On
    }

    fn inbox_failed(&mut self, error: &crate::journal::JournalError) -> ControlFlow {
        tracing::error!(%error, agent = %self.agent.spec.id, "an agent's inbox cannot be read");
        self.show(AgentHealth { status: HealthStatus::Error, detail: Some("its inbox cannot be read".into()) });
        self.rest_for(Duration::from_secs(1));
        ControlFlow::On
    }

    pub(super) fn rest_for(&mut self, wait: Duration) {
        let end = Instant::now() + wait.saturating_sub(TIMER_LATENESS);
        // Of two reasons to rest the longer one counts.
        if !matches!(self.rest, Backoff::Until(before) if before > end) {
            self.rest = Backoff::Until(end);
        }
    }

    pub(super) fn commit(&mut self, delivery: &Delivery, turn: crate::journal::Commit) {
        let messages = turn.emits.len();
        let receipt = self.agent.consumer.commit(&delivery.message, turn);
        self.uncommitted.push_back(Uncommitted { receipt, message: delivery.message.clone(), messages });
        self.uncommitted_messages += messages;
    }

    /// Takes note of the turns that have been written, and waits when too many
    /// have not.
    async fn settle_some(&mut self) {
        loop {
            let is_full = self.uncommitted.len() >= UNCOMMITTED || self.uncommitted_messages >= UNCOMMITTED_MESSAGES;
            let Some(first) = self.uncommitted.front_mut() else { return };
            let outcome = match (&mut first.receipt).now_or_never() {
                Some(outcome) => outcome,
                None if is_full => (&mut first.receipt).await,
                None => return,
            };
            let Some(Uncommitted { message, messages, .. }) = self.uncommitted.pop_front() else { return };
            self.uncommitted_messages -= messages;
            self.settle(outcome, &message);
        }
    }
}

/// Waits for a moment, or for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<T, F: Future>(_: impl FnOnce(T) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_an_idle_agent_is_small() {
        let bytes = size_of_future(Runner::run);
        assert!(bytes < 12 << 10, "{bytes} bytes");
    }
}

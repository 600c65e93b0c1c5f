//! What an agent's task is started with, and what its parts share: who the agent is, the services it uses, and the ways
//! to report. The parts hold it behind an `Arc`; what changes during the task's life belongs to one part alone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::journal::{Consumer, Delivery, GuildLog, JournalError};
use crate::metrics::{ClassMetrics, Metrics};
use guildhall_model::clock::Clock;
use guildhall_model::event;
use guildhall_model::expression::{Cost, ExpressionError, Expressions, MAX_TOTAL};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::message::Message;
use guildhall_model::routing::{Attempt, GuildView, Sender, WIRING_CLASS, error_message, handler_of};
use guildhall_model::spec::AgentSpec;
use guildhall_sandbox::{Component, Limits, LogLevel, MemoryBudget, Sandbox};

use super::gauges::{AgentGauges, AgentHealth};
use super::logs::{LogWriter, Source};
use super::report::{Report, ReportKind};

/// Finds the component that serves an agent, or returns why there is none, as a text for people. It may take as long as
/// a compiler does. It is called again when the guild is relaunched.
pub type FindComponent = Arc<dyn Fn(&AgentSpec) -> BoxFuture<'static, Result<Arc<Component>, String>> + Send + Sync>;

/// Everything that an agent's task is started with.
pub struct Agent {
    /// The agent as its blueprint describes it.
    pub spec: AgentSpec,
    /// The log of its guild.
    pub log: GuildLog,
    /// The agent's inbox.
    pub consumer: Consumer,
    /// Finds its component.
    pub find: FindComponent,
    /// Runs its instances.
    pub sandbox: Sandbox,
    /// What one instance may use.
    pub limits: Limits,
    /// The memory that the agents of the guild share.
    pub guild_memory: Arc<MemoryBudget>,
    /// The members and rules of the guild as they are now.
    pub view: watch::Receiver<Arc<GuildView>>,
    /// Where the task reports to.
    pub reports: mpsc::UnboundedSender<Report>,
    /// How long the agent may be idle before its instance is dropped; `None`: it is never dropped.
    pub idle_unload: Option<Duration>,
    /// Where turns, starts and faults are counted.
    pub metrics: Metrics,
    /// Changes when agents that have given up are to try again.
    pub revive: watch::Receiver<()>,
    /// Ends the task.
    pub stop: CancellationToken,
    /// Cancelled if the task ends because the host shuts down.
    pub shutdown: CancellationToken,
    /// The time.
    pub clock: Clock,
}

/// What the parts of an agent's task share.
pub(super) struct Context {
    pub(super) spec: AgentSpec,
    pub(super) log: GuildLog,
    pub(super) find: FindComponent,
    pub(super) sandbox: Sandbox,
    pub(super) limits: Limits,
    pub(super) guild_memory: Arc<MemoryBudget>,
    pub(super) view: watch::Receiver<Arc<GuildView>>,
    pub(super) idle_unload: Option<Duration>,
    pub(super) metrics: Metrics,
    /// The counters of the agent's class.
    pub(super) counters: Arc<ClassMetrics>,
    pub(super) stop: CancellationToken,
    pub(super) shutdown: CancellationToken,
    pub(super) clock: Clock,
    /// The agent as the sender of messages.
    pub(super) speaker: Sender,
    pub(super) gauges: Arc<AgentGauges>,
    pub(super) logs: LogWriter,
    reports: mpsc::UnboundedSender<Report>,
}

impl Context {
    /// Splits what a task is started with into the shared part, the inbox and the signal for relaunches.
    pub(super) fn new(
        agent: Agent,
        gauges: Arc<AgentGauges>,
        logs: LogWriter,
    ) -> (Arc<Self>, Consumer, watch::Receiver<()>) {
        let class_name = &agent.spec.class_name;
        let speaker = Sender {
            id: agent.spec.id.clone(),
            tag: agent.spec.tag(),
            class_name: class_name.clone(),
            method: handler_of(class_name),
            to_default: class_name == WIRING_CLASS,
        };
        let context = Self {
            counters: agent.metrics.class(class_name),
            spec: agent.spec,
            log: agent.log,
            find: agent.find,
            sandbox: agent.sandbox,
            limits: agent.limits,
            guild_memory: agent.guild_memory,
            view: agent.view,
            idle_unload: agent.idle_unload,
            metrics: agent.metrics,
            stop: agent.stop,
            shutdown: agent.shutdown,
            clock: agent.clock,
            speaker,
            gauges,
            logs,
            reports: agent.reports,
        };
        (Arc::new(context), agent.consumer, agent.revive)
    }

    /// Returns whether the agent was stopped for good: its guild has ended or it was removed. Nothing of it is committed
    /// any more. An agent of a host that shuts down goes on at the next start.
    pub(super) fn has_ended(&self) -> bool {
        self.stop.is_cancelled() && !self.shutdown.is_cancelled()
    }

    /// Sets the agent's health, and reports it if it has changed.
    pub(super) fn set_health(&self, health: AgentHealth) {
        if self.gauges.set_health(health) {
            self.report(ReportKind::Changed);
        }
    }

    /// Sends a report to the manager. A manager that has ended is ignored.
    pub(super) fn report(&self, kind: ReportKind) {
        let _ = self.reports.send(Report { agent: self.spec.id.clone(), kind });
    }

    /// Sends an event to the sockets that subscribe to events.
    pub(super) fn send_event(&self, event: &str, details: Value) {
        self.log.signal(event::message(event, &self.speaker.tag, self.clock.now_ms(), details));
    }

    /// Writes a line of the host into the agent's log.
    pub(super) fn write_log(&self, level: LogLevel, text: &str) {
        self.logs.write(level, Source::Host, text);
    }

    /// Counts a fault that ended an instance, logs it, and sends its event. `delivery` is the message that was
    /// attempted.
    pub(super) fn report_fault(&self, fault: &Fault, delivery: Option<&Delivery>) {
        let message = delivery.map(|delivery| delivery.message.id);
        tracing::warn!(%fault, agent = %self.spec.id, ?message, "an agent's instance failed");
        self.metrics.fault(fault.kind);
        self.write_log(LogLevel::Error, &fault.to_string());
        let mut details = json!({"fault": fault});
        if let Some(delivery) = delivery {
            details["message_id"] = json!(delivery.message.id);
            details["attempt"] = json!(delivery.attempt());
        }
        self.send_event(event::of_fault(fault), details);
    }

    /// Reports a turn that could not be written, to the user whose message began the thread.
    pub(super) fn report_unwritten(&self, error: &JournalError, message: &Message) {
        tracing::error!(%error, message = %message.id, "a turn could not be written");
        let fault = Fault::new(FaultKind::HostError, format!("the turn could not be written: {error}"));
        let trial = Attempt { number: 1, is_last: false };
        drop(self.log.publish(vec![error_message(&fault, message, &self.speaker, trial)]));
    }

    /// Runs work whose expressions share one budget, [`MAX_TOTAL`], away from the server's threads and with the share of
    /// the guild. Writes failed expressions into the agent's log. Returns also what the expressions have cost.
    ///
    /// Dropping the future loses the result.
    ///
    /// # Errors
    /// The work panicked, or the host shuts down.
    pub(super) async fn with_expressions<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Expressions<'_>) -> T + Send + 'static,
    ) -> Result<(T, Cost), ExpressionError> {
        let whole = move |expressions: &Expressions<'_>| {
            let result = work(expressions);
            (result, expressions.cost(), expressions.take_failures())
        };
        let evaluations = self.sandbox.evaluations();
        let (result, cost, failures) = evaluations.run(self.log.guild().as_str(), MAX_TOTAL, whole).await?;
        for failure in failures {
            self.write_log(LogLevel::Warn, &format!("an expression of a rule or predicate failed: {failure}"));
        }
        Ok((result, cost))
    }
}

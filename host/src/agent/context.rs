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
use guildhall_model::ids::AgentId;
use guildhall_model::message::Message;
use guildhall_model::routing::{
    Attempt, GuildView, Sender, WIRING_CLASS, error_message, handler_of, is_copied, is_for_other_users,
    receiving_agents,
};
use guildhall_model::spec::AgentSpec;
use guildhall_model::topic;
use guildhall_sandbox::{Component, Limits, LogLevel, MemoryBudget, Sandbox};

use super::gauges::{AgentGauges, AgentHealth};
use super::logs::{LogWriter, Source};
use super::notices::Notices;
use super::report::{Report, ReportKind};

/// The most agents that one notice names.
const MAX_NAMED: usize = 8;

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
    /// Who is told that a message goes nowhere.
    pub notices: Arc<Notices>,
    /// Where turns, starts and faults are counted.
    pub metrics: Metrics,
    /// Changes when agents that have given up are to try again.
    pub revive: watch::Receiver<()>,
    /// Ends the task.
    pub stop: CancellationToken,
    /// Cancelled if the task ends because the host shuts down.
    pub shutdown: CancellationToken,
    /// Cancelled if the task ends because the guild falls asleep.
    pub asleep: CancellationToken,
    /// Why the agent does not run until the guild is relaunched; `None`: it runs.
    pub failed: Option<String>,
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
    notices: Arc<Notices>,
    pub(super) metrics: Metrics,
    /// The counters of the agent's class.
    pub(super) counters: Arc<ClassMetrics>,
    pub(super) stop: CancellationToken,
    pub(super) shutdown: CancellationToken,
    pub(super) asleep: CancellationToken,
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
            notices: agent.notices,
            metrics: agent.metrics,
            stop: agent.stop,
            shutdown: agent.shutdown,
            asleep: agent.asleep,
            clock: agent.clock,
            speaker,
            gauges,
            logs,
            reports: agent.reports,
        };
        (Arc::new(context), agent.consumer, agent.revive)
    }

    /// Returns whether the agent was stopped for good: its guild has ended or it was removed. Nothing of it is committed
    /// any more. An agent of a host that shuts down goes on at the next start, and one of a guild that falls asleep goes
    /// on when the guild wakes.
    pub(super) fn has_ended(&self) -> bool {
        self.stop.is_cancelled() && !self.shutdown.is_cancelled() && !self.asleep.is_cancelled()
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

    /// Returns the message that tells a user why `message`, or what followed it, goes nowhere. `None`: nobody is told,
    /// because no user's message led to it, or he was told already or too often. The agent's log and the metrics have
    /// it either way.
    pub(super) fn notice(&self, fault: &Fault, message: &Message) -> Option<Message> {
        self.metrics.fault(fault.kind);
        self.write_log(LogLevel::Warn, &format!("message {} of {}: {fault}", message.id, sender_of(message)));
        let user = message.user.as_ref().filter(|_| !message.is_error)?;
        let trial = Attempt { number: 1, is_last: false };
        let is_told = self.notices.admit(user, Some(message.id), self.clock.now_ms());
        is_told.then(|| error_message(fault, message, &self.speaker, trial))
    }

    /// Returns why a message goes nowhere that this agent does not act on: no agent that received it does. `None`: some
    /// other may, or it is for users or for the host, or it has a copy that the rules made.
    pub(super) fn fault_of_declined(&self, delivery: &Delivery) -> Option<Fault> {
        let message = &delivery.message;
        let user = message.user.as_ref().filter(|_| !message.is_error)?;
        let view = self.view.borrow().clone();
        let names = || message.topics.as_slice().iter().chain(&message.also);
        let is_users_own = message.sender.id.as_deref() == Some(AgentId::proxy_of(user).as_str());
        let is_silent = if is_users_own {
            is_for_other_users(message, &view) || is_copied(message, &view)
        } else {
            names().any(|name| name == topic::BROADCAST || topic::owner(name).is_some())
        };
        if is_silent || names().any(|name| topic::is_reserved(name) && !topic::is_self_inbox(name)) {
            return None;
        }
        let receivers: Vec<&AgentSpec> = receiving_agents(message, &view).collect();
        let ids: Vec<&AgentId> = receivers.iter().map(|agent| &agent.id).collect();
        if !self.notices.declined(message.id, &self.spec.id, &ids) {
            return None;
        }
        let names: Vec<&str> = receivers.iter().take(MAX_NAMED).map(|agent| agent.name.as_str()).collect();
        let hint = if receivers.iter().all(|agent| agent.act_only_when_tagged) {
            "they act on messages that mention them: write @ and the name"
        } else {
            "their predicates do not hold for it"
        };
        let text = format!("no agent acts on the message; it reached {}: {hint}", names.join(", "));
        Some(Fault::new(FaultKind::NotAccepted, text))
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

/// The sender of a message, for the log.
fn sender_of(message: &Message) -> &str {
    message.sender.name.as_deref().or(message.sender.id.as_deref()).unwrap_or("nobody")
}

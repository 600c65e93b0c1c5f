//! The walk of one message, from the inbox to its commit. It reads downwards: a message is taken, attempted, and then
//! committed with the results of its turn, attempted again later, or given up as a dead letter.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::journal::{Commit, Consumer, Delivery, JournalError};
use crate::metrics::Outcome;
use guildhall_model::expression::Expressions;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::health::HealthStatus;
use guildhall_model::message::Message;
use guildhall_model::routing::{Attempt, Scope, dead_letter, error_message};
use guildhall_model::{event, topic};
use guildhall_sandbox::{
    Component, Failure, Instance, Limit, LimitMet, LogLevel, TurnEnd, TurnInput, TurnOutcome, Usage,
};

use super::backoff::Backoff;
use super::context::{Agent, Context};
use super::current::CurrentAttempt;
use super::gauges::{AgentGauges, AgentHealth};
use super::handle::SwapAnswer;
use super::life::{HOST_FULL_WAIT, Life, Stage, StartReason};
use super::logs::LogWriter;
use super::pace::{Free, Pace};
use super::retry::{self, Verdict};
use super::routed::{States, commit_of, messages_of_failure};
use super::turn_io::{self, TurnResults, WeighedCommit};
use super::uncommitted::UncommittedTurns;

/// How long a turn may go on after the host began to shut down.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// How long an agent waits before it reads its inbox again after a failure of the journal.
const INBOX_WAIT: Duration = Duration::from_secs(1);

/// Serves the messages of one agent, one at a time. It composes the parts of the task, each of which owns its state.
pub(super) struct Worker {
    pub(super) context: Arc<Context>,
    pub(super) inbox: Consumer,
    pub(super) current: CurrentAttempt,
    pub(super) life: Life,
    pub(super) backoff: Backoff,
    uncommitted: UncommittedTurns,
    pace: Pace,
}

impl Worker {
    /// A worker for an agent that was launched. Its first instance is due, unless the agent had failed before its guild
    /// slept.
    pub(super) fn new(mut agent: Agent, gauges: Arc<AgentGauges>, logs: LogWriter) -> Self {
        let failed = agent.failed.take();
        let (context, inbox, revive) = Context::new(agent, gauges, logs);
        let mut worker = Self {
            life: Life::new(context.clone()),
            context,
            inbox,
            current: CurrentAttempt::default(),
            backoff: Backoff::new(revive),
            uncommitted: UncommittedTurns::default(),
            pace: Pace::default(),
        };
        if let Some(reason) = failed {
            worker.life.fail(reason, &mut worker.backoff);
        }
        worker
    }

    /// Takes a message from the inbox. A message that is not for this agent is consumed at once.
    ///
    /// Dropping the future leaves the message in the inbox.
    pub(super) async fn take(&mut self, delivery: Delivery) {
        if !self.accepts(&delivery).await {
            let fault = self.context.fault_of_declined(&delivery);
            let notice = fault.and_then(|fault| self.context.notice(&fault, &delivery.message));
            return self.commit(&delivery, Commit { emits: notice.into_iter().collect(), ..Commit::default() });
        }
        let now_ms = self.context.clock.now_ms();
        self.context.gauges.message_taken(now_ms, now_ms.saturating_sub(delivery.message.id.timestamp_ms()));
        self.current.wait(delivery);
    }

    /// Whether the agent acts on the message. An agent without predicates costs no evaluation; the others are charged
    /// for theirs.
    async fn accepts(&mut self, delivery: &Delivery) -> bool {
        let context = &self.context;
        if !turn_io::has_predicate_expression(&context.spec, &context.speaker) {
            let none = Expressions::none();
            return turn_io::accepts(delivery, &context.spec, &context.speaker, Scope::without_states(&none));
        }
        let (states, shared, served) = (States::of(context), context.clone(), delivery.clone());
        let accepts = move |expressions: &Expressions<'_>| {
            turn_io::accepts(&served, &shared.spec, &shared.speaker, states.scope(expressions))
        };
        match Box::pin(context.with_expressions(accepts)).await {
            Ok((accepts, cost)) => {
                self.pay(delivery, cost.weight());
                accepts
            }
            Err(error) => {
                tracing::error!(%error, agent = %context.spec.id, "a predicate could not be evaluated");
                false
            }
        }
    }

    /// Attempts the current message once. Returns `Break` if the task was stopped and the turn did not end in time: the
    /// message stays in the inbox.
    ///
    /// Dropping the future ends the turn and drops the instance.
    pub(super) async fn attempt(&mut self) -> ControlFlow<()> {
        let Some(delivery) = self.current.begin() else { return ControlFlow::Continue(()) };
        if let Some(fault) = turn_io::expiry_fault(&delivery.message, self.context.clock.now_ms()) {
            self.give_up(&delivery, &fault).await;
            return ControlFlow::Continue(());
        }
        let Some(instance) = self.life.take_instance() else {
            self.current.wait(delivery);
            return ControlFlow::Continue(());
        };
        let states = States::of(&self.context);
        let input = turn_input(&self.context, &delivery, &states).await;
        let span = self.turn_span(&delivery);
        self.context.gauges.turn_started(delivery.message.clone(), instance.canceller());
        let (instance, outcome) = receive(&self.context, instance, input, &span).await;
        self.context.gauges.turn_ended();
        if let Some(instance) = instance {
            self.life.put_back(instance);
        }
        self.count_turn(&outcome, &span);
        let TurnOutcome { end, usage, met } = outcome;
        if self.context.has_ended() {
            self.current.end();
            return ControlFlow::Break(());
        }
        match end {
            TurnEnd::Done { emits, agent_patches, guild_patches, values } => {
                let results = TurnResults { emits, agent_patches, guild_patches, values };
                self.turn_done(delivery, results, &states, &usage).await;
            }
            TurnEnd::Declined(failure) => self.turn_declined(delivery, failure, &usage, met).await,
            TurnEnd::Cancelled if self.context.stop.is_cancelled() => {
                self.current.end();
                return ControlFlow::Break(());
            }
            TurnEnd::Cancelled => self.turn_cancelled(&delivery, &usage).await,
            TurnEnd::Broken(fault) => self.turn_broken(delivery, fault, &usage).await,
        }
        ControlFlow::Continue(())
    }

    /// The span of a turn; what the turn used is recorded in it when the host's log is at `debug`.
    fn turn_span(&self, delivery: &Delivery) -> Span {
        tracing::debug_span!(
            "turn",
            guild = %self.context.log.guild(),
            agent = %self.context.spec.id,
            message = %delivery.message.id,
            attempt = delivery.attempt(),
            traceparent = delivery.message.traceparent.as_deref(),
            outcome = tracing::field::Empty,
            fuel = tracing::field::Empty,
            peak_memory_bytes = tracing::field::Empty,
            cpu_us = tracing::field::Empty,
            wall_us = tracing::field::Empty,
            host_calls = tracing::field::Empty,
        )
    }

    /// Counts a turn that has ended, and records in its span what it used.
    fn count_turn(&self, turn: &TurnOutcome, span: &Span) {
        let outcome = match turn.end {
            TurnEnd::Done { .. } => Outcome::Done,
            TurnEnd::Declined(_) => Outcome::Declined,
            TurnEnd::Cancelled => Outcome::Cancelled,
            TurnEnd::Broken(_) => Outcome::Broken,
        };
        let usage = &turn.usage;
        self.context.counters.turn(outcome, usage);
        self.context.gauges.count_turn(outcome, usage);
        if span.is_disabled() {
            return;
        }
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        span.record("outcome", outcome.name())
            .record("fuel", usage.fuel_used)
            .record("peak_memory_bytes", usage.peak_memory_bytes)
            .record("cpu_us", micros(usage.cpu))
            .record("wall_us", micros(usage.wall))
            .record("host_calls", usage.host_calls);
        span.in_scope(|| tracing::debug!("a turn has ended"));
    }

    /// The turn succeeded: what it emitted is routed and committed. Results that cannot be committed end the message.
    async fn turn_done(&mut self, delivery: Delivery, results: TurnResults, states: &States, usage: &Usage) {
        // A turn that emits nothing may end in any case: it makes room.
        if !results.emits.is_empty()
            && let Err(fault) = self.context.log.check_room()
        {
            Limit::count_fault(&fault);
            self.pay(&delivery, usage.emitted);
            return self.give_up(&delivery, &fault).await;
        }
        let (committed, cost) = match commit_of(&self.context, results, &delivery, states).await {
            Ok(routed) => routed,
            Err(error) => {
                let fault = Fault::new(FaultKind::HostError, format!("the turn could not be routed: {error}"));
                return self.charge(delivery, fault).await;
            }
        };
        match committed {
            Ok(WeighedCommit { mut commit, messages, state_kib, lost }) => {
                commit.emits.extend(lost.and_then(|fault| self.context.notice(&fault, &delivery.message)));
                self.pay(&delivery, usage.emitted.max(messages) + state_kib + cost.weight());
                self.finish_with(&delivery, commit);
            }
            Err(fault) => {
                Limit::count_fault(&fault);
                self.context.write_log(LogLevel::Warn, &format!("message {}: {fault}", delivery.message.id));
                self.pay(&delivery, usage.emitted + cost.weight());
                self.give_up(&delivery, &fault).await;
            }
        }
    }

    /// The agent declined the message: it is attempted again after a pause, or given up.
    async fn turn_declined(&mut self, delivery: Delivery, failure: Failure, usage: &Usage, met: Option<LimitMet>) {
        self.pay(&delivery, usage.emitted);
        match retry::after_decline(failure, delivery.attempts, self.context.spec.qos.retry_count) {
            Verdict::Again { attempts, after } => {
                self.attempt_again(Delivery { attempts, ..delivery });
                self.backoff.pause_for(after);
            }
            Verdict::GiveUp(fault) => {
                let fault = with_limit(fault, met);
                self.context.write_log(LogLevel::Warn, &format!("message {}: {fault}", delivery.message.id));
                self.give_up(&delivery, &fault).await;
            }
        }
    }

    /// An operator cancelled the turn: its message becomes a dead letter, which can be replayed. The agent goes on with
    /// a new instance and its restart budget is not charged.
    async fn turn_cancelled(&mut self, delivery: &Delivery, usage: &Usage) {
        let text = format!("the turn was cancelled after {} ms by the operator", usage.wall.as_millis());
        let mut fault = Fault::new(FaultKind::Cancelled, text);
        fault.fuel_used = Some(usage.fuel_used);
        fault.peak_memory_bytes = Some(usage.peak_memory_bytes);
        self.context.metrics.fault(fault.kind);
        self.context.write_log(LogLevel::Warn, &fault.to_string());
        self.context.send_event(event::AGENT_CANCELLED, json!({"message_id": delivery.message.id}));
        self.give_up(delivery, &fault).await;
    }

    /// The turn ended the instance. If the host failed, the attempt is repeated and nobody is charged.
    async fn turn_broken(&mut self, delivery: Delivery, mut fault: Fault, usage: &Usage) {
        fault.fuel_used = fault.fuel_used.or(Some(usage.fuel_used));
        fault.peak_memory_bytes = fault.peak_memory_bytes.or(Some(usage.peak_memory_bytes));
        if retry::is_host_fault(&fault) {
            let (reference, agent) = (log_reference(), &self.context.spec.id);
            tracing::error!(%fault, reference, %agent, "the host could not run a turn; it attempts again");
            self.current.wait(delivery);
            return self.backoff.pause_for(HOST_FULL_WAIT);
        }
        self.charge(delivery, fault).await;
    }

    /// Charges the attempt to the message and the restart to the agent.
    async fn charge(&mut self, delivery: Delivery, fault: Fault) {
        self.context.report_fault(&fault, Some(&delivery));
        match retry::after_break(&fault, delivery.attempts) {
            Verdict::GiveUp(fault) => {
                // The message was at fault, so the agent is not charged.
                self.life.refund_restarts(delivery.attempts.broken);
                self.give_up(&delivery, &fault).await;
            }
            Verdict::Again { attempts, .. } => {
                let trial = Attempt { number: delivery.attempt(), is_last: false };
                let error = error_message(&fault, &delivery.message, &self.context.speaker, trial);
                // The attempt count is written to the journal before the failure is reported: who receives the
                // report can rely on the count.
                self.attempt_again(Delivery { attempts, ..delivery });
                // Not awaited: if the report is not written, the next attempt reports again.
                drop(self.context.log.publish(vec![error]));
                self.life.restart_after(&fault, &mut self.backoff);
            }
        }
    }

    /// Keeps a message for another attempt, also after a restart of the host.
    fn attempt_again(&mut self, delivery: Delivery) {
        self.inbox.record_attempts(delivery.message.id, delivery.attempts);
        self.current.wait(delivery);
    }

    /// Ends a message that cannot be served: it becomes a dead letter, and its user gets an error message.
    async fn give_up(&mut self, delivery: &Delivery, fault: &Fault) {
        let context = &self.context;
        if matches!(delivery.topic.as_str(), topic::ERRORS | topic::DEAD_LETTERS) {
            // A failure about a failure is not reported: two agents would report to each other without end.
            tracing::warn!(%fault, agent = %context.spec.id, "a message about a failure failed");
            return self.finish_with(delivery, Commit::default());
        }
        let trial = Attempt { number: delivery.attempt(), is_last: true };
        let view = context.view.borrow().clone();
        let reported = messages_of_failure(context, delivery, fault, trial, &view).await;
        let mut emits = reported.messages;
        let guild = context.log.guild();
        emits.push(dead_letter(guild, fault, &delivery.message, &delivery.topic, &context.speaker, trial));
        context.metrics.dead_lettered();
        let details = json!({"message_id": delivery.message.id, "kind": fault.kind, "attempts": trial.number});
        context.send_event(event::AGENT_DEAD_LETTERED, details);
        let announces = turn_io::announces_states(delivery, &view);
        self.finish_with(delivery, Commit { emits, changes: reported.changes, announces, ..Commit::default() });
    }

    /// Commits the current message, after which the agent is idle.
    fn finish_with(&mut self, delivery: &Delivery, commit: Commit) {
        self.commit(delivery, commit);
        self.current.end();
        self.context.gauges.message_finished();
        self.life.touch();
    }

    /// Passes a turn to the journal's writer and does not wait until it is durable.
    fn commit(&mut self, delivery: &Delivery, commit: Commit) {
        let emitted = (commit.emits.len(), commit.emits.iter().map(Message::stored_bytes).sum());
        let receipt = self.inbox.commit(&delivery.message, commit);
        self.uncommitted.push(receipt, delivery.message.clone(), emitted);
    }

    /// Makes room for another turn: waits for the oldest commits if too many are not durable yet. Cancel safe.
    pub(super) async fn settle_commits(&mut self) {
        let context = &self.context;
        self.uncommitted.settle(|error, message| context.report_unwritten(error, message)).await;
    }

    /// Waits until every commit is durable or has failed. Cancel safe.
    pub(super) async fn settle_all_commits(&mut self) {
        let context = &self.context;
        self.uncommitted.settle_all(|error, message| context.report_unwritten(error, message)).await;
    }

    /// Charges what a turn emitted and pauses the agent if it emits too fast. The first pause is written to its log.
    fn pay(&mut self, delivery: &Delivery, emitted: u64) {
        let per_s = self.context.limits.get(Limit::EmitRate);
        let free = if delivery.message.hops == 0 { Free::Turn } else { Free::Second };
        let Some(pause) = self.pace.charge(emitted, free, per_s, Instant::now().into_std()) else { return };
        self.backoff.pause_for(pause);
        Limit::EmitRate.count();
        if self.pace.is_first_pause() {
            let setting = Limit::EmitRate.row().setting;
            let text = format!(
                "the agent emits much and is paused after such turns: it may emit a weight of 16 a second at once, and \
                 {per_s} a second beyond that (`{setting}`; docs/limits.md has the weights)"
            );
            self.context.write_log(LogLevel::Warn, &text);
        }
    }

    /// Shows that the inbox cannot be read, and pauses.
    pub(super) fn inbox_failed(&mut self, error: &JournalError) {
        tracing::error!(%error, agent = %self.context.spec.id, "an agent's inbox cannot be read");
        let detail = Some("its inbox cannot be read".into());
        self.context.set_health(AgentHealth { status: HealthStatus::Error, detail });
        self.backoff.pause_for(INBOX_WAIT);
    }

    /// Handles a panic of the task: an error of the host, which no other agent feels. It is charged as a trap is, so
    /// that a panic that comes again and again ends. `panic` is its text.
    pub(super) async fn panicked(&mut self, panic: String) {
        let reference = log_reference();
        tracing::error!(panic, reference, agent = %self.context.spec.id, "the task of an agent panicked");
        let fault = Fault::new(FaultKind::HostError, format!("an error of the host, {reference} in its log"));
        self.context.gauges.turn_ended();
        self.life.stage = Stage::Due(StartReason::Restart);
        match self.current.interrupted() {
            Some(delivery) => self.charge(delivery, fault).await,
            None => {
                self.context.report_fault(&fault, None);
                self.life.restart_after(&fault, &mut self.backoff);
            }
        }
    }

    /// Starts an instance. Dropping the future leaves an agent without an instance.
    pub(super) async fn start(&mut self, reason: StartReason) {
        // A relaunch up to now was an answer to earlier failures.
        self.backoff.ignore_past_revivals();
        self.life.start(reason, &mut self.backoff).await;
    }

    /// Unloads the idle instance, as [`Life::unload`].
    pub(super) async fn unload(&mut self) {
        self.life.unload(&mut self.backoff).await;
    }

    /// Asks the guest for its health, as [`Life::heartbeat`].
    pub(super) async fn heartbeat(&mut self) {
        self.life.heartbeat(&mut self.backoff).await;
    }

    /// Changes to another component, as [`Life::swap`].
    pub(super) async fn swap(&mut self, component: Arc<Component>, answer: SwapAnswer) {
        self.life.swap(component, answer, &mut self.backoff).await;
    }
}

/// The input of a turn, with the earlier messages that the message asks for. Cancel safe.
async fn turn_input(context: &Context, delivery: &Delivery, states: &States) -> TurnInput {
    let timeout_ms = u64::try_from(context.limits.turn_timeout().as_millis()).unwrap_or(u64::MAX);
    let mut input = turn_io::turn_input(delivery, timeout_ms, states.agent.clone(), states.guild.clone());
    if let Some(ids) = turn_io::requested_history(&delivery.message) {
        let found = Box::pin(context.log.by_ids(&ids)).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the history of a message cannot be read");
            Vec::new()
        });
        turn_io::add_history(&mut input, &turn_io::history_texts(&ids, &found));
    }
    input
}

/// Runs a turn. If the host shuts down, the turn may end within [`STOP_GRACE`]; then it is cancelled, and its message
/// waits for the next start of the agent. If the agent ends for good, the turn is cancelled at once.
///
/// Dropping the future ends the turn and drops the instance.
async fn receive(
    context: &Context,
    instance: Instance,
    input: TurnInput,
    span: &Span,
) -> (Option<Instance>, TurnOutcome) {
    let canceller = instance.canceller();
    let mut receiving = std::pin::pin!(instance.receive(input).instrument(span.clone()));
    tokio::select! {
        biased;
        outcome = &mut receiving => return outcome,
        () = context.stop.cancelled() => {}
    }
    let grace = if context.has_ended() { Duration::ZERO } else { STOP_GRACE };
    match tokio::time::timeout(grace, &mut receiving).await {
        Ok(outcome) => outcome,
        Err(_) => {
            canceller.cancel();
            receiving.await
        }
    }
}

/// A fault with the reason that the agent gave, and with the limit that its turn had reached.
fn with_limit(fault: Fault, met: Option<LimitMet>) -> Fault {
    match met {
        Some(met) if fault.setting.is_none() => {
            Fault { limit: Some(met.limit), value: Some(met.value), setting: Some(met.setting.to_owned()), ..fault }
        }
        _ => fault,
    }
}

/// A random reference under which people find an error in the host's log.
fn log_reference() -> String {
    format!("{:08x}", rand::random::<u32>())
}

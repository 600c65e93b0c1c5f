//! How an agent serves one message: it is taken, tried, and in the end committed,
//! with what came of it or as a dead letter.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use crate::journal::{Commit, Delivery, GuildLog};
use crate::metrics::Outcome;
use guildhall_model::expression::{Expressions, MAX_TOTAL};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::message::Message;
use guildhall_model::routing::{Attempt, Scope, dead_letter, error_message, failure_messages};
use guildhall_model::{event, topic};
use guildhall_sandbox::{Limit, LimitMet, LogLevel, TurnEnd, Usage};

use super::life::StartReason;
use super::retry::{self, Verdict};
use super::runner::{ControlFlow, Life, Runner};
use super::turn;

/// How long a turn may go on after its agent was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// How long a full host is given before an agent tries again.
pub(super) const HOST_FULL_WAIT: Duration = Duration::from_millis(500);

impl Runner {
    /// Takes a message, unless it is none for this agent.
    pub(super) fn take(&mut self, delivery: Delivery) -> ControlFlow {
        if !self.is_for(&delivery) {
            self.commit(&delivery, Commit::default());
            return ControlFlow::On;
        }
        let now_ms = self.agent.clock.now_ms();
        self.gauges.begin(now_ms, now_ms.saturating_sub(delivery.message.id.timestamp_ms()));
        self.trying = Some(delivery);
        ControlFlow::On
    }

    /// Commits the message that was tried.
    fn finish_with(&mut self, delivery: &Delivery, turn: Commit) {
        self.commit(delivery, turn);
        self.gauges.end();
        self.idle_since = Instant::now();
    }

    /// Has the agent pause for what it says beyond a little in one turn; its log says so
    /// the first time.
    fn pay(&mut self, said: u64) {
        let per_s = self.agent.limits.get(Limit::EmitRate);
        let Some(pause) = self.pace.charge(said, per_s, Instant::now().into_std()) else { return };
        self.rest_for(pause);
        let setting = Limit::EmitRate.row().setting;
        Limit::EmitRate.count();
        if !std::mem::replace(&mut self.is_slowed, true) {
            let words = format!(
                "it says much at once and pauses in between: {per_s} messages, values and KiB a second are taken \
                 of what a turn says beyond 16 of them (`{setting}`)"
            );
            self.note(LogLevel::Warn, &words);
        }
    }

    /// Whether the agent is to act on it; a guild without predicates does not pay for
    /// them.
    fn is_for(&self, delivery: &Delivery) -> bool {
        let spec = &self.agent.spec;
        if spec.predicates.is_empty() {
            let none = Expressions::none();
            return turn::is_for(delivery, spec, &self.speaker, Scope::without_states(&none));
        }
        let (agent, guild) = turn::owners(&spec.id);
        let (agent, guild) = (self.agent.log.state(&agent), self.agent.log.state(&guild));
        self.with_expressions(|expressions| {
            let scope = Scope { expressions, agent_state: &agent, guild_state: &guild };
            turn::is_for(delivery, spec, &self.speaker, scope)
        })
    }

    /// Does work whose expressions share [`MAX_TOTAL`], and writes what failed into the agent's log.
    fn with_expressions<T>(&self, work: impl FnOnce(&Expressions<'_>) -> T) -> T {
        let evaluator = self.agent.sandbox.evaluator();
        let expressions = Expressions::sharing(&*evaluator, MAX_TOTAL);
        let done = work(&expressions);
        for words in expressions.into_failures() {
            self.note(LogLevel::Warn, &format!("an expression of a rule or predicate failed: {words}"));
        }
        done
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

    /// Tries a message once. What is to be tried again is left in `trying`.
    pub(super) async fn attempt(&mut self, delivery: Delivery) -> ControlFlow {
        if let Some(expired) = turn::expired(&delivery.message, self.agent.clock.now_ms()) {
            self.give_up(&delivery, &expired);
            return ControlFlow::On;
        }
        let Life::Live(body) = std::mem::replace(&mut self.life, Life::Due(StartReason::Restart)) else {
            self.trying = Some(delivery);
            return ControlFlow::On;
        };
        let (agent_state, guild_state) = turn::owners(&self.agent.spec.id);
        let budget_ms = u64::try_from(self.agent.limits.turn_timeout().as_millis()).unwrap_or(u64::MAX);
        let states = (self.agent.log.state(&agent_state), self.agent.log.state(&guild_state));
        let mut given = turn::for_guest(&delivery, budget_ms, states.0.clone(), states.1.clone());
        if let Some(history) = Box::pin(Self::enriched(&self.agent.log, &delivery.message)).await {
            turn::enrich(&mut given, &history);
        }
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(delivery.message.clone());
        let span = self.span(&delivery);
        let canceller = body.canceller();
        self.gauges.set_turn(Some((delivery.message.id, canceller.clone())));
        let (body, done) = {
            let mut receiving = std::pin::pin!(body.receive(given).instrument(span.clone()));
            tokio::select! {
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
            }
        };
        self.gauges.set_turn(None);
        if let Some(body) = body {
            self.life = Life::Live(body);
        }
        self.measured(&done.end, &done.usage, &span);
        match done.end {
            TurnEnd::Done { emits, agent_patches, guild_patches, values } => {
                let view = self.agent.view.borrow().clone();
                let patches = [(agent_state, agent_patches), (guild_state, guild_patches)];
                let committed = self.with_expressions(|expressions| {
                    let scope = Scope { expressions, agent_state: &states.0, guild_state: &states.1 };
                    turn::commit_of(emits, patches, &delivery, &self.speaker, &view, scope)
                });
                match committed {
                    Ok(turn) => {
                        let routed: usize = turn.emits.iter().map(Message::weight).sum();
                        self.pay(done.usage.said.max(routed as u64));
                        self.finish_with(&delivery, Commit { values, ..turn });
                    }
                    Err(fault) => {
                        Limit::count_fault(&fault);
                        self.pay(done.usage.said);
                        self.give_up(&delivery, &fault);
                    }
                }
            }
            TurnEnd::Declined(failure) => {
                self.pay(done.usage.said);
                match retry::declined(failure, delivery.tries, self.agent.spec.qos.retry_count) {
                    Verdict::Again { tries, after } => {
                        self.again(Delivery { tries, ..delivery });
                        self.rest_for(after);
                    }
                    Verdict::GiveUp(fault) => self.give_up(&delivery, &naming(fault, done.met)),
                }
            }
            TurnEnd::Cancelled if self.agent.stop.is_cancelled() => return ControlFlow::Stop,
            TurnEnd::Cancelled => self.cancelled(&delivery, &done.usage),
            TurnEnd::Broken(mut fault) => {
                fault.fuel_used = fault.fuel_used.or(Some(done.usage.fuel_used));
                fault.peak_memory_bytes = fault.peak_memory_bytes.or(Some(done.usage.peak_memory_bytes));
                self.broken(delivery, fault);
            }
        }
        ControlFlow::On
    }

    /// What a turn took stands in its span when the host's log is at `debug`.
    fn span(&self, delivery: &Delivery) -> tracing::Span {
        tracing::debug_span!(
            "turn",
            guild = %self.agent.log.guild(),
            agent = %self.agent.spec.id,
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

    fn measured(&self, end: &TurnEnd, usage: &Usage, span: &tracing::Span) {
        let outcome = match end {
            TurnEnd::Done { .. } => Outcome::Done,
            TurnEnd::Declined(_) => Outcome::Declined,
            TurnEnd::Cancelled => Outcome::Cancelled,
            TurnEnd::Broken(_) => Outcome::Broken,
        };
        self.counters.turn(outcome, usage);
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

    /// Keeps a message to try it again, also after a restart of the host.
    fn again(&mut self, delivery: Delivery) {
        self.agent.consumer.record_tries(delivery.message.id, delivery.tries);
        self.trying = Some(delivery);
    }

    fn broken(&mut self, delivery: Delivery, fault: Fault) {
        if retry::is_hosts(&fault) {
            let reference = format!("{:08x}", rand::random::<u32>());
            tracing::error!(%fault, reference, agent = %self.agent.spec.id, "the host could not run a turn; trying again");
            self.trying = Some(delivery);
            return self.rest_for(HOST_FULL_WAIT);
        }
        self.charged(delivery, fault);
    }

    /// Counts the try against the message and the restart against the agent.
    pub(super) fn charged(&mut self, delivery: Delivery, fault: Fault) {
        self.fault(&fault, Some(&delivery));
        match retry::broken(&fault, delivery.tries) {
            Verdict::GiveUp(fault) => {
                // It was the message, so the agent does not pay for it.
                self.budget.refund(delivery.tries.broken);
                self.give_up(&delivery, &fault);
            }
            Verdict::Again { tries, .. } => {
                let trial = Attempt { number: delivery.attempt(), is_last: false };
                let error = error_message(&fault, &delivery.message, &self.speaker, trial);
                // Noted first: who has been told of a try can rely on its being counted.
                self.again(Delivery { tries, ..delivery });
                // Told whether or not it is written: the next try says it again.
                drop(self.agent.log.publish(vec![error]));
                self.restart_after(&fault);
            }
        }
    }

    /// Somebody ended the turn. Its message is kept as a dead letter, which can be
    /// replayed; the agent goes on with a new instance and does not pay.
    fn cancelled(&mut self, delivery: &Delivery, usage: &Usage) {
        let text = format!("the turn was cancelled after {} ms by the operator", usage.wall.as_millis());
        let mut fault = Fault::new(FaultKind::Cancelled, text);
        fault.fuel_used = Some(usage.fuel_used);
        fault.peak_memory_bytes = Some(usage.peak_memory_bytes);
        self.agent.metrics.fault(fault.kind);
        self.note(LogLevel::Warn, &fault.to_string());
        self.tell(event::AGENT_CANCELLED, serde_json::json!({"message_id": delivery.message.id}));
        self.give_up(delivery, &fault);
    }

    /// Ends a message that cannot be served: it becomes a dead letter, and the
    /// user is told.
    fn give_up(&mut self, delivery: &Delivery, fault: &Fault) {
        if matches!(delivery.topic.as_str(), topic::ERRORS | topic::DEAD_LETTERS) {
            // A failure about a failure is said no further: two agents would tell
            // each other for ever.
            tracing::warn!(%fault, agent = %self.agent.spec.id, "a message about a failure failed");
            return self.finish_with(delivery, Commit::default());
        }
        let trial = Attempt { number: delivery.attempt(), is_last: true };
        let view = self.agent.view.borrow().clone();
        let said = self.with_expressions(|expressions| {
            let scope = Scope::without_states(expressions);
            failure_messages(fault, &delivery.message, &delivery.topic, &self.speaker, &view, trial, scope)
        });
        let mut emits = said.messages;
        let guild = self.agent.log.guild();
        emits.push(dead_letter(guild, fault, &delivery.message, &delivery.topic, &self.speaker, trial));
        self.agent.metrics.dead_lettered();
        self.tell(
            event::AGENT_DEAD_LETTERED,
            serde_json::json!({"message_id": delivery.message.id, "kind": fault.kind, "attempts": trial.number}),
        );
        let announces = turn::is_told(delivery, &view);
        self.finish_with(delivery, Commit { emits, changes: said.changes, announces, ..Commit::default() });
    }

    pub(super) fn settle(&self, outcome: Result<(), crate::journal::JournalError>, message: &Message) {
        if let Err(error) = outcome {
            tracing::error!(%error, message = %message.id, "a turn could not be written");
            let fault = Fault::new(FaultKind::HostError, format!("the turn could not be written: {error}"));
            let trial = Attempt { number: 1, is_last: false };
            drop(self.agent.log.publish(vec![error_message(&fault, message, &self.speaker, trial)]));
        }
    }
}

/// A fault in the agent's own words, with the limit that its turn had met.
fn naming(fault: Fault, met: Option<LimitMet>) -> Fault {
    match met {
        Some(met) if fault.setting.is_none() => {
            Fault { limit: Some(met.limit), value: Some(met.value), setting: Some(met.setting.to_owned()), ..fault }
        }
        _ => fault,
    }
}

//! What an agent's task tells: its health, events, the log, and what the guest says in
//! the middle of a turn. And what its instances are set up with.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use crate::journal::Delivery;
use guildhall_model::fault::Fault;
use guildhall_model::message::Message;
use guildhall_model::routing::Sender;
use guildhall_model::topic::Topics;
use guildhall_model::{event, topic};
use guildhall_sandbox::{Identity, LogLevel, LogLine, Progress, Setup};

use super::gauges::AgentHealth;
use super::logs::{LogWriter, Source};
use super::runner::{Report, ReportKind, Runner};
use super::turn;

impl Runner {
    pub(super) fn show(&self, health: AgentHealth) {
        if self.gauges.set(health) {
            self.report(ReportKind::Changed);
        }
    }

    pub(super) fn report(&self, kind: ReportKind) {
        // Nobody listens any more when the guild is gone.
        let _ = self.agent.reports.send(Report { agent: self.agent.spec.id.clone(), kind });
    }

    /// Tells an event to the sockets that want to know.
    pub(super) fn tell(&self, event: &str, details: Value) {
        self.agent.log.signal(event::message(event, &self.speaker.tag, self.agent.clock.now_ms(), details));
    }

    /// Writes a line of the host's into the agent's log.
    pub(super) fn note(&self, level: LogLevel, text: &str) {
        self.logs.write(level, Source::Host, text);
    }

    /// Counts and tells what ended an instance.
    pub(super) fn fault(&self, fault: &Fault, delivery: Option<&Delivery>) {
        let message = delivery.map(|delivery| delivery.message.id);
        tracing::warn!(%fault, agent = %self.agent.spec.id, ?message, "an agent broke");
        self.agent.metrics.fault(fault.kind);
        self.note(LogLevel::Error, &fault.to_string());
        let mut details = json!({"fault": fault});
        if let Some(delivery) = delivery {
            details["message_id"] = json!(delivery.message.id);
            details["attempt"] = json!(delivery.attempt());
        }
        self.tell(event::of_fault(fault), details);
    }

    pub(super) fn setup(&self) -> Setup {
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
            properties: Value::Object(agent.spec.properties.clone()).to_string(),
            limits: agent.limits.clone(),
            asked: agent.spec.sandbox.clone().unwrap_or_default(),
            values: agent.log.values().clone(),
            guild_memory: agent.guild_memory.clone(),
            progress: Some(self.progress_sink()),
            log: log_sink(agent.log.guild().to_string(), agent.spec.id.to_string(), self.logs.clone()),
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
}

/// Writes what a guest prints to the agent's log and to the host's.
fn log_sink(guild: String, agent: String, logs: LogWriter) -> Arc<dyn Fn(LogLine) + Send + Sync> {
    Arc::new(move |line: LogLine| {
        match line.level {
            LogLevel::Debug => tracing::debug!(target: "guildhall::guest", guild, agent, "{}", line.text),
            LogLevel::Info => tracing::info!(target: "guildhall::guest", guild, agent, "{}", line.text),
            LogLevel::Warn => tracing::warn!(target: "guildhall::guest", guild, agent, "{}", line.text),
            LogLevel::Error => tracing::error!(target: "guildhall::guest", guild, agent, "{}", line.text),
        }
        logs.write(line.level, Source::Agent, &line.text);
    })
}

/// What a turn wants its user to see at once: never stored, not in order with
/// what it emits.
fn progress_message(progress: Progress, origin: &Message, speaker: &Sender) -> Option<Message> {
    let user = origin.user.as_ref()?;
    let payload = serde_json::value::RawValue::from_string(progress.payload).ok()?;
    let topics = Topics::Many(vec![topic::user_notifications(user)]);
    let mut message = Message::draft(speaker.tag.clone(), topics, progress.format, payload);
    message.in_response_to = Some(origin.id);
    message.thread = origin.full_thread();
    message.user = Some(user.clone());
    Some(message)
}

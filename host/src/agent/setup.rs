//! What an agent's instances are set up with: identity, limits, states, and the sinks for what the guest prints and for
//! the progress that it shows in the middle of a turn.

use std::sync::Arc;

use serde_json::Value;

use guildhall_model::message::Message;
use guildhall_model::routing::Sender;
use guildhall_model::status::ProcessStatus;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_sandbox::{Identity, LogLevel, LogLine, Progress, Setup};

use super::context::Context;
use super::logs::{LogWriter, Source};
use super::turn_io;

/// The setup of a new instance, with the states as they are now.
pub(super) fn instance_setup(context: &Context) -> Setup {
    let (agent_state, guild_state) = turn_io::state_owners(&context.spec.id);
    let (guild, agent) = (context.log.guild().to_string(), context.spec.id.to_string());
    Setup {
        identity: Identity {
            guild_id: guild.clone(),
            guild_name: context.view.borrow().name.clone(),
            agent_id: agent.clone(),
            agent_name: context.spec.name.clone(),
            class_name: context.spec.class_name.clone(),
        },
        properties: Value::Object(context.spec.properties.clone()).to_string(),
        limits: context.limits.clone(),
        asked: context.spec.sandbox.clone().unwrap_or_default(),
        values: context.log.values().clone(),
        guild_memory: context.guild_memory.clone(),
        progress: Some(progress_sink(context)),
        log: log_sink(guild, agent, context.logs.clone()),
        agent_state: context.log.state(&agent_state),
        guild_state: context.log.state(&guild_state),
    }
}

/// Sends the progress of the running turn to the user whose message it serves.
fn progress_sink(context: &Context) -> Arc<dyn Fn(Progress) + Send + Sync> {
    let (gauges, log, speaker) = (context.gauges.clone(), context.log.clone(), context.speaker.clone());
    Arc::new(move |progress| {
        let origin = gauges.running_message();
        if let Some(message) = origin.and_then(|origin| progress_message(progress, &origin, &speaker)) {
            log.signal(message);
        }
    })
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

/// The ephemeral message that shows progress to the user of `origin`; `None` if no user began the thread or the payload
/// is not JSON. It is never stored, and it has no order with the messages that the turn emits.
fn progress_message(progress: Progress, origin: &Message, speaker: &Sender) -> Option<Message> {
    let user = origin.user.as_ref()?;
    let payload = serde_json::value::RawValue::from_string(progress.payload).ok()?;
    let topics = Topics::Many(vec![topic::user_notifications(user)]);
    let mut message = Message::draft(speaker.tag.clone(), topics, progress.format, payload);
    message.in_response_to = Some(origin.id);
    message.thread = origin.full_thread();
    message.user = Some(user.clone());
    // The answer itself has another status, so a client knows what it replaces.
    message.process_status = Some(ProcessStatus::Running);
    Some(message)
}

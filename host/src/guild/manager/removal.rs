//! The end of one agent that was removed: its task ends, the users whose messages waited for it are told, and its cursor is
//! removed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::member::Member;
use crate::agent::Notices;
use crate::journal::GuildLog;
use crate::metrics::Metrics;
use guildhall_model::clock::Clock;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::ids::AgentId;
use guildhall_model::message::Message;
use guildhall_model::routing::{Attempt, Sender, error_message, subscriptions};
use guildhall_model::spec::AgentSpec;
use guildhall_model::tag::AgentTag;

/// How long the task of an agent may take to end before it is abandoned.
const END_WITHIN: Duration = Duration::from_secs(8);
/// The most messages of a removed agent whose users are told.
const MAX_TOLD: usize = 256;
/// How long the next of these messages may take.
const TOLD_WITHIN: Duration = Duration::from_millis(200);

/// An agent that is being removed.
pub(super) struct Removal {
    pub(super) member: Member,
    /// The tag of the guild's manager, which tells the users.
    pub(super) tag: AgentTag,
    pub(super) log: GuildLog,
    pub(super) notices: Arc<Notices>,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    /// The removed agents whose tasks have not ended.
    pub(super) ending: Arc<Mutex<HashSet<AgentId>>>,
}

impl Removal {
    /// Completes the removal. Dropping the future leaves the cursor, and some users untold.
    pub(super) async fn finish(self) {
        let spec = &self.member.spec;
        if tokio::time::timeout(END_WITHIN, self.member.task.wait()).await.is_err() {
            tracing::error!(agent = %spec.id, "an agent did not end in time; its task is abandoned");
        }
        self.tell(spec).await;
        self.log.forget_consumer(&spec.id);
        self.ending.lock().remove(&spec.id);
    }

    /// Tells the users whose messages wait for the agent.
    async fn tell(&self, spec: &AgentSpec) {
        let Ok(mut inbox) = self.log.consume(&spec.id, subscriptions(spec)).await else { return };
        for _ in 0..inbox.lag().messages().min(MAX_TOLD) {
            // What is counted and was the agent's own does not come.
            let Ok(Ok(delivery)) = tokio::time::timeout(TOLD_WITHIN, inbox.next()).await else { return };
            self.tell_about(spec, &delivery.message);
        }
    }

    fn tell_about(&self, spec: &AgentSpec, message: &Message) {
        let Some(user) = message.user.as_ref().filter(|_| !message.is_error) else { return };
        self.metrics.fault(FaultKind::AgentUnavailable);
        if !self.notices.admit(user, Some(message.id), self.clock.now_ms()) {
            return;
        }
        let text = format!("the agent {} was removed before it handled the message; write to another", spec.name);
        let fault = Fault::new(FaultKind::AgentUnavailable, text);
        let speaker = Sender {
            id: AgentId::manager_of(self.log.guild()),
            tag: self.tag.clone(),
            class_name: format::MANAGER_CLASS.to_owned(),
            method: "remove_agent",
            to_default: false,
        };
        let attempt = Attempt { number: 1, is_last: false };
        // Not awaited: the writer writes it anyway.
        drop(self.log.publish(vec![error_message(&fault, message, &speaker, attempt)]));
    }
}

//! What is left in the inbox of an agent that was removed: the users whose messages wait there are told. The inbox
//! itself is removed afterwards.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::Notices;
use crate::journal::GuildLog;
use crate::metrics::Metrics;
use guildhall_model::clock::Clock;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::ids::AgentId;
use guildhall_model::routing::{Attempt, Sender, error_message, subscriptions};
use guildhall_model::spec::AgentSpec;
use guildhall_model::tag::AgentTag;

/// The most messages of a removed agent whose users are told.
const MAX_TOLD: usize = 256;
/// How long the next of these messages may take.
const TOLD_WITHIN: Duration = Duration::from_millis(200);

/// An agent that was removed, and the ways to tell about it.
pub(super) struct Removal {
    pub(super) spec: AgentSpec,
    pub(super) log: GuildLog,
    pub(super) notices: Arc<Notices>,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
}

impl Removal {
    /// Tells the users whose messages wait for the agent. Its task has ended. Dropping the future leaves some untold.
    pub(super) async fn tell(self) {
        let Ok(mut inbox) = self.log.consume(&self.spec.id, subscriptions(&self.spec)).await else { return };
        for _ in 0..inbox.lag().messages().min(MAX_TOLD) {
            // What is counted and was the agent's own does not come.
            let Ok(Ok(delivery)) = tokio::time::timeout(TOLD_WITHIN, inbox.next()).await else { return };
            let message = &delivery.message;
            let Some(user) = message.user.as_ref().filter(|_| !message.is_error) else { continue };
            self.metrics.fault(FaultKind::AgentUnavailable);
            if self.notices.admit(user, Some(message.id), self.clock.now_ms()) {
                let name = &self.spec.name;
                let text = format!("the agent {name} was removed before it handled the message; write to another");
                let fault = Fault::new(FaultKind::AgentUnavailable, text);
                let trial = Attempt { number: 1, is_last: false };
                // Not awaited: the writer writes it anyway.
                drop(self.log.publish(vec![error_message(&fault, message, &self.manager(), trial)]));
            }
        }
    }

    fn manager(&self) -> Sender {
        let guild = self.log.guild();
        Sender {
            id: AgentId::manager_of(guild),
            tag: AgentTag::manager_of(guild),
            class_name: format::MANAGER_CLASS.to_owned(),
            method: "remove_agent",
            to_default: false,
        }
    }
}

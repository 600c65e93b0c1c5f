//! The inbox of an agent that does not run until it is revived. It is watched and not read: users whose messages wait
//! there are told why, and the messages stay.

use crate::journal::{Attempts, Delivery, JournalError, Tail, TailEvent};
use guildhall_model::expression::Expressions;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::routing::{Scope, subscriptions};
use guildhall_model::topic;

use super::turn_io;
use super::worker::Worker;

impl Worker {
    /// Begins to watch the inbox of an agent that does not run: users whose messages wait are told why. Their messages
    /// stay in the inbox.
    pub(super) fn watch_inbox(&mut self) -> Box<Tail> {
        let tail = Box::new(self.context.log.tail(subscriptions(&self.context.spec), None));
        let waiting: Vec<Delivery> =
            self.current.waiting().cloned().into_iter().chain(self.inbox.in_memory()).collect();
        for delivery in waiting {
            self.tell_waiting(&delivery);
        }
        tail
    }

    /// Handles what a watched inbox receives. An observer that lagged watches anew.
    pub(super) fn watched(&mut self, event: Result<TailEvent, JournalError>, tail: &mut Box<Tail>) {
        match event {
            Ok(TailEvent::Message { message, topic }) => {
                self.tell_waiting(&Delivery { message, topic, attempts: Attempts::default() });
            }
            Ok(TailEvent::Passed) => {}
            Ok(TailEvent::Lagged) => *tail = self.watch_inbox(),
            // The inbox itself is kept; whoever writes next is told.
            Err(error) => {
                tracing::error!(%error, agent = %self.context.spec.id, "the inbox of a failed agent cannot be watched");
                **tail = self.context.log.tail(subscriptions(&self.context.spec), None);
            }
        }
    }

    /// Tells a user that the agent which his message waits for does not run.
    fn tell_waiting(&self, delivery: &Delivery) {
        let (context, message) = (&self.context, &delivery.message);
        let is_own = message.sender.id.as_deref() == Some(context.spec.id.as_str());
        if is_own || message.user.is_none() || message.is_error || topic::is_reserved(&delivery.topic) {
            return;
        }
        // A predicate that is an expression is not evaluated: the agent would be charged, and it does not run.
        let (spec, none) = (&context.spec, Expressions::none());
        let is_for_it = turn_io::has_predicate_expression(spec, &context.speaker)
            || turn_io::accepts(delivery, spec, &context.speaker, Scope::without_states(&none));
        if !is_for_it {
            return;
        }
        let health = context.gauges.health();
        let text = format!(
            "the agent {} does not run ({}); the message waits until the agent is mended and the guild is relaunched",
            context.spec.name,
            health.detail.as_deref().unwrap_or("it has failed"),
        );
        if let Some(notice) = context.notice(&Fault::new(FaultKind::AgentUnavailable, text), message) {
            // Not awaited: the writer writes it anyway.
            drop(context.log.publish(vec![notice]));
        }
    }
}

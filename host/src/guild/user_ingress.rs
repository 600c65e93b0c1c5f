//! The ingress for the users of a guild that runs here: it routes their messages. It runs under the guild's lock, so it
//! must not use the log.

use std::sync::Arc;

use tokio::sync::watch;

use crate::agent::Notices;
use crate::journal::Ingress;
use crate::metrics::Metrics;
use guildhall_model::clock::Clock;
use guildhall_model::draft::UserDraft;
use guildhall_model::expression::{Evaluate, Expressions, MAX_TOTAL};
use guildhall_model::fault::Fault;
use guildhall_model::routing::{self, GuildView, Routed, Scope};
use guildhall_sandbox::Limit;

/// Routes the messages of users by the members and rules of the guild as they are now.
pub struct UserIngress {
    view: watch::Receiver<Arc<GuildView>>,
    evaluator: Arc<dyn Evaluate>,
    notices: Arc<Notices>,
    metrics: Metrics,
    clock: Clock,
}

impl UserIngress {
    /// An ingress that follows the guild's view.
    pub const fn new(
        view: watch::Receiver<Arc<GuildView>>,
        evaluator: Arc<dyn Evaluate>,
        notices: Arc<Notices>,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self { view, evaluator, notices, metrics, clock }
    }

    /// Adds the error for the user if the message goes nowhere.
    fn tell(&self, routed: &mut Routed, view: &GuildView) {
        let Some(fault) = routed.lost.take() else { return };
        self.metrics.fault(fault.kind);
        tracing::info!(guild = %view.id, %fault, "a user's message goes nowhere");
        let user = routed.first.user.as_ref();
        if user.is_some_and(|user| self.notices.admit(user, None, self.clock.now_ms())) {
            routed.others.push(routing::lost_message(&fault, &routed.first, &view.id));
        }
    }
}

impl Ingress for UserIngress {
    fn route(&self, draft: UserDraft, guild_state: &str) -> Result<Routed, Fault> {
        let view = self.view.borrow().clone();
        let expressions = Expressions::sharing(&*self.evaluator, MAX_TOTAL);
        let mut routed =
            routing::route_user_message(draft, &view, Scope { guild_state, ..Scope::without_states(&expressions) });
        let failed = expressions.into_failures();
        if !failed.is_empty() {
            tracing::info!(guild = %view.id, ?failed, "expressions failed while a user's message was routed");
        }
        if let Ok(routed) = &mut routed {
            self.tell(routed, &view);
        }
        routed
    }

    fn refused(&self, fault: &Fault) {
        Limit::count_fault(fault);
    }
}

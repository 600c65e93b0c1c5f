//! The ingress for the users of a guild that runs here: it routes their messages. It runs under the guild's lock, so it
//! must not use the log.

use std::sync::Arc;

use tokio::sync::watch;

use crate::journal::Ingress;
use guildhall_model::draft::UserDraft;
use guildhall_model::expression::{Evaluate, Expressions, MAX_TOTAL};
use guildhall_model::fault::Fault;
use guildhall_model::routing::{self, GuildView, Routed, Scope};
use guildhall_sandbox::Limit;

/// Routes the messages of users by the members and rules of the guild as they are now.
pub struct UserIngress {
    view: watch::Receiver<Arc<GuildView>>,
    evaluator: Arc<dyn Evaluate>,
}

impl UserIngress {
    /// An ingress that follows the guild's view.
    pub const fn new(view: watch::Receiver<Arc<GuildView>>, evaluator: Arc<dyn Evaluate>) -> Self {
        Self { view, evaluator }
    }
}

impl Ingress for UserIngress {
    fn route(&self, draft: UserDraft, guild_state: &str) -> Result<Routed, Fault> {
        let view = self.view.borrow().clone();
        let expressions = Expressions::sharing(&*self.evaluator, MAX_TOTAL);
        let routed =
            routing::route_user_message(draft, &view, Scope { guild_state, ..Scope::without_states(&expressions) });
        let failed = expressions.into_failures();
        if !failed.is_empty() {
            tracing::info!(guild = %view.id, ?failed, "expressions failed while a user's message was routed");
        }
        routed
    }

    fn refused(&self, fault: &Fault) {
        Limit::count_fault(fault);
    }
}

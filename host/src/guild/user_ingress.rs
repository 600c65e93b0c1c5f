//! The ingress for the users of a guild that runs here: it routes their messages. It runs under the guild's lock, so it
//! must not use the log.

use std::sync::Arc;

use tokio::sync::watch;

use crate::journal::Ingress;
use guildhall_model::draft::UserDraft;
use guildhall_model::expression::{Evaluate, Expressions, MAX_TOTAL};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::ids::{AgentId, MessageId};
use guildhall_model::message::Message;
use guildhall_model::routing::{self, Attempt, GuildView, Routed, Scope, Sender};
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
        let mut routed =
            routing::route_user_message(draft, &view, Scope { guild_state, ..Scope::without_states(&expressions) });
        let failed = expressions.into_failures();
        if !failed.is_empty() {
            tracing::info!(guild = %view.id, ?failed, "expressions failed while a user's message was routed");
            if let Ok(routed) = &mut routed {
                let error = failure_of(&failed, &routed.first);
                routed.others.push(error);
            }
        }
        routed
    }

    fn refused(&self, fault: &Fault) {
        Limit::count_fault(fault);
    }
}

/// Returns the message that tells a user which expressions failed. Like the copies of the rules it answers the user's
/// message, whose id the log sets.
fn failure_of(failed: &[String], message: &Message) -> Message {
    let text = format!("a rule passed nothing on, because its expression failed: {}", failed.join("; "));
    let fault = Fault::new(FaultKind::InvalidPayload, text);
    let sender = Sender {
        id: message.user.as_ref().map_or_else(|| AgentId::from(""), AgentId::proxy_of),
        tag: message.sender.clone(),
        class_name: format::USER_PROXY_CLASS.to_owned(),
        method: "unwrap_and_forward_message",
        to_default: false,
    };
    let mut error = routing::error_message(&fault, message, &sender, Attempt { number: 1, is_last: true });
    error.thread.clone_from(&message.thread);
    error.in_response_to = Some(MessageId::default());
    error
}

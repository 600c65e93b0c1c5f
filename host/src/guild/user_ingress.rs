//! The ingress for the users of a guild that runs here: it routes their messages. It must not use the log.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::agent::Notices;
use crate::journal::Ingress;
use crate::metrics::Metrics;
use guildhall_model::clock::Clock;
use guildhall_model::draft::UserDraft;
use guildhall_model::expression::{Expressions, MAX_TOTAL};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::routing::{self, GuildView, Routed, Scope};
use guildhall_sandbox::{Limit, Sandbox};

/// How long a user's message waits for its expressions before it is refused.
const EVALUATED_WITHIN: Duration = Duration::from_secs(10);

/// Routes the messages of users by the members and rules of the guild as they are now.
pub struct UserIngress {
    view: watch::Receiver<Arc<GuildView>>,
    sandbox: Sandbox,
    notices: Arc<Notices>,
    metrics: Metrics,
    clock: Clock,
}

impl UserIngress {
    /// An ingress that follows the guild's view. The sandbox evaluates the expressions of rules.
    pub const fn new(
        view: watch::Receiver<Arc<GuildView>>,
        sandbox: Sandbox,
        notices: Arc<Notices>,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self { view, sandbox, notices, metrics, clock }
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

    /// Routes a message whose rules have expressions, away from the server's threads.
    async fn evaluate(&self, draft: UserDraft, view: Arc<GuildView>, guild_state: Arc<str>) -> Result<Routed, Fault> {
        let guild = view.id.clone();
        let route = move |expressions: &Expressions<'_>| {
            let scope = Scope { guild_state: &guild_state, ..Scope::without_states(expressions) };
            (routing::route_user_message(draft, &view, scope), expressions.take_failures())
        };
        let routed = self.sandbox.evaluations();
        let routed = routed.run(guild.as_str(), MAX_TOTAL, route);
        match tokio::time::timeout(EVALUATED_WITHIN, routed).await {
            Ok(Ok((routed, failed))) => {
                if !failed.is_empty() {
                    tracing::info!(%guild, ?failed, "expressions failed while a user's message was routed");
                }
                routed
            }
            Ok(Err(error)) => Err(Fault::new(FaultKind::HostError, format!("the message was not routed: {error}"))),
            Err(_) => {
                let limit = self.sandbox.ceilings().get(Limit::Evaluations);
                let text = format!(
                    "the expressions of the message waited for {} s: the guild may evaluate {limit} at the same time \
                     (`guild.evaluations`)",
                    EVALUATED_WITHIN.as_secs()
                );
                Err(Limit::Evaluations.fault(limit, None, text))
            }
        }
    }
}

impl Ingress for UserIngress {
    fn route(&self, draft: UserDraft, guild_state: Arc<str>) -> BoxFuture<'_, Result<Routed, Fault>> {
        let view = self.view.borrow().clone();
        if routing::user_message_has_expressions(&draft, &view) {
            return Box::pin(async move {
                let mut routed = self.evaluate(draft, view.clone(), guild_state).await?;
                self.tell(&mut routed, &view);
                Ok(routed)
            });
        }
        let none = Expressions::none();
        let mut routed = routing::route_user_message(draft, &view, Scope::without_states(&none));
        if let Ok(routed) = &mut routed {
            self.tell(routed, &view);
        }
        Box::pin(ready(routed))
    }

    fn refused(&self, fault: &Fault) {
        Limit::count_fault(fault);
    }
}

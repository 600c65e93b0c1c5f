//! Routes what comes out of a turn. If a rule may have an expression, all of it is done away from the server's threads;
//! most turns have none and pay nothing.

use std::sync::Arc;

use crate::journal::Delivery;
use guildhall_model::expression::{Cost, ExpressionError, Expressions};
use guildhall_model::fault::Fault;
use guildhall_model::routing::{Attempt, GuildView, RoutedTurn, Scope, failure_messages};

use super::context::Context;
use super::turn_io::{self, TurnResults, WeighedCommit};

/// The states of the agent and of the guild as a turn sees them, JSON objects.
#[derive(Clone)]
pub(super) struct States {
    pub(super) agent: Arc<str>,
    pub(super) guild: Arc<str>,
}

impl States {
    pub(super) fn of(context: &Context) -> Self {
        let (agent, guild) = turn_io::state_owners(&context.spec.id);
        Self { agent: context.log.state(&agent), guild: context.log.state(&guild) }
    }

    pub(super) fn scope<'s>(&'s self, expressions: &'s Expressions<'s>) -> Scope<'s> {
        Scope { expressions, agent_state: &self.agent, guild_state: &self.guild }
    }
}

/// Routes the results of a turn. Returns also what the expressions have cost. Dropping the future loses the results.
///
/// # Errors
/// The routing panicked, or the host shuts down.
pub(super) async fn commit_of(
    context: &Arc<Context>,
    results: TurnResults,
    delivery: &Delivery,
    states: &States,
) -> Result<(Result<WeighedCommit, Fault>, Cost), ExpressionError> {
    let view = context.view.borrow().clone();
    if !turn_io::has_expressions(delivery, &view) {
        let none = Expressions::none();
        let commit = turn_io::commit_of(results, delivery, &context.speaker, &view, states.scope(&none));
        return Ok((commit, Cost::default()));
    }
    let (shared, delivery, states) = (context.clone(), delivery.clone(), states.clone());
    let commit = move |expressions: &Expressions<'_>| {
        turn_io::commit_of(results, &delivery, &shared.speaker, &view, states.scope(expressions))
    };
    Box::pin(context.with_expressions(commit)).await
}

/// The messages about a message that is given up, by the rules of its slip.
pub(super) async fn messages_of_failure(
    context: &Arc<Context>,
    delivery: &Delivery,
    fault: &Fault,
    trial: Attempt,
    view: &Arc<GuildView>,
) -> RoutedTurn {
    if !turn_io::has_expressions(delivery, view) {
        let none = Expressions::none();
        let scope = Scope::without_states(&none);
        return failure_messages(fault, &delivery.message, &delivery.topic, &context.speaker, view, trial, scope);
    }
    let (shared, delivery, fault, view) = (context.clone(), delivery.clone(), fault.clone(), view.clone());
    let routed = move |expressions: &Expressions<'_>| {
        let scope = Scope::without_states(expressions);
        failure_messages(&fault, &delivery.message, &delivery.topic, &shared.speaker, &view, trial, scope)
    };
    match Box::pin(context.with_expressions(routed)).await {
        Ok((routed, _)) => routed,
        Err(error) => {
            tracing::error!(%error, agent = %context.spec.id, "an error message could not be routed");
            RoutedTurn::default()
        }
    }
}

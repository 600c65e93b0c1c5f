//! The way in for users of a guild that runs here.

use std::sync::Arc;

use tokio::sync::watch;

use crate::journal::{Ingress, Routed};
use crate::model::draft::UserDraft;
use crate::model::expression::together;
use crate::model::fault::Fault;
use crate::routing::{self, GuildView};

/// Routes users' words by the guild as it is now.
pub struct Gate(watch::Receiver<Arc<GuildView>>);

impl Gate {
    pub const fn new(view: watch::Receiver<Arc<GuildView>>) -> Self {
        Self(view)
    }
}

impl Ingress for Gate {
    fn route(&self, draft: UserDraft, guild_state: &str) -> Result<Routed, Fault> {
        let view = self.0.borrow().clone();
        let (entered, failed) = together(|| routing::enter(draft, &view, guild_state));
        if !failed.is_empty() {
            tracing::info!(guild = %view.id, ?failed, "expressions failed as a user spoke");
        }
        let entered = entered?;
        Ok(Routed { first: entered.first, others: entered.others, changes: entered.changes })
    }
}

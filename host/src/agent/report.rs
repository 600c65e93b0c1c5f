//! What an agent's task reports to the manager of its guild.

use guildhall_model::ids::{AgentId, Digest};

use super::handle::{SwapAnswer, SwapError};

/// A report of an agent's task. The channel for reports is unbounded: a task sends one report for each change of the
/// agent's health, one for each answer to a command, and one when it ends.
pub struct Report {
    /// The agent that reports.
    pub agent: AgentId,
    /// What happened.
    pub kind: ReportKind,
}

/// What happened to an agent.
pub enum ReportKind {
    /// The agent's health has changed.
    Changed,
    /// The guest has answered a heartbeat.
    Answered,
    /// The agent runs another component. The receiver stores the digest and then confirms the swap.
    Swapped {
        /// The component that runs now.
        component: Digest,
        /// Completes the request for the swap.
        confirm: Confirm,
    },
    /// The task has ended.
    Ended,
}

/// Tells the caller of [`super::Handle::swap`] that the swap is done and stored.
pub struct Confirm(pub(super) SwapAnswer);

impl Confirm {
    /// Sends the confirmation. A caller that no longer waits is ignored.
    pub fn confirm(self) {
        let _ = self.0.send(Ok(()));
    }

    /// Reports that the swap could not be stored, and why.
    pub fn not_stored(self, reason: String) {
        let _ = self.0.send(Err(SwapError::NotStored(reason)));
    }
}

//! What the host measures of an agent: numbers that the agent's task writes and the manager reads, without either
//! waiting for the other. It also holds the running turn, which others may cancel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use guildhall_model::health::HealthStatus;
use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::status::AgentStatus;
use guildhall_sandbox::{Canceller, Usage};

use super::totals::TurnTotals;
use crate::metrics::Outcome;

/// The health of an agent, as far as its task knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentHealth {
    /// The status of the last heartbeat, or what the task did last.
    pub status: HealthStatus,
    /// A text for people, if there is something to explain.
    pub detail: Option<String>,
}

impl AgentHealth {
    /// A health without a detail.
    #[must_use]
    pub const fn without_detail(status: HealthStatus) -> Self {
        Self { status, detail: None }
    }

    /// The status that the store keeps for an agent of this health.
    #[must_use]
    pub const fn stored_status(&self) -> AgentStatus {
        match self.status {
            HealthStatus::Ok | HealthStatus::Warning | HealthStatus::Backlogged => AgentStatus::Running,
            HealthStatus::Starting => AgentStatus::Starting,
            HealthStatus::PendingLaunch => AgentStatus::NotLaunched,
            HealthStatus::Error | HealthStatus::Unknown => AgentStatus::Error,
        }
    }
}

/// Whether the agent's task has anything to do besides its inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// It works, starts an instance or pauses for a time.
    #[default]
    No,
    /// It waits for a message. From this time on, in Unix milliseconds, nothing is lost if the task ends.
    From(u64),
    /// It has failed for this reason and waits for the guild to be relaunched.
    Failed(String),
}

/// The measurements of one agent.
pub struct AgentGauges {
    /// When the message in work was taken, in Unix milliseconds; 0: the agent is idle.
    busy_since_ms: AtomicU64,
    /// How long the last message had waited when it was taken.
    waited_ms: AtomicU64,
    health: Mutex<AgentHealth>,
    rest: Mutex<Rest>,
    turn: Mutex<Option<RunningTurn>>,
    totals: Mutex<TurnTotals>,
}

/// The turn that runs.
struct RunningTurn {
    message: Arc<Message>,
    canceller: Canceller,
}

impl Default for AgentGauges {
    fn default() -> Self {
        Self {
            busy_since_ms: AtomicU64::new(0),
            waited_ms: AtomicU64::new(0),
            health: Mutex::new(AgentHealth::without_detail(HealthStatus::Starting)),
            rest: Mutex::default(),
            turn: Mutex::new(None),
            totals: Mutex::default(),
        }
    }
}

impl AgentGauges {
    /// Notes that the agent took a message which had waited this long.
    pub fn message_taken(&self, now_ms: u64, waited_ms: u64) {
        self.busy_since_ms.store(now_ms.max(1), Ordering::Relaxed);
        self.waited_ms.store(waited_ms, Ordering::Relaxed);
    }

    /// Notes that the message is committed and the agent is idle.
    pub fn message_finished(&self) {
        self.busy_since_ms.store(0, Ordering::Relaxed);
    }

    /// Notes the turn that runs, with what can cancel it.
    pub fn turn_started(&self, message: Arc<Message>, canceller: Canceller) {
        *self.turn.lock() = Some(RunningTurn { message, canceller });
    }

    /// Notes that no turn runs.
    pub fn turn_ended(&self) {
        *self.turn.lock() = None;
    }

    /// Counts a turn that has ended.
    pub(super) fn count_turn(&self, outcome: Outcome, usage: &Usage) {
        self.totals.lock().count(outcome, usage);
    }

    /// What the turns have used since the agent's task began.
    #[must_use]
    pub fn totals(&self) -> TurnTotals {
        *self.totals.lock()
    }

    /// The message that the running turn serves; `None` if no turn runs.
    #[must_use]
    pub fn running_message(&self) -> Option<Arc<Message>> {
        self.turn.lock().as_ref().map(|turn| turn.message.clone())
    }

    /// Cancels the turn that runs and returns the id of its message; `None` if no turn runs. A later turn is not
    /// affected.
    pub fn cancel_turn(&self) -> Option<MessageId> {
        let turn = self.turn.lock();
        let turn = turn.as_ref()?;
        turn.canceller.cancel();
        Some(turn.message.id)
    }

    /// Milliseconds since the message in work was taken; `None`: the agent is idle.
    #[must_use]
    pub fn busy_ms(&self, now_ms: u64) -> Option<u64> {
        match self.busy_since_ms.load(Ordering::Relaxed) {
            0 => None,
            since => Some(now_ms.saturating_sub(since)),
        }
    }

    /// Milliseconds that the last message had waited when it was taken.
    #[must_use]
    pub fn waited_ms(&self) -> u64 {
        self.waited_ms.load(Ordering::Relaxed)
    }

    /// Notes whether the task rests.
    pub(super) fn set_rest(&self, rest: Rest) {
        *self.rest.lock() = rest;
    }

    /// Whether the task rests. Messages that wait in its inbox do not count.
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.rest.lock().clone()
    }

    /// The health that was set last.
    #[must_use]
    pub fn health(&self) -> AgentHealth {
        self.health.lock().clone()
    }

    /// Sets the health and returns whether it differs from the one before.
    pub fn set_health(&self, health: AgentHealth) -> bool {
        let mut present = self.health.lock();
        let has_changed = *present != health;
        *present = health;
        has_changed
    }
}

//! What the host itself measures of an agent, for whoever asks how it is: numbers
//! that the runner leaves and the manager reads, without either waiting.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_model::health::HealthStatus;
use guildhall_model::ids::MessageId;
use guildhall_model::status::AgentStatus;
use guildhall_sandbox::Canceller;

/// How an agent is, as far as its runner knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentHealth {
    pub status: HealthStatus,
    /// Words for people, when there is something to say.
    pub detail: Option<String>,
}

impl AgentHealth {
    #[must_use]
    pub const fn of(status: HealthStatus) -> Self {
        Self { status, detail: None }
    }

    /// What the agent's row says of such an agent.
    #[must_use]
    pub const fn row(&self) -> AgentStatus {
        match self.status {
            HealthStatus::Ok | HealthStatus::Warning | HealthStatus::Backlogged => AgentStatus::Running,
            HealthStatus::Starting => AgentStatus::Starting,
            HealthStatus::PendingLaunch => AgentStatus::NotLaunched,
            HealthStatus::Error | HealthStatus::Unknown => AgentStatus::Error,
        }
    }
}

/// The measurements of one agent.
pub struct AgentGauges {
    /// When the turn that runs began; 0: idle.
    busy_since_ms: AtomicU64,
    /// How long the message of the last turn had waited.
    waited_ms: AtomicU64,
    health: Mutex<AgentHealth>,
    /// The turn that runs.
    turn: Mutex<Option<(MessageId, Canceller)>>,
}

impl Default for AgentGauges {
    fn default() -> Self {
        Self {
            busy_since_ms: AtomicU64::new(0),
            waited_ms: AtomicU64::new(0),
            health: Mutex::new(AgentHealth::of(HealthStatus::Starting)),
            turn: Mutex::new(None),
        }
    }
}

impl AgentGauges {
    pub fn begin(&self, now_ms: u64, waited_ms: u64) {
        self.busy_since_ms.store(now_ms.max(1), Ordering::Relaxed);
        self.waited_ms.store(waited_ms, Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.busy_since_ms.store(0, Ordering::Relaxed);
    }

    /// Notes the turn that runs, or that none does.
    pub fn set_turn(&self, turn: Option<(MessageId, Canceller)>) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    /// Ends the turn that runs, and no later one.
    pub fn cancel_turn(&self) -> Option<MessageId> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (message, canceller) = turn.as_ref()?;
        canceller.cancel();
        Some(*message)
    }

    /// Milliseconds that the present turn has run; `None`: idle.
    #[must_use]
    pub fn busy_ms(&self, now_ms: u64) -> Option<u64> {
        match self.busy_since_ms.load(Ordering::Relaxed) {
            0 => None,
            since => Some(now_ms.saturating_sub(since)),
        }
    }

    /// Milliseconds that the last message had waited when its turn began.
    #[must_use]
    pub fn waited_ms(&self) -> u64 {
        self.waited_ms.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn health(&self) -> AgentHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the health; says whether it is a new one.
    pub fn set(&self, health: AgentHealth) -> bool {
        let mut held = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *held != health;
        *held = health;
        is_new
    }
}

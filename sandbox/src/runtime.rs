//! What all instances of a process share: the engine, its clock, the low-priority pool and the operator's settings.
//! It starts nothing itself.

use std::sync::Arc;

use guildhall_model::expression::Evaluations;
use wasmtime::Engine;

use crate::limits::Limits;
use crate::low_priority::LowPriorityPool;
use crate::policy::Policy;
use crate::ticker::Ticker;

/// The services of the host that guests can reach through their imports.
#[derive(Clone)]
pub(crate) struct HostServices {
    /// What the operator lets agents reach.
    pub(crate) policy: Arc<Policy>,
    /// Evaluates the expressions of agents.
    pub(crate) evaluations: Evaluations,
}

/// What is set up once and shared by all instances of the process.
pub(crate) struct Runtime {
    /// Compiles, loads and runs components.
    pub(crate) engine: Engine,
    /// Advances the engine's epoch while a call runs.
    pub(crate) ticker: Ticker,
    /// Runs long turns and the host's own slow work.
    pub(crate) low_priority: Arc<LowPriorityPool>,
    /// The operator's ceilings.
    pub(crate) ceilings: Limits,
    /// What guests can reach.
    pub(crate) services: HostServices,
}

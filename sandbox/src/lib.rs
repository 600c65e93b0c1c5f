//! Where agents live: the only place that names wasmtime. It takes bytes that
//! strangers built and runs them so that they can neither reach what they were not
//! given nor keep others from running. It knows nothing of guilds, routes or
//! stores; what a turn says is checked here and committed elsewhere.
//!
//! A component is *prepared* once for each digest and *started* once for each
//! agent; the [`Instance`] that comes out takes one call at a time. A call that crosses
//! a limit ends with a [`Fault`] that names it, and ends the body.

mod addresses;
pub mod allocator;
mod bindings;
mod cache;
mod check;
mod classify;
mod compile;
mod compiler;
mod control;
mod cpu;
mod engine;
mod evaluator;
mod expressions;
mod grants;
mod guest;
mod http;
mod imports;
mod instance;
mod keyvalue;
mod limits;
mod low_priority;
mod memory;
mod offers;
mod policy;
mod refusal;
mod registry;
mod secrets;
mod staged;
mod stdio;
#[cfg(test)]
mod tests;
mod ticker;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;

pub use bindings::export::StopReason;
pub use bindings::types::{AgentTag as GuestTag, Message as GuestMessage};
pub use check::{CONTRACT, Outline};
pub use compile::{Budget as CompileBudget, main as compile};
pub use compiler::CompilerConfig;
pub use control::Canceller;
pub use imports::{IMPORTS, Import, Provision, grants};
pub use instance::{Failure, Health, Instance, TurnEnd, TurnInput, TurnOutcome, Usage};
pub use limits::{Limit, Limits, OverCeiling, Row, TABLE};
pub use memory::MemoryBudget;
pub use policy::{Policy, SecretGrant};
pub use refusal::Refusal;
pub use registry::{Component, Description, Format, digest_of};
pub use staged::LimitMet;
pub use stdio::{LogLevel, LogLine, LogSink};

use guildhall_model::expression::Evaluate;
use guildhall_model::fault::Fault;
use guildhall_model::ids::Digest;
use guildhall_model::spec::SandboxSpec;
use guildhall_model::values::Values;

/// How many agents a host has room for unless it is told otherwise.
pub const DEFAULT_MAX_AGENTS: u32 = 8_000;

/// How long an agent that starts waits for the room of an idle one.
const ROOM_WITHIN: Duration = Duration::from_millis(500);

/// What an operator says about the sandbox.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// What compiles; without it this process does, keeps nothing, and has no limit
    /// but those of the upload's size.
    pub compiler: Option<CompilerConfig>,
    /// How many agents may live at once; fewer where the kernel gives less.
    pub max_agents: u32,
    /// The most that a blueprint may ask for.
    pub ceilings: Limits,
    /// What agents may reach.
    pub policy: Policy,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { compiler: None, max_agents: DEFAULT_MAX_AGENTS, ceilings: Limits::allowed(), policy: Policy::default() }
    }
}

/// The sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    #[error("the directory of compiled code cannot be used: {0}")]
    Cache(#[source] std::io::Error),
    #[error("a thread of the sandbox does not start: {0}")]
    Thread(#[source] std::io::Error),
}

/// Everything that is set up once for each process; a cheap handle.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    engine: Engine,
    registry: registry::Registry,
    ticker: ticker::Ticker,
    low_priority: low_priority::LowPriorityPool,
    room: Arc<Semaphore>,
    /// Wakes an idle agent when another needs its room.
    wanted: Notify,
    capacity: u32,
    ceilings: Limits,
    services: guest::HostServices,
}

/// Who an agent is, as it can ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub guild_id: String,
    pub guild_name: String,
    pub agent_id: String,
    pub agent_name: String,
    pub class_name: String,
}

/// What goes to the user at once, past the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub format: String,
    /// A JSON object.
    pub payload: String,
}

/// What one instance is given.
pub struct Setup {
    pub identity: Identity,
    /// The blueprint's properties, a JSON object.
    pub properties: String,
    pub limits: Limits,
    /// What its blueprint asks for; it gets what the operator grants of it.
    pub asked: SandboxSpec,
    pub guild_memory: Arc<MemoryBudget>,
    /// What the agents of its guild keep.
    pub values: Values,
    /// Called in the middle of a turn; must not wait.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    pub log: LogSink,
    /// The last committed states, JSON objects, as `start` sees them.
    pub agent_state: Arc<str>,
    pub guild_state: Arc<str>,
}

/// An evaluator of expressions that compiles in this process and caches nothing on disk: for tools, tests and fuzzing.
/// A host uses [`Sandbox::evaluator`].
///
/// # Errors
/// The engine or its clock's thread does not start.
pub fn evaluator() -> Result<Arc<dyn Evaluate>, SandboxError> {
    Ok(Arc::new(evaluator::Evaluator::new(None)?))
}

/// An agent that did not start.
#[derive(Debug)]
pub enum StartFault {
    /// It said no, in its own words: a mistake in its properties.
    Refused(String),
    /// It imports what it is not granted.
    Missing(Refusal),
    Broken(Fault),
}

impl Sandbox {
    /// Sets up the engine, its clock and its lanes.
    ///
    /// # Errors
    /// The engine, the cache's directory or a thread cannot be had.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let SandboxConfig { compiler, max_agents, ceilings, policy } = config;
        let broken = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let evaluator = Arc::new(evaluator::Evaluator::new(compiler.as_ref())?);
        if compiler.is_some() {
            evaluator.prepare_early();
        }
        let capacity = engine::capacity(max_agents);
        let engine = engine::engine(capacity, &ceilings).map_err(broken)?;
        let compiler = compiler::Compiler::new(compiler, &engine).map_err(SandboxError::Cache)?;
        Ok(Self(Arc::new(Inner {
            registry: registry::Registry::new(guest::linker(&engine).map_err(broken)?, compiler),
            ticker: ticker::Ticker::start(&engine).map_err(SandboxError::Thread)?,
            low_priority: low_priority::LowPriorityPool::new().map_err(SandboxError::Thread)?,
            room: Arc::new(Semaphore::new(capacity as usize)),
            wanted: Notify::new(),
            engine,
            capacity,
            ceilings,
            services: guest::HostServices { policy: Arc::new(policy), evaluator },
        })))
    }

    /// Evaluates the expressions of rules, predicates and agents.
    #[must_use]
    pub fn evaluator(&self) -> Arc<dyn Evaluate> {
        self.0.services.evaluator.clone()
    }

    /// Looks at the bytes of a component without compiling them, and gives them their
    /// name.
    ///
    /// # Errors
    /// The component is refused, with words for its author.
    pub async fn check(&self, bytes: Bytes) -> Result<(Digest, Outline), Refusal> {
        registry::check(&self.0, bytes).await
    }

    /// Checks the bytes of a component, compiles them or loads what was compiled,
    /// and asks the component what it is, in an instance that may call nothing. The
    /// bytes are read when it is their turn. What is ready is kept by its digest; a
    /// second caller waits for the first. Dropping the future ends a compilation
    /// that nobody else waits for.
    ///
    /// # Errors
    /// The component is refused, with words for its author.
    pub async fn prepare(
        &self,
        digest: &Digest,
        read: impl Future<Output = std::io::Result<Bytes>>,
    ) -> Result<Arc<Component>, Refusal> {
        registry::prepare(&self.0, digest, read).await
    }

    /// A component that is ready.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Arc<Component>> {
        self.0.registry.get(digest)
    }

    /// Forgets a component and its code; instances of it live on.
    pub fn forget(&self, digest: &Digest) {
        self.0.registry.forget(digest);
    }

    /// Makes an instance and starts it with its properties; in a full host once an
    /// idle agent has made room, which is waited for half a second. Must be awaited in
    /// a tokio runtime with time. Dropping the future ends the start within a tick.
    ///
    /// # Errors
    /// The agent refused, or broke, or lacks a grant, or the host is full.
    pub async fn start(&self, component: &Arc<Component>, mut setup: Setup) -> Result<Instance, StartFault> {
        let Some(room) = self.room().await else {
            let full = classify::host_full().over(self.0.capacity.into(), None, "host.max_agents");
            return Err(StartFault::Broken(full));
        };
        let properties = std::mem::take(&mut setup.properties);
        let guest = guest::Guest::new(guest::Phase::Between, &component.digest, setup, self.0.services.clone());
        guest.grants.check(&component.imports).map_err(StartFault::Missing)?;
        match instance::start(self.0.clone(), component, guest, room, properties).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(refused)) => Err(StartFault::Refused(refused)),
            Err(fault) => Err(StartFault::Broken(fault)),
        }
    }

    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(room) = self.0.room.clone().try_acquire_owned() {
            return Some(room);
        }
        self.ask_for_room();
        tokio::time::timeout(ROOM_WITHIN, self.0.room.clone().acquire_owned()).await.ok()?.ok()
    }

    /// How many agents may live at once.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.0.capacity
    }

    /// How many agents live now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.0.capacity as usize - self.0.room.available_permits()
    }

    /// Asks one agent, of those who can do without, for its room.
    pub fn ask_for_room(&self) {
        self.0.wanted.notify_one();
    }

    /// Waits, for an agent that can do without its room, until it is wanted. Who has
    /// waited longest is asked first.
    pub async fn wants_room(&self) {
        self.0.wanted.notified().await;
    }

    /// The most that a blueprint may ask for.
    #[must_use]
    pub fn ceilings(&self) -> &Limits {
        &self.0.ceilings
    }
}

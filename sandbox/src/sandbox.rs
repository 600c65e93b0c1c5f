//! The handle of the sandbox: it is set up once for each process, prepares components and starts instances. It bounds
//! how many instances live at the same time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_model::expression::Evaluations;
use guildhall_model::ids::Digest;
use guildhall_model::spec::SandboxSpec;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::check::Outline;
use crate::compiler::{Compiler, CompilerConfig};
use crate::component::Component;
use crate::error::{SandboxError, StartFault};
use crate::evaluations::EvaluationPool;
use crate::evaluator::Evaluator;
use crate::grants::Grants;
use crate::guest::Guest;
use crate::instance::{self, Instance};
use crate::limits::Limits;
use crate::low_priority::LowPriorityPool;
use crate::phase::Phase;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::runtime::{HostServices, Runtime};
use crate::setup::Setup;
use crate::ticker::Ticker;
use crate::{classify, engine, linker};

/// How many agents may live at the same time unless the operator sets another number.
pub const DEFAULT_MAX_AGENTS: u32 = 8_000;

/// How long a starting agent waits until an idle one makes room.
const ROOM_WITHIN: Duration = Duration::from_millis(500);

/// The operator's settings of the sandbox.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The process that compiles. Without it this process compiles, keeps no compiled code, and bounds nothing but the
    /// size of an upload.
    pub compiler: Option<CompilerConfig>,
    /// How many agents may live at the same time. The kernel's limits can lower it.
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

/// The sandbox of this process. Cloning it is cheap; all clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    registry: Arc<Registry>,
    /// One permit for each agent that may still start.
    room: Arc<Semaphore>,
    /// Wakes an idle agent when another one needs its room.
    room_wanted: Notify,
    capacity: u32,
}

impl Sandbox {
    /// Sets up the engine, its clock and the low-priority pool.
    ///
    /// # Errors
    /// The engine, the directory of compiled code or a thread is not available.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let SandboxConfig { compiler, max_agents, ceilings, policy } = config;
        let broken = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let evaluator = Arc::new(Evaluator::new(compiler.as_ref())?);
        if compiler.is_some() {
            evaluator.prepare_early();
        }
        let capacity = engine::capacity(max_agents);
        let engine = engine::engine(capacity, &ceilings).map_err(broken)?;
        let compiler = Compiler::new(compiler, &engine).map_err(SandboxError::Cache)?;
        let linker = linker::linker(&engine).map_err(broken)?;
        let low_priority = Arc::new(LowPriorityPool::new().map_err(SandboxError::Thread)?);
        let evaluations = Evaluations::new(Arc::new(EvaluationPool::new(evaluator, low_priority.clone(), &ceilings)));
        let runtime = Arc::new(Runtime {
            ticker: Ticker::start(&engine).map_err(SandboxError::Thread)?,
            low_priority,
            engine,
            ceilings,
            services: HostServices { policy: Arc::new(policy), evaluations },
        });
        Ok(Self(Arc::new(Inner {
            registry: Arc::new(Registry::new(runtime.clone(), linker, compiler)),
            runtime,
            room: Arc::new(Semaphore::new(capacity as usize)),
            room_wanted: Notify::new(),
            capacity,
        })))
    }

    /// Returns what runs work that has expressions: those of rules, predicates and slips, and the reading of documents.
    #[must_use]
    pub fn evaluations(&self) -> Evaluations {
        self.0.runtime.services.evaluations.clone()
    }

    /// Checks whether an agent of a component with these imports may start, with what its blueprint asks for and the
    /// policy grants.
    ///
    /// # Errors
    /// [`Refusal::MissingCapability`] with every grant that is missing.
    pub fn check_grants(&self, imports: &[String], asked: SandboxSpec) -> Result<(), Refusal> {
        let policy = self.0.runtime.services.policy.clone();
        Grants::new(asked, policy, Arc::new(|_| {})).check(imports)
    }

    /// Checks the bytes of a component without compiling them, and returns their digest and outline. Cancel safe.
    ///
    /// # Errors
    /// The component is refused; the text is for its author.
    pub async fn check(&self, bytes: Bytes) -> Result<(Digest, Outline), Refusal> {
        self.0.registry.check(bytes).await
    }

    /// Checks the bytes of a component, compiles them or loads the compiled code, and calls `describe` in an instance
    /// that may call no import. `read` is awaited when a compiler is free, so that waiting uploads hold no memory. The
    /// result is stored by its digest; a second caller waits for the first.
    ///
    /// Cancel safe. Dropping the future ends a compilation that no other caller waits for.
    ///
    /// # Errors
    /// The component is refused; the text is for its author.
    pub async fn prepare(
        &self,
        digest: &Digest,
        read: impl Future<Output = std::io::Result<Bytes>>,
    ) -> Result<Arc<Component>, Refusal> {
        self.0.registry.prepare(digest, read).await
    }

    /// Returns a component that is ready to start.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Arc<Component>> {
        self.0.registry.get(digest)
    }

    /// Forgets a component and removes its compiled code. Instances of it live on.
    pub fn forget(&self, digest: &Digest) {
        self.0.registry.forget(digest);
    }

    /// Creates an instance and calls `start` with its properties. In a full host it waits up to half a second until an
    /// idle agent makes room. Must be awaited in a tokio runtime with time.
    ///
    /// Dropping the future ends the start within a tick and drops the instance.
    ///
    /// # Errors
    /// The agent refuses its properties, crosses a limit, traps, or lacks a grant; or the host is full.
    pub async fn start(&self, component: &Arc<Component>, mut setup: Setup) -> Result<Instance, StartFault> {
        let Some(room) = self.room().await else {
            let full = classify::host_full().over(self.0.capacity.into(), None, "host.max_agents");
            return Err(StartFault::Broken(full));
        };
        let properties = std::mem::take(&mut setup.properties);
        let services = self.0.runtime.services.clone();
        let guest = Guest::new(Phase::Between, &component.digest, setup, services);
        guest.grants.check(&component.imports).map_err(StartFault::Missing)?;
        match instance::start(self.0.runtime.clone(), component, guest, room, properties).await {
            Ok(Ok(instance)) => Ok(instance),
            Ok(Err(refused)) => Err(StartFault::Refused(refused)),
            Err(fault) => Err(StartFault::Broken(fault)),
        }
    }

    /// Waits for room for one more agent. Cancel safe.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(room) = self.0.room.clone().try_acquire_owned() {
            return Some(room);
        }
        self.ask_for_room();
        tokio::time::timeout(ROOM_WITHIN, self.0.room.clone().acquire_owned()).await.ok()?.ok()
    }

    /// Returns how many agents may live at the same time.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.0.capacity
    }

    /// Returns how many agents live now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.0.capacity as usize - self.0.room.available_permits()
    }

    /// Wakes one of the callers of [`Self::wants_room`].
    pub fn ask_for_room(&self) {
        self.0.room_wanted.notify_one();
    }

    /// Waits until another agent needs room. An idle agent awaits this, and then drops its instance. The agent that has
    /// waited longest is woken first. Cancel safe.
    pub async fn wants_room(&self) {
        self.0.room_wanted.notified().await;
    }

    /// Returns the most that a blueprint may ask for.
    #[must_use]
    pub fn ceilings(&self) -> &Limits {
        &self.0.runtime.ceilings
    }
}

#[cfg(test)]
impl Sandbox {
    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        &self.0.runtime.engine
    }
}

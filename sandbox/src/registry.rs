//! Components that are ready to start, by digest. A component is checked, compiled or loaded from the cache, linked,
//! and asked once to describe itself. Each digest is prepared once, however many callers ask for it at the same time.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::Digest;
use guildhall_model::spec::SandboxSpec;
use guildhall_model::values::Values;
use parking_lot::Mutex;
use tokio::sync::{AcquireError, OnceCell, Semaphore};
use wasmtime::component::{Component as Compiled, Linker};

use crate::bindings::{BasePre, StatefulIndices};
use crate::cache::Cache;
use crate::check::Outline;
use crate::compiler::Compiler;
use crate::component::Component;
use crate::description::Description;
use crate::digest::digest_of;
use crate::guest::Guest;
use crate::instance;
use crate::limits::{Limit, Limits};
use crate::memory::MemoryBudget;
use crate::phase::Phase;
use crate::refusal::Refusal;
use crate::runtime::Runtime;
use crate::setup::{Identity, Setup};
use crate::wasmtime_errors;

/// How many components whose code is in the cache may be read and loaded at the same time. The compiler bounds the
/// others.
const READERS: usize = 4;
/// How many components may run `describe` at the same time. Each may use the most memory that a blueprint may ask for.
const DESCRIBERS: usize = 2;
/// How many components that no agent uses stay ready. Others are loaded from the cache again.
const MAX_UNUSED: usize = 8;

type Slot = Arc<OnceCell<Arc<Component>>>;

#[derive(Default)]
struct Slots {
    by_digest: HashMap<Digest, Slot>,
    /// The digests, the one that was asked for last at the end.
    by_use: VecDeque<Digest>,
}

impl Slots {
    /// Returns or creates the slot of a digest, and marks it as used last.
    fn slot(&mut self, digest: &Digest) -> Slot {
        self.by_use.retain(|other| other != digest);
        self.by_use.push_back(digest.clone());
        self.by_digest.entry(digest.clone()).or_default().clone()
    }

    fn remove(&mut self, digest: &Digest) {
        self.by_use.retain(|other| other != digest);
        self.by_digest.remove(digest);
    }

    fn is_unused(&self, digest: &Digest) -> bool {
        let slot = self.by_digest.get(digest).filter(|slot| Arc::strong_count(slot) == 1);
        slot.and_then(|slot| slot.get()).is_some_and(|component| Arc::strong_count(component) == 1)
    }

    /// Forgets the components that nothing uses, except the ones that were asked for last.
    fn forget_unused(&mut self) {
        let unused: Vec<_> = self.by_use.iter().filter(|digest| self.is_unused(digest)).cloned().collect();
        for digest in unused.iter().take(unused.len().saturating_sub(MAX_UNUSED)) {
            self.remove(digest);
        }
    }
}

/// The components of this process, and what prepares them.
pub(crate) struct Registry {
    runtime: Arc<Runtime>,
    linker: Linker<Guest>,
    compiler: Compiler,
    slots: Mutex<Slots>,
    readers: Semaphore,
    describers: Semaphore,
}

impl Registry {
    /// Creates an empty registry.
    pub(crate) fn new(runtime: Arc<Runtime>, linker: Linker<Guest>, compiler: Compiler) -> Self {
        let (readers, describers) = (Semaphore::new(READERS), Semaphore::new(DESCRIBERS));
        Self { runtime, linker, compiler, slots: Mutex::default(), readers, describers }
    }

    /// Returns a component that is ready.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Component>> {
        self.slots.lock().by_digest.get(digest)?.get().cloned()
    }

    /// Forgets a component and removes its compiled code.
    pub(crate) fn forget(&self, digest: &Digest) {
        self.slots.lock().remove(digest);
        if let Some(cache) = self.cache() {
            cache.remove(digest);
        }
    }

    /// Returns the cache of compiled code; `None` when this process compiles.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.compiler.cache()
    }

    /// Returns the digest and the outline of a component. Cancel safe.
    ///
    /// # Errors
    /// The component is refused.
    pub(crate) async fn check(self: &Arc<Self>, bytes: Bytes) -> Result<(Digest, Outline), Refusal> {
        let (digest, outline) = self.outline(bytes).await?;
        Ok((digest, outline?))
    }

    /// Prepares a component once. Cancel safe: another caller of the same digest continues.
    ///
    /// # Errors
    /// The component is refused.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        digest: &Digest,
        read: impl Future<Output = std::io::Result<Bytes>>,
    ) -> Result<Arc<Component>, Refusal> {
        let slot = self.slots.lock().slot(digest);
        let prepared = slot.get_or_try_init(|| self.load_or_compile(digest, read)).await.cloned();
        match &prepared {
            Err(_) => self.abandon(digest, slot),
            // A forgotten component is found in the cache. Without a cache it would be compiled again.
            Ok(_) if self.cache().is_some() => self.slots.lock().forget_unused(),
            Ok(_) => {}
        }
        prepared
    }

    /// Forgets a component that was refused, unless another caller prepares it.
    fn abandon(&self, digest: &Digest, slot: Slot) {
        drop(slot);
        let mut slots = self.slots.lock();
        if slots.by_digest.get(digest).is_some_and(|slot| slot.get().is_none() && Arc::strong_count(slot) == 1) {
            slots.remove(digest);
        }
    }

    async fn load_or_compile(
        self: &Arc<Self>,
        digest: &Digest,
        read: impl Future<Output = std::io::Result<Bytes>>,
    ) -> Result<Arc<Component>, Refusal> {
        let cached = self.cached(digest).await?;
        let closed = |error: AcquireError| Refusal::Host(error.to_string());
        // A component that is only loaded does not wait for the ones that are compiled.
        let (room, reader) = match cached {
            None => (Some(self.compiler.room().await?), None),
            Some(_) => (None, Some(self.readers.acquire().await.map_err(closed)?)),
        };
        let bytes = read.await.map_err(|error| Refusal::Host(format!("the component cannot be read: {error}")))?;
        let size = bytes.len();
        let (found, outline) = self.outline(bytes.clone()).await?;
        if found != *digest {
            return Err(Refusal::Host(format!("the bytes of {digest} were changed")));
        }
        let outline = outline?;
        let compiled = match cached {
            Some(compiled) => compiled,
            None => self.compile(digest, bytes).await?,
        };
        drop((reader, room));
        let _describer = self.describers.acquire().await.map_err(closed)?;
        let pre = self.work(move |registry| registry.link(&compiled)).await??;
        let setup = describing(&self.runtime.ceilings);
        let guest = Guest::new(Phase::Sealed, digest, setup, self.runtime.services.clone());
        let (described, initial_memory_bytes) =
            instance::describe(&self.runtime, pre.clone(), guest).await.map_err(undescribed)?;
        let description =
            Description::checked(described, &self.runtime.ceilings).map_err(|text| Refusal::invalid(&text))?;
        let stateful = StatefulIndices::new(pre.instance_pre()).ok().map(Arc::new);
        let (digest, imports) = (digest.clone(), outline.imports);
        Ok(Arc::new(Component { digest, description, imports, size, initial_memory_bytes, pre, stateful }))
    }

    /// Returns the digest of the bytes, and their outline if the component fits.
    async fn outline(self: &Arc<Self>, bytes: Bytes) -> Result<(Digest, Result<Outline, Refusal>), Refusal> {
        let read = move |registry: &Self| {
            let outline = Outline::read(&bytes, &registry.runtime.ceilings);
            (digest_of(&bytes), outline.and_then(|outline| outline.fits().map(|()| outline)))
        };
        self.work(read).await
    }

    async fn cached(self: &Arc<Self>, digest: &Digest) -> Result<Option<Compiled>, Refusal> {
        let digest = digest.clone();
        self.work(move |registry| registry.cache()?.load(&registry.runtime.engine, &digest)).await
    }

    async fn compile(self: &Arc<Self>, digest: &Digest, bytes: Bytes) -> Result<Compiled, Refusal> {
        let Some(process) = &self.compiler.process else {
            let compile = move |registry: &Self| Compiled::from_binary(&registry.runtime.engine, &bytes);
            return self.work(compile).await?.map_err(|error| self.misfit(&error));
        };
        let code = process.compile(&bytes, &self.runtime.ceilings).await?;
        let digest = digest.clone();
        self.work(move |registry| {
            let cache = registry.cache().ok_or_else(|| Refusal::Host("there is no cache".to_owned()))?;
            let kept = cache.keep(&digest, code);
            kept.map_err(|error| Refusal::Host(format!("compiled code cannot be kept: {error}")))?;
            cache.load_kept(&registry.runtime.engine, &digest).map_err(|error| registry.misfit(&error))
        })
        .await?
    }

    fn misfit(&self, error: &wasmtime::Error) -> Refusal {
        wasmtime_errors::misfit(error, &self.runtime.ceilings)
    }

    fn link(&self, compiled: &Compiled) -> Result<BasePre<Guest>, Refusal> {
        compiled.initialize_copy_on_write_image().map_err(|error| Refusal::Host(error.to_string()))?;
        let linked = self.linker.instantiate_pre(compiled).and_then(BasePre::new);
        linked.map_err(|error| Refusal::invalid(&format!("the component does not fit the agent WIT: {error:#}")))
    }

    /// Does work that takes longer the larger a component is, at low priority.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let registry = self.clone();
        let done = self.runtime.low_priority.work(move || work(&registry)).await;
        done.map_err(|error| Refusal::Host(error.to_string()))
    }
}

/// The setup of an instance that only describes itself and belongs to no agent. It has all the memory that a blueprint
/// may ask for, so that large agents can describe themselves.
fn describing(ceilings: &Limits) -> Setup {
    let empty: Arc<str> = Arc::from("{}");
    let limits = ceilings.defaults().with(Limit::Memory, ceilings.get(Limit::Memory));
    Setup {
        identity: Identity::default(),
        properties: String::new(),
        limits,
        asked: SandboxSpec::default(),
        values: Values::default(),
        guild_memory: MemoryBudget::new(ceilings.memory_bytes()),
        progress: None,
        log: Arc::new(|_| {}),
        agent_state: empty.clone(),
        guild_state: empty,
    }
}

fn undescribed(fault: Fault) -> Refusal {
    match fault.kind {
        FaultKind::HostFull | FaultKind::HostError => Refusal::Host(fault.message),
        _ => Refusal::Undescribed(Box::new(fault)),
    }
}

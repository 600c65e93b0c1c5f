//! Evaluates expressions in the sandbox. They come from strangers, as components do,
//! and can ask for any time and any memory; so a component of ours evaluates them,
//! in a store with a deadline and a bound on its memory. An instance that broke or
//! grew is thrown away.
//!
//! The component is compiled when the first expression comes, or before, on a thread
//! of low priority; with a cache once, however many hosts share it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, ResourceLimiter, Store, Trap};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::SandboxError;
use super::cache::Cache;
use super::engine::engine_config;
use super::lane::be_nice;
use super::registry::digest_of;
use super::ticker::{TICK, Ticker};
use crate::model::expression::{Evaluate, ExpressionError, Language, MAX_MILLIS};

mod bindings {
    wasmtime::component::bindgen!({ path: "../expressions/wit", world: "evaluator" });
}

use bindings::guildhall::expressions::types::{Fault, Language as GuestLanguage};
use bindings::{Evaluator as Instance, EvaluatorPre};

include!(concat!(env!("OUT_DIR"), "/expressions.rs"));

/// Linear memory of one instance, in bytes.
const MEMORY_BYTES: usize = 64 << 20;
/// Elements of a table of an instance.
const TABLE_ELEMENTS: usize = 100_000;
/// An instance that has grown beyond this is not used again.
const KEPT_BYTES: usize = 16 << 20;
/// Instances that wait for work, at the most.
const IDLE: usize = 4;

pub(super) struct Evaluator {
    engine: Engine,
    ticker: Ticker,
    cache: Option<Cache>,
    /// Held by the process that compiles.
    lock: Option<PathBuf>,
    prepared: OnceLock<Result<EvaluatorPre<Scene>, String>>,
    idle: Mutex<Vec<Worker>>,
}

/// What a store holds.
struct Scene {
    memory: Memory,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Scene {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Bounds what an instance takes.
#[derive(Default)]
struct Memory {
    bytes: usize,
    was_refused: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = self.bytes + (desired - current);
        if bytes > MEMORY_BYTES {
            self.was_refused = true;
            return Ok(false);
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

struct Worker {
    store: Store<Scene>,
    instance: Instance,
}

impl Evaluator {
    /// Sets up an evaluator; compiled code is kept below `cache_dir`.
    pub(super) fn new(cache_dir: Option<&Path>) -> Result<Self, SandboxError> {
        let mut config = engine_config();
        // On the thread that compiles, whose priority is low.
        config.parallel_compilation(false);
        let engine = Engine::new(&config).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let cache = cache_dir.map(|dir| Cache::open(dir, &engine)).transpose().map_err(SandboxError::Cache)?;
        Ok(Self {
            lock: cache_dir.map(|dir| dir.join("evaluator.lock")),
            ticker: Ticker::start(&engine).map_err(SandboxError::Thread)?,
            engine,
            cache,
            prepared: OnceLock::new(),
            idle: Mutex::default(),
        })
    }

    /// Gets ready before anybody waits, on a thread of low priority.
    pub(super) fn prepare_early(self: &Arc<Self>) {
        let evaluator = self.clone();
        let begun = std::thread::Builder::new().name("expressions".into()).spawn(move || {
            be_nice();
            evaluator.prepared();
        });
        if let Err(error) = begun {
            tracing::warn!(%error, "the evaluator is prepared when it is needed");
        }
    }

    fn prepared(&self) -> &Result<EvaluatorPre<Scene>, String> {
        self.prepared.get_or_init(|| self.prepare().map_err(|error| format!("{error:#}")))
    }

    fn prepare(&self) -> wasmtime::Result<EvaluatorPre<Scene>> {
        // Without the lock it is compiled more than once, nothing worse.
        let lock = self.lock.as_ref().and_then(|path| File::create(path).ok());
        let _held = lock.as_ref().map(File::lock);
        let digest = digest_of(EVALUATOR);
        let component = match self.cache.as_ref().and_then(|cache| cache.load(&self.engine, &digest)) {
            Some(component) => component,
            None => {
                let component = Component::new(&self.engine, EVALUATOR)?;
                if let Some(cache) = &self.cache
                    && let Err(error) = cache.store(&digest, &component.serialize()?)
                {
                    tracing::warn!(%error, "the compiled evaluator cannot be kept");
                }
                component
            }
        };
        let mut linker = Linker::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        EvaluatorPre::new(linker.instantiate_pre(&component)?)
    }

    fn worker(&self) -> Result<Worker, ExpressionError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(worker) = idle {
            return Ok(worker);
        }
        let unavailable = |error: String| ExpressionError::Unavailable(error);
        let prepared = self.prepared().as_ref().map_err(|error| unavailable(error.clone()))?;
        let scene = Scene { memory: Memory::default(), wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, scene);
        store.limiter(|scene| &mut scene.memory);
        store.set_epoch_deadline(u64::MAX >> 1);
        store.set_fuel(u64::MAX).map_err(|error| unavailable(error.to_string()))?;
        let instance = prepared.instantiate(&mut store).map_err(|error| unavailable(format!("{error:#}")))?;
        Ok(Worker { store, instance })
    }

    /// Has an instance do something, within the deadline.
    fn run<T>(
        &self,
        call: impl FnOnce(&Instance, &mut Store<Scene>) -> wasmtime::Result<Result<T, Fault>>,
    ) -> Result<T, ExpressionError> {
        let mut worker = self.worker()?;
        let running = self.ticker.running();
        let ticks = u128::from(MAX_MILLIS) / TICK.as_millis().max(1);
        worker.store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX) + 1);
        // Fuel is counted as it is for agents; here the deadline alone decides.
        worker.store.set_fuel(u64::MAX).map_err(|error| ExpressionError::Unavailable(error.to_string()))?;
        // A panic in what it calls of the host is the expression's end, not that of who asked.
        let done = catch_unwind(AssertUnwindSafe(|| call(&worker.instance, &mut worker.store)))
            .unwrap_or_else(|_| Err(wasmtime::Error::msg("it called what it may not")));
        drop(running);
        let result = done.map_err(|error| broken(&error, &worker.store.data().memory))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE && worker.is_small() {
            idle.push(worker);
        }
        result.map_err(named)
    }
}

impl Worker {
    /// Whether its memory, which never shrinks, may be kept.
    fn is_small(&self) -> bool {
        self.store.data().memory.bytes <= KEPT_BYTES
    }
}

impl Evaluate for Evaluator {
    fn get_ready(&self) {
        // What went wrong is told to whoever evaluates.
        let _ = self.prepared();
    }

    fn check(&self, language: Language, source: &str) -> Result<(), ExpressionError> {
        self.run(|instance, store| instance.call_check(store, guest(language), source))
    }

    fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<String>, ExpressionError> {
        self.run(|instance, store| instance.call_evaluate(store, guest(language), source, input))
    }
}

const fn guest(language: Language) -> GuestLanguage {
    match language {
        Language::Jsonata => GuestLanguage::Jsonata,
        Language::Cel => GuestLanguage::Cel,
    }
}

fn named(fault: Fault) -> ExpressionError {
    match fault {
        Fault::Invalid(words) => ExpressionError::Invalid(words),
        Fault::Failed(words) => ExpressionError::Failed(words),
        Fault::Timeout => ExpressionError::Timeout,
        Fault::TooDeep => ExpressionError::TooDeep,
        Fault::TooLarge(what) => ExpressionError::TooLarge(what),
    }
}

/// Why an instance broke.
fn broken(error: &wasmtime::Error, memory: &Memory) -> ExpressionError {
    if memory.was_refused {
        return ExpressionError::TooLarge(format!("it needs more than {MEMORY_BYTES} bytes of memory"));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => ExpressionError::Timeout,
        // The guest's own stack lies below its memory: what overflows it leaves the memory.
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => ExpressionError::TooDeep,
        Some(Trap::UnreachableCodeReached) => ExpressionError::Failed("the evaluator gave up on it".to_owned()),
        _ => ExpressionError::Failed(format!("the evaluator broke: {error:#}")),
    }
}

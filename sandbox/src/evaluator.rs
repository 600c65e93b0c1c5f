//! Evaluates expressions in the sandbox. They come from strangers, as components do,
//! and can ask for any time and any memory; so a component of ours evaluates them,
//! in a store with a deadline and a bound on its memory. An instance that broke or
//! grew is thrown away.
//!
//! The component is compiled when the host starts, or when the first expression comes;
//! with a cache in a process of its own and once, however many hosts share it.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::SandboxError;
use super::compiler::{Compiler, CompilerConfig, Outside};
use super::engine::engine_config;
use super::limits::{Limit, Limits};
use super::low_priority::be_nice;
use super::refusal::Refusal;
use super::registry::digest_of;
use super::ticker::{TICK, Ticker};
use guildhall_model::expression::{Evaluate, ExpressionError, Language};
use guildhall_model::ids::Digest;

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
    /// Without it this process compiles and keeps nothing.
    outside: Option<Outside>,
    /// Held by the host that has it compiled.
    lock: Option<PathBuf>,
    prepared: OnceLock<Result<EvaluatorPre<Scene>, String>>,
    idle: Mutex<Vec<Worker>>,
}

/// What a store holds.
struct Scene {
    memory: Memory,
    /// When the call is over, done or not.
    deadline: Instant,
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
    /// Sets up an evaluator.
    pub(super) fn new(compiler: Option<&CompilerConfig>) -> Result<Self, SandboxError> {
        let mut config = engine_config();
        // On the thread that compiles, whose priority is low.
        config.parallel_compilation(false);
        let engine = Engine::new(&config).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let outside = Compiler::new(compiler.cloned(), &engine).map_err(SandboxError::Cache)?.outside;
        Ok(Self {
            lock: compiler.map(|compiler| compiler.cache_dir.join("evaluator.lock")),
            ticker: Ticker::start(&engine).map_err(SandboxError::Thread)?,
            engine,
            outside,
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
        self.prepared.get_or_init(|| self.load().map_err(|error| format!("{error:#}")))
    }

    fn load(&self) -> wasmtime::Result<EvaluatorPre<Scene>> {
        // Without the lock it is compiled more than once, nothing worse.
        let lock = self.lock.as_ref().and_then(|path| File::create(path).ok());
        let _held = lock.as_ref().map(File::lock);
        let digest = digest_of(EVALUATOR);
        let kept = self.outside.as_ref().and_then(|outside| outside.cache.load(&self.engine, &digest));
        let component = match kept {
            Some(component) => component,
            None => self.compile(&digest)?,
        };
        let mut linker = Linker::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        EvaluatorPre::new(linker.instantiate_pre(&component)?)
    }

    /// Has the component compiled by a process of its own: here the memory that it
    /// takes, 150 MiB, would stay, and slow down all other threads as it comes and
    /// goes. Where that fails it is compiled here.
    fn compile(&self, digest: &Digest) -> wasmtime::Result<Component> {
        let Some(outside) = &self.outside else { return Component::new(&self.engine, EVALUATOR) };
        match compiled(outside, digest) {
            Ok(()) => outside.cache.load_kept(&self.engine, digest),
            Err(error) => {
                tracing::warn!(%error, "the evaluator is compiled by the host itself");
                Component::new(&self.engine, EVALUATOR)
            }
        }
    }

    fn worker(&self, budget: Duration) -> Result<Worker, ExpressionError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(worker) = idle {
            return Ok(worker);
        }
        let unavailable = |error: String| ExpressionError::Unavailable(error);
        let prepared = self.prepared().as_ref().map_err(|error| unavailable(error.clone()))?;
        let scene = Scene {
            memory: Memory::default(),
            deadline: Instant::now() + budget,
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, scene);
        store.limiter(|scene| &mut scene.memory);
        store.epoch_deadline_callback(|scene| match scene.data().deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(Trap::Interrupt.into()),
            _ => Ok(UpdateDeadline::Continue(1)),
        });
        store.set_fuel(u64::MAX).map_err(|error| unavailable(error.to_string()))?;
        let instance = prepared.instantiate(&mut store).map_err(|error| unavailable(format!("{error:#}")))?;
        Ok(Worker { store, instance })
    }

    /// Has an instance do something, within `budget`: a call ends at a tick, so its deadline is a tick earlier.
    fn run<T>(
        &self,
        budget: Duration,
        call: impl FnOnce(&Instance, &mut Store<Scene>) -> wasmtime::Result<Result<T, Fault>>,
    ) -> Result<T, ExpressionError> {
        let mut worker = self.worker(budget)?;
        let running = self.ticker.running();
        worker.store.data_mut().deadline = Instant::now() + budget.saturating_sub(TICK);
        worker.store.set_epoch_deadline(1);
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

/// Keeps what a process makes of the evaluator.
fn compiled(outside: &Outside, digest: &Digest) -> Result<(), Refusal> {
    // It is not a stranger's: however busy the machine is, it is to end.
    let limits = [Limit::CompileCpu, Limit::CompileTime]
        .into_iter()
        .fold(Limits::default(), |limits, limit| limits.with(limit, u64::MAX));
    let not_kept = |error: io::Error| Refusal::Host(format!("the compiled evaluator cannot be kept: {error}"));
    let code = block_on(outside.compile(EVALUATOR, &limits)).map_err(not_kept)??;
    outside.cache.keep(digest, code).map_err(not_kept)
}

/// Waits for something that needs a runtime, on whatever thread this is.
fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> io::Result<T> {
    let run = || Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("compiler".into()).spawn_scoped(scope, run)?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

impl Worker {
    /// Whether its memory, which never shrinks, may be kept.
    fn is_small(&self) -> bool {
        self.store.data().memory.bytes <= KEPT_BYTES
    }
}

impl Evaluate for Evaluator {
    fn prepare(&self) {
        // What went wrong is told to whoever evaluates.
        let _ = self.prepared();
    }

    fn check(&self, language: Language, source: &str, budget: Duration) -> Result<(), ExpressionError> {
        self.run(budget, |instance, store| instance.call_check(store, guest(language), source))
    }

    fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &str,
        budget: Duration,
    ) -> Result<Option<String>, ExpressionError> {
        self.run(budget, |instance, store| instance.call_evaluate(store, guest(language), source, input))
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn two(program: PathBuf, dir: &tempfile::TempDir) -> Evaluator {
        let config = CompilerConfig { program, cache_dir: dir.path().join("cache") };
        let evaluator = Evaluator::new(Some(&config)).unwrap();
        let given = evaluator.evaluate(Language::Jsonata, "n + 1", r#"{"n": 1}"#, Duration::from_secs(10));
        assert_eq!(given, Ok(Some("2".to_owned())));
        evaluator
    }

    #[test]
    fn what_a_process_compiled_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (code, program) = (dir.path().join("code"), dir.path().join("compiler"));
        let engine = Engine::new(&engine_config()).unwrap();
        std::fs::write(&code, engine.precompile_component(EVALUATOR).unwrap()).unwrap();
        let script = format!("#!/bin/sh\n/bin/cat > /dev/null; /bin/cat {}", code.display());
        // Written by another process: a program that this one has open cannot be started.
        let write = Command::new("/bin/sh")
            .args(["-c", r#"printf %s "$1" > "$2" && chmod +x "$2""#, "sh", &script])
            .arg(&program)
            .status();
        assert!(write.unwrap().success());
        let evaluator = two(program, &dir);
        let cache = &evaluator.outside.as_ref().unwrap().cache;
        assert!(cache.load(&evaluator.engine, &digest_of(EVALUATOR)).is_some());
    }

    #[test]
    fn without_a_process_the_host_compiles() {
        two("/bin/false".into(), &tempfile::tempdir().unwrap());
    }
}

//! Components that are ready to run, by digest: checked, compiled or loaded from
//! the cache, linked, and asked once what they are. Each digest is prepared once,
//! however many ask for it at the same time.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::{AcquireError, OnceCell, Semaphore};
use wasmtime::component::{Component as Compiled, Linker};

use super::bindings::{BasePre, StatefulIndices, export};
use super::cache::Cache;
use super::check::Outline;
use super::compiler::Compiler;
use super::guest::{Guest, Phase};
use super::limits::{Limit, Limits};
use super::memory::MemoryBudget;
use super::refusal::Refusal;
use super::{Identity, Inner, Setup, instance};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{Digest, hex};
use guildhall_model::spec::SandboxSpec;
use guildhall_model::values::Values;

const MAX_NAME_BYTES: usize = 256;
const MAX_SUMMARY_BYTES: usize = 4 << 10;

/// A component that is ready to be started.
pub struct Component {
    pub digest: Digest,
    pub description: Description,
    /// The names of the interfaces that it imports.
    pub imports: Vec<String>,
    /// Bytes of the upload.
    pub size: usize,
    /// Linear memory that an instance of it has before anything is called, in bytes.
    pub initial_memory_bytes: u64,
    pub(super) pre: BasePre<Guest>,
    /// Where the export that saves and restores is, if it is there.
    pub(super) stateful: Option<Arc<StatefulIndices>>,
}

impl Component {
    /// Whether it can save what it remembers, and be given it back.
    #[must_use]
    pub fn keeps_snapshots(&self) -> bool {
        self.stateful.is_some()
    }
}

/// What an agent says it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub class_name: String,
    pub name: String,
    pub version: String,
    pub summary: String,
    /// Empty: every JSON payload.
    pub receives: Vec<Format>,
    pub emits: Vec<Format>,
    /// JSON Schema of the properties of a blueprint's entry.
    pub properties_schema: Value,
}

/// A format that an agent receives or emits.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    pub name: String,
    pub json_schema: Value,
}

type Slot = Arc<OnceCell<Arc<Component>>>;

pub(super) struct Registry {
    slots: Mutex<Slots>,
    linker: Linker<Guest>,
    compiler: Compiler,
    /// Components in memory at once whose code is in the cache; the compiler's room
    /// bounds the others.
    readers: Semaphore,
    /// Components that say what they are at once: each may have the most memory that
    /// a blueprint may ask for.
    describers: Semaphore,
}

const READERS: usize = 4;
const DESCRIBERS: usize = 2;

/// How many components stay ready that no agent uses; others come back from the cache.
const MAX_UNUSED: usize = 8;

#[derive(Default)]
struct Slots {
    by_digest: HashMap<Digest, Slot>,
    /// The digests in the order in which they were last asked for.
    asked: VecDeque<Digest>,
}

impl Slots {
    /// Gives or makes the slot of a digest, as the one that was asked for last.
    fn slot(&mut self, digest: &Digest) -> Slot {
        self.asked.retain(|other| other != digest);
        self.asked.push_back(digest.clone());
        self.by_digest.entry(digest.clone()).or_default().clone()
    }

    fn remove(&mut self, digest: &Digest) {
        self.asked.retain(|other| other != digest);
        self.by_digest.remove(digest);
    }

    fn is_unused(&self, digest: &Digest) -> bool {
        let slot = self.by_digest.get(digest).filter(|slot| Arc::strong_count(slot) == 1);
        slot.and_then(|slot| slot.get()).is_some_and(|component| Arc::strong_count(component) == 1)
    }

    /// Forgets components that nobody uses, but for those asked for last.
    fn forget_unused(&mut self) {
        let unused: Vec<_> = self.asked.iter().filter(|digest| self.is_unused(digest)).cloned().collect();
        for digest in unused.iter().take(unused.len().saturating_sub(MAX_UNUSED)) {
            self.remove(digest);
        }
    }
}

/// The name of a component's bytes.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from(format!("sha256:{}", hex(&Sha256::digest(bytes))))
}

impl Registry {
    pub(super) fn new(linker: Linker<Guest>, compiler: Compiler) -> Self {
        let (readers, describers) = (Semaphore::new(READERS), Semaphore::new(DESCRIBERS));
        Self { slots: Mutex::default(), linker, compiler, readers, describers }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Component>> {
        self.slots().by_digest.get(digest)?.get().cloned()
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.slots().remove(digest);
        if let Some(cache) = self.compiler.cache() {
            cache.remove(digest);
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where compiled code is kept, if it is.
    pub(super) fn cache(&self) -> Option<&Cache> {
        self.compiler.cache()
    }

    /// Forgets a component that was refused, unless somebody else is at it.
    fn abandon(&self, digest: &Digest, slot: Slot) {
        drop(slot);
        let mut slots = self.slots();
        if slots.by_digest.get(digest).is_some_and(|slot| slot.get().is_none() && Arc::strong_count(slot) == 1) {
            slots.remove(digest);
        }
    }

    fn link(&self, compiled: &Compiled) -> Result<BasePre<Guest>, Refusal> {
        compiled.initialize_copy_on_write_image().map_err(|error| Refusal::Host(error.to_string()))?;
        let linked = self.linker.instantiate_pre(compiled).and_then(BasePre::new);
        linked.map_err(|error| Refusal::invalid(&format!("the component does not fit the agent WIT: {error:#}")))
    }
}

/// See [`Sandbox::check`](super::Sandbox::check).
pub(super) async fn check(sandbox: &Arc<Inner>, bytes: Bytes) -> Result<(Digest, Outline), Refusal> {
    let (digest, outline) = look_at(sandbox, bytes).await?;
    Ok((digest, outline?))
}

/// What the bytes are called, and their outline if they fit.
async fn look_at(sandbox: &Arc<Inner>, bytes: Bytes) -> Result<(Digest, Result<Outline, Refusal>), Refusal> {
    let look = move |sandbox: &Inner| {
        let outline = Outline::read(&bytes, &sandbox.ceilings);
        (digest_of(&bytes), outline.and_then(|outline| outline.fits().map(|()| outline)))
    };
    work(sandbox, look).await
}

/// See [`Sandbox::prepare`](super::Sandbox::prepare).
pub(super) async fn prepare(
    sandbox: &Arc<Inner>,
    digest: &Digest,
    read: impl Future<Output = std::io::Result<Bytes>>,
) -> Result<Arc<Component>, Refusal> {
    let registry = &sandbox.registry;
    let slot = registry.slots().slot(digest);
    let prepared = slot.get_or_try_init(|| make(sandbox, digest, read)).await.cloned();
    match &prepared {
        Err(_) => registry.abandon(digest, slot),
        // What is forgotten is found in the cache; without one it would be compiled again.
        Ok(_) if registry.cache().is_some() => registry.slots().forget_unused(),
        Ok(_) => {}
    }
    prepared
}

async fn make(
    sandbox: &Arc<Inner>,
    digest: &Digest,
    read: impl Future<Output = std::io::Result<Bytes>>,
) -> Result<Arc<Component>, Refusal> {
    let cached = from_cache(sandbox, digest).await?;
    let registry = &sandbox.registry;
    let closed = |error: AcquireError| Refusal::Host(error.to_string());
    // A component that is only loaded does not wait for those that are compiled.
    let (room, reader) = match cached {
        None => (Some(registry.compiler.room().await?), None),
        Some(_) => (None, Some(registry.readers.acquire().await.map_err(closed)?)),
    };
    let bytes = read.await.map_err(|error| Refusal::Host(format!("the component cannot be read: {error}")))?;
    let size = bytes.len();
    let (found, outline) = look_at(sandbox, bytes.clone()).await?;
    if found != *digest {
        return Err(Refusal::Host(format!("the bytes of {digest} were changed")));
    }
    let outline = outline?;
    let compiled = match cached {
        Some(compiled) => compiled,
        None => compile(sandbox, digest, bytes).await?,
    };
    drop((reader, room));
    let _describer = registry.describers.acquire().await.map_err(closed)?;
    let pre = work(sandbox, move |sandbox| sandbox.registry.link(&compiled)).await??;
    let guest = Guest::new(Phase::Sealed, digest, nobody(&sandbox.ceilings), sandbox.services.clone());
    let (described, initial_memory_bytes) =
        instance::describe(sandbox, pre.clone(), guest).await.map_err(undescribed)?;
    let description = description(described).map_err(|words| Refusal::invalid(&words))?;
    let stateful = StatefulIndices::new(pre.instance_pre()).ok().map(Arc::new);
    let imports = outline.imports;
    Ok(Arc::new(Component { digest: digest.clone(), description, imports, size, initial_memory_bytes, pre, stateful }))
}

async fn from_cache(sandbox: &Arc<Inner>, digest: &Digest) -> Result<Option<Compiled>, Refusal> {
    let digest = digest.clone();
    work(sandbox, move |sandbox| sandbox.registry.cache()?.load(&sandbox.engine, &digest)).await
}

async fn compile(sandbox: &Arc<Inner>, digest: &Digest, bytes: Bytes) -> Result<Compiled, Refusal> {
    let Some(outside) = &sandbox.registry.compiler.outside else {
        let compiled = work(sandbox, move |sandbox| Compiled::from_binary(&sandbox.engine, &bytes)).await?;
        return compiled.map_err(|error| Refusal::misfit(&error, &sandbox.ceilings));
    };
    let code = outside.compile(&bytes, &sandbox.ceilings).await?;
    let digest = digest.clone();
    work(sandbox, move |here| {
        let cache = here.registry.cache().ok_or_else(|| Refusal::Host("there is no cache".to_owned()))?;
        let kept = cache.keep(&digest, code);
        kept.map_err(|error| Refusal::Host(format!("compiled code cannot be kept: {error}")))?;
        cache.load_kept(&here.engine, &digest).map_err(|error| Refusal::misfit(&error, &here.ceilings))
    })
    .await?
}

/// Whatever costs more the larger the component is has a low priority.
async fn work<T: Send + 'static>(
    sandbox: &Arc<Inner>,
    work: impl FnOnce(&Inner) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let here = sandbox.clone();
    sandbox.low_priority.work(move || work(&here)).await.map_err(|error| Refusal::Host(error.to_string()))
}

/// The set-up of an instance that is nobody's: it says what it is and goes. It has
/// all the memory that a blueprint may ask for, so that large agents can speak.
fn nobody(ceilings: &Limits) -> Setup {
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

fn description(said: export::Description) -> Result<Description, String> {
    if said.class_name.is_empty() {
        return Err("`describe` gave no class name".to_owned());
    }
    for (what, text, most) in [
        ("class name", &said.class_name, MAX_NAME_BYTES),
        ("name", &said.name, MAX_NAME_BYTES),
        ("version", &said.version, MAX_NAME_BYTES),
        ("summary", &said.summary, MAX_SUMMARY_BYTES),
    ] {
        if text.len() > most || text.contains('\0') {
            return Err(format!(
                "`describe` gave a {what} of {} bytes; it has at most {most}, and no U+0000",
                text.len()
            ));
        }
    }
    Ok(Description {
        receives: formats("receives", said.receives)?,
        emits: formats("emits", said.emits)?,
        properties_schema: schema("properties-schema", &said.properties_schema)?,
        class_name: said.class_name,
        name: said.name,
        version: said.version,
        summary: said.summary,
    })
}

fn formats(what: &str, said: Vec<export::FormatSpec>) -> Result<Vec<Format>, String> {
    let format = |spec: export::FormatSpec| {
        let json_schema = schema(&format!("{what} `{}`", spec.name), &spec.json_schema)?;
        Ok(Format { name: spec.name, json_schema })
    };
    said.into_iter().map(format).collect()
}

/// A JSON Schema is an object or a boolean; an empty text says nothing, which is
/// the empty schema.
fn schema(what: &str, text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(schema),
        Ok(_) => Err(format!("`describe` gave a schema of {what} that is neither an object nor a boolean")),
        Err(error) => Err(format!("`describe` gave a schema of {what} that is not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_names_the_bytes() {
        assert_eq!(digest_of(b"").as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_schema_is_an_object_a_boolean_or_nothing() {
        assert_eq!(schema("x", " ").unwrap(), serde_json::json!({}));
        assert_eq!(schema("x", "true").unwrap(), Value::Bool(true));
        assert!(schema("x", "[]").unwrap_err().contains("neither"));
        assert!(schema("x", "{").unwrap_err().contains("not JSON"));
    }
}

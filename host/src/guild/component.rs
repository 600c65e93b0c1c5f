//! Components as operators upload them: checked and kept at once, compiled and
//! asked what they are in the background, their class bound in the catalog when
//! they are ready. What was under way when the host ended is begun again.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::manager::limits_of;
use super::{Guilds, lock};
use crate::agent::ResolveError;
use crate::oci::{OciError, Place};
use crate::store::{ComponentRow, ComponentState, StoreError};
use guildhall_model::catalog::AgentEntry;
use guildhall_model::component::{ComponentName, ComponentRef};
use guildhall_model::event;
use guildhall_model::ids::Digest;
use guildhall_model::json_schema::Schema;
use guildhall_model::spec::AgentSpec;
use guildhall_sandbox as sandbox;
use guildhall_sandbox::{Component, Limit, Refusal};

/// Why a component was not taken, or is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The component itself will not do.
    #[error("{0}")]
    Refused(Refusal),
    /// The name and version stand for another component.
    #[error("{name} is {holder}")]
    NameTaken { name: ComponentName, holder: Digest },
    /// The name is one of those that the host gives.
    #[error("{0} is a name of the host's own")]
    NameReserved(ComponentName),
    #[error("{limit} components wait to be compiled")]
    Busy { limit: u64 },
    #[error("component {0} is not known")]
    Unknown(String),
    /// It is known and cannot be used, for this reason.
    #[error("component {component} was refused: {reason}")]
    FrameError { component: String, reason: String },
    /// It is known, and the host could not compile it.
    #[error("component {component} could not be compiled: {reason}")]
    Failed { component: String, reason: String },
    #[error("component {0} is being compiled")]
    Compiling(String),
    /// It describes another class.
    #[error("component {digest} is of the class {its}, not {wanted}")]
    WrongClass { digest: Digest, its: String, wanted: String },
    #[error("component {digest} is in use")]
    InUse { digest: Digest, by: Vec<String> },
    #[error(transparent)]
    Registry(#[from] OciError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Host(String),
}

/// What happened to a component of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentEvent {
    /// It was taken and waits for its compiler.
    Compiling {
        digest: Digest,
    },
    Ready {
        digest: Digest,
        class_name: String,
    },
    Refused {
        digest: Digest,
        code: String,
        reason: String,
    },
    /// The host could not compile it.
    Failed {
        digest: Digest,
        reason: String,
    },
    /// It serves the class from now on.
    Bound {
        digest: Digest,
        class_name: String,
    },
    Deleted {
        digest: Digest,
    },
}

impl ComponentEvent {
    /// The event as sockets are told it.
    fn told(&self) -> (&'static str, Value) {
        match self {
            Self::Compiling { digest } => (event::COMPONENT_COMPILING, json!({"digest": digest})),
            Self::Ready { digest, class_name } => {
                (event::COMPONENT_READY, json!({"digest": digest, "class_name": class_name}))
            }
            Self::Refused { digest, code, reason } => {
                (event::COMPONENT_REFUSED, json!({"digest": digest, "code": code, "reason": reason}))
            }
            Self::Failed { digest, reason } => (event::COMPONENT_FAILED, json!({"digest": digest, "reason": reason})),
            Self::Bound { digest, class_name } => {
                (event::COMPONENT_BOUND, json!({"digest": digest, "class_name": class_name}))
            }
            Self::Deleted { digest } => (event::COMPONENT_DELETED, json!({"digest": digest})),
        }
    }
}

/// A component begins with more memory than its agent may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLittleMemory {
    pub has_mib: u64,
    pub needs_mib: u64,
}

/// How many events a slow listener may lag.
const EVENTS: usize = 256;

/// What is under way with components.
pub(super) struct Uploads {
    compiling: Mutex<HashSet<Digest>>,
    events: broadcast::Sender<ComponentEvent>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { compiling: Mutex::default(), events: broadcast::Sender::new(EVENTS) }
    }
}

/// A component that is being compiled; when it is dropped it is no more.
struct UnderWay {
    guilds: Guilds,
    digest: Digest,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.guilds.0.uploads.compiling).remove(&self.digest);
    }
}

impl Guilds {
    /// What happens to components from now on. A listener that lags loses the oldest.
    #[must_use]
    pub fn component_events(&self) -> broadcast::Receiver<ComponentEvent> {
        self.0.uploads.events.subscribe()
    }

    fn tell(&self, event: ComponentEvent) {
        let (name, details) = event.told();
        self.tell_all(name, &details);
        // Nobody need listen.
        let _ = self.0.uploads.events.send(event);
    }

    /// Takes a component: checks it, keeps it, and begins to compile it unless it is
    /// ready. `name` is given to it beside what it calls itself. Whoever asked may go: what
    /// was begun is done.
    ///
    /// # Errors
    /// It is refused for what it is, the name is another's, too many are waiting.
    pub async fn upload_component(
        &self,
        bytes: Bytes,
        name: Option<ComponentName>,
    ) -> Result<ComponentRow, ComponentError> {
        let guilds = self.clone();
        let taken = self.0.tracker.spawn(async move { guilds.take_component(bytes, name.as_ref()).await });
        taken.await.map_err(|error| ComponentError::Host(error.to_string()))?
    }

    async fn take_component(&self, bytes: Bytes, name: Option<&ComponentName>) -> Result<ComponentRow, ComponentError> {
        let setup = &self.0.setup;
        let checked = setup.components.sandbox().check(bytes.clone()).await;
        let (digest, outline) = checked.map_err(ComponentError::Refused)?;
        let known = setup.store.component(&digest).await?;
        let is_kept = setup.components.has(&digest).await;
        if let Some(row) = known.filter(|row| row.state == ComponentState::Ready && is_kept) {
            self.name(name, &digest).await?;
            return Ok(row);
        }
        let Some(under_way) = self.begin(&digest)? else {
            self.name(name, &digest).await?;
            return self.component(&digest).await;
        };
        self.name(name, &digest).await?;
        setup.components.save(&digest, bytes.clone()).await.map_err(host)?;
        let row = ComponentRow {
            digest,
            size: bytes.len() as u64,
            state: ComponentState::Compiling,
            class_name: None,
            name: None,
            version: None,
            summary: None,
            description: Value::Null,
            imports: outline.imports,
            reason: None,
            refusal: None,
            created_ms: setup.clock.now_ms(),
        };
        setup.store.insert_component(&row).await?;
        self.compile(under_way, row.clone());
        Ok(row)
    }

    async fn name(&self, name: Option<&ComponentName>, digest: &Digest) -> Result<(), ComponentError> {
        let Some(name) = name else { return Ok(()) };
        if name.is_reserved() {
            return Err(ComponentError::NameReserved(name.clone()));
        }
        match self.0.setup.store.name_component(name, digest).await? {
            holder if holder == *digest => Ok(()),
            holder => Err(ComponentError::NameTaken { name: name.clone(), holder }),
        }
    }

    /// The place of a compilation; none when it is under way.
    fn begin(&self, digest: &Digest) -> Result<Option<UnderWay>, ComponentError> {
        let limit = self.0.setup.components.sandbox().ceilings().get(Limit::CompileQueue);
        let mut compiling = lock(&self.0.uploads.compiling);
        if compiling.contains(digest) {
            return Ok(None);
        }
        if compiling.len() as u64 >= limit {
            return Err(ComponentError::Busy { limit });
        }
        compiling.insert(digest.clone());
        Ok(Some(UnderWay { guilds: self.clone(), digest: digest.clone() }))
    }

    /// Compiles again what was being compiled when the host ended, and what it could not
    /// compile before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resume_components(&self) -> Result<(), StoreError> {
        for digest in self.0.setup.store.components_to_compile().await? {
            let Some(row) = self.0.setup.store.component(&digest).await? else { continue };
            match self.begin(&digest) {
                Ok(Some(under_way)) => {
                    let row = ComponentRow { state: ComponentState::Compiling, reason: None, ..row };
                    self.0.setup.store.insert_component(&row).await?;
                    self.compile(under_way, row);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%digest, %error, "a component has to be uploaded again"),
            }
        }
        Ok(())
    }

    fn compile(&self, under_way: UnderWay, row: ComponentRow) {
        self.tell(ComponentEvent::Compiling { digest: row.digest.clone() });
        let (guilds, shutdown) = (self.clone(), self.0.shutdown.clone());
        self.0.tracker.spawn(async move {
            let _under_way = under_way;
            tokio::select! {
                // It is begun again at the next start.
                () = shutdown.cancelled() => {}
                done = guilds.finish(row) => if let Err(error) = done {
                    tracing::error!(%error, "what became of a component cannot be stored");
                },
            }
        });
    }

    /// Compiles a component and keeps what became of it.
    async fn finish(&self, row: ComponentRow) -> Result<(), StoreError> {
        let setup = &self.0.setup;
        let digest = row.digest.clone();
        let prepared = match setup.components.get(&digest).await {
            Ok(component) => match check_schemas(&component) {
                Ok(()) => Ok(component),
                Err(words) => Err(Refusal::Invalid(words)),
            },
            Err(ResolveError::Refused { refusal, .. }) => Err(refusal),
            Err(error) => Err(Refusal::Host(error.to_string())),
        };
        match prepared {
            Ok(component) => {
                // Whoever reads that it is ready finds its name and its class.
                self.name_as_described(&component).await?;
                self.register_class(&component).await?;
                setup.store.insert_component(&row_of(&component, row.created_ms)).await?;
                let class_name = component.description.class_name.clone();
                tracing::info!(%digest, class_name, "a component is ready");
                self.tell(ComponentEvent::Ready { digest, class_name });
            }
            // Nothing is known against it.
            Err(Refusal::Host(reason)) => {
                tracing::error!(%digest, reason, "a component cannot be compiled now");
                let reason = format!("{reason}: upload it again when the host is well, or start the host again");
                let row = ComponentRow { state: ComponentState::Failed, reason: Some(reason.clone()), ..row };
                setup.store.insert_component(&row).await?;
                self.tell(ComponentEvent::Failed { digest, reason });
            }
            Err(refusal) => {
                let (code, reason) = (refusal.code(), refusal.to_string());
                tracing::info!(%digest, code, reason, "a component is refused");
                let refusal = json!({"code": code, "context": refusal.context()});
                let row = ComponentRow {
                    state: ComponentState::Refused,
                    reason: Some(reason.clone()),
                    refusal: Some(refusal),
                    ..row
                };
                setup.store.unname_component(&digest).await?;
                if let Err(error) = setup.components.remove(&digest).await {
                    tracing::warn!(%digest, %error, "the bytes of a refused component stay");
                }
                setup.store.insert_component(&row).await?;
                self.tell(ComponentEvent::Refused { digest, code: code.to_owned(), reason });
            }
        }
        Ok(())
    }

    pub(super) async fn name_built_in(&self, name: &str, component: &Component) -> Result<(), StoreError> {
        let name = ComponentName::of_the_host(name);
        let holder = self.0.setup.store.name_component(&name, &component.digest).await?;
        if holder != component.digest {
            // A program that was built again under the same version.
            tracing::info!(digest = %component.digest, %name, %holder, "the name stays with the component that had it");
        }
        Ok(())
    }

    /// A component may call itself what another one is called; then it is known by
    /// its digest alone.
    async fn name_as_described(&self, component: &Component) -> Result<(), StoreError> {
        let description = &component.description;
        let Ok(name) = ComponentName::new(&description.name, &description.version) else { return Ok(()) };
        if name.is_reserved() {
            return Ok(());
        }
        let holder = self.0.setup.store.name_component(&name, &component.digest).await?;
        if holder != component.digest {
            tracing::info!(digest = %component.digest, %name, %holder, "the name belongs to another component");
        }
        Ok(())
    }

    /// Registers the class of a component, or binds it when it is registered and
    /// nothing serves it yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn register_class(&self, component: &Component) -> Result<(), StoreError> {
        let store = &self.0.setup.store;
        let class = &component.description.class_name;
        match store.agent_entry(class).await? {
            None => match store.register_agent(&entry_of(component)).await {
                Err(StoreError::Conflict { .. }) => return Ok(()),
                done => done?,
            },
            Some(entry) if entry.component.is_none() => store.bind_component(class, &component.digest).await?,
            Some(_) => return Ok(()),
        }
        self.tell(ComponentEvent::Bound { digest: component.digest.clone(), class_name: class.clone() });
        Ok(())
    }

    /// Has a component, which is ready, serve a class from now on. Guilds and blueprints
    /// that are there keep what they have. It describes this class, or the one that the
    /// component describes which serves it now: else what is registered of the class would
    /// not be true.
    ///
    /// # Errors
    /// `WrongClass`, the component is not at hand, or the database fails.
    pub async fn bind_class(&self, entry: &AgentEntry, digest: &Digest) -> Result<(), ComponentError> {
        let class = &entry.class_name;
        let its = self.component(digest).await?.class_name.unwrap_or_default();
        if its != *class {
            let present = match &entry.component {
                Some(present) => self.0.setup.store.component(present).await?.and_then(|row| row.class_name),
                None => None,
            };
            if present.as_ref() != Some(&its) {
                return Err(ComponentError::WrongClass { digest: digest.clone(), its, wanted: class.clone() });
            }
        }
        self.0.setup.store.bind_component(class, digest).await?;
        self.tell(ComponentEvent::Bound { digest: digest.clone(), class_name: class.clone() });
        Ok(())
    }

    /// The digest that a digest or a name stands for; the component need not be here.
    ///
    /// # Errors
    /// `Unknown`, or the database fails.
    pub async fn digest_of(&self, named: &str) -> Result<Digest, ComponentError> {
        let unknown = || ComponentError::Unknown(named.to_owned());
        match ComponentRef::parse(named).map_err(|_| unknown())? {
            ComponentRef::Digest(digest) => Ok(digest),
            ComponentRef::Named(name) | ComponentRef::Registry(name) => {
                self.0.setup.store.component_named(&name).await?.ok_or_else(unknown)
            }
        }
    }

    /// A component as it is known.
    ///
    /// # Errors
    /// `Unknown`, or the database fails.
    pub async fn component(&self, digest: &Digest) -> Result<ComponentRow, ComponentError> {
        let row = self.0.setup.store.component(digest).await?;
        row.ok_or_else(|| ComponentError::Unknown(digest.to_string()))
    }

    /// The same, when it is not compiled any more, or when the time is over.
    ///
    /// # Errors
    /// As [`Guilds::component`].
    pub async fn settled_component(&self, digest: &Digest, within: Duration) -> Result<ComponentRow, ComponentError> {
        let deadline = Instant::now() + within;
        let mut events = self.component_events();
        loop {
            let row = self.component(digest).await?;
            if row.state != ComponentState::Compiling {
                return Ok(row);
            }
            // Whatever happened, the store knows; a listener that lags asks it once more.
            match tokio::time::timeout_at(deadline, events.recv()).await {
                Ok(Ok(_) | Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return Ok(row),
            }
        }
    }

    /// The component that a reference means, ready; waits for it while it is compiled.
    ///
    /// # Errors
    /// It is not known, was refused, or is still compiled when the time is over.
    pub async fn find_component(
        &self,
        reference: &ComponentRef,
        within: Duration,
    ) -> Result<ComponentRow, ComponentError> {
        let (digest, shown) = match reference {
            ComponentRef::Digest(digest) => (digest.clone(), digest.to_string()),
            ComponentRef::Named(name) => {
                let digest = self.0.setup.store.component_named(name).await?;
                (digest.ok_or_else(|| ComponentError::Unknown(name.to_string()))?, name.to_string())
            }
            ComponentRef::Registry(name) => (self.pull(name, within).await?, name.to_string()),
        };
        let row = match self.settled_component(&digest, within).await {
            Err(ComponentError::Unknown(_)) => return Err(ComponentError::Unknown(shown)),
            row => row?,
        };
        match row.state {
            ComponentState::Ready => Ok(row),
            ComponentState::Compiling => Err(ComponentError::Compiling(shown)),
            ComponentState::Refused => {
                Err(ComponentError::FrameError { component: shown, reason: row.reason.unwrap_or_default() })
            }
            ComponentState::Failed => {
                Err(ComponentError::Failed { component: shown, reason: row.reason.unwrap_or_default() })
            }
        }
    }

    /// The component of a place in a registry, pulled unless it was before.
    async fn pull(&self, name: &ComponentName, within: Duration) -> Result<Digest, ComponentError> {
        let setup = &self.0.setup;
        let place = Place::read(&name.to_string())?;
        setup.registries.check(&place)?;
        if let Some(digest) = setup.store.component_named(name).await?
            && setup.store.component(&digest).await?.is_some()
        {
            return Ok(digest);
        }
        let limit = setup.components.sandbox().ceilings().get(Limit::Component) << 20;
        let pulled = tokio::time::timeout(within, setup.registries.pull(&place, limit)).await;
        let late = || OciError::Registry {
            reference: place.to_string(),
            why: format!("it takes more than {} seconds: upload the component instead", within.as_secs()),
        };
        let bytes = pulled.unwrap_or_else(|_| Err(late()))?;
        let row = self.upload_component(bytes.into(), None).await?;
        self.name(Some(name), &row.digest).await?;
        Ok(row.digest)
    }

    /// Whether an agent, whose component is named by its digest, may have less memory than
    /// that begins with. What is not at hand is not known to.
    pub async fn too_little_memory(&self, agent: &AgentSpec) -> Option<TooLittleMemory> {
        let components = &self.0.setup.components;
        let component = components.get(&Digest::from(agent.component.as_deref()?)).await.ok()?;
        let has_mib = limits_of(components, agent).ok()?.get(Limit::Memory);
        let needs_mib = component.initial_memory_bytes.div_ceil(1 << 20);
        (needs_mib > has_mib).then_some(TooLittleMemory { has_mib, needs_mib })
    }

    /// Whether components are being compiled.
    #[must_use]
    pub fn is_compiling(&self) -> bool {
        !lock(&self.0.uploads.compiling).is_empty()
    }

    /// The bytes of a component, to be read.
    ///
    /// # Errors
    /// `Unknown`: they are not here.
    pub async fn component_bytes(&self, digest: &Digest) -> Result<tokio::fs::File, ComponentError> {
        self.0.setup.components.open(digest).await.map_err(|error| match error {
            ResolveError::Unknown(digest) => ComponentError::Unknown(digest.into_string()),
            error => host(error),
        })
    }

    /// Forgets a component that nobody needs. Its names stay taken.
    ///
    /// # Errors
    /// `Unknown`, `InUse`, `Compiling`, or the host fails.
    pub async fn delete_component(&self, digest: &Digest) -> Result<(), ComponentError> {
        let setup = &self.0.setup;
        self.component(digest).await?;
        if lock(&self.0.uploads.compiling).contains(digest) {
            return Err(ComponentError::Compiling(digest.to_string()));
        }
        let mut by = setup.store.component_users(digest).await?;
        if self.built_in().iter().any(|component| component.digest == *digest) {
            by.push("the host itself".to_owned());
        }
        if !by.is_empty() {
            return Err(ComponentError::InUse { digest: digest.clone(), by });
        }
        setup.store.delete_component(digest).await?;
        setup.components.remove(digest).await.map_err(host)?;
        self.tell(ComponentEvent::Deleted { digest: digest.clone() });
        Ok(())
    }
}

/// The grants that a component with these imports needs.
#[must_use]
pub fn grants_of(imports: &[String]) -> Vec<&'static str> {
    sandbox::grants(imports)
}

/// The schemas of a description are schemas.
fn check_schemas(component: &Component) -> Result<(), String> {
    let description = &component.description;
    let own = [("properties".to_owned(), &description.properties_schema)];
    let formats = description.receives.iter().chain(&description.emits);
    let formats = formats.map(|format| (format!("the format {}", format.name), &format.json_schema));
    for (what, schema) in own.into_iter().chain(formats) {
        Schema::new(schema).map_err(|error| format!("`describe` gave a schema of {what} that is none: {error}"))?;
    }
    Ok(())
}

/// What the catalog says of a class that a component brings.
fn entry_of(component: &Component) -> AgentEntry {
    let description = &component.description;
    AgentEntry::described(
        &description.class_name,
        &description.summary,
        description.receives.iter().map(|format| (format.name.as_str(), &format.json_schema)),
        &description.properties_schema,
        component.digest.clone(),
    )
}

/// What is kept of a component that is ready.
pub fn row_of(component: &Component, now_ms: u64) -> ComponentRow {
    let description = &component.description;
    let formats = |formats: &[guildhall_sandbox::Format]| -> Value {
        formats.iter().map(|format| json!({"name": format.name, "json_schema": format.json_schema})).collect()
    };
    ComponentRow {
        digest: component.digest.clone(),
        size: component.size as u64,
        state: ComponentState::Ready,
        class_name: Some(description.class_name.clone()),
        name: Some(description.name.clone()),
        version: Some(description.version.clone()),
        summary: Some(description.summary.clone()),
        description: json!({
            "receives": formats(&description.receives),
            "emits": formats(&description.emits),
            "properties_schema": description.properties_schema,
        }),
        imports: component.imports.clone(),
        reason: None,
        refusal: None,
        created_ms: now_ms,
    }
}

fn host(error: ResolveError) -> ComponentError {
    ComponentError::Host(error.to_string())
}

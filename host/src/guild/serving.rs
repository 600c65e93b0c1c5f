//! Which component serves an agent: the one that its spec names, else the one that the catalog binds its class to, else
//! the built-in one of that class. And which limits the agent has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::{Components, FindComponent, ResolveError};
use crate::store::Store;
use guildhall_model::component::ComponentRef;
use guildhall_model::component::ComponentState;
use guildhall_model::format::is_reserved_class;
use guildhall_model::ids::Digest;
use guildhall_model::spec::AgentSpec;
use guildhall_sandbox::{Component, Limits, Refusal};

/// Finds the components of a guild's agents.
pub(super) struct Serving {
    /// The catalog.
    pub(super) store: Store,
    /// The components of this host.
    pub(super) components: Components,
    /// The components that are part of this program, by class.
    pub(super) built_in: Arc<HashMap<String, Arc<Component>>>,
}

impl Serving {
    /// The function that an agent's task calls. It may wait for a compiler.
    pub(super) fn finder(self: &Arc<Self>) -> FindComponent {
        let serving = self.clone();
        Arc::new(move |spec| {
            let (serving, spec) = (serving.clone(), spec.clone());
            Box::pin(async move { serving.component_of(&spec).await })
        })
    }

    async fn component_of(&self, spec: &AgentSpec) -> Result<Arc<Component>, String> {
        let digest = self.digest_of(spec).await?;
        match self.built_in.values().find(|component| component.digest == digest) {
            Some(component) => Ok(component.clone()),
            None => self.components.get(&digest).await.map_err(|error| error.to_string()),
        }
    }

    /// The digest of an agent's component. It waits for no compiler. Cancel safe.
    ///
    /// # Errors
    /// The agent has no component or asks for too much, or the store fails, as a text for people.
    pub(super) async fn digest_of(&self, spec: &AgentSpec) -> Result<Digest, String> {
        limits_of(&self.components, spec)?;
        let unreadable = |error| format!("the catalog cannot be read: {error}");
        if let Some(named) = &spec.component {
            return match ComponentRef::parse(named)? {
                ComponentRef::Digest(digest) => Ok(digest),
                // A component of a registry was pulled before.
                ComponentRef::Named(name) | ComponentRef::Registry(name) => {
                    let digest = self.store.component_named(&name).await.map_err(unreadable)?;
                    digest.ok_or_else(|| format!("the component {name} is not on this host: upload it first"))
                }
            };
        }
        let built_in = || self.built_in.get(&spec.class_name).map(|component| component.digest.clone());
        if let Some(digest) = built_in().filter(|_| is_reserved_class(&spec.class_name)) {
            return Ok(digest);
        }
        let entry = self.store.agent_entry(&spec.class_name).await.map_err(unreadable)?;
        entry.and_then(|entry| entry.component).or_else(built_in).ok_or_else(|| {
            format!("no component serves the class {}: upload one to /catalog/components", spec.class_name)
        })
    }

    /// The digest of an agent's component, if its bytes are on this host, it was not refused, and the agent has every
    /// grant that it needs. Cancel safe.
    ///
    /// # Errors
    /// As [`Self::digest_of`], or the component cannot be used.
    pub(super) async fn usable_digest_of(&self, spec: &AgentSpec) -> Result<Digest, String> {
        let digest = self.digest_of(spec).await?;
        let row =
            self.store.component(&digest).await.map_err(|error| format!("the catalog cannot be read: {error}"))?;
        match row {
            Some(row) if row.state == ComponentState::Refused => {
                Err(format!("the component {digest} is refused: {}", row.reason.unwrap_or_default()))
            }
            Some(row) if self.components.has(&digest).await => {
                let asked = spec.sandbox.clone().unwrap_or_default();
                let lacking = |refusal: Refusal| format!("{}: {refusal}", refusal.code());
                self.components.sandbox().check_grants(&row.imports, asked).map_err(lacking)?;
                Ok(digest)
            }
            None if self.components.has(&digest).await => Ok(digest),
            _ => Err(ResolveError::Unknown(digest).to_string()),
        }
    }
}

/// The limits of an agent, as its blueprint asks for and the operator allows.
///
/// # Errors
/// It asks for more than the operator allows, as a text for people.
pub(super) fn limits_of(components: &Components, spec: &AgentSpec) -> Result<Limits, String> {
    let asked = spec.sandbox.clone().unwrap_or_default();
    let timeout = spec.qos.timeout.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    components.sandbox().ceilings().for_agent(&asked, timeout).map_err(|over| over.to_string())
}

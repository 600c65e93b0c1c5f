//! Which component serves an agent: the one its entry names, else the one that the
//! catalog binds its class to, else a built-in one of that class.

use std::collections::HashMap;
use std::sync::Arc;

use crate::agent::{Components, FindComponent, ResolveError};
use crate::store::{ComponentState, Store};
use guildhall_model::component::ComponentRef;
use guildhall_model::ids::Digest;
use guildhall_model::spec::AgentSpec;
use guildhall_sandbox::Component;

use super::manager::limits_of;

pub(super) struct Serving {
    pub(super) store: Store,
    pub(super) components: Components,
    /// The components that are part of this program, by class.
    pub(super) built_in: Arc<HashMap<String, Arc<Component>>>,
}

impl Serving {
    /// What an agent's task asks. It may wait for a compiler.
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

    /// The digest of the component, which waits for no compiler.
    pub(super) async fn digest_of(&self, spec: &AgentSpec) -> Result<Digest, String> {
        limits_of(&self.components, spec)?;
        let unread = |error| format!("the catalog cannot be read: {error}");
        if let Some(named) = &spec.component {
            return match ComponentRef::parse(named)? {
                ComponentRef::Digest(digest) => Ok(digest),
                // What stands in a registry was pulled before.
                ComponentRef::Named(name) | ComponentRef::Registry(name) => {
                    let digest = self.store.component_named(&name).await.map_err(unread)?;
                    digest.ok_or_else(|| format!("the component {name} is not on this host: upload it first"))
                }
            };
        }
        let entry = self.store.agent_entry(&spec.class_name).await.map_err(unread)?;
        let built_in = || self.built_in.get(&spec.class_name).map(|component| component.digest.clone());
        entry.and_then(|entry| entry.component).or_else(built_in).ok_or_else(|| {
            format!("no component serves the class {}: upload one to /catalog/components", spec.class_name)
        })
    }

    /// The same, when the component is on this host and nothing is known against it.
    pub(super) async fn digest_at_hand(&self, spec: &AgentSpec) -> Result<Digest, String> {
        let digest = self.digest_of(spec).await?;
        let row =
            self.store.component(&digest).await.map_err(|error| format!("the catalog cannot be read: {error}"))?;
        match row {
            Some(row) if row.state == ComponentState::Refused => {
                Err(format!("the component {digest} is refused: {}", row.reason.unwrap_or_default()))
            }
            _ if self.components.has(&digest).await => Ok(digest),
            _ => Err(ResolveError::Unknown(digest).to_string()),
        }
    }
}

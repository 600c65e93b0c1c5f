//! Finds components by digest, name or registry reference, waits until they are ready, and deletes those that nothing
//! uses.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use super::error::{ComponentError, host_error};
use super::event::ComponentEvent;
use crate::agent::ResolveError;
use crate::guild::guilds::Guilds;
use crate::guild::serving::limits_of;
use crate::store::{ComponentRow, StoreError};
use guildhall_model::component::ComponentRef;
use guildhall_model::component::ComponentState;
use guildhall_model::ids::Digest;
use guildhall_model::spec::AgentSpec;
use guildhall_sandbox as sandbox;
use guildhall_sandbox::Limit;

/// An agent may have less memory than its component begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLittleMemory {
    /// What the agent may have, in MiB.
    pub has_mib: u64,
    /// What the component begins with, in MiB.
    pub needs_mib: u64,
}

/// An agent that cannot start because its component imports what the agent has no grant for.
#[derive(Debug)]
pub struct Lacking {
    /// The place of the agent in the spec.
    pub place: String,
    /// The name of the agent.
    pub agent: String,
    /// The imports and the grants.
    pub refusal: sandbox::Refusal,
}

impl Guilds {
    /// The events about components from now on. A listener that lags by more than 256 loses the oldest.
    #[must_use]
    pub fn component_events(&self) -> broadcast::Receiver<ComponentEvent> {
        self.0.component_work.subscribe()
    }

    /// Sends an event to the sockets of every guild here, and to those who follow the components.
    pub(super) fn send_component_event(&self, event: ComponentEvent) {
        let (name, details) = event.to_event();
        self.send_host_event(name, &details);
        self.0.component_work.send(event);
    }

    /// The digest that a digest or a name stands for. A component that is named by its digest need not be on this host.
    /// Cancel safe.
    ///
    /// # Errors
    /// `Unknown`, or the store fails.
    pub async fn digest_of(&self, named: &str) -> Result<Digest, ComponentError> {
        let unknown = || ComponentError::Unknown(named.to_owned());
        match ComponentRef::parse(named).map_err(|_| unknown())? {
            ComponentRef::Digest(digest) => Ok(digest),
            ComponentRef::Named(name) | ComponentRef::Registry(name) => {
                self.0.setup.store.component_named(&name).await?.ok_or_else(unknown)
            }
        }
    }

    /// The row of a component. Cancel safe.
    ///
    /// # Errors
    /// `Unknown`, or the store fails.
    pub async fn component(&self, digest: &Digest) -> Result<ComponentRow, ComponentError> {
        let row = self.0.setup.store.component(digest).await?;
        row.ok_or_else(|| ComponentError::Unknown(digest.to_string()))
    }

    /// The row of a component once its compilation has ended, or as it is when the time is over. Cancel safe.
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
            // Events only wake this loop: the store has the outcome, also for a listener that lags.
            match tokio::time::timeout_at(deadline, events.recv()).await {
                Ok(Ok(_) | Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return Ok(row),
            }
        }
    }

    /// The row of the component that a reference stands for, ready to be used. It is pulled if need be, and waited for
    /// while it is being compiled. Dropping the future does not end an upload that has begun.
    ///
    /// # Errors
    /// `Unknown`, `RefusedBefore` or `Failed`; `Compiling`: it is not ready when the time is over.
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
                Err(ComponentError::RefusedBefore { component: shown, reason: row.reason.unwrap_or_default() })
            }
            ComponentState::Failed => {
                Err(ComponentError::Failed { component: shown, reason: row.reason.unwrap_or_default() })
            }
        }
    }

    /// Checks whether an agent may have less memory than its component begins with. `None`: it may have enough, or its
    /// component is not named by digest or not on this host. Cancel safe.
    pub async fn too_little_memory(&self, agent: &AgentSpec) -> Option<TooLittleMemory> {
        let components = &self.0.setup.components;
        let component = components.get(&Digest::from(agent.component.as_deref()?)).await.ok()?;
        let has_mib = limits_of(components, agent).ok()?.get(Limit::Memory);
        let needs_mib = component.initial_memory_bytes.div_ceil(1 << 20);
        (needs_mib > has_mib).then_some(TooLittleMemory { has_mib, needs_mib })
    }

    /// The grants that an agent needs and lacks. `None`: it lacks none, or its component is not known. Cancel safe.
    ///
    /// # Errors
    /// The store fails.
    pub async fn missing_grants(&self, agent: &AgentSpec) -> Result<Option<sandbox::Refusal>, StoreError> {
        let Some(digest) = agent.component.as_deref() else { return Ok(None) };
        let setup = &self.0.setup;
        let Some(row) = setup.store.component(&Digest::from(digest)).await? else { return Ok(None) };
        let asked = agent.sandbox.clone().unwrap_or_default();
        Ok(setup.components.sandbox().check_grants(&row.imports, asked).err())
    }

    /// Whether any component is being compiled.
    #[must_use]
    pub fn is_compiling(&self) -> bool {
        self.0.component_work.is_busy()
    }

    /// Opens the bytes of a component for reading. Cancel safe.
    ///
    /// # Errors
    /// `Unknown`: they are not on this host.
    pub async fn component_bytes(&self, digest: &Digest) -> Result<tokio::fs::File, ComponentError> {
        self.0.setup.components.open(digest).await.map_err(|error| match error {
            ResolveError::Unknown(digest) => ComponentError::Unknown(digest.into_string()),
            error => host_error(error),
        })
    }

    /// What uses a component, as texts such as `blueprint ID`; at most 21. Cancel safe.
    ///
    /// # Errors
    /// `Unknown`, or the store fails.
    pub async fn component_users(&self, digest: &Digest) -> Result<Vec<String>, ComponentError> {
        self.component(digest).await?;
        let mut by = self.0.setup.store.component_users(digest).await?;
        if self.built_in().iter().any(|component| component.digest == *digest) {
            by.push("the host itself".to_owned());
        }
        Ok(by)
    }

    /// Deletes a component that nothing uses. Its names stay taken. Dropping the future may leave its bytes on disk.
    ///
    /// # Errors
    /// `Unknown`, `InUse`, `Compiling`, or the host fails.
    pub async fn delete_component(&self, digest: &Digest) -> Result<(), ComponentError> {
        let setup = &self.0.setup;
        self.component(digest).await?;
        if self.0.component_work.is_compiling(digest) {
            return Err(ComponentError::Compiling(digest.to_string()));
        }
        let by = self.component_users(digest).await?;
        if !by.is_empty() {
            return Err(ComponentError::InUse { digest: digest.clone(), by });
        }
        setup.store.delete_component(digest).await?;
        setup.components.remove(digest).await.map_err(host_error)?;
        self.send_component_event(ComponentEvent::Deleted { digest: digest.clone() });
        Ok(())
    }
}

/// The grants that a component with these imports needs.
#[must_use]
pub fn grants_of(imports: &[String]) -> Vec<&'static str> {
    sandbox::grants(imports)
}

//! The names of components and the classes that they serve. A name belongs to one component permanently; a class is
//! bound to one component at a time.

use super::error::ComponentError;
use super::event::ComponentEvent;
use super::row::entry_of;
use crate::guild::guilds::Guilds;
use crate::store::StoreError;
use guildhall_model::catalog::AgentEntry;
use guildhall_model::component::ComponentName;
use guildhall_model::format::is_reserved_class;
use guildhall_model::ids::Digest;
use guildhall_sandbox::Component;

impl Guilds {
    /// Gives a component a name, if there is one to give. The name of a component never moves to another.
    ///
    /// # Errors
    /// `NameReserved`, `NameTaken`, or the store fails.
    pub(super) async fn name_component(
        &self,
        name: Option<&ComponentName>,
        digest: &Digest,
    ) -> Result<(), ComponentError> {
        let Some(name) = name else { return Ok(()) };
        if name.is_reserved() {
            return Err(ComponentError::NameReserved(name.clone()));
        }
        match self.0.setup.store.name_component(name, digest).await? {
            holder if holder == *digest => Ok(()),
            holder => Err(ComponentError::NameTaken { name: name.clone(), holder }),
        }
    }

    /// Gives a component the name that it describes. If another component has that name, it is known by its digest
    /// alone.
    pub(super) async fn name_as_described(&self, component: &Component) -> Result<(), StoreError> {
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

    /// Registers the class of a component, or binds the class to it if the class is registered and nothing serves it
    /// yet. Dropping the future may leave the class without its event.
    ///
    /// # Errors
    /// The store fails.
    pub async fn register_class(&self, component: &Component) -> Result<(), StoreError> {
        let store = &self.0.setup.store;
        let class = &component.description.class_name;
        if self.refuse_reserved(class, &component.digest).is_err() {
            return Ok(());
        }
        match store.agent_entry(class).await? {
            None => match store.register_agent(&entry_of(component)).await {
                Err(StoreError::Conflict { .. }) => return Ok(()),
                registered => registered?,
            },
            Some(entry) if entry.component.is_none() => store.bind_component(class, &component.digest).await?,
            Some(_) => return Ok(()),
        }
        self.send_component_event(ComponentEvent::Bound {
            digest: component.digest.clone(),
            class_name: class.clone(),
        });
        Ok(())
    }

    /// Refuses to let a component serve a class of the host, unless it is part of this program.
    ///
    /// # Errors
    /// `ClassReserved`.
    pub fn refuse_reserved(&self, class: &str, digest: &Digest) -> Result<(), ComponentError> {
        if is_reserved_class(class) && !self.built_in().iter().any(|component| component.digest == *digest) {
            return Err(ComponentError::ClassReserved(class.to_owned()));
        }
        Ok(())
    }

    /// Returns the component that serves a class: the one of this program, else the one that the class is bound to.
    /// Cancel safe.
    ///
    /// # Errors
    /// The store fails.
    pub async fn component_of_class(&self, class: &str) -> Result<Option<Digest>, StoreError> {
        let built_in = self.built_in().into_iter().find(|component| component.description.class_name == class);
        if let Some(component) = built_in.filter(|_| is_reserved_class(class)) {
            return Ok(Some(component.digest.clone()));
        }
        Ok(self.0.setup.store.agent_entry(class).await?.and_then(|entry| entry.component))
    }

    /// Binds a class of the catalog to a component of that class: it serves new blueprints and guilds from now on.
    /// Dropping the future may leave the class bound without its event.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn bind_registered(&self, class: &str, digest: &Digest) -> Result<(), StoreError> {
        let store = &self.0.setup.store;
        let bound = store.agent_entry(class).await?.and_then(|entry| entry.component);
        if bound.as_ref() != Some(digest) {
            store.bind_component(class, digest).await?;
            let (digest, class_name) = (digest.clone(), class.to_owned());
            self.send_component_event(ComponentEvent::Bound { digest, class_name });
        }
        Ok(())
    }

    /// Binds a class to a component that is ready. Existing guilds and blueprints keep their components. The component
    /// must describe this class, or the class that the present component describes; otherwise the catalog's entry for
    /// the class would be wrong. Dropping the future may leave the class bound without its event.
    ///
    /// # Errors
    /// `WrongClass`, `Unknown`, or the store fails.
    pub async fn bind_class(&self, entry: &AgentEntry, digest: &Digest) -> Result<(), ComponentError> {
        let class = &entry.class_name;
        self.refuse_reserved(class, digest)?;
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
        self.send_component_event(ComponentEvent::Bound { digest: digest.clone(), class_name: class.clone() });
        Ok(())
    }
}

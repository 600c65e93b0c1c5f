//! The components that are part of this program.

use std::collections::HashMap;
use std::sync::Arc;

use super::row::row_of;
use crate::guild::guilds::Guilds;
use crate::store::StoreError;
use guildhall_model::component::ComponentName;
use guildhall_sandbox::Component;

impl Guilds {
    /// Makes components of this program available to every guild. Each is named `guildhall:NAME@VERSION`, with the
    /// version of the program. Dropping the future leaves the components unavailable.
    ///
    /// # Errors
    /// The store fails.
    pub async fn add_built_in(&self, components: Vec<(&'static str, Arc<Component>)>) -> Result<(), StoreError> {
        for (name, component) in &components {
            let row = row_of(component, self.0.setup.clock.now_ms());
            self.0.setup.store.insert_component(&row).await?;
            self.name_built_in(name, component).await?;
        }
        let mut present = self.0.built_in.lock();
        let mut all = HashMap::clone(&present);
        all.extend(components.into_iter().map(|(_, component)| (component.description.class_name.clone(), component)));
        *present = Arc::new(all);
        Ok(())
    }

    /// Whether a component of this program serves a class.
    #[must_use]
    pub fn has_built_in(&self, class: &str) -> bool {
        self.0.built_in.lock().contains_key(class)
    }

    /// The components that are part of this program.
    #[must_use]
    pub fn built_in(&self) -> Vec<Arc<Component>> {
        self.0.built_in.lock().values().cloned().collect()
    }

    async fn name_built_in(&self, name: &str, component: &Component) -> Result<(), StoreError> {
        let name = ComponentName::of_the_host(name);
        let holder = self.0.setup.store.name_component(&name, &component.digest).await?;
        if holder != component.digest {
            // The program was built again under the same version.
            tracing::info!(digest = %component.digest, %name, %holder, "the name stays with the component that had it");
        }
        Ok(())
    }
}

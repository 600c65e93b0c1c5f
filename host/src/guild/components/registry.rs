//! Components that blueprints name by their place in a registry.

use std::time::Duration;

use super::compiling::Binds;
use super::error::ComponentError;
use crate::guild::guilds::Guilds;
use crate::oci::{OciError, Place};
use guildhall_model::component::ComponentName;
use guildhall_model::ids::Digest;
use guildhall_sandbox::Limit;

impl Guilds {
    /// The digest of the component that a registry holds under a name. It is pulled and uploaded unless it was pulled
    /// before. Dropping the future ends the pull; an upload that has begun is completed.
    ///
    /// # Errors
    /// The registry may not be used, fails, or takes longer than `within`; the component is not taken.
    pub(super) async fn pull(&self, name: &ComponentName, within: Duration) -> Result<Digest, ComponentError> {
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
        let row = self.upload_component(bytes.into(), None, Binds::IfFree).await?;
        self.name_component(Some(name), &row.digest).await?;
        Ok(row.digest)
    }
}

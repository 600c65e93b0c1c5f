//! The imports `secrets` and `reveal` of the contract. An agent gets a placeholder and never the secret itself, unless
//! it may read the secret, which is a grant of its own.

use wasmtime::component::Resource;

use crate::bindings::secrets::{reveal, store};
use crate::guest::Guest;
use crate::placeholders::Secret;

impl store::Host for Guest {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<Secret>, store::SecretError>> {
        self.unsealed("secrets.get")?;
        if !self.grants.secret(&name) {
            let text = format!("the secret `{name}` is not granted to this agent");
            return Ok(Err(store::SecretError::Denied(text)));
        }
        if self.grants.policy.secret(&name).is_none() {
            return Ok(Err(store::SecretError::NotFound));
        }
        Ok(Ok(self.table_mut().push(Secret(name))?))
    }
}

impl store::HostSecret for Guest {
    fn placeholder(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        Ok(self.table_mut().get(&secret)?.placeholder())
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table_mut().delete(secret)?;
        Ok(())
    }
}

/// A guest revealed a secret that it may not read. Holds the name of the secret.
#[derive(Debug, thiserror::Error)]
#[error("it revealed the secret `{0}`, which needs the grants `sandbox.reveal` and `policy.reveal`")]
pub(crate) struct NotRevealed(String);

impl reveal::Host for Guest {
    fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Vec<u8>> {
        self.unsealed("reveal.reveal")?;
        let Secret(name) = self.table_mut().get(&secret)?;
        let name = name.clone();
        if !self.grants.reveal(&name) {
            return Err(NotRevealed(name).into());
        }
        // The file may have been removed since `get`.
        Ok(self.grants.policy.secret(&name).unwrap_or_default())
    }
}

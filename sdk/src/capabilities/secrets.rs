//! Secrets by name: `sandbox.secrets` of the blueprint for placeholders, `sandbox.reveal` to read them.

use super::Refused;
use super::bindings::guildhall::agent::{reveal, secrets};

/// What to put into the value of a header of a request: the host puts the secret in its place where the request leaves.
pub fn placeholder(name: &str) -> Result<String, Refused> {
    Ok(find(name)?.placeholder())
}

/// The secret itself; the agent ends when it may not read it.
pub fn reveal(name: &str) -> Result<Vec<u8>, Refused> {
    Ok(reveal::reveal(&find(name)?))
}

fn find(name: &str) -> Result<secrets::Secret, Refused> {
    secrets::get(name).map_err(|error| match error {
        secrets::SecretError::NotFound => Refused(format!("the secret `{name}` has no value on this host")),
        secrets::SecretError::Denied(words) | secrets::SecretError::Other(words) => Refused(words),
    })
}

//! Uses secrets by name. The blueprint lists in `sandbox.secrets` those that are used by placeholder, and in
//! `sandbox.reveal` those that the agent may read.

use super::Refused;
use super::bindings::guildhall::agent::{reveal, secrets};

/// Returns a placeholder for the value of a request header. The server replaces it by the secret when the request leaves.
///
/// # Errors
/// The secret does not exist or is not granted.
pub fn placeholder(name: &str) -> Result<String, Refused> {
    Ok(find(name)?.placeholder())
}

/// Returns the secret. Without the grant the instance ends.
///
/// # Errors
/// The secret does not exist.
pub fn reveal(name: &str) -> Result<Vec<u8>, Refused> {
    Ok(reveal::reveal(&find(name)?))
}

fn find(name: &str) -> Result<secrets::Secret, Refused> {
    secrets::get(name).map_err(|error| match error {
        secrets::SecretError::NotFound => Refused(format!("the secret `{name}` has no value on this server")),
        secrets::SecretError::Denied(words) | secrets::SecretError::Other(words) => Refused(words),
    })
}

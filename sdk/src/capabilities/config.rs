//! Reads the configuration of the blueprint: the texts in `sandbox.config`, each under a name.

use super::Refused;
use super::bindings::wasi::config::store;

/// Returns the text under a name, if the blueprint has it.
///
/// # Errors
/// The grant is missing.
pub fn get(name: &str) -> Result<Option<String>, Refused> {
    store::get(name).map_err(refused)
}

/// Returns all names and texts, ordered by name.
///
/// # Errors
/// The grant is missing.
pub fn all() -> Result<Vec<(String, String)>, Refused> {
    store::get_all().map_err(refused)
}

fn refused(error: store::Error) -> Refused {
    match error {
        store::Error::Upstream(words) | store::Error::Io(words) => Refused(words),
    }
}

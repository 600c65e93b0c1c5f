//! What the blueprint configures: texts under names, neither properties nor secrets. The blueprint's `sandbox.config`.

use super::Refused;
use super::bindings::wasi::config::store;

/// The text under a name, if the blueprint has it.
pub fn get(name: &str) -> Result<Option<String>, Refused> {
    store::get(name).map_err(refused)
}

/// All names and texts, in the order of the names.
pub fn all() -> Result<Vec<(String, String)>, Refused> {
    store::get_all().map_err(refused)
}

fn refused(error: store::Error) -> Refused {
    match error {
        store::Error::Upstream(words) | store::Error::Io(words) => Refused(words),
    }
}

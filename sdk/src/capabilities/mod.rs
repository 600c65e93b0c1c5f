//! The capabilities that an agent may be granted: stored values, configuration, secrets, HTTP requests. Its blueprint asks
//! for each in `sandbox`, and the operator's policy allows it. A component imports only the capabilities that its agent
//! uses, and it does not start without their grants. `docs/capabilities.md` of the server has the details.
//!
//! They need the feature `capabilities`. Outside of a component there is no server, and calls panic. So put code that is
//! worth testing into functions that receive the values which were read.

pub mod config;
pub mod http;
pub mod keyvalue;
pub mod secrets;

#[path = "../generated/capabilities.rs"]
#[rustfmt::skip]
#[allow(unsafe_code, clippy::all, clippy::unwrap_used, reason = "generated: see the crate bindings")]
mod bindings;

/// The reason why a call of a capability failed, as text: a missing grant, a limit, or an error of the other side. As the
/// failure of a turn it is [`Failure::Other`](crate::Failure::Other).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for crate::Failure {
    fn from(refused: Refused) -> Self {
        Self::Other(refused.0)
    }
}

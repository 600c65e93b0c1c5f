//! The errors of the sandbox as a whole: it cannot be set up, or an agent does not start. Errors of uploads are in
//! `refusal`, and failed calls are [`Fault`]s.

use guildhall_model::fault::Fault;

use crate::refusal::Refusal;

/// The sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Wasmtime refuses the configuration or its linker.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The directory of compiled code, or its key, cannot be read or created.
    #[error("the directory of compiled code cannot be used: {0}")]
    Cache(#[source] std::io::Error),
    /// The operating system refuses a thread.
    #[error("a thread of the sandbox does not start: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why an agent did not start.
#[derive(Debug)]
pub enum StartFault {
    /// The agent refused its properties. Holds the agent's own text, at most 4 KiB.
    Refused(String),
    /// The agent's component imports an interface that the agent is not granted.
    Missing(Refusal),
    /// The agent crossed a limit or trapped, or the host has no room.
    Broken(Fault),
}

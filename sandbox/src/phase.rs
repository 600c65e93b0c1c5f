//! Which call an instance is in, and what it may do there.

/// The kind of call that an instance is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `describe`: every import of the contract is refused.
    Sealed,
    /// `start`, `heartbeat`, `save`, `restore` and `stop`: the agent may read, but not emit or write.
    Between,
    /// `receive`: the agent may read, emit and write.
    Turn,
}

/// A guest called an import in `describe`. Holds the name of the import.
#[derive(Debug, thiserror::Error)]
#[error("`describe` called `{0}`; it may call no import")]
pub(crate) struct Sealed(pub(crate) &'static str);

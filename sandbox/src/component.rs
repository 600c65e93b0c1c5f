//! A component that is ready to start: checked, compiled, linked and described.

use std::sync::Arc;

use guildhall_model::ids::Digest;

use crate::bindings::{BasePre, StatefulIndices};
use crate::description::Description;
use crate::guest::Guest;

/// A component that is ready to start. [`Sandbox::prepare`](crate::Sandbox::prepare) returns it.
pub struct Component {
    /// The name of its bytes.
    pub digest: Digest,
    /// What it returned from `describe`.
    pub description: Description,
    /// The names of the interfaces that it imports.
    pub imports: Vec<String>,
    /// The size of the upload, in bytes.
    pub size: usize,
    /// The linear memory of a new instance before its first call, in bytes.
    pub initial_memory_bytes: u64,
    /// The linked component, of which instances are created.
    pub(crate) pre: BasePre<Guest>,
    /// Where its `snapshot` export is; `None` when it does not save snapshots.
    pub(crate) stateful: Option<Arc<StatefulIndices>>,
}

impl Component {
    /// Whether its instances can save and restore a snapshot.
    #[must_use]
    pub fn keeps_snapshots(&self) -> bool {
        self.stateful.is_some()
    }
}

//! Which components are being compiled, and the channel that tells about all of them.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use guildhall_model::ids::Digest;

use super::error::ComponentError;
use super::event::ComponentEvent;

/// How many events a slow listener may lag.
const EVENTS: usize = 256;

/// Whether an upload is bound to the class that it describes although another component serves the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binds {
    /// Only if nothing serves the class.
    IfFree,
    /// In any case.
    ItsClass,
}

/// The compilations of this host and the events about its components.
pub struct ComponentWork {
    compiling: Arc<Mutex<HashSet<Digest>>>,
    /// The components that are bound to their class when they are ready.
    to_bind: Mutex<HashSet<Digest>>,
    events: broadcast::Sender<ComponentEvent>,
}

impl Default for ComponentWork {
    fn default() -> Self {
        Self { compiling: Arc::default(), to_bind: Mutex::default(), events: broadcast::Sender::new(EVENTS) }
    }
}

/// A component that is being compiled. The compilation is over when this is dropped.
pub(super) struct Compilation {
    compiling: Arc<Mutex<HashSet<Digest>>>,
    digest: Digest,
}

impl Drop for Compilation {
    fn drop(&mut self) {
        self.compiling.lock().remove(&self.digest);
    }
}

impl ComponentWork {
    /// Begins a compilation; `None` if the component is being compiled already.
    ///
    /// # Errors
    /// `Busy`: `limit` components are being compiled or wait for it.
    pub(super) fn begin(&self, digest: &Digest, limit: u64) -> Result<Option<Compilation>, ComponentError> {
        let mut compiling = self.compiling.lock();
        if compiling.contains(digest) {
            return Ok(None);
        }
        if compiling.len() as u64 >= limit {
            return Err(ComponentError::Busy { limit });
        }
        compiling.insert(digest.clone());
        Ok(Some(Compilation { compiling: self.compiling.clone(), digest: digest.clone() }))
    }

    /// Notes that a component is bound to its class when it is ready. The end of the host forgets it.
    pub(super) fn bind_when_ready(&self, digest: &Digest) {
        self.to_bind.lock().insert(digest.clone());
    }

    /// Takes the note about a component.
    pub(super) fn take_binds(&self, digest: &Digest) -> Binds {
        if self.to_bind.lock().remove(digest) { Binds::ItsClass } else { Binds::IfFree }
    }

    /// Whether any component is being compiled.
    pub(super) fn is_busy(&self) -> bool {
        !self.compiling.lock().is_empty()
    }

    /// Whether this component is being compiled.
    pub(super) fn is_compiling(&self, digest: &Digest) -> bool {
        self.compiling.lock().contains(digest)
    }

    /// Receives the events from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<ComponentEvent> {
        self.events.subscribe()
    }

    /// Sends an event; it is lost if nobody listens.
    pub(super) fn send(&self, event: ComponentEvent) {
        let _ = self.events.send(event);
    }
}

//! How much routing may make. It is checked before a message is built, because a few bytes of a sender may become many:
//! rules make copies, and each message carries the session state and the slip of its thread.

use crate::fault::{Fault, FaultKind};
use crate::message::Message;

/// The operator's bounds of what a guild makes and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The bytes of one session state (`host.payload_bytes`).
    pub session_bytes: u64,
    /// The bytes of all messages that routing makes of one turn, or of one message of a user (`host.routed_bytes`).
    pub routed_bytes: u64,
    /// The bytes of one state (`host.state_bytes`).
    pub state_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { session_bytes: 256 << 10, routed_bytes: 32 << 20, state_bytes: 1 << 20 }
    }
}

impl Bounds {
    /// Checks the size of a session state.
    ///
    /// # Errors
    /// `invalid_payload` with the limit, the size and the setting.
    pub(super) fn check_session(&self, bytes: usize) -> Result<(), Fault> {
        let (bytes, most) = (bytes as u64, self.session_bytes);
        if bytes <= most {
            return Ok(());
        }
        let text = format!("the session state would have {bytes} bytes, the limit is {most} (`host.payload_bytes`)");
        Err(Fault::new(FaultKind::InvalidPayload, text).over(most, Some(bytes), "host.payload_bytes"))
    }
}

/// Counts what routing has made of one turn or of one message of a user.
#[derive(Debug)]
pub(super) struct Room {
    bounds: Bounds,
    made: u64,
}

impl Room {
    /// Returns the room of a turn that has made nothing yet.
    pub(super) const fn new(bounds: Bounds) -> Self {
        Self { bounds, made: 0 }
    }

    /// Checks that something of this size may be made.
    ///
    /// # Errors
    /// `denied` with the limit, the size and the setting.
    pub(super) fn check(&self, bytes: usize) -> Result<(), Fault> {
        let (total, most) = (self.made.saturating_add(bytes as u64), self.bounds.routed_bytes);
        if total <= most {
            return Ok(());
        }
        let text = format!("routing would make messages of {total} bytes, the limit is {most} (`host.routed_bytes`)");
        Err(Fault::new(FaultKind::Denied, text).over(most, Some(total), "host.routed_bytes"))
    }

    /// Counts something that was made.
    ///
    /// # Errors
    /// `denied`, as [`Self::check`].
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        self.check(bytes)?;
        self.made += bytes as u64;
        Ok(())
    }

    /// Counts a message that was made, and checks its session state.
    ///
    /// # Errors
    /// `denied` as [`Self::check`]; `invalid_payload` when its session state is too large.
    pub(super) fn take_message(&mut self, message: &Message) -> Result<(), Fault> {
        self.bounds.check_session(message.session_state.as_ref().map_or(0, |state| state.get().len()))?;
        self.take(message.stored_bytes())
    }
}

//! The window of an agent's turns that are committed and not durable yet. The next turn begins while earlier ones are
//! being written; nobody outside sees a turn before it is durable. Turns become durable in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::journal::{JournalError, Receipt};
use guildhall_model::message::Message;

/// The most turns of the window.
const MAX_TURNS: usize = 64;
/// The most messages that these turns emit together. All guilds share one writer: an agent that emits much waits for
/// its own messages, so that other agents do not.
const MAX_EMITTED: usize = 256;

/// The most bytes that these messages have together.
const MAX_BYTES: usize = 4 << 20;

/// The turns of one agent that are not durable yet, oldest first.
#[derive(Default)]
pub(super) struct UncommittedTurns {
    turns: VecDeque<UncommittedTurn>,
    /// The messages that they emit together.
    emitted: usize,
    /// The bytes of these messages.
    bytes: usize,
}

struct UncommittedTurn {
    receipt: Receipt,
    /// The message that the turn consumed.
    message: Arc<Message>,
    /// How many messages the turn emits.
    emitted: usize,
    /// The bytes of these messages.
    bytes: usize,
}

impl UncommittedTurns {
    /// Adds a turn that was passed to the journal's writer, with the number and the bytes of its messages.
    pub(super) fn push(&mut self, receipt: Receipt, message: Arc<Message>, (emitted, bytes): (usize, usize)) {
        self.turns.push_back(UncommittedTurn { receipt, message, emitted, bytes });
        self.emitted += emitted;
        self.bytes += bytes;
    }

    fn is_full(&self) -> bool {
        self.turns.len() >= MAX_TURNS || self.emitted >= MAX_EMITTED || self.bytes >= MAX_BYTES
    }

    /// Removes the turns that are durable or failed, and waits for the oldest one while the window is full. `failed` is
    /// called with each turn that could not be written. Cancel safe: a turn leaves the window when its outcome is
    /// known.
    pub(super) async fn settle(&mut self, failed: impl Fn(&JournalError, &Message)) {
        loop {
            let is_full = self.is_full();
            let Some(first) = self.turns.front_mut() else { return };
            let outcome = match (&mut first.receipt).now_or_never() {
                Some(outcome) => outcome,
                None if is_full => (&mut first.receipt).await,
                None => return,
            };
            self.remove_first(outcome, &failed);
        }
    }

    /// Waits for all turns of the window. Cancel safe, as [`Self::settle`].
    pub(super) async fn settle_all(&mut self, failed: impl Fn(&JournalError, &Message)) {
        while let Some(first) = self.turns.front_mut() {
            let outcome = (&mut first.receipt).await;
            self.remove_first(outcome, &failed);
        }
    }

    fn remove_first(&mut self, outcome: Result<(), JournalError>, failed: &impl Fn(&JournalError, &Message)) {
        let Some(UncommittedTurn { message, emitted, bytes, .. }) = self.turns.pop_front() else { return };
        self.emitted -= emitted;
        self.bytes -= bytes;
        if let Err(error) = outcome {
            failed(&error, &message);
        }
    }
}

//! Who wants a guild to stop over REST: they wait until the stop is stored, or until it is known that it cannot be.

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::store::StoreError;

/// Who waits for the stop of one guild.
#[derive(Debug, Default)]
pub(super) struct StopRequests {
    asked: Notify,
    waiting: Mutex<Vec<oneshot::Sender<Result<(), String>>>>,
}

impl StopRequests {
    /// Asks the manager to stop, and returns what the answer will come from. If the manager ends first, it is an error.
    pub(super) fn ask(&self) -> oneshot::Receiver<Result<(), String>> {
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().push(answer);
        self.asked.notify_one();
        answered
    }

    /// Is ready when somebody has asked. Cancel safe.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Answers all who wait: the stop is stored, or why it is not.
    pub(super) fn answer(&self, stored: &Result<(), StoreError>) {
        for waiting in self.waiting.lock().drain(..) {
            let _ = waiting.send(stored.as_ref().copied().map_err(ToString::to_string));
        }
    }
}

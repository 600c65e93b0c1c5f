//! Asks the server once in a while, so that an outage is noticed while nothing is written, and that a server whose
//! settings have changed is not trusted.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::link::Link;
use crate::error::{JournalError, StorageTrouble};

/// How often the server is asked.
const EVERY: Duration = Duration::from_millis(500);
/// How long it may take to answer before it counts as away.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);

/// Why the server cannot be used at present.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Option<StorageTrouble>>);

impl Watch {
    /// Returns why the server could not be used when it was asked last.
    pub fn trouble(&self) -> Option<StorageTrouble> {
        *self.0.lock()
    }
}

/// Asks until the storage is closed. Cancel safe.
pub async fn run(watch: Arc<Watch>, link: Arc<Link>, closed: CancellationToken) {
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let trouble = match timeout(ANSWER_WITHIN, link.facts()).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => {
                tracing::debug!(%error, "Redis cannot be used");
                let is_full = matches!(error, JournalError::DiskFull(_));
                Some(if is_full { StorageTrouble::DiskFull } else { StorageTrouble::Unavailable })
            }
            Err(_) => Some(StorageTrouble::Unavailable),
        };
        *watch.0.lock() = trouble;
    }
}

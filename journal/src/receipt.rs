//! The receipt of a published message or a commit.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::error::JournalError;

/// Reports the outcome of a write to whoever holds the [`Receipt`].
pub type Reply = oneshot::Sender<Result<(), JournalError>>;

/// A future that is ready when the messages are stored. Waiting for it is optional: the messages are stored whether
/// or not somebody waits. Cancel safe.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<(), JournalError>>);

impl Receipt {
    /// Returns a receipt and the other end, which the writer uses once.
    pub(super) fn pair() -> (Reply, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }
}

impl Future for Receipt {
    type Output = Result<(), JournalError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| outcome.unwrap_or(Err(JournalError::Closed)))
    }
}

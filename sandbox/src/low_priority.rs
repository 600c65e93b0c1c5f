//! Two lanes for turns. A turn begins on the thread of whoever awaits it; once it
//! has used more than a tick or two it goes on in a runtime of its own, whose
//! threads have a lower priority, so that guests that compute, or loop for ever,
//! do not keep the server from its sockets.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use super::control::Control;
use crate::allocator;

/// How nice the threads of slow turns are (0 normal, 19 most).
const NICE: i32 = 10;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The lane of slow turns.
pub(super) struct LowPriorityPool(Option<Runtime>);

/// Where a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threads {
    Shared,
    /// The last one was slow, so this one probably is.
    LowPriority,
}

impl LowPriorityPool {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().thread_name("slow-turns").on_thread_start(be_nice).enable_all().build()?;
        runtime.spawn(allocator::give_back());
        Ok(Self(Some(runtime)))
    }

    /// Runs a turn to its end. Dropping the future ends the turn at its next yield.
    pub(super) async fn run<T: Send + 'static>(&self, mut turn: Boxed<T>, control: &Control, begin: Threads) -> T {
        if begin == Threads::Shared {
            let here = std::future::poll_fn(|cx| match turn.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if control.is_slow() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(answer) = here.await {
                return answer;
            }
        }
        match AbortOnDropHandle::new(self.runtime().spawn(turn)).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The lane is shut down: nothing in it will ever answer.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Does work of the host's own that takes milliseconds and nobody's answer needs,
    /// on a thread of the same low priority.
    ///
    /// # Errors
    /// It panicked, or the lane is shut down.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.runtime().spawn_blocking(work).await
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is there until the lane is dropped")
    }
}

impl Drop for LowPriorityPool {
    fn drop(&mut self) {
        // A runtime must not be waited for in async code, where this is dropped.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[expect(unsafe_code, reason = "libc's call that sets the priority of the calling thread")]
pub(super) fn be_nice() {
    // SAFETY: no memory is passed. On Linux 0 means the calling thread alone.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        tracing::warn!(error = %std::io::Error::last_os_error(), "slow turns have no lower priority");
    }
}

//! The low-priority pool. A call begins on the thread that awaits it. When it has lasted for two ticks it moves to this
//! pool, a runtime whose threads have a lower priority. So guests that compute, or loop without end, do not keep the
//! server from its sockets.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::allocator;
use crate::control::Control;

/// The nice value of the pool's threads (0 normal, 19 the lowest priority).
const NICE: i32 = 10;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A runtime whose threads have a low priority.
pub(crate) struct LowPriorityPool(Option<Runtime>);

/// The threads on which a call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The thread that awaits the call.
    Shared,
    /// A thread of the low-priority pool, because a call before was costly.
    LowPriority,
}

impl LowPriorityPool {
    /// Starts the pool, with a thread for each core.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("low-priority")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        runtime.spawn(allocator::give_back());
        Ok(Self(Some(runtime)))
    }

    /// Runs a call to its end and resumes its panic. Dropping the future ends the call at its next yield.
    pub(crate) async fn run<T: Send + 'static>(&self, mut turn: Boxed<T>, control: &Control, begin: Threads) -> T {
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
                // The pool is shut down: no call in it will ever return.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Runs blocking work of the host on a thread of low priority. Cancel safe; work that has begun runs to its end.
    ///
    /// # Errors
    /// The work panicked, or the pool is shut down.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.runtime().spawn_blocking(work).await
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime exists until the pool is dropped")
    }
}

impl Drop for LowPriorityPool {
    fn drop(&mut self) {
        // This may run in async code, where a runtime must not be waited for.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lowers the priority of the calling thread. Writes a warning to the log when it cannot.
#[expect(unsafe_code, reason = "libc's call that sets the priority of the calling thread")]
pub(crate) fn lower_priority() {
    // SAFETY: no memory is passed. On Linux 0 means the calling thread alone.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        tracing::warn!(error = %std::io::Error::last_os_error(), "a thread of the low-priority pool keeps the normal priority");
    }
}

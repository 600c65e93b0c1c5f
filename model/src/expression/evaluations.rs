//! The work that has expressions, which a server runs away from its own threads. This module has the handle; the sandbox
//! has the threads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{ExpressionError, Expressions};

/// Work that uses expressions.
pub type Work = Box<dyn FnOnce(&Expressions<'_>) + Send>;

/// Runs work that has expressions: on threads whose priority is low, and so that no guild delays another one.
pub trait RunWork: Send + Sync {
    /// Waits until the evaluator is compiled or loaded. Cancel safe.
    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Runs work on a thread where it may block, with expressions that share `total`, a processor time. `share` names
    /// who pays for it: a guild. Work of one share runs in the order of its calls, a few pieces at the same time.
    ///
    /// Dropping the future before the work has begun cancels it; work that has begun runs to its end.
    fn run(&self, share: &str, total: Duration, work: Work) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A handle of what runs work that has expressions. Cloning it is cheap.
#[derive(Clone)]
pub struct Evaluations(Arc<dyn RunWork>);

impl std::fmt::Debug for Evaluations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluations").finish_non_exhaustive()
    }
}

impl Evaluations {
    /// Returns a handle.
    #[must_use]
    pub fn new(runner: Arc<dyn RunWork>) -> Self {
        Self(runner)
    }

    /// Waits for the evaluator, runs work as [`RunWork::run`], and returns its result.
    ///
    /// Dropping the future before the work has begun cancels it; work that has begun runs to its end, and its result
    /// is lost.
    ///
    /// # Errors
    /// `Unavailable` when the work panicked or the host shuts down.
    pub async fn run<T: Send + 'static>(
        &self,
        share: &str,
        total: Duration,
        work: impl FnOnce(&Expressions<'_>) -> T + Send + 'static,
    ) -> Result<T, ExpressionError> {
        self.0.ready().await;
        self.run_now(share, total, work).await
    }

    /// Runs work as [`Self::run`], and does not wait for the evaluator before. It is for long work that has seldom
    /// expressions, such as reading a document.
    ///
    /// # Errors
    /// Those of [`Self::run`].
    pub async fn run_now<T: Send + 'static>(
        &self,
        share: &str,
        total: Duration,
        work: impl FnOnce(&Expressions<'_>) -> T + Send + 'static,
    ) -> Result<T, ExpressionError> {
        let done = Arc::new(Mutex::new(None));
        let place = done.clone();
        let work: Work = Box::new(move |expressions| {
            let result = work(expressions);
            *place.lock() = Some(result);
        });
        self.0.run(share, total, work).await;
        let result = done.lock().take();
        result.ok_or_else(|| ExpressionError::Unavailable("the work ended without a result".to_owned()))
    }
}

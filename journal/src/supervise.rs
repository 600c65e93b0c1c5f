//! Tasks that run as long as the host does: one that panics begins again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

/// The wait before a task begins again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a task until it ends. One that panics is logged and begins again a second later. Dropping the future ends the task.
pub async fn keep_running<F: Future<Output = ()>>(name: &str, task: impl Fn() -> F) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        tracing::error!(task = name, "a task of the host panicked; it begins again");
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_begins_again_and_one_that_ends_does_not() {
        let begun = AtomicU32::new(0);
        keep_running("test", || async {
            let number = begun.fetch_add(1, Ordering::SeqCst);
            assert!(number > 0, "the first time");
        })
        .await;
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }
}

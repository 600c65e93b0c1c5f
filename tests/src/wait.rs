//! Waits with a deadline. When it passes, they panic with a text that says what was awaited.

use std::future::Future;
use std::time::Duration;

/// The default deadline of a wait.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for `future`. Cancel safe if `future` is.
///
/// # Panics
/// With `what`, when the deadline passes first.
pub async fn within<T>(deadline: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(deadline, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {deadline:?} for {what}, in vain"),
    }
}

/// Calls `probe` repeatedly until it returns `Ok`. Cancel safe.
///
/// # Panics
/// With `what` and the last error, when the deadline passes first.
pub async fn eventually<T, E: std::fmt::Display>(
    deadline: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let end = tokio::time::Instant::now() + deadline;
    loop {
        match within(deadline, what, probe()).await {
            Ok(value) => return value,
            Err(instead) if tokio::time::Instant::now() >= end => {
                panic!("waited {deadline:?} for {what}; instead: {instead}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

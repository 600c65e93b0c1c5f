//! The black-box harness: a host in its own process, its REST and its sockets,
//! as clients see them. It knows the protocol and nothing of the host's code.
//!
//! Everything here panics with words when what a test waits for does not come:
//! the words say what was awaited and what came instead. Nothing sleeps for luck.

pub mod blueprint;
pub mod bucket;
pub mod chat;
pub mod component;
pub mod document;
pub mod frame;
pub mod golden;
pub mod host;
pub mod known;
pub mod postgres;
pub mod registry;
pub mod rest;
pub mod socket;

use std::future::Future;
use std::time::Duration;

pub use bucket::Bucket;
pub use chat::Chat;
pub use host::{Host, Options};
pub use rest::Rest;
pub use socket::Socket;

/// How long a test waits for anything, unless it says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for `future`; panics with `what` when the deadline passes first.
pub async fn within<T>(deadline: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(deadline, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {deadline:?} for {what}, in vain"),
    }
}

/// Asks `probe` again and again until it gives `Ok`; after the deadline panics
/// with `what` and the last `Err`, which says how things are instead.
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

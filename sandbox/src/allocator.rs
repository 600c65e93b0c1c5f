//! Gives unused memory back to the operating system. Each thread of a runtime runs `mi_collect` once a second.
//!
//! Settings of mimalloc cannot replace this. Its delayed purge (`mi_option_purge_delay`) runs inside of calls of the
//! allocator: a thread that allocates nothing purges nothing, and what other threads have freed for it stays in its
//! pages. After a busy time most threads of a server are idle, so their memory would stay resident until the next load.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;

const EVERY: Duration = Duration::from_secs(1);

/// Collects the unused memory of all threads of the calling runtime once a second. It never returns. Cancel safe.
pub async fn give_back() {
    let threads = Handle::current().metrics().num_workers();
    loop {
        tokio::time::sleep(EVERY).await;
        // Each idle thread takes one of these tasks. The next round begins when all tasks are done.
        join_all((0..threads).map(|_| tokio::spawn(async { collect() }))).await;
    }
}

#[expect(unsafe_code, reason = "the allocator's call that gives back free memory")]
fn collect() {
    // SAFETY: it gives back only memory that is free.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

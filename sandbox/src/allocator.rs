//! Memory that nobody uses goes back to the system. What was freed stays with the
//! thread that had it until that thread allocates again or ends, and one that has
//! nothing to do does neither; so each thread of a runtime is made to let it go.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;

const EVERY: Duration = Duration::from_secs(1);

/// Has the threads of this runtime give back what they do not use, for ever.
pub async fn give_back() {
    let threads = Handle::current().metrics().num_workers();
    loop {
        tokio::time::sleep(EVERY).await;
        // Whoever has nothing to do takes one of them; the next come when all are done.
        join_all((0..threads).map(|_| tokio::spawn(async { collect() }))).await;
    }
}

#[expect(unsafe_code, reason = "the allocator's call that lets go of what is free")]
fn collect() {
    // SAFETY: what it frees is not in use.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

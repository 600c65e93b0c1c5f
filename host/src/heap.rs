//! Memory that nobody uses goes back to the system. What was freed stays with the
//! thread that had it until that thread allocates again or ends, and one that has
//! nothing to do does neither; so threads let it go before they sleep, and once a
//! second, off the way of any message, what was let go is given back.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A busy thread looks no more often: a look takes some ten microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const GIVE_BACK_EVERY: Duration = Duration::from_secs(1);

thread_local! {
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// For a runtime's `on_thread_park`.
pub fn before_sleep() {
    let now = Instant::now();
    if LOOKED.get().is_none_or(|looked| now - looked >= LOOK_EVERY) {
        LOOKED.set(Some(now));
        collect(false);
    }
}

/// Never ends.
pub async fn give_back() {
    let mut tick = tokio::time::interval(GIVE_BACK_EVERY);
    loop {
        tick.tick().await;
        collect(true);
    }
}

#[expect(unsafe_code, reason = "the allocator's call that lets go of what is free")]
fn collect(is_all: bool) {
    // SAFETY: what it frees is not in use.
    unsafe { libmimalloc_sys::mi_collect(is_all) }
}

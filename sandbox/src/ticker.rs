//! The clock of running calls: a thread that advances the engine's epoch each millisecond while a call runs, and sleeps
//! while none does. The thread ends when its handle is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How often a running guest is interrupted.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// The thread sleeps after this many ticks without a call. It is long enough that a busy server does not wake the
/// thread for each call.
const IDLE_TICKS: u32 = 20;

/// What the thread and its handles share.
#[derive(Default)]
struct State {
    /// How many calls run.
    running: AtomicUsize,
    parked: AtomicBool,
    ended: AtomicBool,
}

/// A handle of the thread; dropping it ends the thread.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Thread,
}

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system refuses it.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let (state, engine) = (Arc::new(State::default()), engine.clone());
        let shared = state.clone();
        let handle = thread::Builder::new().name("epoch".into()).spawn(move || tick(&engine, &shared))?;
        Ok(Self { state, thread: handle.thread().clone() })
    }

    /// Keeps the epoch advancing until the guard is dropped.
    pub(crate) fn running(&self) -> Running {
        self.state.running.fetch_add(1, Ordering::SeqCst);
        // The thread sets `parked` and then reads `running` again. So either this read sees `parked`, or the thread
        // sees the call.
        if self.state.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(self.state.clone())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// A call that needs the epoch.
pub(crate) struct Running(Arc<State>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(engine: &Engine, state: &State) {
    let mut quiet = 0;
    while !state.ended.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        engine.increment_epoch();
        quiet = if state.running.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
        if quiet >= IDLE_TICKS {
            state.parked.store(true, Ordering::SeqCst);
            if state.running.load(Ordering::SeqCst) == 0 && !state.ended.load(Ordering::SeqCst) {
                thread::park();
            }
            state.parked.store(false, Ordering::SeqCst);
            quiet = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_sleeps_while_nothing_runs_and_wakes_for_a_call() {
        let until = |condition: &dyn Fn() -> bool| {
            let began = std::time::Instant::now();
            while !condition() {
                assert!(began.elapsed() < Duration::from_secs(10), "it did not happen");
                thread::yield_now();
            }
        };
        let ticker = Ticker::start(&Engine::default()).unwrap();
        let is_parked = || ticker.state.parked.load(Ordering::SeqCst);
        until(&is_parked);
        let running = ticker.running();
        until(&|| !is_parked());
        thread::sleep(2 * IDLE_TICKS * TICK);
        assert!(!is_parked(), "it sleeps while a call runs");
        drop(running);
        until(&is_parked);
        let state = Arc::downgrade(&ticker.state);
        drop(ticker);
        until(&|| state.upgrade().is_none());
    }
}

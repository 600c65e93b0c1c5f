//! The clock of running turns: an OS thread that advances the engine's epoch each
//! millisecond while a turn runs, and sleeps while none does. It ends with its handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How often running guests are looked at.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a turn after which the thread sleeps. Long enough that a busy
/// server does not wake it for each turn.
const LINGER: u32 = 20;

#[derive(Default)]
struct Pulse {
    running: AtomicUsize,
    parked: AtomicBool,
    ended: AtomicBool,
}

/// A handle of the thread; dropping it ends the thread.
pub(super) struct Ticker {
    pulse: Arc<Pulse>,
    thread: Thread,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let (pulse, engine) = (Arc::new(Pulse::default()), engine.clone());
        let mine = pulse.clone();
        let handle = thread::Builder::new().name("epoch".into()).spawn(move || tick(&engine, &mine))?;
        Ok(Self { pulse, thread: handle.thread().clone() })
    }

    /// Keeps the epoch going until the guard is dropped.
    pub(super) fn running(&self) -> Running {
        self.pulse.running.fetch_add(1, Ordering::SeqCst);
        // Either this sees that the thread has parked, or the thread, which looks
        // again after saying so, sees the turn.
        if self.pulse.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(self.pulse.clone())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.pulse.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// One turn that needs the epoch.
pub(super) struct Running(Arc<Pulse>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(engine: &Engine, pulse: &Pulse) {
    let mut quiet = 0;
    while !pulse.ended.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        engine.increment_epoch();
        quiet = if pulse.running.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
        if quiet >= LINGER {
            pulse.parked.store(true, Ordering::SeqCst);
            if pulse.running.load(Ordering::SeqCst) == 0 && !pulse.ended.load(Ordering::SeqCst) {
                thread::park();
            }
            pulse.parked.store(false, Ordering::SeqCst);
            quiet = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_sleeps_while_nothing_runs_and_wakes_for_a_turn() {
        let until = |what: &dyn Fn() -> bool| {
            let began = std::time::Instant::now();
            while !what() {
                assert!(began.elapsed() < Duration::from_secs(10), "it did not happen");
                thread::yield_now();
            }
        };
        let ticker = Ticker::start(&Engine::default()).unwrap();
        let is_parked = || ticker.pulse.parked.load(Ordering::SeqCst);
        until(&is_parked);
        let running = ticker.running();
        until(&|| !is_parked());
        thread::sleep(2 * LINGER * TICK);
        assert!(!is_parked(), "it sleeps while a turn runs");
        drop(running);
        until(&is_parked);
        let pulse = Arc::downgrade(&ticker.pulse);
        drop(ticker);
        until(&|| pulse.upgrade().is_none());
    }
}

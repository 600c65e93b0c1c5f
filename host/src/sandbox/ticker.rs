//! The clock of running turns: an OS thread that advances the engine's epoch each
//! millisecond while a turn runs, and sleeps while none does. It holds the engine
//! weakly and ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often running guests are looked at.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a turn after which the thread sleeps. Long enough that a busy
/// server does not wake it for each turn.
const LINGER: u32 = 20;

#[derive(Default)]
struct Pulse {
    running: AtomicUsize,
    parked: AtomicBool,
}

/// A handle of the thread; dropping it lets the thread end.
pub(super) struct Ticker {
    pulse: Arc<Pulse>,
    thread: Thread,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let (pulse, engine) = (Arc::new(Pulse::default()), engine.weak());
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

fn tick(engine: &EngineWeak, pulse: &Pulse) {
    let mut quiet = 0;
    loop {
        thread::sleep(TICK);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        drop(engine);
        quiet = if pulse.running.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
        if quiet >= LINGER {
            pulse.parked.store(true, Ordering::SeqCst);
            if pulse.running.load(Ordering::SeqCst) == 0 {
                thread::park();
            }
            pulse.parked.store(false, Ordering::SeqCst);
            quiet = 0;
        }
    }
}

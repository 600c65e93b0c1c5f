//! The flags of a running call: whether it is cancelled, whether it is slow, and when its time is over. The host sets
//! them on any thread; the call reads them at each tick.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;
use wasmtime::UpdateDeadline;

use crate::cpu::thread_time;

/// A call that has lasted for this many ticks is slow. The first tick may come just after its beginning.
const SLOW_TICKS: u32 = 2;

/// Why the host ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    /// Its time is over.
    #[error("the time of the turn is over")]
    Deadline,
    /// It was cancelled.
    #[error("the turn was cancelled")]
    Cancelled,
}

/// The flags of one instance. Its [`Canceller`] and the low-priority pool share them.
#[derive(Default)]
pub(crate) struct Control {
    cancelled: AtomicBool,
    ticks: AtomicU32,
    waker: AtomicWaker,
    /// The time that the present call has spent on a processor, in nanoseconds.
    cpu_ns: AtomicU64,
}

/// Cancels the turn of an instance. Cloning it is cheap.
#[derive(Clone)]
pub struct Canceller(pub(crate) Arc<Control>);

impl Canceller {
    /// Makes `is-cancelled` true at once and ends the turn within a tick, as
    /// [`TurnEnd::Cancelled`](crate::TurnEnd::Cancelled), unless it has ended by then. Later turns are not cancelled.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.waker.wake();
    }
}

impl Control {
    /// Resets the flags for the next call.
    pub(crate) fn begin_turn(&self) {
        self.cancelled.store(false, Ordering::Relaxed);
        self.ticks.store(0, Ordering::Relaxed);
        self.cpu_ns.store(0, Ordering::Relaxed);
    }

    /// Returns the time that the present call has spent on a processor.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }

    /// Adds processor time that the host used for the present call on another thread.
    pub(crate) fn add_cpu(&self, cpu: Duration) {
        self.cpu_ns.fetch_add(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the present call is cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Whether the present call has lasted so long that it moves to the low-priority pool.
    pub(crate) fn is_slow(&self) -> bool {
        self.ticks.load(Ordering::Relaxed) >= SLOW_TICKS
    }

    /// Decides about a guest that runs while the epoch advances: it lets other tasks run and continues.
    ///
    /// # Errors
    /// The call is cancelled or its time is over, so the guest ends.
    pub(crate) fn tick(&self, deadline: Instant) -> wasmtime::Result<UpdateDeadline> {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        if self.is_cancelled() {
            return Err(Stopped::Cancelled.into());
        }
        if Instant::now() >= deadline {
            return Err(Stopped::Deadline.into());
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    }
}

/// A call of a guest that ends when its time is over or when it is cancelled, even while it waits in a host function,
/// where no tick reaches it.
///
/// Most calls never wait, so the timer is created when one does.
pub(crate) struct Timed<'a, F> {
    /// The call.
    pub(crate) call: Pin<&'a mut F>,
    /// The flags of the instance.
    pub(crate) control: &'a Control,
    /// When the call must have ended.
    pub(crate) deadline: Instant,
    /// `None` until the call waits.
    pub(crate) timer: Option<Pin<Box<Sleep>>>,
}

impl<T, F: Future<Output = wasmtime::Result<T>>> Future for Timed<'_, F> {
    type Output = wasmtime::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let began = thread_time();
        let polled = self.call.as_mut().poll(cx);
        let took = thread_time().saturating_sub(began).as_nanos();
        self.control.cpu_ns.fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        if let Poll::Ready(answer) = polled {
            return Poll::Ready(answer);
        }
        self.control.waker.register(cx.waker());
        if self.control.is_cancelled() {
            return Poll::Ready(Err(Stopped::Cancelled.into()));
        }
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        timer.as_mut().poll(cx).map(|()| Err(Stopped::Deadline.into()))
    }
}

//! What the host and a running turn tell each other: that it is cancelled, that it
//! is slow, when its time is up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;
use wasmtime::UpdateDeadline;

use super::cpu::thread_time;

/// A turn that has been seen by this many ticks is slow. The first tick may come
/// just after its beginning.
const SLOW_TICKS: u32 = 2;

/// Why the host ended a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stopped {
    #[error("the time of the turn is over")]
    Deadline,
    #[error("the turn was cancelled")]
    Cancelled,
}

/// The flags of one body, shared with its [`Canceller`] and its lane.
#[derive(Default)]
pub(super) struct Control {
    cancelled: AtomicBool,
    ticks: AtomicU32,
    waker: AtomicWaker,
    /// What the present turn has taken of the processors, in nanoseconds.
    cpu_ns: AtomicU64,
}

/// Cancels the turn that a body is in.
#[derive(Clone)]
pub struct Canceller(pub(super) Arc<Control>);

impl Canceller {
    /// Makes `is-cancelled` true at once and ends the turn within a tick, as
    /// [`TurnEnd::Cancelled`](super::TurnEnd::Cancelled), unless it is over by
    /// then. A turn that begins later is not touched.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.waker.wake();
    }
}

impl Control {
    pub(super) fn begin_turn(&self) {
        self.cancelled.store(false, Ordering::Relaxed);
        self.ticks.store(0, Ordering::Relaxed);
        self.cpu_ns.store(0, Ordering::Relaxed);
    }

    /// What the turn has taken of the processors.
    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Whether the turn has used more than its share of the common lane.
    pub(super) fn is_slow(&self) -> bool {
        self.ticks.load(Ordering::Relaxed) >= SLOW_TICKS
    }

    /// What happens to a guest that runs while the epoch advances: it stops, or
    /// it gives its thread to others and goes on.
    pub(super) fn tick(&self, deadline: Instant) -> wasmtime::Result<UpdateDeadline> {
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

/// A call into a guest that ends when its time is up or it is cancelled, also
/// while it waits in a host function, where no tick reaches it.
///
/// Most calls never wait, so the timer is made only when one does.
pub(super) struct Timed<'a, F> {
    pub(super) call: Pin<&'a mut F>,
    pub(super) control: &'a Control,
    pub(super) deadline: Instant,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
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

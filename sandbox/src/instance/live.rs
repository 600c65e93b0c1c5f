//! A store with an instance in it: how it is created and how calls in it begin and end. It decides on which threads
//! the next call begins.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use guildhall_model::fault::{Fault, FaultKind};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use super::call::{Answer, Call};
use crate::bindings::{Base, BasePre, Stateful, StatefulIndices};
use crate::classify::Broken;
use crate::control::{Control, Timed};
use crate::guest::Guest;
use crate::low_priority::Threads;
use crate::turn::Usage;

/// How many calls after a costly one begin in the low-priority pool. An agent that is costly now and then does not
/// delay its neighbours by a tick or two each time.
const LOW_PRIORITY_CALLS: u8 = 16;
/// The weight of emitted messages from which a turn is costly, however short it is.
const COSTLY_WEIGHT: u64 = 32;

/// What an instance is made of: the component, and the place of its optional export.
pub(super) type Code = (BasePre<Guest>, Option<Arc<StatefulIndices>>);

/// A store with an instance that may be called.
pub(super) struct Live {
    pub(super) store: Store<Guest>,
    agent: Base,
    /// The `snapshot` export, if there is one.
    pub(super) stateful: Option<Stateful>,
    pub(super) control: Arc<Control>,
    /// How many of the next calls begin in the low-priority pool.
    low_priority_calls: u8,
    _room: Option<OwnedSemaphorePermit>,
}

/// Creates an instance and makes its first call. Dropping the future drops the instance.
pub(super) async fn create(
    (pre, stateful): Code,
    guest: Guest,
    room: Option<OwnedSemaphorePermit>,
    first: Call,
) -> (Option<Box<Live>>, Result<Answer, Broken>) {
    let allowance = first.allowance();
    let control = guest.control.clone();
    let mut store = match guest.into_store(pre.engine()) {
        Ok(store) => store,
        Err(error) => return (None, Err(Broken::Fault(Fault::new(FaultKind::HostError, error.to_string())))),
    };
    let deadline = allowance.grant(&mut store);
    let mut entered = false;
    let created = {
        let call = pin!(async {
            let (agent, stateful) = pre.begin(&mut store, stateful.as_deref()).await?;
            entered = true;
            let answer = first.make(&mut store, &agent, stateful.as_ref()).await?;
            Ok((agent, stateful, answer))
        });
        Timed { call, control: &control, deadline, timer: None }.await
    };
    match created {
        Ok((agent, stateful, answer)) => {
            store.data().console().end_turn();
            let low_priority_calls = if control.is_slow() { LOW_PRIORITY_CALLS } else { 0 };
            (Some(Box::new(Live { store, agent, stateful, control, low_priority_calls, _room: room })), Ok(answer))
        }
        Err(error) => (None, Err(allowance.broken(&mut store, &error, entered))),
    }
}

impl Live {
    /// Returns the threads on which the next call begins.
    pub(super) const fn next_threads(&self) -> Threads {
        if self.low_priority_calls > 0 { Threads::LowPriority } else { Threads::Shared }
    }

    /// Makes one call. The store comes back only when it may be used again. Dropping the future drops it.
    pub(super) async fn call(mut self: Box<Self>, call: Call) -> (Option<Box<Self>>, Result<Answer, Broken>, Usage) {
        let allowance = call.allowance();
        let deadline = allowance.grant(&mut self.store);
        let answer = {
            let call = pin!(call.make(&mut self.store, &self.agent, self.stateful.as_ref()));
            Timed { call, control: &self.control, deadline, timer: None }.await
        };
        let is_slow = self.control.is_slow();
        let emitted = answer.as_ref().map_or(0, Answer::emitted);
        let is_costly = is_slow || emitted >= COSTLY_WEIGHT;
        self.low_priority_calls =
            if is_costly { LOW_PRIORITY_CALLS } else { self.low_priority_calls.saturating_sub(1) };
        let usage = Usage {
            fuel_used: allowance.fuel_used(&self.store),
            peak_memory_bytes: self.store.data().limiter.peak(),
            wall: Duration::ZERO,
            cpu: self.control.cpu(),
            host_calls: self.store.data().host_calls.get(),
            emitted,
            ended_slow: is_slow,
        };
        match answer {
            Ok(answer) => {
                self.store.data().console().end_turn();
                (Some(self), Ok(answer), usage)
            }
            Err(error) => (None, Err(allowance.broken(&mut self.store, &error, true)), usage),
        }
    }
}

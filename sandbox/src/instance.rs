//! One live instance of an agent, in which one call at a time is made. A call takes the instance and returns it only
//! when the instance may be used again.

mod call;
mod live;

use std::sync::Arc;
use std::time::Instant;

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::values::ValueWrite;
use tokio::sync::OwnedSemaphorePermit;

use crate::bindings::{BasePre, export};
use crate::classify::Broken;
use crate::component::Component;
use crate::control::Canceller;
use crate::guest::Guest;
use crate::limits::Limit;
use crate::low_priority::Threads;
use crate::runtime::Runtime;
use crate::staged::Staged;
use crate::turn::{Health, TurnEnd, TurnInput, TurnOutcome, Usage, shortened_reason};
use call::{Answer, Call};
use live::{Code, Live};

/// One live instance of an agent.
pub struct Instance {
    live: Box<Live>,
    runtime: Arc<Runtime>,
}

impl Instance {
    /// Returns a handle that cancels the turn of this instance.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(self.live.control.clone())
    }

    /// Calls `receive` with one message. The instance comes back unless the turn was cancelled or broken. Must be
    /// awaited in a tokio runtime with time; the turn may end in the runtime of the low-priority pool.
    ///
    /// Dropping the future ends the turn within a tick and drops the instance.
    pub async fn receive(self, input: TurnInput) -> (Option<Self>, TurnOutcome) {
        let began = Instant::now();
        let (instance, answer, mut usage) = self.call(Call::Receive(input)).await;
        usage.wall = began.elapsed();
        let mut met = None;
        let end = match answer {
            Ok(Answer::Received(Ok(()), staged, values)) => done(staged, values),
            Ok(Answer::Received(Err(failure), staged, _)) => {
                met = staged.met;
                TurnEnd::Declined(failure.into())
            }
            Ok(_) => unreachable!("`receive` has its own answer"),
            Err(Broken::Cancelled) => TurnEnd::Cancelled,
            Err(Broken::Fault(fault)) => TurnEnd::Broken(fault),
        };
        (instance, TurnOutcome { end, usage, met })
    }

    /// Calls `heartbeat` of an idle agent, within `host.stop_timeout_ms`. Dropping the future drops the instance.
    pub async fn heartbeat(self) -> (Option<Self>, Result<Health, Fault>) {
        let (instance, answer, _) = self.call(Call::Heartbeat).await;
        let health = match answer {
            Ok(Answer::Health(health)) => Ok(health.into()),
            Ok(_) => unreachable!("`heartbeat` has its own answer"),
            Err(broken) => Err(broken.into_fault()),
        };
        (instance, health)
    }

    /// Calls `save` and returns the snapshot, or `None` when the component keeps none. It has `host.stop_timeout_ms`.
    /// A snapshot of more than `host.snapshot_bytes` is a fault, and the instance lives on. Dropping the future drops
    /// the instance.
    pub async fn save(self) -> (Option<Self>, Result<Option<Vec<u8>>, Fault>) {
        if self.live.stateful.is_none() {
            return (Some(self), Ok(None));
        }
        let most = self.live.store.data().limits.get(Limit::Snapshot);
        let (instance, answer, _) = self.call(Call::Save).await;
        let saved = match answer {
            Ok(Answer::Saved(Ok(data))) if data.len() as u64 > most => {
                let text = format!("its snapshot has {} bytes and may have {most}", data.len());
                Err(Limit::Snapshot.fault(most, Some(data.len() as u64), text))
            }
            Ok(Answer::Saved(Ok(data))) => Ok(Some(data)),
            Ok(Answer::Saved(Err(reason))) => Err(Fault::new(FaultKind::Rejected, shortened_reason(&reason))),
            Ok(_) => unreachable!("`save` has its own answer"),
            Err(broken) => Err(broken.into_fault()),
        };
        (instance, saved)
    }

    /// Calls `restore` with a snapshot and the version of the component that saved it, within
    /// `host.start_timeout_ms`. Does nothing when the component keeps no snapshots. Dropping the future drops the
    /// instance.
    pub async fn restore(self, version: String, data: Vec<u8>) -> (Option<Self>, Result<(), Fault>) {
        if self.live.stateful.is_none() {
            return (Some(self), Ok(()));
        }
        let (instance, answer, _) = self.call(Call::Restore { version, data }).await;
        let restored = match answer {
            Ok(Answer::Restored(answer)) => {
                answer.map_err(|reason| Fault::new(FaultKind::Rejected, shortened_reason(&reason)))
            }
            Ok(_) => unreachable!("`restore` has its own answer"),
            Err(broken) => Err(broken.into_fault()),
        };
        (instance, restored)
    }

    /// Calls `stop`, within `host.stop_timeout_ms`, and drops the instance. Best effort: the outcome is not reported.
    /// Dropping the future drops the instance.
    pub async fn stop(self, reason: export::StopReason) {
        drop(self.call(Call::Stop(reason)).await);
    }

    async fn call(self, call: Call) -> (Option<Self>, Result<Answer, Broken>, Usage) {
        let Self { live, runtime } = self;
        let threads = live.next_threads();
        let control = live.control.clone();
        // Here and not inside of the call: a cancel counts also while the call waits for a thread.
        control.begin_turn();
        let running = runtime.ticker.running();
        let turn = Box::pin(async move {
            let _running = running;
            live.call(call).await
        });
        let (live, answer, usage) = runtime.low_priority.run(turn, &control, threads).await;
        (live.map(|live| Self { live, runtime }), answer, usage)
    }
}

/// Creates an instance and calls `start`. `Ok(Err(_))` holds the agent's own text when it refuses its properties.
/// Dropping the future drops the instance.
///
/// # Errors
/// The call crossed a limit or trapped, or the host is full.
pub(crate) async fn start(
    runtime: Arc<Runtime>,
    component: &Component,
    guest: Guest,
    room: OwnedSemaphorePermit,
    properties: String,
) -> Result<Result<Instance, String>, Fault> {
    let code = (component.pre.clone(), component.stateful.clone());
    match first_call(&runtime, code, guest, Some(room), Call::Start(properties)).await {
        (Some(live), Ok(Answer::Started(Ok(())))) => Ok(Ok(Instance { live, runtime })),
        (_, Ok(Answer::Started(Err(refused)))) => Ok(Err(shortened_reason(&refused))),
        (_, Ok(_)) => unreachable!("`start` has its own answer"),
        (_, Err(broken)) => Err(broken.into_fault()),
    }
}

/// Creates an instance, calls `describe`, and drops the instance. Returns also the bytes of linear memory that the
/// instance had before the call. Dropping the future drops the instance.
///
/// # Errors
/// The call crossed a limit or trapped.
pub(crate) async fn describe(
    runtime: &Runtime,
    pre: BasePre<Guest>,
    guest: Guest,
) -> Result<(export::Description, u64), Fault> {
    match first_call(runtime, (pre, None), guest, None, Call::Describe).await.1 {
        Ok(Answer::Description(description, memory_bytes)) => Ok((description, memory_bytes)),
        Ok(_) => unreachable!("`describe` has its own answer"),
        Err(broken) => Err(broken.into_fault()),
    }
}

async fn first_call(
    runtime: &Runtime,
    code: Code,
    guest: Guest,
    room: Option<OwnedSemaphorePermit>,
    call: Call,
) -> (Option<Box<Live>>, Result<Answer, Broken>) {
    let control = guest.control.clone();
    let running = runtime.ticker.running();
    let turn = Box::pin(async move {
        let _running = running;
        live::create(code, guest, room, call).await
    });
    runtime.low_priority.run(turn, &control, Threads::Shared).await
}

fn done(staged: Staged, values: Vec<ValueWrite>) -> TurnEnd {
    let Staged { emits, agent_patches, guild_patches, .. } = staged;
    TurnEnd::Done { emits, agent_patches, guild_patches, values }
}

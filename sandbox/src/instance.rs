//! One live instance of an agent: a store in which one call at a time is made. A
//! call takes the body and gives it back only when the store may be used again.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use super::Inner;
use super::bindings::{Base, BasePre, Stateful, StatefulIndices, export, types};
use super::classify::{Broken, Circumstances, classify};
use super::control::{Canceller, Control, Timed};
use super::guest::{Guest, Phase};
use super::limits::Limit;
use super::low_priority::Threads;
use super::registry::Component;
use super::staged::{LimitMet, Staged};
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::health::HealthStatus;
use guildhall_model::routing::Outgoing;
use guildhall_model::values::{ValueWrite, weight};

/// One live instance.
pub struct Instance {
    live: Box<Live>,
    sandbox: Arc<Inner>,
}

/// How many turns after a costly one begin in the lane of slow turns: who is costly
/// now and then does not cost its neighbours a tick or two each time.
const LOW_PRIORITY_TURNS: u8 = 16;
/// What a turn has to say to be costly, however quick it is.
const MUCH_SAID: u64 = 32;

struct Live {
    store: Store<Guest>,
    agent: Base,
    stateful: Option<Stateful>,
    control: Arc<Control>,
    /// So many turns begin in the lane of slow turns.
    low_priority_turns: u8,
    _room: Option<OwnedSemaphorePermit>,
}

/// A message for a turn, and the states as they were last committed.
#[derive(Clone, Debug)]
pub struct TurnInput {
    pub message: types::Message,
    pub agent_state: Arc<str>,
    pub guild_state: Arc<str>,
}

/// How a turn went and what it took.
#[derive(Debug)]
pub struct TurnOutcome {
    pub end: TurnEnd,
    pub usage: Usage,
    /// The limit that a turn which was declined had met last.
    pub met: Option<LimitMet>,
}

/// How a turn ended.
#[derive(Debug)]
pub enum TurnEnd {
    /// The message was served: this is to be committed, all of it or nothing.
    Done { emits: Vec<Outgoing>, agent_patches: Vec<String>, guild_patches: Vec<String>, values: Vec<ValueWrite> },
    /// The agent did not serve it and says so; it goes on living.
    Declined(Failure),
    /// The host stopped it on request; the body is gone.
    Cancelled,
    /// It crossed a limit or died; the body is gone.
    Broken(Fault),
}

/// What an agent says of a message that it did not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Redelivery cannot help.
    Reject(String),
    Retry {
        reason: String,
        after_ms: Option<u32>,
    },
    Other(String),
}

/// What a turn took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub fuel_used: u64,
    /// The most that the instance has held since it began.
    pub peak_memory_bytes: u64,
    pub wall: Duration,
    /// Time on a processor.
    pub cpu: Duration,
    /// Calls of imports of the contract.
    pub host_calls: u64,
    /// What it has said and written, whatever came of it: messages, frames of progress at
    /// two to the message, values, KiB of all of them, and those of values twice.
    pub said: u64,
    /// Whether the turn ended in the lane of slow turns.
    pub ended_slow: bool,
}

/// What an agent says of itself while it is idle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `Ok`, `Warning` or `Error`.
    pub status: HealthStatus,
    pub detail: Option<String>,
}

impl Instance {
    /// A handle that cancels the turn that this body is in.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(self.live.control.clone())
    }

    /// Delivers one message. The body comes back unless the turn was cancelled or
    /// broken. Must be awaited in a tokio runtime with time; the turn may end in
    /// another one.
    ///
    /// Dropping the future ends the turn within a tick and drops the body.
    pub async fn receive(self, delivery: TurnInput) -> (Option<Self>, TurnOutcome) {
        let began = Instant::now();
        let (body, answer, mut usage) = self.call(Call::Receive(delivery)).await;
        usage.wall = began.elapsed();
        let mut met = None;
        let end = match answer {
            Ok(Answer::Received(Ok(()), staged, values)) => done(staged, values),
            Ok(Answer::Received(Err(failure), staged, _)) => {
                met = staged.met;
                TurnEnd::Declined(failure.into())
            }
            Ok(_) => unreachable!("a delivery is answered as one"),
            Err(Broken::Cancelled) => TurnEnd::Cancelled,
            Err(Broken::Fault(fault)) => TurnEnd::Broken(fault),
        };
        (body, TurnOutcome { end, usage, met })
    }

    /// Asks the agent how it is; only while it is idle. Has `host.stop_timeout_ms`.
    pub async fn heartbeat(self) -> (Option<Self>, Result<Health, Fault>) {
        let (body, answer, _) = self.call(Call::Heartbeat).await;
        let health = match answer {
            Ok(Answer::Health(health)) => Ok(health.into()),
            Ok(_) => unreachable!("a heartbeat is answered as one"),
            Err(broken) => Err(broken.into_fault()),
        };
        (body, health)
    }

    /// Asks the agent what it wants to remember over its end; `None` when it has no
    /// memory to save. Has `host.stop_timeout_ms`. What is longer than
    /// `host.snapshot_bytes` is refused with a fault, and the body lives on.
    pub async fn save(self) -> (Option<Self>, Result<Option<Vec<u8>>, Fault>) {
        if self.live.stateful.is_none() {
            return (Some(self), Ok(None));
        }
        let most = self.live.store.data().limits.get(Limit::Snapshot);
        let (body, answer, _) = self.call(Call::Save).await;
        let saved = match answer {
            Ok(Answer::Saved(Ok(data))) if data.len() as u64 > most => {
                let words = format!("its snapshot has {} bytes and may have {most}", data.len());
                Err(Limit::Snapshot.fault(most, Some(data.len() as u64), words))
            }
            Ok(Answer::Saved(Ok(data))) => Ok(Some(data)),
            Ok(Answer::Saved(Err(reason))) => Err(Fault::new(FaultKind::Rejected, shortened(reason))),
            Ok(_) => unreachable!("a save is answered as one"),
            Err(broken) => Err(broken.into_fault()),
        };
        (body, saved)
    }

    /// Gives the agent back what it saved, in which version of its component. One
    /// that has no memory to restore is left as it is. Has `host.start_timeout_ms`.
    pub async fn restore(self, version: String, data: Vec<u8>) -> (Option<Self>, Result<(), Fault>) {
        if self.live.stateful.is_none() {
            return (Some(self), Ok(()));
        }
        let (body, answer, _) = self.call(Call::Restore { version, data }).await;
        let restored = match answer {
            Ok(Answer::Restored(answer)) => answer.map_err(|reason| Fault::new(FaultKind::Rejected, shortened(reason))),
            Ok(_) => unreachable!("a restore is answered as one"),
            Err(broken) => Err(broken.into_fault()),
        };
        (body, restored)
    }

    /// Tells the agent that it ends, then ends it. Best effort: has
    /// `host.stop_timeout_ms`, and nobody learns how it went.
    pub async fn stop(self, reason: export::StopReason) {
        drop(self.call(Call::Stop(reason)).await);
    }

    async fn call(self, call: Call) -> (Option<Self>, Result<Answer, Broken>, Usage) {
        let Self { live, sandbox } = self;
        let begin = if live.low_priority_turns > 0 { Threads::LowPriority } else { Threads::Shared };
        let control = live.control.clone();
        // Not where the turn begins: a cancel counts while it waits for its lane.
        control.begin_turn();
        let running = sandbox.ticker.running();
        let turn = Box::pin(async move {
            let _running = running;
            live.call(call).await
        });
        let (live, answer, usage) = sandbox.low_priority.run(turn, &control, begin).await;
        (live.map(|live| Self { live, sandbox }), answer, usage)
    }
}

/// Makes an instance and starts it.
pub(super) async fn start(
    sandbox: Arc<Inner>,
    component: &Component,
    guest: Guest,
    room: OwnedSemaphorePermit,
    properties: String,
) -> Result<Result<Instance, String>, Fault> {
    let (pre, stateful) = (component.pre.clone(), component.stateful.clone());
    match sandbox.begin((pre, stateful), guest, Some(room), Call::Start(properties)).await {
        (Some(live), Ok(Answer::Started(Ok(())))) => Ok(Ok(Instance { live, sandbox })),
        (_, Ok(Answer::Started(Err(refused)))) => Ok(Err(shortened(refused))),
        (_, Ok(_)) => unreachable!("a start is answered as one"),
        (_, Err(broken)) => Err(broken.into_fault()),
    }
}

/// Makes an instance, asks what it is, and drops it. Gives the bytes of memory that it
/// had before it was asked as well.
pub(super) async fn describe(
    sandbox: &Inner,
    pre: BasePre<Guest>,
    guest: Guest,
) -> Result<(export::Description, u64), Fault> {
    match sandbox.begin((pre, None), guest, None, Call::Describe).await.1 {
        Ok(Answer::Description(description, memory_bytes)) => Ok((description, memory_bytes)),
        Ok(_) => unreachable!("a question for the description is answered as one"),
        Err(broken) => Err(broken.into_fault()),
    }
}

impl Inner {
    async fn begin(
        &self,
        code: Code,
        guest: Guest,
        room: Option<OwnedSemaphorePermit>,
        first: Call,
    ) -> (Option<Box<Live>>, Result<Answer, Broken>) {
        let control = guest.control.clone();
        let running = self.ticker.running();
        let turn = Box::pin(async move {
            let _running = running;
            begin(code, guest, room, first).await
        });
        self.low_priority.run(turn, &control, Threads::Shared).await
    }
}

/// What an instance is made of: all of it, and what is optional.
type Code = (BasePre<Guest>, Option<Arc<StatefulIndices>>);

async fn begin(
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
    let begun = {
        let call = pin!(async {
            let (agent, stateful) = pre.begin(&mut store, stateful.as_deref()).await?;
            entered = true;
            let answer = first.make(&mut store, &agent, stateful.as_ref()).await?;
            Ok((agent, stateful, answer))
        });
        Timed { call, control: &control, deadline, timer: None }.await
    };
    match begun {
        Ok((agent, stateful, answer)) => {
            store.data().console().end_turn();
            let low_priority_turns = if control.is_slow() { LOW_PRIORITY_TURNS } else { 0 };
            (Some(Box::new(Live { store, agent, stateful, control, low_priority_turns, _room: room })), Ok(answer))
        }
        Err(error) => (None, Err(allowance.broken(&mut store, &error, entered))),
    }
}

impl Live {
    async fn call(mut self: Box<Self>, call: Call) -> (Option<Box<Self>>, Result<Answer, Broken>, Usage) {
        let allowance = call.allowance();
        let deadline = allowance.grant(&mut self.store);
        let answer = {
            let call = pin!(call.make(&mut self.store, &self.agent, self.stateful.as_ref()));
            Timed { call, control: &self.control, deadline, timer: None }.await
        };
        let is_slow = self.control.is_slow();
        let said = answer.as_ref().map_or(0, Answer::said);
        let is_costly = is_slow || said >= MUCH_SAID;
        self.low_priority_turns =
            if is_costly { LOW_PRIORITY_TURNS } else { self.low_priority_turns.saturating_sub(1) };
        let usage = Usage {
            fuel_used: allowance.fuel_used(&self.store),
            peak_memory_bytes: self.store.data().limiter.peak(),
            wall: Duration::ZERO,
            cpu: self.control.cpu(),
            host_calls: self.store.data().host_calls.get(),
            said,
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

/// A call of one export.
#[expect(clippy::large_enum_variant, reason = "most calls are the large one, and a box is an allocation for each turn")]
enum Call {
    Describe,
    Start(String),
    Receive(TurnInput),
    Heartbeat,
    Save,
    Restore { version: String, data: Vec<u8> },
    Stop(export::StopReason),
}

/// What the export returned.
enum Answer {
    /// With the bytes of memory that the instance had before.
    Description(export::Description, u64),
    Started(Result<(), String>),
    Received(Result<(), types::Failure>, Staged, Vec<ValueWrite>),
    Health(export::Health),
    Saved(Result<Vec<u8>, String>),
    Restored(Result<(), String>),
    Stopped,
}

impl Answer {
    fn said(&self) -> u64 {
        match self {
            // The bytes of values count twice: they are staged, and all of a turn's are
            // written in one transaction, for which others wait.
            Self::Received(_, staged, values) => staged.said() + weight(values.iter().map(ValueWrite::bytes)) as u64,
            _ => 0,
        }
    }
}

impl Call {
    const fn allowance(&self) -> Allowance {
        let (phase, fuel, timeout) = match self {
            Self::Describe => (Phase::Sealed, Limit::DescribeFuel, Limit::StopTimeout),
            Self::Start(_) | Self::Restore { .. } => (Phase::Between, Limit::StartFuel, Limit::StartTimeout),
            Self::Receive(_) => (Phase::Turn, Limit::Fuel, Limit::Timeout),
            Self::Heartbeat | Self::Save | Self::Stop(_) => (Phase::Between, Limit::Fuel, Limit::StopTimeout),
        };
        Allowance { phase, fuel, timeout }
    }

    async fn make(
        self,
        store: &mut Store<Guest>,
        agent: &Base,
        stateful: Option<&Stateful>,
    ) -> wasmtime::Result<Answer> {
        let agent = agent.guildhall_agent_agent();
        let stateful = stateful.map(Stateful::guildhall_agent_snapshot);
        Ok(match self {
            Self::Describe => {
                let memory_bytes = store.data().limiter.peak();
                Answer::Description(agent.call_describe(store).await?, memory_bytes)
            }
            Self::Start(properties) => Answer::Started(agent.call_start(store, &properties).await?),
            Self::Receive(TurnInput { message, agent_state, guild_state }) => {
                let guest = store.data_mut();
                (guest.agent_state, guest.guild_state) = (agent_state, guild_state);
                let answer = agent.call_receive(&mut *store, &message).await?;
                let guest = store.data_mut();
                let mut staged = std::mem::take(&mut guest.staged);
                let values = guest.buckets.writes(std::mem::take(&mut staged.values));
                Answer::Received(answer, staged, values)
            }
            Self::Heartbeat => Answer::Health(agent.call_heartbeat(store).await?),
            // Asked only where it is exported; without it there is nothing to do.
            Self::Save => Answer::Saved(match stateful {
                Some(stateful) => stateful.call_save(store).await?,
                None => Ok(Vec::new()),
            }),
            Self::Restore { version, data } => Answer::Restored(match stateful {
                Some(stateful) => stateful.call_restore(store, &version, &data).await?,
                None => Ok(()),
            }),
            Self::Stop(reason) => {
                agent.call_stop(store, reason).await?;
                Answer::Stopped
            }
        })
    }
}

/// What one call may do and use.
#[derive(Clone, Copy)]
struct Allowance {
    phase: Phase,
    fuel: Limit,
    timeout: Limit,
}

impl Allowance {
    /// Gives the store what the call may use; unspent fuel is not carried over.
    /// Returns when the call's time is up.
    fn grant(self, store: &mut Store<Guest>) -> Instant {
        let guest = store.data_mut();
        let deadline = Instant::now() + Duration::from_millis(guest.limits.get(self.timeout));
        guest.begin(self.phase, deadline);
        let fuel = guest.limits.get(self.fuel);
        store.set_fuel(fuel).expect("the engine counts fuel");
        store.set_epoch_deadline(1);
        deadline
    }

    fn fuel_used(self, store: &Store<Guest>) -> u64 {
        let left = store.get_fuel().expect("the engine counts fuel");
        store.data().limits.get(self.fuel).saturating_sub(left)
    }

    /// Why the call failed. The store is finished.
    fn broken(self, store: &mut Store<Guest>, error: &wasmtime::Error, entered: bool) -> Broken {
        let fuel_used = self.fuel_used(store);
        let guest = store.data();
        let mut console = guest.console();
        let about = Circumstances {
            limits: &guest.limits,
            fuel: self.fuel,
            timeout: self.timeout,
            fuel_used,
            peak_memory_bytes: guest.limiter.peak(),
            denied_memory: guest.limiter.denied(),
            stderr: console.stderr_tail(),
            entered,
        };
        console.end_turn();
        classify(error, about)
    }
}

impl Broken {
    fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Cancelled => Fault::new(FaultKind::Deadline, "the call was cancelled"),
        }
    }
}

fn done(staged: Staged, values: Vec<ValueWrite>) -> TurnEnd {
    let Staged { emits, agent_patches, guild_patches, .. } = staged;
    TurnEnd::Done { emits, agent_patches, guild_patches, values }
}

/// The most of an agent's own words that goes into reports.
const MAX_REASON_BYTES: usize = 4 << 10;

fn shortened(mut reason: String) -> String {
    if reason.len() > MAX_REASON_BYTES {
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        reason.push('…');
    }
    reason
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::Reject(reason) => Self::Reject(shortened(reason)),
            types::Failure::Retry(hint) => Self::Retry { reason: shortened(hint.reason), after_ms: hint.after_ms },
            types::Failure::Other(reason) => Self::Other(shortened(reason)),
        }
    }
}

impl From<export::Health> for Health {
    fn from(health: export::Health) -> Self {
        let status = match health.status {
            export::Status::Ok => HealthStatus::Ok,
            export::Status::Warning => HealthStatus::Warning,
            export::Status::Error => HealthStatus::Error,
        };
        Self { status, detail: health.detail.map(shortened) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(shortened("é".repeat(3)), "ééé");
        let cut = shortened(format!("x{}", "é".repeat(MAX_REASON_BYTES)));
        assert_eq!(cut.len(), MAX_REASON_BYTES - 1 + '…'.len_utf8());
    }
}

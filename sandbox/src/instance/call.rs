//! The calls of an agent's exports: what each passes, returns, and may use.

use std::time::{Duration, Instant};

use guildhall_model::values::{ValueWrite, weight};
use wasmtime::Store;

use crate::bindings::{Base, Stateful, export, types};
use crate::classify::{Broken, Circumstances, classify};
use crate::guest::Guest;
use crate::limits::Limit;
use crate::phase::Phase;
use crate::staged::Staged;
use crate::turn::TurnInput;

/// A call of one export.
#[expect(clippy::large_enum_variant, reason = "most calls are the large one, and a box is an allocation for each turn")]
pub(super) enum Call {
    Describe,
    Start(String),
    Receive(TurnInput),
    Heartbeat,
    Save,
    Restore { version: String, data: Vec<u8> },
    Stop(export::StopReason),
}

/// What the export returned.
pub(super) enum Answer {
    /// The description, and the bytes of linear memory before the call.
    Description(export::Description, u64),
    Started(Result<(), String>),
    Received(Result<(), types::Failure>, Staged, Vec<ValueWrite>),
    Health(export::Health),
    Saved(Result<Vec<u8>, String>),
    Restored(Result<(), String>),
    Stopped,
}

impl Answer {
    /// Returns the weight of what the turn emitted and wrote: see [`Usage::emitted`](crate::turn::Usage::emitted).
    pub(super) fn emitted(&self) -> u64 {
        match self {
            // The bytes of values count twice: once because they are staged, and once because all values of a turn are
            // written in one transaction, for which other agents wait.
            Self::Received(_, staged, values) => staged.weight() + weight(values.iter().map(ValueWrite::bytes)) as u64,
            _ => 0,
        }
    }
}

impl Call {
    /// Returns what the call may do and use.
    pub(super) const fn allowance(&self) -> Allowance {
        let (phase, fuel, timeout) = match self {
            Self::Describe => (Phase::Sealed, Limit::DescribeFuel, Limit::StopTimeout),
            Self::Start(_) | Self::Restore { .. } => (Phase::Between, Limit::StartFuel, Limit::StartTimeout),
            Self::Receive(_) => (Phase::Turn, Limit::Fuel, Limit::Timeout),
            Self::Heartbeat | Self::Save | Self::Stop(_) => (Phase::Between, Limit::Fuel, Limit::StopTimeout),
        };
        Allowance { phase, fuel, timeout }
    }

    /// Makes the call. Dropping the future leaves the store unusable.
    pub(super) async fn make(
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
            // Called only where the component exports it. Without the export there is nothing to do.
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
pub(super) struct Allowance {
    phase: Phase,
    fuel: Limit,
    timeout: Limit,
}

impl Allowance {
    /// Gives the store the call's fuel and time; unspent fuel is not carried over. Returns the call's deadline.
    pub(super) fn grant(self, store: &mut Store<Guest>) -> Instant {
        let guest = store.data_mut();
        let deadline = Instant::now() + Duration::from_millis(guest.limits.get(self.timeout));
        guest.begin(self.phase, deadline);
        let fuel = guest.limits.get(self.fuel);
        store.set_fuel(fuel).expect("the engine counts fuel");
        store.set_epoch_deadline(1);
        deadline
    }

    /// Returns the fuel that the call has used.
    pub(super) fn fuel_used(self, store: &Store<Guest>) -> u64 {
        let left = store.get_fuel().expect("the engine counts fuel");
        store.data().limits.get(self.fuel).saturating_sub(left)
    }

    /// Returns why the call failed. The store may not be used again. `entered` is whether an export was called.
    pub(super) fn broken(self, store: &mut Store<Guest>, error: &wasmtime::Error, entered: bool) -> Broken {
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

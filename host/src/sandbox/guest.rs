//! The host's side of one instance: what a store holds, and what the imports of
//! the contract do. An import sees its own store and nothing else.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::bindings::context::Identity as GuestIdentity;
use super::bindings::messaging::{EmitError, Outgoing};
use super::bindings::{Base, context, messaging, types};
use super::control::Control;
use super::limits::{Limit, Limits};
use super::memory::Limiter;
use super::staged::{Staged, State};
use super::stdio::{Console, Output, Pipe};
use super::{Identity, Progress, Setup};
use crate::model::ids::{AgentId, Digest};
use crate::model::topic;

/// Fuel after which a guest yields. The gauge of fuel is as exact as this.
const FUEL_PER_YIELD: u64 = 1_000_000;

/// The most a guest may ask of a random source at once.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// What the instance is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `describe`: every import of the contract is refused.
    Sealed,
    /// `start`, `heartbeat`, `stop`: it may look, not speak.
    Between,
    /// `receive`.
    Turn,
}

/// An import was called in `describe`.
#[derive(Debug, thiserror::Error)]
#[error("`describe` called `{0}`; it may call no import")]
pub(super) struct Sealed(&'static str);

/// The data of one store.
pub(super) struct Guest {
    pub(super) phase: Phase,
    pub(super) limits: Limits,
    pub(super) limiter: Limiter,
    pub(super) control: Arc<Control>,
    pub(super) deadline: Instant,
    pub(super) staged: Staged,
    /// Calls of imports of the contract in the present turn.
    pub(super) host_calls: Cell<u64>,
    pub(super) agent_state: Arc<str>,
    pub(super) guild_state: Arc<str>,
    identity: GuestIdentity,
    own_inbox: String,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    pub(super) console: Arc<Mutex<Console>>,
    /// Made when the guest first needs it: many never do.
    wasi: Option<Box<WasiCtx>>,
    table: ResourceTable,
}

impl Guest {
    pub(super) fn new(phase: Phase, digest: &Digest, setup: Setup) -> Self {
        let Setup { identity, limits, guild_memory, progress, log, agent_state, guild_state, properties: _ } = setup;
        let Identity { guild_id, guild_name, agent_id, agent_name, class_name } = identity;
        let component_digest = digest.to_string();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.size(Limit::Handles));
        Self {
            phase,
            limiter: Limiter::new(&limits, guild_memory),
            control: Arc::default(),
            deadline: Instant::now(),
            staged: Staged::default(),
            host_calls: Cell::new(0),
            agent_state,
            guild_state,
            own_inbox: topic::agent_inbox(&AgentId::from(agent_id.as_str())),
            identity: GuestIdentity { guild_id, guild_name, agent_id, agent_name, class_name, component_digest },
            progress,
            console: Arc::new(Mutex::new(Console::new(log, &limits))),
            wasi: None,
            table,
            limits,
        }
    }

    /// A store for this guest, with every limit that a store knows.
    pub(super) fn into_store(self, engine: &Engine) -> wasmtime::Result<Store<Self>> {
        let mut store = Store::new(engine, self);
        store.limiter(|guest| &mut guest.limiter);
        store.fuel_async_yield_interval(Some(FUEL_PER_YIELD))?;
        let (copied, handles) = (store.data().limits.size(Limit::CopyBytes), store.data().limits.size(Limit::Handles));
        store.set_hostcall_fuel(copied);
        store.set_max_component_handles(handles);
        store.epoch_deadline_callback(|context| {
            let guest = context.data();
            guest.control.tick(guest.deadline)
        });
        Ok(store)
    }

    pub(super) fn console(&self) -> std::sync::MutexGuard<'_, Console> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unsealed(&self, import: &'static str) -> wasmtime::Result<()> {
        self.host_calls.set(self.host_calls.get() + 1);
        if self.phase == Phase::Sealed { Err(Sealed(import).into()) } else { Ok(()) }
    }

    /// Refuses what only a turn may do.
    fn in_turn(&self, import: &'static str) -> wasmtime::Result<Result<(), String>> {
        self.unsealed(import)?;
        Ok(if self.phase == Phase::Turn { Ok(()) } else { Err("only while a message is received".to_owned()) })
    }

    fn update(&mut self, import: &'static str, state: State, patch: String) -> wasmtime::Result<Result<(), String>> {
        Ok(self.in_turn(import)?.and_then(|()| self.staged.patch(state, patch, &self.limits)))
    }
}

/// The imports of the contract and an empty WASI: no environment, arguments,
/// files or sockets.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Base::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    Ok(linker)
}

impl types::Host for Guest {}

impl messaging::Host for Guest {
    fn emit(&mut self, message: Outgoing) -> wasmtime::Result<Result<(), EmitError>> {
        let allowed = self.in_turn("messaging.emit")?.map_err(EmitError::Other);
        Ok(allowed.and_then(|()| self.staged.emit(message, &self.own_inbox, &self.limits)))
    }

    fn progress(&mut self, format: String, payload: String) -> wasmtime::Result<Result<(), EmitError>> {
        if let Err(refused) = self.in_turn("messaging.progress")? {
            return Ok(Err(EmitError::Other(refused)));
        }
        let checked = self.staged.progress(&format, &payload, &self.limits);
        if let (Ok(()), Some(tell)) = (&checked, &self.progress) {
            tell(Progress { format, payload });
        }
        Ok(checked)
    }
}

impl context::Host for Guest {
    fn whoami(&mut self) -> wasmtime::Result<GuestIdentity> {
        self.unsealed("context.whoami")?;
        Ok(self.identity.clone())
    }

    fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        self.unsealed("context.is-cancelled")?;
        Ok(self.control.is_cancelled())
    }

    fn agent_state(&mut self) -> wasmtime::Result<String> {
        self.unsealed("context.agent-state")?;
        Ok(self.agent_state.as_ref().to_owned())
    }

    fn guild_state(&mut self) -> wasmtime::Result<String> {
        self.unsealed("context.guild-state")?;
        Ok(self.guild_state.as_ref().to_owned())
    }

    fn update_agent_state(&mut self, patch: String) -> wasmtime::Result<Result<(), String>> {
        self.update("context.update-agent-state", State::Agent, patch)
    }

    fn update_guild_state(&mut self, patch: String) -> wasmtime::Result<Result<(), String>> {
        self.update("context.update-guild-state", State::Guild, patch)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let console = &self.console;
        let ctx = self.wasi.get_or_insert_with(|| {
            let pipe = |output| Pipe { console: console.clone(), output };
            Box::new(
                WasiCtxBuilder::new()
                    .stdout(pipe(Output::Out))
                    .stderr(pipe(Output::Err))
                    .max_random_size(MAX_RANDOM_BYTES)
                    .allow_blocking_current_thread(false)
                    .build(),
            )
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

//! The host's side of one instance: what a store holds, and what the imports of
//! the contract do. An import sees its own store and nothing else.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::bindings::context::Identity as GuestIdentity;
use super::bindings::messaging::{EmitError, Outgoing as GuestOutgoing};
use super::bindings::{Base, context, keyvalue, messaging, secrets, types};
use super::control::Control;
use super::grants::Grants;
use super::http::{self, Http};
use super::keyvalue::Buckets;
use super::limits::{Limit, Limits};
use super::memory::Limiter;
use super::offers;
use super::policy::Policy;
use super::staged::{Staged, State};
use super::stdio::{Console, Output, Pipe};
use super::{Identity, Progress, Setup};
use guildhall_model::expression::Evaluate;
use guildhall_model::ids::{AgentId, Digest};
use guildhall_model::topic;

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

/// What all guests of a host share.
#[derive(Clone)]
pub(super) struct HostServices {
    /// What agents may reach.
    pub(super) policy: Arc<Policy>,
    pub(super) evaluator: Arc<dyn Evaluate>,
}

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
    pub(super) evaluator: Arc<dyn Evaluate>,
    identity: GuestIdentity,
    own_inbox: String,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    pub(super) console: Arc<Mutex<Console>>,
    pub(super) grants: Arc<Grants>,
    pub(super) buckets: Buckets,
    /// Made when the guest first needs it: many never do.
    wasi: Option<Box<WasiCtx>>,
    /// The requests of this call, once there are any.
    http: Option<Box<Http>>,
    table: ResourceTable,
}

impl Guest {
    pub(super) fn new(phase: Phase, digest: &Digest, setup: Setup, host: HostServices) -> Self {
        let Setup {
            identity,
            limits,
            asked,
            guild_memory,
            values,
            progress,
            log,
            agent_state,
            guild_state,
            properties: _,
        } = setup;
        let Identity { guild_id, guild_name, agent_id, agent_name, class_name } = identity;
        let component_digest = digest.to_string();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.size(Limit::Handles));
        let buckets = Buckets::new(values, &agent_id);
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
            evaluator: host.evaluator,
            progress,
            grants: Arc::new(Grants::new(asked, host.policy, log.clone())),
            console: Arc::new(Mutex::new(Console::new(log, &limits))),
            buckets,
            wasi: None,
            http: None,
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

    pub(super) const fn table(&self) -> &ResourceTable {
        &self.table
    }

    pub(super) const fn table_mut(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// What `wasi:http` works on. It counts what this call of an export sends.
    pub(super) fn http_and_table(&mut self) -> (&mut Http, &mut ResourceTable) {
        let (grants, limits, phase, deadline) = (&self.grants, &self.limits, self.phase, self.deadline);
        let guild = &self.identity.guild_id;
        let http = self.http.get_or_insert_with(|| Box::new(Http::new(guild, grants.clone(), limits, phase, deadline)));
        (http, &mut self.table)
    }

    /// Prepares for a call that ends at `deadline`: nothing of earlier ones counts.
    pub(super) fn begin(&mut self, phase: Phase, deadline: Instant) {
        self.phase = phase;
        self.deadline = deadline;
        self.http = None;
        self.host_calls.set(0);
        self.limiter.begin_turn();
    }

    pub(super) fn unsealed(&self, import: &'static str) -> wasmtime::Result<()> {
        self.host_calls.set(self.host_calls.get() + 1);
        if self.phase == Phase::Sealed { Err(Sealed(import).into()) } else { Ok(()) }
    }

    /// Refuses what only a turn may do.
    pub(super) fn in_turn(&self, import: &'static str) -> wasmtime::Result<Result<(), String>> {
        self.unsealed(import)?;
        Ok(if self.phase == Phase::Turn { Ok(()) } else { Err("only while a message is received".to_owned()) })
    }

    fn update(&mut self, import: &'static str, state: State, patch: String) -> wasmtime::Result<Result<(), String>> {
        Ok(self.in_turn(import)?.and_then(|()| self.staged.patch(state, patch, &self.limits)))
    }
}

/// The imports of the contract, a WASI without arguments, files and sockets, and
/// what agents may be granted: it looks at the grants of each.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Base::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    secrets::Granted::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    keyvalue::Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    offers::add_to_linker(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl types::Host for Guest {}

impl messaging::Host for Guest {
    fn emit(&mut self, message: GuestOutgoing) -> wasmtime::Result<Result<(), EmitError>> {
        let allowed = self.in_turn("messaging.emit")?.map_err(EmitError::Other);
        let emitted = allowed.and_then(|()| self.staged.emit(message, &self.own_inbox, &self.limits));
        // A guest that does not look at the answer has lost a message: its log says why.
        if let (Err(EmitError::TooMany(_) | EmitError::PayloadTooLarge(_)), Some(met)) = (&emitted, self.staged.met) {
            self.grants.tell(format!("a message was not emitted: `{}` is {}", met.setting, met.limit));
        }
        Ok(emitted)
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
        let (console, grants) = (&self.console, &self.grants);
        let ctx = self.wasi.get_or_insert_with(|| {
            let pipe = |output| Pipe { console: console.clone(), output };
            Box::new(
                WasiCtxBuilder::new()
                    .envs(&grants.env())
                    .stdout(pipe(Output::Out))
                    .stderr(pipe(Output::Err))
                    .max_random_size(MAX_RANDOM_BYTES)
                    // A socket that may go nowhere is still one of the host's descriptors.
                    .allow_tcp(false)
                    .allow_udp(false)
                    .allow_blocking_current_thread(false)
                    .build(),
            )
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

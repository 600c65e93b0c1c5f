//! The data of one instance's store: its limits, grants, states and what its turn has staged. The imports work on it
//! and are in files of their own; each sees the data of its own store and nothing else.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use guildhall_model::expression::Evaluations;
use guildhall_model::ids::{AgentId, Digest};
use guildhall_model::topic;
use parking_lot::{Mutex, MutexGuard};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::bindings::context::Identity as GuestIdentity;
use crate::buckets::Buckets;
use crate::control::Control;
use crate::grants::Grants;
use crate::limits::{Limit, Limits};
use crate::memory::Limiter;
use crate::phase::{Phase, Sealed};
use crate::requests::Requests;
use crate::runtime::HostServices;
use crate::setup::{Identity, Progress, Setup};
use crate::staged::Staged;
use crate::stdio::{Console, Output, Pipe};

/// Units of fuel after which a guest yields. The count of used fuel is exact to this.
const FUEL_PER_YIELD: u64 = 1_000_000;

/// The most bytes that a guest may read from a random source in one call.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// The data of one store.
pub(crate) struct Guest {
    /// The kind of the present call.
    pub(crate) phase: Phase,
    /// The limits of the agent.
    pub(crate) limits: Limits,
    /// Counts memory and tables.
    pub(crate) limiter: Limiter,
    /// The flags of the present call.
    pub(crate) control: Arc<Control>,
    /// When the present call must have ended.
    pub(crate) deadline: Instant,
    /// The effects of the present turn.
    pub(crate) staged: Staged,
    /// Calls of imports of the contract in the present call.
    pub(crate) host_calls: Cell<u64>,
    /// The committed state of the agent, a JSON object.
    pub(crate) agent_state: Arc<str>,
    /// The committed state of the guild, a JSON object.
    pub(crate) guild_state: Arc<str>,
    /// Evaluates the agent's expressions.
    pub(crate) evaluations: Evaluations,
    /// The names of the agent.
    pub(crate) identity: GuestIdentity,
    /// The topic of the agent's own inbox.
    pub(crate) own_inbox: String,
    /// Receives the agent's progress frames.
    pub(crate) progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    console: Arc<Mutex<Console>>,
    /// What the agent may reach.
    pub(crate) grants: Arc<Grants>,
    /// The committed values of the agent and of its guild.
    pub(crate) buckets: Buckets,
    /// Created when the guest first calls WASI; many guests never do.
    wasi: Option<Box<WasiCtx>>,
    /// Created when the present call sends its first request.
    requests: Option<Box<Requests>>,
    table: ResourceTable,
}

impl Guest {
    /// Creates the data of a store that belongs to one agent.
    pub(crate) fn new(phase: Phase, digest: &Digest, setup: Setup, host: HostServices) -> Self {
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
            evaluations: host.evaluations,
            progress,
            grants: Arc::new(Grants::new(asked, host.policy, log.clone())),
            console: Arc::new(Mutex::new(Console::new(log, &limits))),
            buckets,
            wasi: None,
            requests: None,
            table,
            limits,
        }
    }

    /// Creates a store with this data and with every limit that a store enforces.
    ///
    /// # Errors
    /// The engine does not count fuel.
    pub(crate) fn into_store(self, engine: &Engine) -> wasmtime::Result<Store<Self>> {
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

    /// Returns what the guest prints to.
    pub(crate) fn console(&self) -> MutexGuard<'_, Console> {
        self.console.lock()
    }

    /// Returns the resources that the guest holds.
    pub(crate) const fn table(&self) -> &ResourceTable {
        &self.table
    }

    /// Returns the resources that the guest holds.
    pub(crate) const fn table_mut(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Returns the requests of the present call, and the resources that the guest holds.
    pub(crate) fn requests_and_table(&mut self) -> (&mut Requests, &mut ResourceTable) {
        let (grants, limits, phase, deadline) = (&self.grants, &self.limits, self.phase, self.deadline);
        let guild = &self.identity.guild_id;
        let new = || Box::new(Requests::new(guild, grants.clone(), limits, phase, deadline));
        (self.requests.get_or_insert_with(new), &mut self.table)
    }

    /// Prepares for a call that must end at `deadline`. Counts of earlier calls are reset.
    pub(crate) fn begin(&mut self, phase: Phase, deadline: Instant) {
        self.phase = phase;
        self.deadline = deadline;
        self.requests = None;
        self.host_calls.set(0);
        self.limiter.begin_turn();
    }

    /// Counts a call of an import.
    ///
    /// # Errors
    /// The present call is `describe`, which may call no import.
    pub(crate) fn unsealed(&self, import: &'static str) -> wasmtime::Result<()> {
        self.host_calls.set(self.host_calls.get() + 1);
        if self.phase == Phase::Sealed { Err(Sealed(import).into()) } else { Ok(()) }
    }

    /// Counts a call of an import that only a turn may make. The inner error is the answer to the guest.
    ///
    /// # Errors
    /// The present call is `describe`.
    pub(crate) fn in_turn(&self, import: &'static str) -> wasmtime::Result<Result<(), String>> {
        self.unsealed(import)?;
        Ok(if self.phase == Phase::Turn { Ok(()) } else { Err("only while a message is received".to_owned()) })
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
                    // Even a socket that may not connect takes a file descriptor of the host.
                    .allow_tcp(false)
                    .allow_udp(false)
                    .allow_blocking_current_thread(false)
                    .build(),
            )
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

//! The handle on all guilds of this host: what they are set up with, which run, and how all of them end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::components::compiling::ComponentWork;
use super::manager::STORES_AT_ONCE;
use super::not_started::NotStarted;
use super::outage::{Outages, Part};
use super::running::RunningGuilds;
use crate::agent::Components;
use crate::journal::Journal;
use crate::metrics::{Metrics, Present};
use crate::oci::Registries;
use crate::store::{Sleep, Store};
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::event;
use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::routing::Bounds;
use guildhall_model::tag::AgentTag;
use guildhall_sandbox::Component;

/// The services and settings that all guilds use.
#[derive(Clone)]
pub struct Setup {
    /// Catalog, guilds and agents.
    pub store: Store,
    /// The logs of all guilds.
    pub journal: Journal,
    /// The components of this host.
    pub components: Components,
    /// The registries from which blueprints may pull components.
    pub registries: Registries,
    /// The time.
    pub clock: Clock,
    /// The most messages of a thread that may follow one another.
    pub hop_limit: u32,
    /// The bounds of what routing makes.
    pub bounds: Bounds,
    /// The linear memory that all agents of one guild share, in bytes.
    pub guild_memory_bytes: u64,
    /// The dialect of the history over REST.
    pub dialect: Dialect,
    /// How long an agent may be idle before its instance is dropped, unless its blueprint sets it; `None`: it is never
    /// dropped.
    pub idle_unload: Option<Duration>,
    /// How long nobody must have used a guild before it sleeps; `None`: guilds never sleep.
    pub guild_sleep: Option<Duration>,
    /// Where everything is counted.
    pub metrics: Metrics,
}

/// The guilds of this host. Cheap to clone.
#[derive(Clone)]
pub struct Guilds(pub(in crate::guild) Arc<Inner>);

/// What all clones of a [`Guilds`] share.
pub(in crate::guild) struct Inner {
    pub(in crate::guild) setup: Setup,
    /// The components that are part of this program, by class.
    pub(in crate::guild) built_in: Mutex<Arc<HashMap<String, Arc<Component>>>>,
    pub(in crate::guild) running: RunningGuilds,
    /// A permit for each guild whose sleep is being stored.
    pub(in crate::guild) sleep_stores: Arc<Semaphore>,
    /// How many guilds sleep.
    pub(in crate::guild) asleep: AtomicU64,
    /// The guilds that had ended with the host while nothing waited for them.
    pub(in crate::guild) quiet_at_end: Mutex<Vec<GuildId>>,
    /// The dead letters that are being replayed or discarded.
    pub(in crate::guild) reserved_letters: Mutex<HashSet<(GuildId, MessageId)>>,
    pub(in crate::guild) component_work: ComponentWork,
    /// The managers, and the work that outlives its request.
    pub(in crate::guild) tracker: TaskTracker,
    /// Ends every task of the guilds.
    pub(in crate::guild) shutdown: CancellationToken,
    /// Whether the guilds of before are running again.
    pub(in crate::guild) is_resumed: AtomicBool,
    /// The guilds that should run and could not be started.
    pub(in crate::guild) not_started: NotStarted,
    /// What is away at present.
    pub(in crate::guild) outages: Outages,
}

impl Guilds {
    /// A host without running guilds.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let outages = Outages::since(setup.clock.now_ms());
        Self(Arc::new(Inner {
            setup,
            built_in: Mutex::default(),
            running: RunningGuilds::default(),
            sleep_stores: Arc::new(Semaphore::new(STORES_AT_ONCE)),
            asleep: AtomicU64::new(0),
            quiet_at_end: Mutex::default(),
            reserved_letters: Mutex::default(),
            component_work: ComponentWork::default(),
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            is_resumed: AtomicBool::new(false),
            not_started: NotStarted::default(),
            outages,
        }))
    }

    /// Whether the guilds that were running are running again, and neither the store nor the journal is away. Guilds
    /// that could not be started are counted by [`Self::not_started`].
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.is_resumed.load(Ordering::SeqCst) && self.away().is_none() && !self.0.shutdown.is_cancelled()
    }

    /// The metrics of the host in the text format of Prometheus.
    ///
    /// # Errors
    /// The metrics cannot be written, as a text for the log.
    pub fn metrics(&self) -> Result<String, String> {
        let sandbox = self.0.setup.components.sandbox();
        let is_away = |part| usize::from(self.0.outages.is_away(part));
        let present = Present {
            live_agents: sandbox.live(),
            agent_capacity: sandbox.capacity(),
            guilds: self.0.running.count(),
            guilds_asleep: usize::try_from(self.asleep()).unwrap_or(usize::MAX),
            guilds_not_started: self.not_started(),
            store_away: is_away(Part::Store),
            journal_away: is_away(Part::Journal),
        };
        self.0.setup.metrics.text(present).map_err(|error| error.to_string())
    }

    /// Counts a request that was answered, by the pattern of its path, its method and its status.
    pub fn count_request(&self, route: &str, method: &str, status: u16, took: Duration) {
        self.0.setup.metrics.request(route, method, status, took);
    }

    /// Sends an event of the whole host to the sockets of every guild here.
    pub(in crate::guild) fn send_host_event(&self, event: &str, details: &Value) {
        let (host, now_ms) = (AgentTag::new("host", "Guildhall"), self.0.setup.clock.now_ms());
        for log in self.0.running.logs() {
            log.signal(event::message(event, &host, now_ms, details.clone()));
        }
    }

    /// Ends every guild here and waits for it. Guilds for which nothing waits sleep until they are needed; the others go
    /// on at the next start of the host. Dropping the future does not undo the shutdown.
    pub async fn shutdown(&self) {
        self.0.shutdown.cancel();
        self.0.tracker.close();
        self.0.tracker.wait().await;
        let quiet = std::mem::take(&mut *self.0.quiet_at_end.lock());
        let asleep: Vec<_> = quiet.into_iter().map(|id| (id, Sleep::default())).collect();
        if let Err(error) = self.0.setup.store.put_to_sleep(&asleep).await {
            tracing::warn!(%error, "the guilds of this host do not sleep; all of them start with the host");
        }
        self.mark_last().await;
    }
}

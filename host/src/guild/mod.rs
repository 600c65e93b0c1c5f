//! Guilds: launched, found again after a restart, stopped. Each has a manager task
//! and one task for each agent; everybody else reaches it over its log.

mod agents;
mod component;
mod dead_letters;
mod manager;
mod report;
mod requests;
mod serving;
mod state;
mod states;
#[cfg(test)]
mod tests;
mod user_ingress;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::Components;
use crate::journal::{GuildLog, Journal, JournalError};
use crate::metrics::{Metrics, Present};
use crate::oci::Registries;
use crate::store::{NewGuild, Store, StoreError};
use guildhall_model::clock::Clock;
use guildhall_model::dialect::{self, Channel, Dialect, Viewer};
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, MessageId, OrgId, UserId};
use guildhall_model::message::Message;
use guildhall_model::routing::{GuildView, subscriptions};
use guildhall_model::spec::GuildSpec;
use guildhall_model::status::GuildStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::{event, topic};
use guildhall_sandbox::{Component, MemoryBudget};

pub use crate::agent::{Line, LogReader, SwapError};
pub use crate::oci::OciError;
pub use agents::AgentError;
pub use component::{ComponentError, ComponentEvent, TooLittleMemory, grants_of};
pub use dead_letters::{DeadLetterError, Page};
pub use guildhall_sandbox::LogLevel;
pub use guildhall_sandbox::Refusal as ComponentRefusal;

use agents::Roster;
use manager::Manager;
use serving::Serving;
use state::GuildState;
use user_ingress::UserIngress;

/// A guild to launch: a spec that was read and admitted.
#[derive(Clone, Debug)]
pub struct Launch {
    pub spec: GuildSpec,
    /// The spec as its author wrote it, whole.
    pub document: Value,
    pub org: OrgId,
    pub user: Option<UserId>,
    pub blueprint: Option<BlueprintId>,
}

/// Why a guild was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("guild {0} already exists")]
    Taken(GuildId),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a guild did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GuildError {
    #[error("no such guild")]
    Unknown,
    #[error("the guild was stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl GuildError {
    fn of_store(error: StoreError) -> Self {
        if matches!(error, StoreError::NotFound { .. }) { Self::Unknown } else { Self::Store(error) }
    }
}

/// What guilds are made with.
#[derive(Clone)]
pub struct Setup {
    pub store: Store,
    pub journal: Journal,
    pub components: Components,
    /// Where blueprints may have components pulled from.
    pub registries: Registries,
    pub clock: Clock,
    /// How many messages of a thread may follow one another.
    pub hop_limit: u32,
    /// Linear memory of all agents of one guild, in bytes.
    pub guild_memory_bytes: u64,
    /// In what the REST history is written.
    pub dialect: Dialect,
    /// How long an agent may be idle before its instance is dropped, unless its
    /// blueprint says; `None`: for ever.
    pub idle_unload: Option<Duration>,
    pub metrics: Metrics,
}

/// The guilds of this host. Cheap to clone.
#[derive(Clone)]
pub struct Guilds(Arc<Inner>);

struct Inner {
    setup: Setup,
    /// The components that are part of this program, by class.
    built_in: Mutex<Arc<HashMap<String, Arc<Component>>>>,
    running: Mutex<HashMap<GuildId, RunningGuild>>,
    /// Dead letters that somebody is taking out.
    letters_at_work: Mutex<HashSet<(GuildId, MessageId)>>,
    uploads: component::Uploads,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    is_ready: AtomicBool,
}

/// A guild that runs here.
#[derive(Clone, Default)]
struct RunningGuild {
    /// Wakes the agents that have given up.
    revive: watch::Sender<()>,
    agents: Roster,
    /// Set as soon as it is open.
    log: Arc<OnceLock<GuildLog>>,
}

/// How many guilds are resumed at once.
const RESUMED_AT_ONCE: usize = 8;
/// How many messages of a history are held in memory at once.
const HISTORY_PAGE: usize = 500;

/// A user's history, read page by page, however long it is.
pub struct History {
    log: GuildLog,
    topics: Vec<String>,
    viewer: Viewer,
    /// Where the next page begins; `None`: there is none.
    after: Option<MessageId>,
}

impl History {
    /// The next messages as JSON texts; `None` at the end.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next_page(&mut self) -> Result<Option<Vec<String>>, JournalError> {
        let Some(after) = self.after else { return Ok(None) };
        let (page, more) = self.log.history(&self.topics, after, HISTORY_PAGE).await?;
        self.after = page.last().map(|message| message.id).filter(|_| more);
        let spell = |message: &Message| dialect::write(message, &self.topics[0], &self.viewer);
        Ok(Some(page.iter().map(spell).collect()))
    }
}

impl Guilds {
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self(Arc::new(Inner {
            setup,
            built_in: Mutex::default(),
            running: Mutex::default(),
            letters_at_work: Mutex::default(),
            uploads: component::Uploads::default(),
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            is_ready: AtomicBool::new(false),
        }))
    }

    /// Makes components of this program available to every guild. Each is called
    /// `guildhall:NAME@VERSION`, with the version of the program.
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn add_built_in(&self, components: Vec<(&'static str, Arc<Component>)>) -> Result<(), StoreError> {
        for (name, component) in &components {
            let row = component::row_of(component, self.0.setup.clock.now_ms());
            self.0.setup.store.insert_component(&row).await?;
            self.name_built_in(name, component).await?;
        }
        let mut held = lock(&self.0.built_in);
        let mut all = HashMap::clone(&held);
        all.extend(components.into_iter().map(|(_, component)| (component.description.class_name.clone(), component)));
        *held = Arc::new(all);
        Ok(())
    }

    /// Whether this program itself serves a class.
    #[must_use]
    pub fn has_built_in(&self, class: &str) -> bool {
        lock(&self.0.built_in).contains_key(class)
    }

    /// The components that are part of this program.
    #[must_use]
    pub fn built_in(&self) -> Vec<Arc<Component>> {
        lock(&self.0.built_in).values().cloned().collect()
    }

    /// Starts every guild that was not stopped. They take sockets when this
    /// returns; their agents start in their own time.
    ///
    /// # Errors
    /// When the store cannot be read. A guild that cannot be started is logged.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        // A stop that was cut short is finished.
        for guild in self.0.setup.store.guilds().await? {
            if guild.status == GuildStatus::Stopping {
                let now_ms = self.0.setup.clock.now_ms();
                self.0.setup.store.set_guild_status(&guild.id, GuildStatus::Stopped, now_ms).await?;
            }
        }
        let ids = self.0.setup.store.guilds_to_resume().await?;
        let mut starts =
            stream::iter(ids).map(async |id| (self.start(&id).await, id)).buffer_unordered(RESUMED_AT_ONCE);
        while let Some((started, id)) = starts.next().await {
            match started {
                Ok(started) => count += usize::from(started),
                Err(error) => tracing::error!(%error, guild = %id, "a guild cannot be resumed"),
            }
        }
        self.0.is_ready.store(true, Ordering::SeqCst);
        Ok(count)
    }

    /// Keeps the guild and starts it.
    ///
    /// # Errors
    /// `Taken` when the id is in use.
    pub async fn launch(&self, launch: Launch) -> Result<GuildId, LaunchError> {
        let setup = &self.0.setup;
        let new = NewGuild {
            spec: &launch.spec,
            document: &launch.document,
            org: &launch.org,
            user: launch.user.as_ref(),
            blueprint: launch.blueprint.as_ref(),
            now_ms: setup.clock.now_ms(),
        };
        match setup.store.insert_guild(new).await {
            Ok(()) => {}
            Err(StoreError::Conflict { what: "guild", .. }) => return Err(LaunchError::Taken(launch.spec.id)),
            Err(error) => return Err(error.into()),
        }
        let id = launch.spec.id.clone();
        self.open(launch.spec, GuildStatus::Requested, Vec::new()).await?;
        Ok(id)
    }

    /// Starts a guild that is not running; says whether there was anything to start.
    /// In one that is running, agents that have given up try again.
    ///
    /// # Errors
    /// `Unknown`, or `Stopped` when it was told to end.
    pub async fn relaunch(&self, id: &GuildId) -> Result<bool, GuildError> {
        match self.0.setup.store.guild_status(id).await? {
            None => Err(GuildError::Unknown),
            Some(status) if status.is_over() => Err(GuildError::Stopped),
            Some(_) => self.start(id).await,
        }
    }

    async fn start(&self, id: &GuildId) -> Result<bool, GuildError> {
        if let Some(seat) = lock(&self.0.running).get(id) {
            seat.revive.send_replace(());
            return Ok(false);
        }
        let store = &self.0.setup.store;
        let row = store.guild(id).await.map_err(GuildError::of_store)?;
        if row.status.is_over() {
            return Err(GuildError::Stopped);
        }
        let users = store.agents(id).await?.into_iter().filter_map(|row| Some((row.user?, row.spec.name))).collect();
        Ok(self.open(row.spec, row.status, users).await?)
    }

    /// Makes the guild's subscriptions and its manager, unless they are there.
    async fn open(
        &self,
        spec: GuildSpec,
        status: GuildStatus,
        users: Vec<(UserId, String)>,
    ) -> Result<bool, JournalError> {
        let setup = &self.0.setup;
        let id = spec.id.clone();
        let shutdown = self.0.shutdown.child_token();
        let seat = RunningGuild::default();
        {
            let mut running = lock(&self.0.running);
            if running.contains_key(&id) {
                return Ok(false);
            }
            running.insert(id.clone(), seat.clone());
        }
        let placed = RunningGuard { inner: self.0.clone(), id: id.clone() };
        let log = setup.journal.guild(&id).await?;
        // Set once: the seat is new.
        let _ = seat.log.set(log.clone());
        let state =
            GuildState::new(id.clone(), status, spec.agents.iter().map(|agent| agent.id.clone()), users.clone());
        let view = GuildView {
            id: id.clone(),
            name: spec.name.clone(),
            routes: Arc::new(spec.routes.clone()),
            agents: spec.agents.clone(),
            users,
            hop_limit: setup.hop_limit,
            conversation_history: history_size(&spec.properties),
        };
        let (view, viewed) = watch::channel(Arc::new(view));
        let mut consumers = Vec::new();
        for agent in &spec.agents {
            let consumer = log.consume(&agent.id, subscriptions(agent)).await?;
            consumers.push((agent.clone(), consumer));
        }
        let manager = AgentId::manager_of(&id);
        let asked = vec![topic::SYSTEM.to_owned(), topic::STATE.to_owned(), topic::agent_inbox(&manager)];
        let requests = log.consume(&manager, asked).await?;
        log.open_ingress(Arc::new(UserIngress::new(viewed, self.0.setup.components.sandbox().evaluator())));
        let manager = Manager {
            tail: log.tail(vec![topic::SYSTEM.to_owned()], None),
            requests,
            spec,
            log,
            store: setup.store.clone(),
            clock: setup.clock.clone(),
            serving: Arc::new(Serving {
                store: setup.store.clone(),
                components: setup.components.clone(),
                built_in: lock(&self.0.built_in).clone(),
            }),
            view,
            state,
            consumers,
            guild_memory: MemoryBudget::new(setup.guild_memory_bytes),
            revive: seat.revive,
            roster: seat.agents,
            idle_unload: setup.idle_unload,
            metrics: setup.metrics.clone(),
            shutdown,
        };
        self.0.tracker.spawn(async move {
            let placed = placed;
            let ended = manager.run().await;
            tracing::info!(guild = %placed.id, ?ended, "a guild has ended here");
        });
        Ok(true)
    }

    /// What a user has seen of a guild, as wire messages, oldest first: all that
    /// the log still has.
    ///
    /// # Errors
    /// `Unknown` when there is no such guild.
    pub async fn history(&self, id: &GuildId, user: &UserId) -> Result<History, GuildError> {
        let setup = &self.0.setup;
        if setup.store.guild_status(id).await?.is_none() {
            return Err(GuildError::Unknown);
        }
        Ok(History {
            log: setup.journal.guild(id).await?,
            topics: topic::of_conversation(user),
            viewer: Viewer {
                dialect: setup.dialect,
                user: user.clone(),
                user_name: self.user_name(id, user).await?,
                channel: Channel::User,
            },
            after: Some(MessageId::default()),
        })
    }

    async fn user_name(&self, id: &GuildId, user: &UserId) -> Result<String, StoreError> {
        let proxy = AgentId::proxy_of(user);
        let rows = self.0.setup.store.agents(id).await?;
        Ok(rows.into_iter().find(|row| row.id == proxy).map_or_else(|| user.to_string(), |row| row.spec.name))
    }

    /// Whether the guilds that were running are running again, and messages can
    /// be written.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::SeqCst) && self.0.setup.journal.is_writable() && !self.0.shutdown.is_cancelled()
    }

    /// What the host measures, as Prometheus reads it.
    ///
    /// # Errors
    /// Words for the log.
    pub fn metrics(&self) -> Result<String, String> {
        let sandbox = self.0.setup.components.sandbox();
        let present = Present {
            live_agents: sandbox.live(),
            agent_capacity: sandbox.capacity(),
            guilds: lock(&self.0.running).len(),
        };
        self.0.setup.metrics.text(present).map_err(|error| error.to_string())
    }

    /// Tells an event of the whole host to the sockets of every guild here.
    fn tell_all(&self, event: &str, details: &Value) {
        let seats: Vec<RunningGuild> = lock(&self.0.running).values().cloned().collect();
        let (host, now_ms) = (AgentTag::new("host", "Guildhall"), self.0.setup.clock.now_ms());
        for log in seats.iter().filter_map(|seat| seat.log.get()) {
            log.signal(event::message(event, &host, now_ms, details.clone()));
        }
    }

    /// Ends every guild here; they go on at the next start.
    pub async fn shutdown(&self) {
        self.0.shutdown.cancel();
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }
}

/// How many earlier messages the guild wants with each message of a user.
fn history_size(properties: &serde_json::Map<String, Value>) -> u32 {
    let size = properties.get("conversation_history_size").and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(size).unwrap_or(u32::MAX).min(MAX_HISTORY_SIZE)
}

/// The most of these.
const MAX_HISTORY_SIZE: u32 = 64;

/// A guild's place among the running ones; it is free again when the task ends,
/// however it ends.
struct RunningGuard {
    inner: Arc<Inner>,
    id: GuildId,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        lock(&self.inner.running).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

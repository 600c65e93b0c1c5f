//! How guilds begin to run here: launched, resumed when the host starts, relaunched. The subscriptions of a guild exist
//! before its launch is answered, so that no message is lost.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;

use super::awake::Wanted;
use super::error::GuildError;
use super::guilds::Guilds;
use super::lifecycle::GuildLifecycle;
use super::manager::{Failed, Manager, Sleeper};
use super::running::RunningGuard;
use super::serving::Serving;
use super::user_ingress::UserIngress;
use crate::agent::Notices;
use crate::journal::{JournalError, keep_running};
use crate::store::{NewGuild, StoreError};
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::routing::{GuildView, subscriptions};
use guildhall_model::spec::GuildSpec;
use guildhall_model::status::GuildStatus;
use guildhall_model::topic;
use guildhall_sandbox::{Limit, MemoryBudget};

/// How many guilds are resumed at a time.
pub(super) const RESUMED_AT_ONCE: usize = 8;
/// The most earlier messages that agents get with each message of a user.
const MAX_HISTORY_SIZE: u32 = 64;

/// A guild to launch: its spec was read and admitted.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The guild.
    pub spec: GuildSpec,
    /// The complete spec as its author wrote it.
    pub document: Value,
    /// The organisation that the guild belongs to.
    pub org: OrgId,
    /// Who launches it.
    pub user: Option<UserId>,
    /// The blueprint that it was made of.
    pub blueprint: Option<BlueprintId>,
    /// The request that wants it to be launched once, if it has a key.
    pub request: Option<String>,
}

/// Why a guild was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The id is in use.
    #[error("guild {0} already exists")]
    Taken(GuildId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task of the launch failed.
    #[error("the launch failed: {0}")]
    Host(String),
}

impl Guilds {
    /// Starts every guild that was awake and not stopped, and returns how many. The guilds take sockets when this returns;
    /// their agents may still be starting. Guilds that sleep are not touched. Dropping the future leaves the rest until
    /// somebody needs them.
    ///
    /// # Errors
    /// The store cannot be read. A guild that cannot be started is tried again, see [`Self::not_started`].
    pub async fn resume(&self) -> Result<usize, StoreError> {
        // A stop that the end of the host cut short is completed.
        for id in self.of_this_host(self.0.setup.store.guilds_stopping().await?).await {
            self.complete_stop(&id).await?;
        }
        self.0.asleep.store(self.0.setup.store.count_asleep().await?, Ordering::Relaxed);
        let ids = self.of_this_host(self.0.setup.store.guilds_awake().await?).await;
        let count = self.start_all(ids).await;
        self.begin_to_share();
        let guilds = self.clone();
        self.0.tracker.spawn(async move { keep_running("start_again", || guilds.clone().start_again()).await });
        self.0.is_resumed.store(true, Ordering::SeqCst);
        Ok(count)
    }

    /// Starts guilds that are awake in the store, and returns how many were started now. One that cannot be started is tried
    /// again. Dropping the future leaves the rest until somebody needs them.
    pub(super) async fn start_all(&self, ids: Vec<GuildId>) -> usize {
        let mut count = 0;
        let mut starts = stream::iter(ids)
            .map(async |id| (self.start(&id, Wanted::Use).await, id))
            .buffer_unordered(RESUMED_AT_ONCE);
        while let Some((started, id)) = starts.next().await {
            match started {
                Ok(started) => count += usize::from(started),
                Err(GuildError::Elsewhere) => {}
                Err(error) => self.note_not_started(&id, error.to_string()).await,
            }
        }
        count
    }

    /// Completes the stop of a guild that the end of the host cut short.
    pub(super) async fn complete_stop(&self, id: &GuildId) -> Result<(), StoreError> {
        let setup = &self.0.setup;
        // A cursor that stays would keep the log from being trimmed.
        let forgotten = async { setup.journal.guild(id).await?.forget_consumers().await };
        if let Err(error) = forgotten.await {
            tracing::error!(%error, guild = %id, "a guild cannot be stopped; the next start tries again");
            return Ok(());
        }
        setup.store.set_guild_status(id, GuildStatus::Stopped, setup.clock.now_ms()).await?;
        Ok(())
    }

    /// Stores a guild and starts it. A guild that is stored and cannot be started is launched all the same: it is tried
    /// again, and shown with an error meanwhile. A launch that has begun is completed even if the future is dropped.
    ///
    /// # Errors
    /// `Taken`, or the store fails.
    pub async fn launch(&self, launch: Launch) -> Result<GuildId, LaunchError> {
        let guilds = self.clone();
        let launching = self.0.tracker.spawn(async move { guilds.store_and_open(launch).await });
        launching.await.map_err(|error| LaunchError::Host(error.to_string()))?
    }

    async fn store_and_open(&self, launch: Launch) -> Result<GuildId, LaunchError> {
        let setup = &self.0.setup;
        let new = NewGuild {
            spec: &launch.spec,
            document: &launch.document,
            org: &launch.org,
            user: launch.user.as_ref(),
            blueprint: launch.blueprint.as_ref(),
            now_ms: setup.clock.now_ms(),
            request: launch.request.as_deref(),
        };
        match setup.store.insert_guild(new).await {
            Ok(()) => {}
            Err(StoreError::Conflict { what: "guild", .. }) => return Err(LaunchError::Taken(launch.spec.id)),
            Err(error) => return Err(error.into()),
        }
        let id = launch.spec.id.clone();
        if let Some(guard) = self.0.running.add(&id)
            && let Err(error) = self.open(guard, launch.spec, GuildStatus::Requested, Vec::new(), Failed::new()).await
        {
            self.note_not_started(&id, error.to_string()).await;
        }
        Ok(id)
    }

    /// Starts a guild that is not running, also one that sleeps, and returns whether it was started now. In a guild that is
    /// running, the agents that have given up try again. Cancel safe: a start that has begun is completed.
    ///
    /// # Errors
    /// `Unknown`, `Stopped`, or the store or the journal fails.
    pub async fn relaunch(&self, id: &GuildId) -> Result<bool, GuildError> {
        match self.0.setup.store.guild_status(id).await? {
            None => Err(GuildError::Unknown),
            Some(status) if status.is_over() => Err(GuildError::Stopped),
            Some(_) => {
                let _hold = self.0.running.hold(id);
                let is_started = self.wake(id, Wanted::Relaunch).await?;
                self.0.not_started.remove(id);
                if !is_started {
                    self.0.running.revive(id);
                }
                Ok(is_started)
            }
        }
    }

    /// Starts a guild as it is stored. Returns false if it runs already. Dropping the future may leave a guild that slept
    /// awake and not started, until somebody needs it.
    pub(super) async fn start(&self, id: &GuildId, wanted: Wanted) -> Result<bool, GuildError> {
        // Before the guild is read, so that what is read is what it runs with.
        let Some(guard) = self.0.running.add(id) else { return Ok(false) };
        let store = &self.0.setup.store;
        let mut row = store.guild(id).await.map_err(GuildError::of_store)?;
        if row.status.is_over() {
            return Err(GuildError::Stopped);
        }
        let users = store.agents(id).await?.into_iter().filter_map(|row| Some((row.user?, row.spec.name))).collect();
        let slept = row.sleep.is_some();
        let failed = self.note_awake(&mut row, wanted).await?;
        match self.open(guard, row.spec, row.status, users, failed).await {
            Ok(()) => Ok(true),
            Err(error) => {
                // It is awake in the store from now on, so it is to run.
                if slept {
                    self.note_not_started(id, error.to_string()).await;
                }
                Err(error.into())
            }
        }
    }

    /// Opens a guild at its place: its subscriptions, its ingress and its manager's task. The agents of `failed` do not
    /// start until the guild is relaunched.
    async fn open(
        &self,
        guard: RunningGuard,
        spec: GuildSpec,
        status: GuildStatus,
        users: Vec<(UserId, String)>,
        failed: Failed,
    ) -> Result<(), JournalError> {
        let setup = &self.0.setup;
        let id = spec.id.clone();
        let shutdown = self.0.shutdown.child_token();
        let guild = guard.guild.clone();
        let log = setup.journal.guild(&id).await?;
        // Cannot fail: the entry is new.
        let _ = guild.log.set(log.clone());
        let _ = guild.ends.set(shutdown.clone());
        let lifecycle =
            GuildLifecycle::new(id.clone(), status, spec.agents.iter().map(|agent| agent.id.clone()), users.clone());
        let view = GuildView {
            id: id.clone(),
            name: spec.name.clone(),
            routes: Arc::new(spec.routes.clone()),
            agents: spec.agents.clone(),
            users,
            hop_limit: setup.hop_limit,
            bounds: setup.bounds,
            conversation_history: history_size(&spec.properties),
        };
        let (view, viewed) = watch::channel(Arc::new(view));
        let mut consumers = Vec::new();
        for agent in &spec.agents {
            let consumer = log.consume(&agent.id, subscriptions(agent)).await?;
            consumers.push((agent.clone(), consumer));
        }
        let manager = AgentId::manager_of(&id);
        let request_topics = vec![topic::SYSTEM.to_owned(), topic::STATE.to_owned(), topic::agent_inbox(&manager)];
        let requests = log.consume(&manager, request_topics).await?;
        let sandbox = setup.components.sandbox();
        let notices = Arc::new(Notices::new(sandbox.ceilings().get(Limit::Notices)));
        log.open_ingress(Arc::new(UserIngress::new(
            viewed,
            sandbox.clone(),
            notices.clone(),
            setup.metrics.clone(),
            setup.clock.clone(),
        )));
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
                built_in: self.0.built_in.lock().clone(),
            }),
            view,
            lifecycle,
            consumers,
            guild_memory: MemoryBudget::new(setup.guild_memory_bytes),
            revive: guild.revive,
            stops: guild.stops,
            roster: guild.agents,
            idle_unload: setup.idle_unload,
            notices,
            metrics: setup.metrics.clone(),
            shutdown,
            failed,
            sleeper: Sleeper {
                running: self.0.running.clone(),
                after: setup.guild_sleep,
                stores: self.0.sleep_stores.clone(),
            },
        };
        let (guilds, log) = (self.clone(), manager.log.clone());
        self.0.tracker.spawn(async move {
            let ended = AssertUnwindSafe(manager.run()).catch_unwind().await.ok();
            if ended.is_none() {
                // Nobody serves what would be taken from now on.
                log.close_ingress();
            }
            drop(log);
            guilds.after_end(guard, ended).await;
        });
        Ok(())
    }
}

/// How many earlier messages the agents of a guild get with each message of a user: `conversation_history_size` of its
/// properties.
fn history_size(properties: &serde_json::Map<String, Value>) -> u32 {
    let size = properties.get("conversation_history_size").and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(size).unwrap_or(u32::MAX).min(MAX_HISTORY_SIZE)
}

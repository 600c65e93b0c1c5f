//! How guilds begin to run here: launched, resumed when the host starts, relaunched. The subscriptions of a guild exist
//! before its launch is answered, so that no message is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;

use super::error::GuildError;
use super::guilds::Guilds;
use super::lifecycle::GuildLifecycle;
use super::manager::Manager;
use super::running::RunningGuild;
use super::serving::Serving;
use super::user_ingress::UserIngress;
use crate::journal::JournalError;
use crate::store::{NewGuild, StoreError};
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::routing::{GuildView, subscriptions};
use guildhall_model::spec::GuildSpec;
use guildhall_model::status::GuildStatus;
use guildhall_model::topic;
use guildhall_sandbox::MemoryBudget;

/// How many guilds are resumed at a time.
const RESUMED_AT_ONCE: usize = 8;
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
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Guilds {
    /// Starts every guild that was not stopped, and returns how many. The guilds take sockets when this returns; their
    /// agents may still be starting. Dropping the future leaves the rest to a relaunch.
    ///
    /// # Errors
    /// The store cannot be read. A guild that cannot be started is logged.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        // A stop that the end of the host cut short is completed.
        for guild in self.0.setup.store.guilds().await? {
            if guild.status == GuildStatus::Stopping {
                if let Err(error) = self.forget_consumers(&guild.id).await {
                    tracing::error!(%error, guild = %guild.id, "a guild cannot be stopped; the next start tries again");
                    continue;
                }
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
        self.0.is_resumed.store(true, Ordering::SeqCst);
        Ok(count)
    }

    /// Removes the cursors of a guild that was being stopped. They would keep its log from being trimmed.
    async fn forget_consumers(&self, id: &GuildId) -> Result<(), JournalError> {
        self.0.setup.journal.guild(id).await?.forget_consumers().await
    }

    /// Stores a guild and starts it. Dropping the future may leave a guild that is stored and not started; a relaunch
    /// or the next start of the host starts it.
    ///
    /// # Errors
    /// `Taken`, or the store or the journal fails.
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

    /// Starts a guild that is not running, and returns whether it was started now. In a guild that is running, the
    /// agents that have given up try again. Dropping the future may leave the guild as it was.
    ///
    /// # Errors
    /// `Unknown`, `Stopped`, or the store or the journal fails.
    pub async fn relaunch(&self, id: &GuildId) -> Result<bool, GuildError> {
        match self.0.setup.store.guild_status(id).await? {
            None => Err(GuildError::Unknown),
            Some(status) if status.is_over() => Err(GuildError::Stopped),
            Some(_) => self.start(id).await,
        }
    }

    async fn start(&self, id: &GuildId) -> Result<bool, GuildError> {
        if self.0.running.revive(id) {
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

    /// Opens a guild: its subscriptions, its ingress and its manager's task. Returns false if it is open already.
    async fn open(
        &self,
        spec: GuildSpec,
        status: GuildStatus,
        users: Vec<(UserId, String)>,
    ) -> Result<bool, JournalError> {
        let setup = &self.0.setup;
        let id = spec.id.clone();
        let shutdown = self.0.shutdown.child_token();
        let guild = RunningGuild::default();
        let Some(guard) = self.0.running.add(&id, guild.clone()) else { return Ok(false) };
        let log = setup.journal.guild(&id).await?;
        // Cannot fail: the entry is new.
        let _ = guild.log.set(log.clone());
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
        log.open_ingress(Arc::new(UserIngress::new(viewed, self.0.setup.components.sandbox().clone())));
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
            roster: guild.agents,
            idle_unload: setup.idle_unload,
            metrics: setup.metrics.clone(),
            shutdown,
        };
        self.0.tracker.spawn(async move {
            let guard = guard;
            let ended = manager.run().await;
            tracing::info!(guild = %guard.id, ?ended, "a guild has ended here");
        });
        Ok(true)
    }
}

/// How many earlier messages the agents of a guild get with each message of a user: `conversation_history_size` of its
/// properties.
fn history_size(properties: &serde_json::Map<String, Value>) -> u32 {
    let size = properties.get("conversation_history_size").and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(size).unwrap_or(u32::MAX).min(MAX_HISTORY_SIZE)
}

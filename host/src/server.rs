//! Starts and stops a host: opens its parts in order, connects them, and closes them in the reverse order.

mod waker;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::agent::Components;
use crate::api::{self, ApiLimits, ApiState, Hosts, Visitors};
use crate::config::{ACCEPT_JOURNAL, Config};
use crate::connections::{self, ConnectionLimits, Connections, allowed_by, raise_descriptors};
use crate::demo;
use crate::files::Files;
use crate::guild::{Guilds, Setup};
use crate::journal::{Durability, Journal};
use crate::metrics::Metrics;
use crate::oci::provide_tls;
use crate::room::ByteRoom;
use crate::store::{Flush, JournalMark, Store, StoreLock};
use crate::ws::{self, SocketLimits, WsState};
use guildhall_model::clock::Clock;
use guildhall_model::ids::MessageId;
use guildhall_model::origin::AllowedPages;
use guildhall_model::routing::Bounds;
use guildhall_sandbox::{CompilerConfig, Limit, Sandbox, SandboxConfig};
use waker::Waker;

/// The built-in components: names and bytes.
pub(crate) mod built_in {
    include!(concat!(env!("OUT_DIR"), "/components.rs"));
}

/// The file that a restore leaves in a data directory whose store was restored by other means, and maybe is of another
/// moment than the journal.
pub(crate) const RESTORED: &str = "restored";

/// The time that a host which shuts down waits for its guilds and its disk.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A running host.
pub struct Server {
    /// The address that it listens on.
    pub addr: SocketAddr,
    pub guilds: Guilds,
    pub store: Store,
    journal: Journal,
    files: Files,
    sockets: WsState,
    api: Router,
    accepting: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

/// What a host serves once it is ready, and the locks that it holds as long as it serves.
struct Opened {
    router: Router,
    _locks: (DataLock, StoreLock),
}

impl Server {
    /// Opens the data, resumes the guilds and listens. When this returns, the guilds that ran before accept sockets.
    ///
    /// Dropping the future leaves resumed guilds running until the process ends.
    ///
    /// # Errors
    /// What could not be opened, and where it is.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        ensure!(
            config.listen.ip().is_loopback() || config.insecure,
            "{} is reachable from other machines and clients are not authenticated: listen on 127.0.0.1, or add --insecure",
            config.listen
        );
        let clock = Clock::system();
        let dir = &config.data_dir;
        // Chats are for nobody else on this machine.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("the data directory {} cannot be created", dir.display()))?;
        let limits = connection_limits(&config);
        // Before anything else, so that a second host on the same port or data fails at once.
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
        let addr = listener.local_addr()?;
        tracing::info!(%addr, "starting");
        let room = ByteRoom::new(config.bodies_bytes);
        let connections = Connections::new(limits, room.clone());
        let (accepting, opened) = (CancellationToken::new(), Arc::<OnceLock<Opened>>::default());
        let serving = serve(listener, opened.clone(), connections.clone(), accepting.clone());
        let lock = DataLock::take(dir)?;

        let sandbox = Sandbox::new(SandboxConfig {
            compiler: Some(CompilerConfig {
                program: this_program()?,
                cache_dir: config.component_cache.clone().unwrap_or_else(|| dir.join("cache")),
            }),
            max_agents: config.max_agents,
            ceilings: config.ceilings.clone(),
            policy: config.policy.clone(),
        })?;
        let in_data_dir = || format!("sqlite://{}?mode=rwc", dir.join("guildhall.db").display());
        let store_url = config.database_url.clone().unwrap_or_else(in_data_dir);
        let flush = if config.durability == Durability::Disk { Flush::Always } else { Flush::Later };
        let store = Store::open_with(&store_url, flush).await.context("the store (--database-url) cannot be opened")?;
        let store_lock = store.lock().await.context("the store (--database-url) cannot be used")?;
        let files = open_files(&config).await.context("the storage of files cannot be opened")?;
        files.begin_sweep(std::time::SystemTime::now());
        let journal = open_journal(&config, clock.clone()).await?;
        if let Err(error) = compare_journal(&store, &journal, &config).await {
            // So that a journal that is restored over this one finds no write-ahead log.
            journal.close().await;
            return Err(error);
        }
        let components = Components::new(sandbox, dir.join("components"));
        let metrics = Metrics::new()?;
        let guilds = Guilds::new(Setup {
            store: store.clone(),
            journal: journal.clone(),
            components: components.clone(),
            registries: config.registries.clone(),
            clock: clock.clone(),
            hop_limit: u32::try_from(config.ceilings.get(Limit::Hops)).unwrap_or(u32::MAX),
            bounds: Bounds {
                session_bytes: config.ceilings.get(Limit::PayloadBytes),
                routed_bytes: config.ceilings.get(Limit::RoutedBytes),
                state_bytes: config.journal_limits().state_bytes,
            },
            guild_memory_bytes: config.ceilings.get(Limit::GuildMemory) << 20,
            dialect: config.dialect,
            idle_unload: (config.idle_unload_s > 0).then(|| Duration::from_secs(config.idle_unload_s)),
            guild_sleep: (config.guild_sleep_s > 0).then(|| Duration::from_secs(config.guild_sleep_s)),
            metrics: metrics.clone(),
        });
        guilds.add_built_in(prepare_built_in(&components).await?).await?;
        guilds.resume_components().await.context("the components cannot be resumed")?;
        guilds.begin_watch();
        let resumed = guilds.resume().await.context("the guilds cannot be resumed")?;
        let visitors =
            Visitors { pages: AllowedPages::new(config.cors_origins.iter().cloned()), hosts: hosts(&config) };
        watch(&metrics, &room, &connections)?;
        let sockets = WsState::new(
            store.clone(),
            journal.clone(),
            Arc::new(Waker(guilds.clone())),
            clock.clone(),
            config.dialect,
            SocketLimits { frame_bytes: config.frame_bytes, ping_every: config.ping_every },
            room.clone(),
            visitors.pages.clone(),
            components.sandbox().evaluations(),
        );
        let api = api::router(
            ApiState {
                store: store.clone(),
                guilds: guilds.clone(),
                files: files.clone(),
                clock,
                ceilings: config.ceilings.ceilings(),
                schemas: config.ceilings.schemas(),
                evaluations: components.sandbox().evaluations(),
                limits: ApiLimits {
                    body_bytes: config.body_bytes,
                    component_bytes: usize::try_from(config.ceilings.get(Limit::Component) << 20).unwrap_or(usize::MAX),
                    body_within: config.body_within,
                },
                room,
            },
            ws::router(sockets.clone()),
            visitors,
        );
        let _ = opened.set(Opened { router: api.clone(), _locks: (lock, store_lock) });
        tracing::info!(resumed, %addr, "ready");
        Ok(Self { addr, guilds, store, journal, files, sockets, api, accepting, serving })
    }

    /// Launches the demonstration guild. Returns its id.
    ///
    /// Dropping the future may leave a blueprint without a guild.
    ///
    /// # Errors
    /// An error of the API, with its answer.
    pub async fn demo(&self) -> anyhow::Result<guildhall_model::ids::GuildId> {
        demo::set_up(&self.api, &self.store, &self.guilds).await
    }

    /// Is ready, with the reason, when the host cannot go on: what it took could not be stored. Cancel safe.
    pub async fn failed(&self) -> String {
        tokio::select! {
            failure = self.journal.failed() => failure,
            () = self.store.lost() => "another host has taken the database of the store".to_owned(),
        }
    }

    /// Stops accepting connections, closes the sockets with 1001, gives running turns time to finish, and writes what is not
    /// written yet.
    ///
    /// Dropping the future leaves some of the parts open.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.accepting.cancel();
        self.sockets.shutdown.cancel();
        self.sockets.tracker.close();
        let sockets = self.sockets.tracker.wait();
        if tokio::time::timeout(Duration::from_secs(3), sockets).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        let closing = async {
            self.guilds.shutdown().await;
            self.journal.close().await;
            self.files.close().await;
            self.store.close().await;
        };
        // A full disk or an agent that does not end must not keep the process. What is not written was not confirmed.
        if tokio::time::timeout(STOP_WITHIN, closing).await.is_err() {
            tracing::error!("not everything could be closed in time");
        }
        self.serving.abort();
        match self.serving.await {
            Ok(()) => Ok(()),
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Serves what is opened, and before that only whether the host is alive.
fn serve(
    listener: TcpListener,
    opened: Arc<OnceLock<Opened>>,
    connections: Connections,
    until: CancellationToken,
) -> AbortOnDropHandle<()> {
    let router = api::router_when_ready(move || opened.get().map(|opened| opened.router.clone()));
    let serving = connections::serve(listener, router, connections, until);
    AbortOnDropHandle::new(tokio::spawn(serving))
}

/// The bounds of connections: those of the settings, and no more than the system has descriptors for.
fn connection_limits(config: &Config) -> ConnectionLimits {
    let descriptors = raise_descriptors();
    let most = config.connections.most.min(allowed_by(descriptors));
    tracing::info!(?descriptors, connections = most, "the limit of open files");
    if most < config.connections.most {
        tracing::warn!(
            wanted = config.connections.most,
            allowed = most,
            "fewer connections than limits.connections: raise the limit of open files (ulimit -n, LimitNOFILE=)"
        );
    }
    ConnectionLimits { most, ..config.connections }
}

/// Adds what clients use to the metrics.
fn watch(metrics: &Metrics, room: &ByteRoom, connections: &Connections) -> anyhow::Result<()> {
    let (used, refused) = (room.clone(), room.clone());
    metrics.watch(
        "guildhall_client_bytes",
        "Bytes that clients have sent or not taken (limits.bodies_bytes)",
        move || used.used_bytes() as u64,
    )?;
    metrics.watch(
        "guildhall_client_bytes_refused",
        "How often limits.bodies_bytes was met since the start",
        move || refused.refused(),
    )?;
    let (open, refused, dropped) = (connections.clone(), connections.clone(), connections.clone());
    metrics.watch("guildhall_connections", "Open connections, sockets included", move || open.count() as u64)?;
    metrics.watch(
        "guildhall_connections_refused",
        "Connections that were refused since the start (limits.connections, limits.connections_per_address)",
        move || refused.refused(),
    )?;
    metrics.watch(
        "guildhall_connections_dropped",
        "Silent connections that were dropped since the start",
        move || dropped.dropped(),
    )?;
    Ok(())
}

/// The host names that requests may use. A host that other machines reach cannot know its names, so it allows all.
fn hosts(config: &Config) -> Hosts {
    let is_local = config.listen.ip().is_loopback() && !config.hosts.iter().any(|name| name == "*");
    if is_local { Hosts::Local(config.hosts.as_slice().into()) } else { Hosts::Any }
}

/// Opens the journal: in Redis if the configuration names a server, else in a file.
async fn open_journal(config: &Config, clock: Clock) -> anyhow::Result<Journal> {
    let (durability, limits, retention) = (config.durability, config.journal_limits(), config.retention);
    if config.redis.url.is_empty() {
        let file = config.data_dir.join("journal.db");
        let opened = Journal::open(&file, durability, limits, retention, clock).await;
        return opened.context("the journal cannot be opened");
    }
    provide_tls();
    let opened = Journal::open_redis(config.redis.clone(), durability, limits, retention, clock).await;
    opened.context("the journal (--redis-url) cannot be opened")
}

/// Where the journal is, for people.
fn journal_place(config: &Config) -> String {
    if config.redis.url.is_empty() {
        config.data_dir.join("journal.db").display().to_string()
    } else {
        config.redis.place()
    }
}

async fn open_files(config: &Config) -> anyhow::Result<Files> {
    match config.files_url.as_deref() {
        None => Ok(Files::in_folder(&config.data_dir.join("files"), config.file_bytes)?),
        Some(url) if url.starts_with("s3://") => {
            provide_tls();
            Files::in_bucket(url, config.file_bytes)
                .await
                .with_context(|| format!("{url} of --files-url cannot be used"))
        }
        Some(url) => anyhow::bail!("{url} is not s3://BUCKET"),
    }
}

/// Compares the journal with what the store knows of it: a journal that is missing or another one is refused, one that
/// has lost messages is reported.
async fn compare_journal(store: &Store, journal: &Journal, config: &Config) -> anyhow::Result<()> {
    let place = journal_place(config);
    let mark = store.journal_mark().await?;
    let is_known = match &mark {
        Some(mark) => mark.identity == journal.identity(),
        None => journal.has_guilds() || !store.has_guilds().await?,
    };
    if !is_known && !config.accept_journal {
        anyhow::bail!(
            "{place} is not the journal that the store knows: it is missing, empty or another one. Restore the right one; \
             or start once with --set {ACCEPT_JOURNAL}=true, and the guilds go on without their history"
        );
    }
    let last = mark.map_or(0, |mark| mark.last);
    let restored = config.data_dir.join(RESTORED);
    if !is_known || journal.durable().get() < last || restored.exists() {
        // Messages may wait in it for guilds that the store takes to sleep.
        store.wake_all().await?;
        let _ = std::fs::remove_file(restored);
    }
    if !is_known {
        tracing::warn!(place, "another journal is accepted; the history of before is not in it");
    } else if journal.durable().get() < last {
        tracing::error!(
            place,
            ends_at = journal.durable().get(),
            stored_before = last,
            "the journal has lost messages that were confirmed: it is an older copy, or its end is missing; stop the host \
             and restore a newer one if there is one"
        );
    }
    journal.continue_after(MessageId::new(last));
    let mark = JournalMark { identity: journal.identity().to_owned(), last: journal.durable().get() };
    Ok(store.set_journal_mark(&mark).await?)
}

/// The path that starts this program again, even when its file was replaced in the meantime.
fn this_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Prepares the built-in components. Cancel safe.
///
/// # Errors
/// One of them is not valid.
pub async fn prepare_built_in(
    components: &Components,
) -> anyhow::Result<Vec<(&'static str, Arc<guildhall_sandbox::Component>)>> {
    let mut prepared = Vec::new();
    for (name, bytes) in built_in::BUILT_IN {
        let component = components.add((*bytes).into()).await;
        prepared.push((*name, component.with_context(|| format!("the built-in component {name} is not valid"))?));
    }
    Ok(prepared)
}

/// Keeps a second host away from the same data.
pub(crate) struct DataLock(#[expect(dead_code, reason = "holds the lock until it is dropped")] std::fs::File);

impl DataLock {
    /// Takes the lock of a data directory, until it is dropped.
    ///
    /// # Errors
    /// Another program has it, or the file cannot be created.
    pub(crate) fn take(dir: &std::path::Path) -> anyhow::Result<Self> {
        let path = dir.join("lock");
        let file = std::fs::File::create(&path).with_context(|| format!("{} cannot be created", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => {
                anyhow::bail!("another host uses the data directory {}", dir.display())
            }
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}

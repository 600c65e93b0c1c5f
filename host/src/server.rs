//! Starts and stops a host: opens its parts in order, connects them, and closes them in the reverse order.

mod open;
mod serving;
mod waker;

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

use crate::agent::Components;
use crate::api::{self, ApiLimits, ApiState};
use crate::client::tls_config;
use crate::config::{Config, exposed};
use crate::connections::{Address, Connections, Listener, raise_descriptors};
use crate::demo;
use crate::files::Files;
use crate::guild::{Guilds, Setup};
use crate::journal::{Durability, Journal};
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::room::ByteRoom;
use crate::store::{Flush, Store};
use crate::ws::{SocketLimits, WsState};
use guildhall_model::clock::Clock;
use guildhall_model::ids::GuildId;
use guildhall_model::origin::AllowedPages;
use guildhall_model::routing::Bounds;
use guildhall_sandbox::{CompilerConfig, Limit, Sandbox, SandboxConfig};
use open::{InFiles, compare_journal, open_files, open_journal, secret_of_hosts};
use serving::{Routers, Serving, connection_limits};
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
    /// The addresses that it listens on.
    pub addresses: Vec<Address>,
    /// The demonstration guild, if it was wanted.
    pub demo: Option<GuildId>,
    pub guilds: Guilds,
    pub store: Store,
    journal: Journal,
    files: Files,
    connections: Connections,
    routers: Routers,
    router: Router,
    served: Serving,
    accepting: CancellationToken,
    serving: Vec<AbortOnDropHandle<()>>,
}

impl Server {
    /// Opens the data, resumes the guilds and listens; with `demo`, it launches the demonstration guild too. When this
    /// returns, the guilds accept sockets.
    ///
    /// Dropping the future leaves resumed guilds running until the process ends.
    ///
    /// # Errors
    /// What could not be opened, and where it is.
    pub async fn start(mut config: Config, demo: bool) -> anyhow::Result<Self> {
        if let Some(address) = config.exposed() {
            anyhow::bail!(exposed(address));
        }
        let secret = secret_of_hosts(&config)?;
        let clock = Clock::system();
        let dir = &config.data_dir.clone();
        // Chats are for nobody else on this machine.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("the data directory {} cannot be created", dir.display()))?;
        let limits = connection_limits(&config);
        tracing::info!(files = ?raise_descriptors(), connections = limits.most, "the limit of open files");
        // Before anything else, so that a second host on the same port or data fails at once.
        let mut listeners = Vec::new();
        for address in &config.listen {
            let listener = Listener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
            listeners.push(listener);
        }
        let addresses = listeners.iter().map(Listener::address).collect::<Result<Vec<_>, _>>()?;
        config.hosts.url = with_port(&config.hosts.url, &addresses);
        let shown = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        tracing::info!(addr = shown, "starting");
        let room = ByteRoom::new(config.bodies_bytes);
        let connections = Connections::new(limits, room.clone());
        let (accepting, served) = (CancellationToken::new(), Serving::default());
        let begin = |listener| served.serve(listener, connections.clone(), accepting.clone());
        let serving = listeners.into_iter().map(begin).collect();
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
        let locked = if secret.is_some() { store.lock_together().await } else { store.lock().await };
        let store_lock = locked.context("the store (--database-url) cannot be used")?;
        let files = open_files(&config).await.context("the storage of files cannot be opened")?;
        files.begin_sweep(std::time::SystemTime::now());
        let journal = open_journal(&config, clock.clone()).await?;
        if let Err(error) = compare_journal(&store, &journal, &config).await {
            // So that a journal that is restored over this one finds no write-ahead log.
            journal.close().await;
            return Err(error);
        }
        let mut components = Components::new(sandbox, dir.join("components"));
        if secret.is_some() {
            components = components.shared_by(Arc::new(InFiles(files.clone())));
        }
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
        watch(&metrics, &room, &connections)?;
        watch_journal(&metrics, &journal)?;
        let sockets = WsState::new(
            store.clone(),
            journal.clone(),
            Arc::new(Waker(guilds.clone())),
            clock.clone(),
            config.dialect,
            SocketLimits { frame_bytes: config.frame_bytes, ping_every: config.ping_every },
            room.clone(),
            AllowedPages::default(),
            components.sandbox().evaluations(),
        );
        let api = ApiState {
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
        };
        let open = sockets.tracker.clone();
        metrics.watch("guildhall_sockets", "Open sockets", move || open.len() as u64)?;
        let peers = match secret {
            Some(secret) => Some(Peers::new(guilds.clone(), secret, tls_config(None).map_err(anyhow::Error::msg)?)?),
            None => None,
        };
        let routers = Routers { api, sockets, addresses: addresses.clone(), peers };
        let router = routers.of(&config);
        let demo = if demo { Some(demo::set_up(&router, &store, &guilds).await?) } else { None };
        served.begin(router.clone(), (lock, store_lock));
        tracing::info!(resumed, addr = shown, "ready");
        Ok(Self {
            addresses,
            demo,
            guilds,
            store,
            journal,
            files,
            connections,
            routers,
            router,
            served,
            accepting,
            serving,
        })
    }

    /// Applies the settings of a configuration that may change while a host runs ([`Reload::Now`](crate::config::Reload)).
    /// Requests that are in work and open sockets keep what they began with.
    pub fn reload(&mut self, config: &Config) {
        self.connections.set_limits(connection_limits(config));
        self.journal.set_retention(config.retention);
        self.router = self.routers.of(config);
        self.served.replace(self.router.clone());
    }

    /// Returns whether the host answers a request within some time, and still listens. Cancel safe.
    pub async fn answers(&self, within: Duration) -> bool {
        let request = axum::http::Request::get("/healthz").body(axum::body::Body::empty());
        let Ok(request) = request else { return false };
        let answer = tokio::time::timeout(within, self.router.clone().oneshot(request)).await;
        let is_well = matches!(answer, Ok(Ok(answer)) if answer.status().is_success());
        is_well && !self.serving.iter().any(|serving| serving.is_finished())
    }

    /// Is ready, with the reason, when the host cannot go on: what it took could not be stored. Cancel safe.
    pub async fn failed(&self) -> String {
        tokio::select! {
            failure = self.journal.failed() => failure,
            () = self.store.lost() => "another host has taken the database of the store".to_owned(),
        }
    }

    /// Answers requests with 503, closes the sockets with 1001, gives running turns time to finish, writes what is not
    /// written yet, and stops accepting connections. Probes are answered until then.
    ///
    /// Dropping the future leaves some of the parts open.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.served.replace(api::router_when_not_ready());
        let sockets = &self.routers.sockets;
        sockets.shutdown.cancel();
        sockets.tracker.close();
        let sockets = sockets.tracker.wait();
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
        self.accepting.cancel();
        for serving in self.serving {
            serving.abort();
            match serving.await {
                Ok(()) => {}
                Err(error) if error.is_cancelled() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The URL of this host; the port 0 in it stands for the one that it listens on.
fn with_port(url: &str, addresses: &[Address]) -> String {
    let port = addresses.iter().find_map(|address| match address {
        Address::Tcp(address) => Some(address.port()),
        Address::Unix(_) => None,
    });
    match (url.strip_suffix(":0"), port) {
        (Some(place), Some(port)) => format!("{place}:{port}"),
        _ => url.to_owned(),
    }
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

/// Adds what the journal stores to the metrics.
fn watch_journal(metrics: &Metrics, journal: &Journal) -> anyhow::Result<()> {
    let (count, time) = (journal.clone(), journal.clone());
    metrics.watch_counter("guildhall_journal_batches_total", "Batches that the journal has stored", move || {
        #[expect(clippy::cast_precision_loss, reason = "a counter of Prometheus is not that exact")]
        let batches = count.stored_batches().0 as f64;
        batches
    })?;
    metrics.watch_counter("guildhall_journal_seconds_total", "The time that storing batches took", move || {
        time.stored_batches().1.as_secs_f64()
    })?;
    Ok(())
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

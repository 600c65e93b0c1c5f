//! The configuration of a host. Each setting has one name, which the file, variables, `--set` and errors use. A file uses
//! only what is below it: `value` reads values, `setting` is the form of a row, `table` has all rows, `file` and
//! `variables` read sources, `settings` puts them together, `example` writes all rows for people.

mod assignment;
mod example;
mod file;
mod setting;
mod settings;
mod table;
mod value;
mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::connections::{Address, ConnectionLimits};
use crate::journal::{Durability, HostSettings, JournalLimits, RedisSettings, Retention};
use crate::oci::Registries;
use guildhall_model::dialect::Dialect;
use guildhall_sandbox::{Limit, Limits as SandboxLimits, Policy};

pub use assignment::Origin;
pub use example::example;
pub use file::DEFAULT_FILE;
pub use setting::{Reload, Setting};
pub use settings::{Change, Given, Settings};
pub use table::{find, settings};
pub use variables::SET_VARIABLE;

/// The configuration of one host.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses to listen on, at least one.
    pub listen: Vec<Address>,
    /// The directory of all data that lasts.
    pub data_dir: PathBuf,
    /// `sqlite://path` or `postgres://…`; a file in `data_dir` unless given.
    pub database_url: Option<String>,
    /// The Redis server that keeps the journal, if `url` is not empty; a file in `data_dir` unless given.
    pub redis: RedisSettings,
    /// How this host shares guilds with others.
    pub hosts: HostsConfig,
    /// `s3://bucket`; `data_dir/files` unless given.
    pub files_url: Option<String>,
    /// The directory of compiled components; `data_dir/cache` unless given.
    pub component_cache: Option<PathBuf>,
    /// Whether the host may listen on other addresses than loopback, although clients are not authenticated.
    pub insecure: bool,
    pub durability: Durability,
    pub retention: Retention,
    pub journal: JournalLimits,
    /// Whether the journal in `data_dir` is taken although it is not the one that the store knows.
    pub accept_journal: bool,
    pub dialect: Dialect,
    /// The other origins whose pages may use this host.
    pub cors_origins: Vec<String>,
    /// The host names that requests to a host on loopback may use besides its own; `*` means every name.
    pub host_names: Vec<String>,
    /// The registries that components may be pulled from.
    pub registries: Registries,
    /// The largest frame of a client, in bytes.
    pub frame_bytes: usize,
    /// The largest JSON body of a request, in bytes.
    pub body_bytes: usize,
    /// The memory for all that clients send and have not taken together, in bytes.
    pub bodies_bytes: usize,
    /// How long a client may take to send a body.
    pub body_within: Duration,
    /// The bounds of connections.
    pub connections: ConnectionLimits,
    /// The time between two pings of a socket, and the time to answer one.
    pub ping_every: Duration,
    /// The largest file of a guild, in bytes.
    pub file_bytes: u64,
    /// The number of instances that may exist at the same time.
    pub max_agents: u32,
    /// Seconds after which the instance of an idle agent is dropped, unless its blueprint sets them; 0 means never.
    pub idle_unload_s: u64,
    /// Seconds after which a guild that nobody uses falls asleep; 0 means never.
    pub guild_sleep_s: u64,
    /// The ceilings of what a blueprint may ask for, and the limits of every agent.
    pub ceilings: SandboxLimits,
    /// The grants that agents may have.
    pub policy: Policy,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// How a host shares guilds with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsConfig {
    /// Where the other hosts reach this one; empty: it is alone.
    pub url: String,
    /// The file with the secret of all hosts.
    pub secret_file: Option<PathBuf>,
    /// How long the others take this host for alive after they heard of it last.
    pub lease: Duration,
}

impl Default for HostsConfig {
    fn default() -> Self {
        Self { url: String::new(), secret_file: None, lease: Duration::from_secs(5) }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The levels: `info`, or `warn,guildhall=debug`.
    pub level: String,
    /// Whether each line is a JSON object.
    pub is_json: bool,
    /// Whether each request is a line of the level `info`, not `debug`.
    pub access: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), is_json: false, access: false }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 8880)))],
            data_dir: PathBuf::from("data"),
            database_url: None,
            redis: RedisSettings::default(),
            hosts: HostsConfig::default(),
            files_url: None,
            component_cache: None,
            insecure: false,
            durability: Durability::default(),
            retention: Retention::default(),
            journal: JournalLimits::default(),
            accept_journal: false,
            dialect: Dialect::default(),
            cors_origins: Vec::new(),
            host_names: Vec::new(),
            registries: Registries::default(),
            frame_bytes: 1_536 << 10,
            body_bytes: 4 << 20,
            bodies_bytes: 64 << 20,
            body_within: Duration::from_secs(300),
            connections: ConnectionLimits::default(),
            ping_every: Duration::from_secs(20),
            file_bytes: 64 << 20,
            max_agents: guildhall_sandbox::DEFAULT_MAX_AGENTS,
            idle_unload_s: 600,
            guild_sleep_s: 1_800,
            ceilings: SandboxLimits::allowed(),
            policy: Policy::default(),
            log: LogConfig::default(),
        }
    }
}

/// The setting with which an operator accepts another journal.
pub const ACCEPT_JOURNAL: &str = "journal.accept";

/// Returns why a host does not listen on an address that other machines reach.
#[must_use]
pub fn exposed(address: &Address) -> String {
    format!(
        "{address} is reachable from other machines and clients are not authenticated: listen on 127.0.0.1, or add --insecure"
    )
}

impl Config {
    /// Sets one setting by its name, as `--set NAME=VALUE` does.
    ///
    /// # Errors
    /// A sentence with the valid names or values, for an unknown name or an invalid value.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (name, value) = assignment.split_once('=').ok_or_else(|| format!("`{assignment}` is not NAME=VALUE"))?;
        find(name)?.set(self, value)
    }

    /// Returns the first address that other machines reach although the operator has not said that they may.
    #[must_use]
    pub fn exposed(&self) -> Option<&Address> {
        self.listen.iter().find(|address| !address.is_local() && !self.insecure)
    }

    /// Returns how the journal in Redis is reached, and shared.
    #[must_use]
    pub fn redis(&self) -> RedisSettings {
        let host = (!self.hosts.url.is_empty()).then(|| HostSettings {
            url: self.hosts.url.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            lease: self.hosts.lease,
        });
        RedisSettings { host, ..self.redis.clone() }
    }

    /// Returns the bounds of the journal.
    #[must_use]
    pub fn journal_limits(&self) -> JournalLimits {
        let agent_lag = usize::try_from(self.ceilings.get(Limit::AgentLag)).unwrap_or(usize::MAX);
        let bytes = |limit: Limit, shift: u32| usize::try_from(self.ceilings.get(limit) << shift).unwrap_or(usize::MAX);
        JournalLimits {
            agent_lag,
            state_bytes: bytes(Limit::StateBytes, 0),
            log_bytes: bytes(Limit::GuildLog, 20),
            unwritten_bytes: bytes(Limit::Unwritten, 20),
            ..self.journal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_set_by_its_name() {
        let mut config = Config::default();
        config.set("limits.agent_lag=5").unwrap();
        config.set("limits.connections=7").unwrap();
        config.set("limits.head_s=3").unwrap();
        assert_eq!((config.connections.most, config.connections.head), (7, Duration::from_secs(3)));
        config.set("redis.answer_ms=50").unwrap();
        config.set("redis.prefix=a:b").unwrap();
        assert_eq!((config.redis.answer_within, &*config.redis.prefix), (Duration::from_millis(50), "a:b"));
        config.set("sandbox.fuel=1000000").unwrap();
        config.set("cors.origin=HTTPS://Ui.Example:443, http://other.example:81").unwrap();
        config.set("http.hosts=Guild.example, other.example").unwrap();
        config.set("oci.registries=ghcr.io/acme/,localhost:5000").unwrap();
        assert_eq!(config.cors_origins, ["https://ui.example", "http://other.example:81"]);
        assert_eq!(config.host_names, ["guild.example", "other.example"]);
        assert_eq!(config.journal_limits().agent_lag, 5);
        assert_eq!(config.ceilings.get(Limit::Fuel), 1_000_000);
    }

    #[test]
    fn an_invalid_setting_is_reported_with_the_valid_values() {
        let mut config = Config::default();
        assert!(config.set("completely=5").unwrap_err().contains("`guildhall config print` lists all"));
        for (wrong, meant) in [("limits.agentlag", "limits.agent_lag"), ("max_agents", "host.max_agents")] {
            let error = config.set(&format!("{wrong}=5")).unwrap_err();
            assert!(error.contains(&format!("did you mean `{meant}`?")), "{error}");
        }
        for name in ["host.max_agents", "limits.connections", "limits.window"] {
            assert!(config.set(&format!("{name}=0")).unwrap_err().contains("is 0 and may be 1"), "{name}");
        }
        assert!(config.set("limits.agent_lag=many").unwrap_err().contains("whole number"));
        assert!(config.set("sandbox.memory_mib=99999999").unwrap_err().contains("1 to 1024"));
        assert!(config.set("limits.agent_lag").unwrap_err().contains("NAME=VALUE"));
        assert!(config.set("limits.ping_s=0").unwrap_err().contains("1 to 86400"));
        assert!(config.set("redis.connect_ms=1").unwrap_err().contains("10 to 60000"));
        for value in ["", "{a}", "a b"] {
            assert!(config.set(&format!("redis.prefix={value}")).unwrap_err().contains("is no prefix"), "{value}");
        }
        assert!(config.set("limits.guild_histories=0").unwrap_err().contains("1 to 64"));
        for value in ["foo", ",", "*", "https://a.example,", "https://*", "http://a.example/path", "ftp://a.example"] {
            assert!(config.set(&format!("cors.origin={value}")).unwrap_err().contains("is not an origin"), "{value}");
        }
        for value in [",", "http://a.example", "a.example:80", "a b"] {
            assert!(config.set(&format!("http.hosts={value}")).unwrap_err().contains("is no host"), "{value}");
        }
        for value in [",", "ghcr", "https://ghcr.io", "ghcr.io,,a.example", "ghcr.io/a b"] {
            assert!(config.set(&format!("oci.registries={value}")).unwrap_err().contains("is no registry"), "{value}");
        }
    }
}

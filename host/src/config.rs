//! The settings of a host, with their defaults. Each setting has one name, which errors use.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::api::HOSTS_SETTING;
use crate::connections::{ConnectionLimits, MOST, MOST_OF_ADDRESS};
use crate::journal::{Durability, JournalLimits, RedisSettings, Retention};
use crate::oci::{self, Registries};
use guildhall_model::dialect::Dialect;
use guildhall_model::origin::{Origin, is_host};
use guildhall_sandbox::{Limit, Limits as SandboxLimits, Policy, TABLE};

/// The configuration of one host.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The directory of all data that lasts.
    pub data_dir: PathBuf,
    /// `sqlite://path` or `postgres://…`; a file in `data_dir` unless given.
    pub database_url: Option<String>,
    /// The Redis server that keeps the journal, if `url` is not empty; a file in `data_dir` unless given.
    pub redis: RedisSettings,
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
    pub hosts: Vec<String>,
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8880)),
            data_dir: PathBuf::from("data"),
            database_url: None,
            redis: RedisSettings::default(),
            files_url: None,
            component_cache: None,
            insecure: false,
            durability: Durability::default(),
            retention: Retention::default(),
            journal: JournalLimits::default(),
            accept_journal: false,
            dialect: Dialect::default(),
            cors_origins: Vec::new(),
            hosts: Vec::new(),
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
        }
    }
}

/// The largest value of `limits.frame_bytes`, in bytes.
const MAX_FRAME_BYTES: usize = 8 << 20;

/// How like a wrong name must be to a setting to be taken for it, of 1.
const ALIKE: f64 = 0.7;

/// The setting with which an operator accepts another journal.
pub const ACCEPT_JOURNAL: &str = "journal.accept";

/// The settings of `--set NAME=VALUE`, without those of the sandbox.
const NAMES: [&str; 27] = [
    "limits.socket_lag",
    "limits.window",
    "limits.histories",
    "limits.guild_histories",
    "limits.frame_bytes",
    "limits.body_bytes",
    "limits.bodies_bytes",
    "limits.file_bytes",
    MOST,
    MOST_OF_ADDRESS,
    "limits.head_s",
    "limits.keep_alive_s",
    "limits.body_s",
    "limits.ping_s",
    "host.max_agents",
    "host.guild_sleep_s",
    "sandbox.idle_unload_s",
    "retention.age_s",
    "retention.guild_bytes",
    ACCEPT_JOURNAL,
    "redis.prefix",
    "redis.connect_ms",
    "redis.answer_ms",
    "redis.tls_roots",
    "cors.origin",
    HOSTS_SETTING,
    oci::SETTING,
];

impl Config {
    /// Sets one setting by its name.
    ///
    /// # Errors
    /// A sentence with the valid names or values, for an unknown name or an invalid value.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (name, value) = assignment.split_once('=').ok_or_else(|| format!("`{assignment}` is not NAME=VALUE"))?;
        if name == "cors.origin" {
            self.cors_origins = origins(value).map_err(|wrong| format!("`{name}`: {wrong}"))?;
            return Ok(());
        }
        if name == HOSTS_SETTING {
            self.hosts = host_names(value).map_err(|wrong| format!("`{name}`: {wrong}"))?;
            return Ok(());
        }
        if name == ACCEPT_JOURNAL {
            self.accept_journal = value.parse().map_err(|_| format!("`{name}` is true or false, not `{value}`"))?;
            return Ok(());
        }
        if name == "redis.prefix" {
            self.redis.prefix = key_prefix(value).map_err(|wrong| format!("`{name}`: {wrong}"))?;
            return Ok(());
        }
        if name == "redis.tls_roots" {
            self.redis.tls_roots = Some(value.into());
            return Ok(());
        }
        if Policy::NAMES.contains(&name) {
            return self.policy.set(name, value);
        }
        if name == oci::SETTING {
            self.registries = Registries::read(value).map_err(|wrong| format!("`{name}`: {wrong}"))?;
            return Ok(());
        }
        let number: u64 = value.parse().map_err(|_| format!("`{name}` is a whole number, not `{value}`"))?;
        let size = usize::try_from(number).unwrap_or(usize::MAX);
        let small = u32::try_from(number).unwrap_or(u32::MAX);
        match name {
            "limits.socket_lag" => self.journal.socket_lag = size,
            "limits.window" => self.journal.window = positive(name, size)?,
            "limits.histories" => self.journal.histories = readers(name, size)?,
            "limits.guild_histories" => self.journal.guild_histories = readers(name, size)?,
            "limits.frame_bytes" if size > MAX_FRAME_BYTES => {
                return Err(format!("`{name}` is {size} and may be at most {MAX_FRAME_BYTES}"));
            }
            "limits.frame_bytes" => self.frame_bytes = size,
            "limits.body_bytes" => self.body_bytes = size,
            "limits.bodies_bytes" => self.bodies_bytes = size,
            "limits.file_bytes" => self.file_bytes = number,
            MOST => self.connections.most = positive(name, size)?,
            MOST_OF_ADDRESS => self.connections.most_of_address = positive(name, size)?,
            "limits.head_s" => self.connections.head = seconds(name, number)?,
            "limits.keep_alive_s" => self.connections.keep_alive = seconds(name, number)?,
            "limits.body_s" => self.body_within = seconds(name, number)?,
            "limits.ping_s" => self.ping_every = seconds(name, number)?,
            "redis.connect_ms" => self.redis.connect_within = milliseconds(name, number)?,
            "redis.answer_ms" => self.redis.answer_within = milliseconds(name, number)?,
            "sandbox.idle_unload_s" => self.idle_unload_s = number,
            "host.guild_sleep_s" => self.guild_sleep_s = number,
            "host.max_agents" => self.max_agents = positive(name, small)?,
            "retention.age_s" => self.retention.age = Duration::from_secs(number),
            "retention.guild_bytes" => self.retention.guild_bytes = number,
            _ => return self.set_ceiling(name, number),
        }
        Ok(())
    }

    fn set_ceiling(&mut self, name: &str, value: u64) -> Result<(), String> {
        let Some(row) = TABLE.iter().find(|row| row.setting == name) else {
            let ceilings = TABLE.iter().map(|row| row.setting);
            let known: Vec<_> = NAMES.into_iter().chain(Policy::NAMES).chain(ceilings).collect();
            let meant = meant(name, &known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            return Err(format!("there is no setting `{name}`{meant}\nAll settings:\n  {}", known.join("\n  ")));
        };
        if value > row.ceiling {
            return Err(format!("`{name}` is {value} and may be at most {}", row.ceiling));
        }
        self.ceilings = std::mem::take(&mut self.ceilings).with(row.limit, value);
        Ok(())
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

/// Returns the setting that a wrong name is most like: by all of it, or by its last part.
fn meant<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let last = |text: &'n str| text.rsplit('.').next().unwrap_or(text);
    let likeness = |known: &'n str| {
        let whole = strsim::normalized_damerau_levenshtein(name, known);
        whole.max(strsim::normalized_damerau_levenshtein(name, last(known)))
    };
    let best = known.iter().map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, known)| known)
}

/// A number that is at least 1.
fn positive<N: PartialEq + From<u8>>(name: &str, number: N) -> Result<N, String> {
    if number == N::from(0) { Err(format!("`{name}` is 0 and may be 1 or more")) } else { Ok(number) }
}

/// A number of histories that are read at the same time.
fn readers(name: &str, number: usize) -> Result<usize, String> {
    match number {
        1..=64 => Ok(number),
        _ => Err(format!("`{name}` is {number} and may be 1 to 64")),
    }
}

/// A deadline: at least a second and at most a day.
fn seconds(name: &str, number: u64) -> Result<Duration, String> {
    match number {
        1..=86_400 => Ok(Duration::from_secs(number)),
        _ => Err(format!("`{name}` is {number} and may be 1 to 86400 seconds")),
    }
}

/// A time that something may take: at least 10 ms and at most a minute.
fn milliseconds(name: &str, number: u64) -> Result<Duration, String> {
    match number {
        10..=60_000 => Ok(Duration::from_millis(number)),
        _ => Err(format!("`{name}` is {number} and may be 10 to 60000 milliseconds")),
    }
}

/// What the names of keys begin with. Braces would decide the slot of a cluster.
fn key_prefix(value: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    match value.len() {
        1..=64 if value.chars().all(is_fine) => Ok(value.to_owned()),
        _ => Err(format!("`{value}` is no prefix: write up to 64 letters, digits, `-`, `_`, `.` and `:`")),
    }
}

/// Reads origins that are separated by commas, and returns them as browsers write them: in lower case, without the default
/// port of their schemes.
fn origins(value: &str) -> Result<Vec<String>, String> {
    let read = |text: &str| match text.contains('*') {
        true => Err(format!("`{text}` is not an origin: write origins without `*`")),
        false => text.parse().map(|origin: Origin| origin.to_string()),
    };
    value.split(',').map(str::trim).map(read).collect()
}

/// Reads names of hosts that are separated by commas, and returns them in lower case.
fn host_names(value: &str) -> Result<Vec<String>, String> {
    let wrong =
        |name: &str| format!("`{name}` is no host: write names with commas between them, without ports, or `*`");
    let read = |name: &str| if is_host(name) { Ok(name.to_ascii_lowercase()) } else { Err(wrong(name)) };
    value.split(',').map(str::trim).map(read).collect()
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
        assert_eq!(config.hosts, ["guild.example", "other.example"]);
        assert_eq!(config.journal_limits().agent_lag, 5);
        assert_eq!(config.ceilings.get(Limit::Fuel), 1_000_000);
    }

    #[test]
    fn an_invalid_setting_is_reported_with_the_valid_values() {
        let mut config = Config::default();
        assert!(config.set("limits.nothing=5").unwrap_err().contains("\n  limits.agent_lag\n"));
        for (wrong, meant) in [("limits.agentlag", "limits.agent_lag"), ("max_agents", "host.max_agents")] {
            let error = config.set(&format!("{wrong}=5")).unwrap_err();
            assert!(error.contains(&format!("did you mean `{meant}`?")), "{error}");
        }
        for name in ["host.max_agents", "limits.connections", "limits.window"] {
            assert!(config.set(&format!("{name}=0")).unwrap_err().contains("1 or more"), "{name}");
        }
        assert!(config.set("limits.agent_lag=many").unwrap_err().contains("whole number"));
        assert!(config.set("sandbox.memory_mib=99999999").unwrap_err().contains("at most 1024"));
        assert!(config.set("limits.agent_lag").unwrap_err().contains("NAME=VALUE"));
        assert!(config.set("limits.ping_s=0").unwrap_err().contains("1 to 86400"));
        assert!(config.set("redis.connect_ms=1").unwrap_err().contains("10 to 60000"));
        for value in ["", "{a}", "a b"] {
            assert!(config.set(&format!("redis.prefix={value}")).unwrap_err().contains("is no prefix"), "{value}");
        }
        assert!(config.set("limits.guild_histories=0").unwrap_err().contains("1 to 64"));
        for value in ["foo", "", "*", "https://a.example,", "https://*", "http://a.example/path", "ftp://a.example"] {
            assert!(config.set(&format!("cors.origin={value}")).unwrap_err().contains("is not an origin"), "{value}");
        }
        for value in ["", ",", "http://a.example", "a.example:80", "a b"] {
            assert!(config.set(&format!("http.hosts={value}")).unwrap_err().contains("is no host"), "{value}");
        }
        for value in ["", ",", "ghcr", "https://ghcr.io", "ghcr.io,,a.example", "ghcr.io/a b"] {
            assert!(config.set(&format!("oci.registries={value}")).unwrap_err().contains("is no registry"), "{value}");
        }
    }
}

//! All settings of a host, in one table. A setting that is not in this table does not exist. The limits of the sandbox and
//! the grants of the policy come from their own tables.

use std::sync::OnceLock;
use std::time::Duration;

use super::setting::{HUGE, Kind, Read, Reload, Setting};
use super::{ACCEPT_JOURNAL, Config, value};
use crate::api::HOSTS_SETTING;
use crate::connections::{MOST, MOST_OF_ADDRESS};
use crate::likeness::meant;
use crate::oci::{self, Registries};
use guildhall_sandbox::{Policy, TABLE};

/// Ten years, in seconds: a time that is longer is a mistake.
const LONG_S: u64 = 315_360_000;
/// A day, in seconds.
const DAY_S: u64 = 86_400;
/// The largest sizes of memory and of files, in bytes.
const TIB: u64 = 1 << 40;
/// The largest frame, in bytes.
const MAX_FRAME: u64 = 8 << 20;
/// The most agents and connections.
const MILLION: u64 = 1_000_000;

/// The limits of the sandbox that may be 0: nothing of the kind is allowed, or nothing of it is kept.
const MAY_BE_ZERO: [&str; 22] = [
    "host.table_elements",
    "host.tables",
    "sandbox.emits",
    "host.slip_rules",
    "host.slip_bytes",
    "host.progress",
    "host.state_patches",
    "host.log_lines",
    "host.log_line_bytes",
    "host.log_bytes",
    "sandbox.http_calls",
    "host.http_request_kib",
    "sandbox.http_response_kib",
    "sandbox.keyvalue_keys",
    "sandbox.keyvalue_kib",
    "guild.keyvalue_mib",
    "host.failed_expressions_s",
    "host.schema_pattern_kib",
    "host.schema_patterns_kib",
    "limits.notices",
    "host.component_nesting",
    "host.snapshot_bytes",
];

/// Returns all settings, in the order in which people read them.
#[must_use]
pub fn settings() -> &'static [Setting] {
    static SETTINGS: OnceLock<Vec<Setting>> = OnceLock::new();
    SETTINGS.get_or_init(|| [serve(), log(), web(), limits(), host(), sandbox(), policy()].concat())
}

/// Finds a setting by its name.
///
/// # Errors
/// There is none: the text has the one that is alike, if there is one.
pub fn find(name: &str) -> Result<&'static Setting, String> {
    settings().iter().find(|setting| setting.name == name).ok_or_else(|| {
        let known: Vec<&str> = settings().iter().map(|setting| setting.name).collect();
        match meant(name, known.iter().copied()) {
            Some(meant) => {
                format!("there is no setting `{name}`; did you mean `{meant}`? `guildhall config print` lists all")
            }
            None => format!("there is no setting `{name}`; `guildhall config print` lists all"),
        }
    })
}

fn row(name: &'static str, default: &str, kind: Kind, about: &str) -> Setting {
    Setting { name, default: default.to_owned(), kind, about: about.to_owned(), reload: Reload::Restart }
}

fn text(name: &'static str, default: &str, set: Read, about: &str) -> Setting {
    row(name, default, Kind::Text(set), about)
}

fn list(name: &'static str, default: &str, set: Read, about: &str) -> Setting {
    row(name, default, Kind::List(set), about)
}

fn flag(name: &'static str, set: fn(&mut Config, bool), about: &str) -> Setting {
    row(name, "false", Kind::Flag(set), about)
}

fn number(
    name: &'static str,
    default: u64,
    (least, most): (u64, u64),
    set: fn(&mut Config, u64),
    about: &str,
) -> Setting {
    row(name, &default.to_string(), Kind::Number { least, most, set }, about)
}

impl Setting {
    /// A change takes effect when the host reads its configuration again.
    fn at_once(self) -> Self {
        Self { reload: Reload::Now, ..self }
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn serve() -> Vec<Setting> {
    vec![
        list(
            "serve.listen",
            "127.0.0.1:8880",
            |c, v| value::addresses(v).map(|v| c.listen = v),
            "where the host listens: `127.0.0.1:8880`, `localhost:8880`, a port, or `unix:/path`",
        ),
        text(
            "serve.data_dir",
            "data",
            |c, v| value::path(v).map(|v| c.data_dir = v).ok_or_else(|| "name a directory".to_owned()),
            "the directory of all data that lasts",
        ),
        text(
            "serve.database_url",
            "",
            |c, v| value::database_url(v).map(|v| c.database_url = v),
            "the store: `sqlite://path` or `postgres://user:password@host/name`; empty: DATA_DIR/guildhall.db",
        ),
        text(
            "serve.redis_url",
            "",
            |c, v| value::redis_url(v).map(|v| c.redis.url = v),
            "the journal: `redis://user:password@host:port/database` or `rediss://…`; empty: DATA_DIR/journal.db",
        ),
        text(
            "serve.files_url",
            "",
            |c, v| value::files_url(v).map(|v| c.files_url = v),
            "the files of guilds: `s3://bucket`; empty: DATA_DIR/files",
        ),
        text(
            "serve.component_cache",
            "",
            |c, v| {
                c.component_cache = value::path(v);
                Ok(())
            },
            "the directory of compiled components; empty: DATA_DIR/cache",
        ),
        flag(
            "serve.insecure",
            |c, v| c.insecure = v,
            "whether to listen on other addresses than loopback, although clients are not authenticated",
        ),
        row(
            "serve.durability",
            "process",
            Kind::Choice { of: &["process", "disk", "none"], set: |c, v| v.parse().map(|v| c.durability = v) },
            "what a message in the log survives: the end of the process, the end of the machine, or nothing for sure",
        ),
        row(
            "serve.dialect",
            "guide",
            Kind::Choice { of: &["guide", "rustic", "ui"], set: |c, v| v.parse().map(|v| c.dialect = v) },
            "the dialect of sockets that do not ask for one",
        ),
        flag(
            ACCEPT_JOURNAL,
            |c, v| c.accept_journal = v,
            "whether the journal is taken although it is not the one that the store knows",
        ),
        text(
            "redis.prefix",
            "guildhall",
            |c, v| value::key_prefix(v).map(|v| c.redis.prefix = v),
            "what the names of all keys in Redis begin with",
        ),
        number(
            "redis.connect_ms",
            1_000,
            (10, 60_000),
            |c, v| c.redis.connect_within = Duration::from_millis(v),
            "how long a connection to Redis may take",
        ),
        number(
            "redis.answer_ms",
            2_000,
            (10, 60_000),
            |c, v| c.redis.answer_within = Duration::from_millis(v),
            "how long an answer of Redis may take",
        ),
        text(
            "redis.tls_roots",
            "",
            |c, v| {
                c.redis.tls_roots = value::path(v);
                Ok(())
            },
            "a file with the certificates (PEM) by which Redis is trusted; empty: those of the system",
        ),
        text(
            "hosts.url",
            "",
            |c, v| value::host_url(v).map(|v| c.hosts.url = v),
            "where other hosts of the same Redis server reach this one, `http://10.0.0.1:8880`; empty: it is alone",
        ),
        text(
            "hosts.secret_file",
            "",
            |c, v| {
                c.hosts.secret_file = value::path(v);
                Ok(())
            },
            "a file with the secret by which hosts know each other, 16 characters or more, the same for all of them",
        ),
        number(
            "hosts.lease_s",
            5,
            (1, 300),
            |c, v| c.hosts.lease = seconds(v),
            "how long other hosts wait for this one before they take its guilds over",
        ),
    ]
}

fn log() -> Vec<Setting> {
    vec![
        text(
            "log.level",
            "info",
            |c, v| value::levels(v).map(|v| c.log.level = v),
            "what is logged: `error`, `warn`, `info`, `debug`, `trace`, or by module `warn,guildhall=debug`",
        )
        .at_once(),
        row(
            "log.format",
            "text",
            Kind::Choice {
                of: &["text", "json"],
                set: |c, v| match v {
                    "text" | "json" => {
                        c.log.is_json = v == "json";
                        Ok(())
                    }
                    _ => Err(String::new()),
                },
            },
            "the form of the log: text, or one JSON object a line",
        ),
        flag(
            "log.access",
            |c, v| c.log.access = v,
            "whether each request is a line of the level `info`; without it the level is `debug`",
        )
        .at_once(),
    ]
}

fn web() -> Vec<Setting> {
    vec![
        list(
            "cors.origin",
            "",
            |c, v| each(v, value::origins).map(|v| c.cors_origins = v),
            "the origins of other sites whose pages may use the host, such as `https://ui.example`",
        )
        .at_once(),
        list(
            HOSTS_SETTING,
            "",
            |c, v| each(v, value::host_names).map(|v| c.host_names = v),
            "the host names that requests to a host on loopback may use besides its own; `*` is every name",
        )
        .at_once(),
        list(
            oci::SETTING,
            "",
            |c, v| each(v, Registries::read).map(|v| c.registries = v),
            "the registries that components may be pulled from, such as `ghcr.io/acme`",
        ),
    ]
}

/// Reads a list; an empty value is an empty list.
fn each<T: Default>(value: &str, read: fn(&str) -> Result<T, String>) -> Result<T, String> {
    if value.trim().is_empty() { Ok(T::default()) } else { read(value) }
}

fn limits() -> Vec<Setting> {
    vec![
        number(
            "limits.frame_bytes",
            1_536 << 10,
            (1, MAX_FRAME),
            |c, v| c.frame_bytes = size(v),
            "the largest frame of a client (1009); for new sockets",
        )
        .at_once(),
        number("limits.body_bytes", 4 << 20, (1, TIB), |c, v| c.body_bytes = size(v), "the largest JSON body (413)")
            .at_once(),
        number(
            "limits.bodies_bytes",
            64 << 20,
            (1, TIB),
            |c, v| c.bodies_bytes = size(v),
            "all that clients have sent or not taken, in memory (503, BUSY, 1013)",
        ),
        number("limits.file_bytes", 64 << 20, (1, TIB), |c, v| c.file_bytes = v, "the largest file of a guild (413)"),
        number(
            MOST,
            16_384,
            (1, MILLION),
            |c, v| c.connections.most = size(v),
            "connections and sockets (503); at most what the limit of open files allows",
        )
        .at_once(),
        number(
            MOST_OF_ADDRESS,
            2_000,
            (1, MILLION),
            |c, v| c.connections.most_of_address = size(v),
            "connections of one address (503); loopback is not counted",
        )
        .at_once(),
        number(
            "limits.head_s",
            20,
            (1, DAY_S),
            |c, v| c.connections.head = seconds(v),
            "how long the head of a request may take; for new connections",
        )
        .at_once(),
        number(
            "limits.body_s",
            300,
            (1, DAY_S),
            |c, v| c.body_within = seconds(v),
            "how long the body of a request may take (408)",
        )
        .at_once(),
        number(
            "limits.keep_alive_s",
            75,
            (1, DAY_S),
            |c, v| c.connections.keep_alive = seconds(v),
            "how long a connection waits for its next request; for new connections",
        )
        .at_once(),
        number(
            "limits.ping_s",
            20,
            (1, DAY_S),
            |c, v| c.ping_every = seconds(v),
            "the time between two pings of a socket, and to answer one (1008); for new sockets",
        )
        .at_once(),
        number(
            "limits.socket_lag",
            10_000,
            (1, HUGE),
            |c, v| c.journal.socket_lag = size(v),
            "messages that a socket may lag before it is closed (1013)",
        ),
        number(
            "limits.window",
            256,
            (1, HUGE),
            |c, v| c.journal.window = size(v),
            "messages of a subscription in memory",
        ),
        number(
            "limits.histories",
            2,
            (1, 64),
            |c, v| c.journal.histories = size(v),
            "pages of histories that are read at the same time",
        ),
        number(
            "limits.guild_histories",
            1,
            (1, 64),
            |c, v| c.journal.guild_histories = size(v),
            "pages of histories of one guild that are read at the same time",
        ),
    ]
}

fn host() -> Vec<Setting> {
    vec![
        number(
            "host.max_agents",
            guildhall_sandbox::DEFAULT_MAX_AGENTS.into(),
            (1, MILLION),
            |c, v| c.max_agents = u32::try_from(v).unwrap_or(u32::MAX),
            "instances of agents that exist at once",
        ),
        number(
            "host.guild_sleep_s",
            1_800,
            (0, LONG_S),
            |c, v| c.guild_sleep_s = v,
            "how long nobody uses a guild before it falls asleep; 0: never",
        ),
        number(
            "sandbox.idle_unload_s",
            600,
            (0, LONG_S),
            |c, v| c.idle_unload_s = v,
            "how long an agent gets no message before its instance is dropped; 0: never",
        ),
        number(
            "retention.age_s",
            30 * DAY_S,
            (0, LONG_S),
            |c, v| c.retention.age = seconds(v),
            "the age of consumed messages in the log",
        )
        .at_once(),
        number(
            "retention.guild_bytes",
            256 << 20,
            (0, HUGE),
            |c, v| c.retention.guild_bytes = v,
            "the size of a guild's log beyond which consumed messages are removed",
        )
        .at_once(),
    ]
}

fn sandbox() -> Vec<Setting> {
    let ceilings = Config::default().ceilings;
    let limit = |row: &guildhall_sandbox::Row| {
        let is_asked_for = row.setting.starts_with("sandbox.");
        let about = if is_asked_for {
            format!("the most that a blueprint may ask for; without asking it is {}: {}", row.default, row.bounds)
        } else {
            row.bounds.to_owned()
        };
        let least = u64::from(!MAY_BE_ZERO.contains(&row.setting));
        let default = ceilings.get(row.limit).to_string();
        Setting {
            name: row.setting,
            about,
            default,
            kind: Kind::Limit { limit: row.limit, least },
            reload: Reload::Restart,
        }
    };
    TABLE.iter().map(limit).collect()
}

fn policy() -> Vec<Setting> {
    let about = |name: &str| match name {
        "policy.http" => "the origins that agents may send requests to",
        "policy.addresses" => "addresses and networks that requests may reach although they are not public",
        "policy.secrets" => "secrets that requests may carry: `NAME`, or `NAME@https://origin`",
        "policy.secrets_dir" => "the directory with one file for each secret",
        "policy.reveal" => "secrets that agents may read",
        "policy.env" => "variables of the environment that agents may see",
        "policy.keyvalue" => "whether agents may store values",
        "policy.config" => "whether agents may read the configuration of their blueprint",
        "policy.logging" => "whether agents may use `wasi:logging`",
        "policy.ca_file" => "certificate authorities (PEM) that requests trust in addition",
        _ => "a grant of agents",
    };
    let row = |name: &'static str| {
        let is_flag = matches!(name, "policy.keyvalue" | "policy.config" | "policy.logging");
        let is_list = !is_flag && !matches!(name, "policy.secrets_dir" | "policy.ca_file");
        row(name, if is_flag { "true" } else { "" }, Kind::Policy { is_flag, is_list }, about(name))
    };
    Policy::NAMES.map(row).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_of_every_setting_is_that_of_the_host() {
        let mut config = Config::default();
        for setting in settings() {
            setting.set(&mut config, &setting.default).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn every_setting_has_a_name_of_its_own_and_a_text() {
        let mut names: Vec<&str> = settings().iter().map(|setting| setting.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        for setting in settings() {
            assert_eq!(setting.name.matches('.').count(), 1, "{}", setting.name);
            assert!(setting.about.len() > 10 && setting.about != "a grant of agents", "{}", setting.name);
        }
        for name in MAY_BE_ZERO {
            assert!(TABLE.iter().any(|row| row.setting == name), "{name}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |assignment: &str| Config::default().set(assignment).unwrap_err();
        for (assignment, words) in [
            ("host.max_agents=0", "may be 1 to 1000000"),
            ("host.max_agents=99999999999999999999999", "may be 1 to 1000000"),
            ("limits.frame_bytes=0", "may be 1 to 8388608"),
            ("limits.socket_lag=0", "1 or more"),
            ("sandbox.fuel=0", "may be 1 to"),
            ("host.compile_queue=0", "may be 1 to"),
            ("limits.hops=-1", "whole number"),
            ("host.guild_sleep_s=18446744073709551615", "at most 315360000"),
            ("serve.database_url=mysql://u:secret@h/n", "postgres://user:password@host/name"),
            ("serve.files_url=http://b", "s3://BUCKET"),
            ("serve.durability=often", "process, disk or none, not `often`"),
            ("serve.listen=nowhere", "localhost:8880"),
            ("serve.insecure=perhaps", "true or false"),
            ("log.level=gui[[", "is no level"),
            ("log.level=loud", "`loud` is no level"),
            ("log.level=info,guildhall", "is no level"),
            ("log.format=xml", "text or json, not `xml`"),
        ] {
            let error = refused(assignment);
            assert!(error.contains(words) && !error.contains("secret"), "{assignment}: {error}");
        }
        Config::default().set("sandbox.http_calls=0").unwrap();
    }
}

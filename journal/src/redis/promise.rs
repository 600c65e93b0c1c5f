//! What a Redis server can promise: its settings are read, and a durability that they cannot keep is refused with words.

use crate::settings::Durability;

/// The settings of a server that decide what it can promise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub version: String,
    pub is_replica: bool,
    pub is_cluster: bool,
    pub appendonly: bool,
    /// `always`, `everysec` or `no`; `None` if the server does not tell.
    pub appendfsync: Option<String>,
    /// Whether nothing is flushed while the log of commands is rewritten.
    pub pauses_fsync: bool,
    /// Bytes; 0 means no limit.
    pub maxmemory: u64,
    pub maxmemory_policy: String,
}

/// The oldest version whose commands are enough: `XTRIM MINID`, ranges without their start.
const OLDEST: (u32, u32) = (6, 2);

impl Facts {
    /// Reads the answers of `INFO` and of `CONFIG GET`, which may be refused.
    pub fn read(info: &str, config: Option<&[(String, String)]>) -> Self {
        let of = |name: &str| {
            let values = info.lines().filter_map(|line| line.split_once(':'));
            values.clone().find(|(key, _)| *key == name).map_or("", |(_, value)| value.trim())
        };
        let set = |name: &str| config.and_then(|all| Some(&all.iter().find(|(key, _)| key == name)?.1));
        Self {
            version: of("redis_version").to_owned(),
            is_replica: of("role") == "slave",
            is_cluster: of("cluster_enabled") == "1",
            appendonly: of("aof_enabled") == "1",
            appendfsync: set("appendfsync").cloned(),
            pauses_fsync: set("no-appendfsync-on-rewrite").is_some_and(|value| value == "yes"),
            maxmemory: of("maxmemory").parse().unwrap_or(0),
            maxmemory_policy: of("maxmemory_policy").to_owned(),
        }
    }

    /// Returns what the server can promise.
    pub fn promised(&self) -> Durability {
        [Durability::Disk, Durability::Process]
            .into_iter()
            .find(|durability| self.refusal(*durability).is_none())
            .unwrap_or(Durability::None)
    }

    /// Returns what the server may lose although it promises a durability.
    pub fn caveat(&self, wanted: Durability) -> Option<&'static str> {
        let is_late = wanted == Durability::Process && self.appendfsync.as_deref() == Some("everysec");
        is_late.then_some(
            "with `appendfsync everysec`, Redis may answer up to two seconds before it writes while its disk is slow; a kill of \
             Redis in that time loses what it has confirmed. `appendfsync no` and `always` write before they answer",
        )
    }

    /// Returns why the server cannot be used, or cannot promise a durability.
    pub fn refusal(&self, wanted: Durability) -> Option<String> {
        if self.version() < OLDEST {
            return Some(format!(
                "it is Redis {}, and this host needs {}.{} or later",
                self.version, OLDEST.0, OLDEST.1
            ));
        }
        if self.is_replica {
            return Some(
                "it is a replica (`role:slave`), which takes no writes: give the address of its primary".into(),
            );
        }
        if wanted == Durability::None {
            return None;
        }
        let name = if wanted == Durability::Disk { "disk" } else { "process" };
        let needs = |directive: &str, value: &str, found: &str| {
            Some(format!(
                "`--durability {name}` needs `{directive} {value}`, and this server has `{directive} {found}`: change it, \
                 or start with a durability that it can promise ({})",
                if wanted == Durability::Disk && self.refusal(Durability::Process).is_none() {
                    "process"
                } else {
                    "none"
                }
            ))
        };
        if !self.appendonly {
            return needs("appendonly", "yes", "no");
        }
        // Keys that expire are not the journal's, so the other policies remove none of them.
        if self.maxmemory > 0 && self.maxmemory_policy.starts_with("allkeys") {
            return needs("maxmemory-policy", "noeviction", &self.maxmemory_policy);
        }
        if wanted == Durability::Disk {
            match self.appendfsync.as_deref() {
                Some("always") if self.pauses_fsync => return needs("no-appendfsync-on-rewrite", "no", "yes"),
                Some("always") => {}
                Some(other) => return needs("appendfsync", "always", other),
                None => return needs("appendfsync", "always", "a value that CONFIG GET does not tell"),
            }
        }
        None
    }

    fn version(&self) -> (u32, u32) {
        let mut numbers = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(lines: &str, config: &[(&str, &str)]) -> Facts {
        let config: Vec<_> = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Facts::read(&format!("redis_version:7.0.15\r\nrole:master\r\n{lines}"), Some(&config))
    }

    #[test]
    fn a_server_promises_what_its_settings_keep() {
        let none = facts("aof_enabled:0", &[("appendfsync", "always")]);
        let process = facts("aof_enabled:1", &[("appendfsync", "everysec")]);
        let disk = facts("aof_enabled:1", &[("appendfsync", "always")]);
        assert_eq!(none.promised(), Durability::None);
        assert_eq!(process.promised(), Durability::Process);
        assert_eq!(disk.promised(), Durability::Disk);
        assert!(process.caveat(Durability::Process).is_some() && process.caveat(Durability::None).is_none());
        assert!(disk.caveat(Durability::Process).is_none());
        assert_eq!(Facts { appendfsync: None, ..disk.clone() }.promised(), Durability::Process);
        assert_eq!(Facts { pauses_fsync: true, ..disk.clone() }.promised(), Durability::Process);
        let evicts = Facts { maxmemory: 1, maxmemory_policy: "allkeys-lru".into(), ..disk.clone() };
        assert_eq!(evicts.promised(), Durability::None);
        assert_eq!(Facts { maxmemory_policy: "noeviction".into(), ..evicts }.promised(), Durability::Disk);
    }

    #[test]
    fn a_refusal_names_the_directive_and_what_can_be_promised() {
        let process = facts("aof_enabled:1", &[("appendfsync", "everysec")]);
        let words = process.refusal(Durability::Disk).unwrap();
        assert!(words.contains("`appendfsync everysec`") && words.contains("can promise (process)"), "{words}");
        let none = facts("aof_enabled:0", &[]);
        let words = none.refusal(Durability::Process).unwrap();
        assert!(words.contains("`appendonly no`") && words.contains("can promise (none)"), "{words}");
        let replica = Facts { is_replica: true, ..process.clone() };
        assert!(replica.refusal(Durability::None).unwrap().contains("replica"));
        let old = Facts { version: "6.0.9".into(), ..process };
        assert!(old.refusal(Durability::None).unwrap().contains("6.2"));
    }
}

//! The table of interfaces that a component may import: some need no grant, the others do. The host links every
//! interface to every component, and an agent that imports one without its grant does not start.

use crate::refusal::Refusal;

/// Whether an interface needs a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// It needs no grant, because an agent reaches nothing through it.
    Linked,
    /// An agent that imports it starts only with this capability.
    Granted(Capability),
}

/// A kind of thing that an agent can be granted: its blueprint asks for it and the operator's policy grants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Sending HTTP requests.
    Http,
    /// Storing values.
    KeyValue,
    /// Reading the blueprint's configuration.
    Config,
    /// Writing to the agent's log. A blueprint need not ask for it, because what an agent prints is logged as well.
    Logging,
    /// Sending secrets in requests.
    Secrets,
    /// Reading secrets.
    Reveal,
}

impl Capability {
    /// Returns the setting with which a blueprint asks for it.
    #[must_use]
    pub const fn blueprint_setting(self) -> &'static str {
        match self {
            Self::Http => "sandbox.http",
            Self::KeyValue => "sandbox.keyvalue",
            Self::Config => "sandbox.config",
            Self::Logging => "policy.logging",
            Self::Secrets => "sandbox.secrets",
            Self::Reveal => "sandbox.reveal",
        }
    }

    /// Returns the setting with which an operator grants it.
    #[must_use]
    pub const fn policy_setting(self) -> &'static str {
        match self {
            Self::Http => "policy.http",
            Self::KeyValue => "policy.keyvalue",
            Self::Config => "policy.config",
            Self::Logging => "policy.logging",
            Self::Secrets => "policy.secrets",
            Self::Reveal => "policy.reveal",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// The package, such as `wasi:http`.
    pub package: &'static str,
    /// The interface.
    pub interface: &'static str,
    /// The beginning of the versions that fit. Empty: every version, or none. A release candidate or a draft fits only if
    /// the series has one too.
    pub series: &'static str,
    /// Whether it needs a grant.
    pub provision: Provision,
}

const fn import(package: &'static str, interface: &'static str, series: &'static str, provision: Provision) -> Import {
    Import { package, interface, series, provision }
}

/// The package of the contract.
pub(crate) const CONTRACT_PACKAGE: &str = "guildhall:agent";
/// The beginning of the contract's versions that fit.
pub(crate) const CONTRACT_SERIES: &str = "0.1.";
const WASI: &str = "0.2.";

/// The table. If two rows fit an import, the first one counts.
pub const IMPORTS: &[Import] = &[
    import(CONTRACT_PACKAGE, "types", CONTRACT_SERIES, Provision::Linked),
    import(CONTRACT_PACKAGE, "messaging", CONTRACT_SERIES, Provision::Linked),
    import(CONTRACT_PACKAGE, "context", CONTRACT_SERIES, Provision::Linked),
    import(CONTRACT_PACKAGE, "expressions", CONTRACT_SERIES, Provision::Linked),
    import(CONTRACT_PACKAGE, "secrets", CONTRACT_SERIES, Provision::Granted(Capability::Secrets)),
    import(CONTRACT_PACKAGE, "reveal", CONTRACT_SERIES, Provision::Granted(Capability::Reveal)),
    import("wasi:cli", "environment", WASI, Provision::Linked),
    import("wasi:cli", "exit", WASI, Provision::Linked),
    import("wasi:cli", "stdin", WASI, Provision::Linked),
    import("wasi:cli", "stdout", WASI, Provision::Linked),
    import("wasi:cli", "stderr", WASI, Provision::Linked),
    import("wasi:cli", "terminal-input", WASI, Provision::Linked),
    import("wasi:cli", "terminal-output", WASI, Provision::Linked),
    import("wasi:cli", "terminal-stdin", WASI, Provision::Linked),
    import("wasi:cli", "terminal-stdout", WASI, Provision::Linked),
    import("wasi:cli", "terminal-stderr", WASI, Provision::Linked),
    import("wasi:io", "error", WASI, Provision::Linked),
    import("wasi:io", "poll", WASI, Provision::Linked),
    import("wasi:io", "streams", WASI, Provision::Linked),
    import("wasi:clocks", "monotonic-clock", WASI, Provision::Linked),
    import("wasi:clocks", "wall-clock", WASI, Provision::Linked),
    import("wasi:random", "random", WASI, Provision::Linked),
    import("wasi:random", "insecure", WASI, Provision::Linked),
    import("wasi:random", "insecure-seed", WASI, Provision::Linked),
    import("wasi:filesystem", "types", WASI, Provision::Linked),
    import("wasi:filesystem", "preopens", WASI, Provision::Linked),
    import("wasi:sockets", "network", WASI, Provision::Linked),
    import("wasi:sockets", "instance-network", WASI, Provision::Linked),
    import("wasi:sockets", "ip-name-lookup", WASI, Provision::Linked),
    import("wasi:sockets", "tcp", WASI, Provision::Linked),
    import("wasi:sockets", "tcp-create-socket", WASI, Provision::Linked),
    import("wasi:sockets", "udp", WASI, Provision::Linked),
    import("wasi:sockets", "udp-create-socket", WASI, Provision::Linked),
    import("wasi:http", "types", WASI, Provision::Granted(Capability::Http)),
    import("wasi:http", "outgoing-handler", WASI, Provision::Granted(Capability::Http)),
    import("wasi:keyvalue", "store", "0.2.0-draft", Provision::Granted(Capability::KeyValue)),
    import("wasi:keyvalue", "atomics", "0.2.0-draft", Provision::Granted(Capability::KeyValue)),
    import("wasi:keyvalue", "batch", "0.2.0-draft", Provision::Granted(Capability::KeyValue)),
    import("wasi:config", "store", "0.2.0-", Provision::Granted(Capability::Config)),
    import("wasi:logging", "logging", "", Provision::Granted(Capability::Logging)),
];

impl Import {
    /// Returns the names for people: such as `wasi:io/error`, `wasi:io/poll`.
    fn name(&self) -> String {
        format!("{}/{}", self.package, self.interface)
    }

    /// Whether a version of the interface is linked.
    fn fits(&self, version: &str) -> bool {
        version.starts_with(self.series)
            && (!version.contains('-') || self.series.contains('-') || self.series.is_empty())
    }

    /// Returns the versions that fit, for people.
    fn versions(&self) -> &'static str {
        match self.series {
            // The host links both under this name.
            "0.2.0-" => "0.2.0-draft",
            series => series.trim_end_matches('.'),
        }
    }
}

/// Looks an import up in the table.
///
/// # Errors
/// The table has no row for it, or its version does not fit.
fn provision(import: &str) -> Result<Provision, Refusal> {
    let (path, version) = import.split_once('@').unwrap_or((import, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    let of_package = || IMPORTS.iter().filter(|row| row.package == package);
    let is_unstable = |row: &Import| version.starts_with(row.series.trim_end_matches('-')) && version.contains('-');
    match of_package().find(|row| row.interface == interface) {
        Some(row) if row.fits(version) => Ok(row.provision),
        // Nobody else has an unstable version either, so another build of the same source does not help.
        Some(row) if is_unstable(row) => {
            let provided = vec![format!("{path}@{}", row.versions())];
            Err(Refusal::unknown_import(import, provided))
        }
        Some(row) => Err(Refusal::unsupported(import, &format!("{path}@{}", row.versions()))),
        None => {
            let mut provided: Vec<String> = of_package().map(Import::name).collect();
            if provided.is_empty() {
                provided = IMPORTS.iter().map(|row| row.package.to_owned()).collect();
                provided.dedup();
            }
            Err(Refusal::unknown_import(import, provided))
        }
    }
}

/// Checks whether the host has this import.
///
/// # Errors
/// It has not, or not in this version.
pub(crate) fn check(import: &str) -> Result<(), Refusal> {
    provision(import).map(drop)
}

/// Returns the capability that this import needs, if any.
pub(crate) fn capability(import: &str) -> Option<Capability> {
    match provision(import) {
        Ok(Provision::Granted(capability)) => Some(capability),
        Ok(Provision::Linked) | Err(_) => None,
    }
}

/// Returns the settings with which a blueprint asks for what these imports need, each once.
#[must_use]
pub fn grants<'i>(imports: impl IntoIterator<Item = &'i String>) -> Vec<&'static str> {
    let mut grants = Vec::new();
    for capability in imports.into_iter().filter_map(|import| capability(import)) {
        if !grants.contains(&capability.blueprint_setting()) {
            grants.push(capability.blueprint_setting());
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_linked_granted_or_unknown() {
        for linked in [
            "wasi:cli/exit@0.2.6",
            "wasi:sockets/tcp@0.2.12",
            "guildhall:agent/context@0.1.3",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:logging/logging",
            "guildhall:agent/secrets@0.1.0",
        ] {
            assert_eq!(check(linked), Ok(()), "{linked}");
        }
        let code = |import| check(import).unwrap_err().code();
        assert_eq!(code("wasi:http/outgoing-handler@0.3.0"), "unsupported_contract");
        assert_eq!(code("guildhall:agent/messaging@0.2.0"), "unsupported_contract");
        assert_eq!(code("wasi:cli/exit@0.3.0"), "unsupported_contract");
        assert_eq!(code("guildhall:agent/telepathy@0.1.0"), "unknown_import");
        for unknown in [
            "other:thing/secrets@1.0.0",
            "wasi:clocks/timezone@0.2.6",
            "wasi:cli/made-up@0.2.0",
            "wasi:sockets/made-up",
            "wasi:keyvalue/eventual@0.2.0-draft",
            "wasi:cli/environment@0.2.0-rc-2023-11-10",
            "wasi:http/types@0.2.0-rc-2023-12-05",
            "wasi:http/incoming-handler@0.2.0",
        ] {
            let refused = check(unknown).unwrap_err();
            assert_eq!(refused.code(), "unknown_import", "{unknown}");
            assert!(refused.to_string().contains(&format!("`{unknown}`")), "{refused}");
        }
        let text = |import| check(import).unwrap_err().to_string();
        assert!(text("other:thing/secrets@1.0.0").contains("wasi:cli, wasi:io"));
        assert!(text("wasi:clocks/timezone@0.2.6").contains("it provides wasi:clocks/monotonic-clock, "));
        assert!(text("wasi:cli/exit@0.2.0-rc-2023-11-10").contains("it provides wasi:cli/exit@0.2"));
        let stable = text("wasi:config/store@0.2.0");
        assert!(
            stable.contains("`wasi:config/store@0.2.0`; this host has `wasi:config/store@0.2.0-draft`"),
            "{stable}"
        );
        assert!(text("wasi:cli/exit@0.3.0").ends_with("build it for WASI 0.2"), "{}", text("wasi:cli/exit@0.3.0"));
        let newer = check("wasi:cli/exit@0.3.0").unwrap_err().to_string();
        assert!(newer.contains("`wasi:cli/exit@0.3.0`; this host has `wasi:cli/exit@0.2`"), "{newer}");
    }

    #[test]
    fn the_grants_of_a_component_are_each_named_once() {
        let imports = ["wasi:http/types@0.2.6", "wasi:http/outgoing-handler@0.2.6", "wasi:cli/exit@0.2.6", "a:b/c"];
        assert_eq!(grants(&imports.map(str::to_owned)), ["sandbox.http"]);
    }
}

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
    /// The interface. Empty: all interfaces of the package.
    pub interface: &'static str,
    /// The beginning of the versions that fit. Empty: every version, or none.
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
    import("wasi:cli", "", WASI, Provision::Linked),
    import("wasi:io", "", WASI, Provision::Linked),
    import("wasi:clocks", "", WASI, Provision::Linked),
    import("wasi:random", "", WASI, Provision::Linked),
    import("wasi:filesystem", "", WASI, Provision::Linked),
    import("wasi:sockets", "", WASI, Provision::Linked),
    import("wasi:http", "", WASI, Provision::Granted(Capability::Http)),
    import("wasi:keyvalue", "", "0.2.0-draft", Provision::Granted(Capability::KeyValue)),
    import("wasi:config", "", "0.2.0-", Provision::Granted(Capability::Config)),
    import("wasi:logging", "", "", Provision::Granted(Capability::Logging)),
];

impl Import {
    /// Returns the name for people, such as `wasi:cli@0.2`.
    fn name(&self) -> String {
        let interface = if self.interface.is_empty() { String::new() } else { format!("/{}", self.interface) };
        let version = self.series.trim_end_matches(['.', '-']);
        let version = if version.is_empty() { String::new() } else { format!("@{version}") };
        format!("{}{interface}{version}", self.package)
    }
}

/// Looks an import up in the table.
///
/// # Errors
/// The table has no row for it, or its version does not fit.
fn provision(import: &str) -> Result<Provision, Refusal> {
    let (path, version) = import.split_once('@').unwrap_or((import, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    let mut rows =
        IMPORTS.iter().filter(|row| row.package == package && (row.interface.is_empty() || row.interface == interface));
    let Some(row) = rows.next() else {
        let provided = IMPORTS.iter().map(Import::name).collect();
        return Err(Refusal::unknown_import(import, provided));
    };
    if !version.starts_with(row.series) {
        let supported = format!("{path}@{}", row.series.trim_end_matches(['.', '-']));
        return Err(Refusal::unsupported(import, &supported));
    }
    Ok(row.provision)
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
        assert_eq!(code("other:thing/secrets@1.0.0"), "unknown_import");
        let text = check("other:thing/secrets@1.0.0").unwrap_err().to_string();
        assert!(text.contains("`other:thing/secrets@1.0.0`") && text.contains("wasi:cli@0.2"), "{text}");
        let newer = check("wasi:cli/exit@0.3.0").unwrap_err().to_string();
        assert!(newer.contains("`wasi:cli/exit@0.3.0`; this host has `wasi:cli/exit@0.2`"), "{newer}");
    }

    #[test]
    fn the_grants_of_a_component_are_each_named_once() {
        let imports = ["wasi:http/types@0.2.6", "wasi:http/outgoing-handler@0.2.6", "wasi:cli/exit@0.2.6", "a:b/c"];
        assert_eq!(grants(&imports.map(str::to_owned)), ["sandbox.http"]);
    }
}

//! What a component may import, in one table: what every agent is linked to, and
//! what needs a grant. Whatever is granted is linked to every component, and an
//! agent that imports it without the grant does not start.

use super::refusal::Refusal;

/// How an interface is given to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// Every agent is linked to it, and none can reach anything by it.
    Linked,
    /// An agent that imports it starts only when it is granted.
    Granted(Capability),
}

/// What an agent may be granted: its blueprint asks for it, the operator's policy
/// allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    Http,
    KeyValue,
    Config,
    /// Needs no asking: what an agent prints is logged as well.
    Logging,
    Secrets,
    Reveal,
}

impl Capability {
    /// What a blueprint asks with.
    #[must_use]
    pub const fn asked(self) -> &'static str {
        match self {
            Self::Http => "sandbox.http",
            Self::KeyValue => "sandbox.keyvalue",
            Self::Config => "sandbox.config",
            Self::Logging => "policy.logging",
            Self::Secrets => "sandbox.secrets",
            Self::Reveal => "sandbox.reveal",
        }
    }

    /// What an operator grants with.
    #[must_use]
    pub const fn granted(self) -> &'static str {
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

/// A row of the table: an interface, or with an empty `interface` a whole package.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    pub package: &'static str,
    pub interface: &'static str,
    /// The versions that fit begin with this; of those without versions it is empty.
    pub series: &'static str,
    pub provision: Provision,
}

const fn import(package: &'static str, interface: &'static str, series: &'static str, provision: Provision) -> Import {
    Import { package, interface, series, provision }
}

/// The package of the contract.
pub(super) const CONTRACT_PACKAGE: &str = "guildhall:agent";
/// The versions of the contract that fit.
pub(super) const CONTRACT_SERIES: &str = "0.1.";
const WASI: &str = "0.2.";

/// The table. Of two rows that fit an import the first one counts.
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
    /// As people read it: `wasi:cli@0.2`.
    fn name(&self) -> String {
        let interface = if self.interface.is_empty() { String::new() } else { format!("/{}", self.interface) };
        let version = self.series.trim_end_matches(['.', '-']);
        let version = if version.is_empty() { String::new() } else { format!("@{version}") };
        format!("{}{interface}{version}", self.package)
    }
}

/// What stands at the row of an import.
///
/// # Errors
/// Nothing in the table fits it.
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

/// Whether the host can link this import.
pub(super) fn check(import: &str) -> Result<(), Refusal> {
    provision(import).map(drop)
}

/// What an agent must be granted for this import, if anything.
pub(super) fn capability(import: &str) -> Option<Capability> {
    match provision(import) {
        Ok(Provision::Granted(capability)) => Some(capability),
        Ok(Provision::Linked) | Err(_) => None,
    }
}

/// The grants that a component with these imports needs, each once, as a blueprint
/// asks for them.
#[must_use]
pub fn grants<'i>(imports: impl IntoIterator<Item = &'i String>) -> Vec<&'static str> {
    let mut grants = Vec::new();
    for capability in imports.into_iter().filter_map(|import| capability(import)) {
        if !grants.contains(&capability.asked()) {
            grants.push(capability.asked());
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
        let words = check("other:thing/secrets@1.0.0").unwrap_err().to_string();
        assert!(words.contains("`other:thing/secrets@1.0.0`") && words.contains("wasi:cli@0.2"), "{words}");
        let newer = check("wasi:cli/exit@0.3.0").unwrap_err().to_string();
        assert!(newer.contains("`wasi:cli/exit@0.3.0`; this host has `wasi:cli/exit@0.2`"), "{newer}");
    }

    #[test]
    fn the_grants_of_a_component_are_each_named_once() {
        let imports = ["wasi:http/types@0.2.6", "wasi:http/outgoing-handler@0.2.6", "wasi:cli/exit@0.2.6", "a:b/c"];
        assert_eq!(grants(&imports.map(str::to_owned)), ["sandbox.http"]);
    }
}

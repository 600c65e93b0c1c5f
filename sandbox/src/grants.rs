//! What one agent may reach: what its blueprint asks for and the operator's policy grants. Each refusal is written to
//! the agent's log once, with the grant that is missing.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::imports::{self, Capability};
use crate::policy::Policy;
use crate::refusal::{MissingGrant, Refusal};
use crate::stdio::{LogLevel, LogLine, LogSink};
use guildhall_model::origin::Origin;
use guildhall_model::spec::SandboxSpec;

/// How many different warnings one instance may write to its agent's log.
const MAX_WARNINGS: usize = 64;

/// The grants of one agent.
pub(crate) struct Grants {
    /// What the blueprint asks for.
    asked: SandboxSpec,
    /// What the operator grants.
    pub(crate) policy: Arc<Policy>,
    log: LogSink,
    /// The warnings that are in the log already.
    warnings: Mutex<HashSet<String>>,
}

impl Grants {
    /// Combines a blueprint's wishes with the operator's policy. `log` receives the refusals.
    pub(crate) fn new(asked: SandboxSpec, policy: Arc<Policy>, log: LogSink) -> Self {
        Self { asked, policy, log, warnings: Mutex::default() }
    }

    /// Checks whether an agent of a component with these imports may start. If it may, writes the wishes that are not
    /// granted to its log.
    ///
    /// # Errors
    /// The component imports an interface that the agent may not use at all. Lists every missing grant once.
    pub(crate) fn check(&self, imported: &[String]) -> Result<(), Refusal> {
        let mut missing: Vec<MissingGrant> = Vec::new();
        for import in imported {
            let Some(capability) = imports::capability(import) else { continue };
            let (is_asked, is_granted) = match self.is_asked(capability) {
                true => (true, self.is_granted(capability)),
                false => (false, self.is_grantable(capability)),
            };
            for (is_there, grant) in
                [(is_asked, capability.blueprint_setting()), (is_granted, capability.policy_setting())]
            {
                if !is_there && missing.iter().all(|known| known.grant != grant) {
                    missing.push(MissingGrant { import: import.clone(), grant });
                }
            }
        }
        if !missing.is_empty() {
            return Err(Refusal::MissingCapability { missing });
        }
        self.log_unfulfilled();
        Ok(())
    }

    /// Whether the policy could grant the capability to an agent that asks for it.
    fn is_grantable(&self, capability: Capability) -> bool {
        let policy = &self.policy;
        match capability {
            Capability::Http => !policy.http.is_empty(),
            Capability::KeyValue => policy.keyvalue,
            Capability::Config => policy.config,
            Capability::Logging => policy.logging,
            Capability::Secrets => !policy.secrets.is_empty(),
            Capability::Reveal => !policy.reveal.is_empty(),
        }
    }

    fn is_asked(&self, capability: Capability) -> bool {
        let asked = &self.asked;
        match capability {
            Capability::Http => !asked.http.is_empty(),
            Capability::KeyValue => asked.keyvalue,
            Capability::Config => asked.config.is_some(),
            Capability::Logging => true,
            Capability::Secrets => !asked.secrets.is_empty(),
            Capability::Reveal => !asked.reveal.is_empty(),
        }
    }

    fn is_granted(&self, capability: Capability) -> bool {
        let (asked, policy) = (&self.asked, &self.policy);
        match capability {
            Capability::Http => asked.http.iter().any(|origin| self.may_be_granted(origin)),
            Capability::KeyValue => policy.keyvalue,
            Capability::Config => policy.config,
            Capability::Logging => policy.logging,
            Capability::Secrets => asked.secrets.iter().any(|name| self.has_secret(name)),
            Capability::Reveal => asked.reveal.iter().any(|name| policy.reveal.contains(name)),
        }
    }

    fn may_be_granted(&self, origin: &Origin) -> bool {
        self.policy.http.iter().any(|granted| granted.meets(origin))
    }

    fn has_secret(&self, name: &str) -> bool {
        self.policy.secrets.iter().any(|grant| grant.name == name)
    }

    fn log_unfulfilled(&self) {
        let (asked, policy) = (&self.asked, &self.policy);
        for origin in asked.http.iter().filter(|origin| !self.may_be_granted(origin)) {
            self.log_refusal(&format!("requests to {origin}"), Capability::Http.policy_setting());
        }
        for name in asked.secrets.iter().filter(|name| !self.has_secret(name)) {
            self.log_refusal(&format!("the secret `{name}`"), Capability::Secrets.policy_setting());
        }
        for name in asked.reveal.iter().filter(|name| !policy.reveal.contains(name)) {
            self.log_refusal(&format!("reading the secret `{name}`"), Capability::Reveal.policy_setting());
        }
        for name in asked.env.iter().filter(|name| !policy.env.contains(name)) {
            self.log_refusal(&format!("the variable `{name}`"), "policy.env");
        }
    }

    /// Whether the agent may send a request to this origin. Logs a refusal.
    pub(crate) fn http(&self, to: &Origin) -> bool {
        let covers = |origins: &[Origin]| origins.iter().any(|origin| origin.covers(to));
        let missing = if !covers(&self.asked.http) {
            Capability::Http.blueprint_setting()
        } else if !covers(&self.policy.http) {
            Capability::Http.policy_setting()
        } else {
            return true;
        };
        self.log_refusal(&format!("a request to {to}"), missing);
        false
    }

    /// Whether requests of the agent may carry the secret. Logs a refusal.
    pub(crate) fn secret(&self, name: &str) -> bool {
        self.is_named(name, &self.asked.secrets, self.has_secret(name), Capability::Secrets)
    }

    /// Whether the agent may read the secret. Logs a refusal.
    pub(crate) fn reveal(&self, name: &str) -> bool {
        let granted = self.policy.reveal.iter().any(|other| other == name);
        self.is_named(name, &self.asked.reveal, granted, Capability::Reveal)
    }

    fn is_named(&self, name: &str, asked: &[String], granted: bool, capability: Capability) -> bool {
        let missing = if !asked.iter().any(|other| other == name) {
            capability.blueprint_setting()
        } else if !granted {
            capability.policy_setting()
        } else {
            return true;
        };
        // The guest chooses the name, so it may be long.
        let name: String = name.chars().take(128).collect();
        self.log_refusal(&format!("the secret `{name}`"), missing);
        false
    }

    /// Returns the environment variables that the agent sees.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let granted = self.asked.env.iter().filter(|name| self.policy.env.contains(name));
        granted.filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
    }

    /// Returns the configuration of the blueprint, in the order of its keys; empty when the policy does not grant it.
    pub(crate) fn config(&self) -> impl Iterator<Item = (&String, &String)> {
        self.asked.config.iter().filter(|_| self.policy.config).flatten()
    }

    /// Writes to the agent's log once that something was refused and which grant would allow it.
    pub(crate) fn log_refusal(&self, what: &str, grant: &str) {
        self.warn_once(format!("refused: {what}: it needs the grant `{grant}`"));
    }

    /// Writes a warning to the agent's log, unless it is there already.
    pub(crate) fn warn_once(&self, text: String) {
        let mut warnings = self.warnings.lock();
        if warnings.len() < MAX_WARNINGS && !warnings.contains(&text) {
            (self.log)(LogLine { level: LogLevel::Warn, text: text.clone() });
            warnings.insert(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(asked: SandboxSpec, settings: &[(&str, &str)]) -> (Grants, Arc<Mutex<Vec<String>>>) {
        let mut policy = Policy::default();
        settings.iter().for_each(|(setting, value)| policy.set(setting, value).unwrap());
        let logged: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = logged.clone();
        let log: LogSink = Arc::new(move |line| sink.lock().push(line.text));
        (Grants::new(asked, Arc::new(policy), log), logged)
    }

    fn asking(origins: &[&str]) -> SandboxSpec {
        SandboxSpec { http: origins.iter().map(|text| text.parse().unwrap()).collect(), ..SandboxSpec::default() }
    }

    fn all_missing(asked: SandboxSpec, settings: &[(&str, &str)], imports: &[&str]) -> Vec<&'static str> {
        let imports: Vec<String> = imports.iter().map(|import| (*import).to_owned()).collect();
        match grants(asked, settings).0.check(&imports) {
            Ok(()) => Vec::new(),
            Err(Refusal::MissingCapability { missing }) => missing.iter().map(|missing| missing.grant).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    fn missing(asked: SandboxSpec, settings: &[(&str, &str)], import: &str) -> Option<String> {
        all_missing(asked, settings, &[import]).first().map(|grant| (*grant).to_owned())
    }

    #[test]
    fn all_missing_grants_are_reported_together() {
        let imports = [
            "wasi:http/types@0.2.6",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:keyvalue/store@0.2.0-draft",
            "guildhall:agent/secrets@0.1.0",
        ];
        let none = all_missing(SandboxSpec::default(), &[], &imports);
        assert_eq!(none, ["sandbox.http", "policy.http", "sandbox.keyvalue", "sandbox.secrets", "policy.secrets"]);
        let asked = SandboxSpec { keyvalue: true, ..asking(&["https://a.example"]) };
        let granted = [("policy.http", "https://a.example"), ("policy.keyvalue", "false")];
        assert_eq!(all_missing(asked, &granted, &imports), ["policy.keyvalue", "sandbox.secrets", "policy.secrets"]);
    }

    #[test]
    fn an_import_needs_the_blueprint_and_the_operator() {
        const HTTP: &str = "wasi:http/outgoing-handler@0.2.6";
        let policy = [("policy.http", "https://*.example")];
        assert_eq!(missing(asking(&[]), &policy, HTTP).as_deref(), Some("sandbox.http"));
        assert_eq!(missing(asking(&["https://a.example"]), &[], HTTP).as_deref(), Some("policy.http"));
        assert_eq!(missing(asking(&["https://a.test"]), &policy, HTTP).as_deref(), Some("policy.http"));
        assert_eq!(missing(asking(&["https://a.test", "https://a.example"]), &policy, HTTP), None);

        let plain = SandboxSpec::default;
        assert_eq!(missing(plain(), &[], "wasi:keyvalue/store@0.2.0-draft").as_deref(), Some("sandbox.keyvalue"));
        assert_eq!(missing(plain(), &[], "wasi:config/store@0.2.0-rc.1").as_deref(), Some("sandbox.config"));
        assert_eq!(missing(plain(), &[], "guildhall:agent/secrets@0.1.0").as_deref(), Some("sandbox.secrets"));
        assert_eq!(missing(plain(), &[], "guildhall:agent/reveal@0.1.0").as_deref(), Some("sandbox.reveal"));
        assert_eq!(missing(plain(), &[], "wasi:logging/logging"), None);
        let off = [("policy.logging", "false"), ("policy.keyvalue", "false")];
        assert_eq!(missing(plain(), &off, "wasi:logging/logging").as_deref(), Some("policy.logging"));
        let keeps = SandboxSpec { keyvalue: true, ..plain() };
        assert_eq!(missing(keeps, &off, "wasi:keyvalue/store@0.2.0-draft").as_deref(), Some("policy.keyvalue"));
    }

    #[test]
    fn a_refusal_is_logged_once_with_the_grant() {
        let (grants, logged) =
            grants(asking(&["https://a.example", "https://b.example"]), &[("policy.http", "https://a.example")]);
        let to = |text: &str| grants.http(&text.parse().unwrap());
        assert!(to("https://a.example"));
        for _ in 0..3 {
            assert!(!to("https://b.example") && !to("https://c.example") && !grants.secret("KEY"));
        }
        let logged = logged.lock();
        assert_eq!(logged.len(), 3, "{logged:?}");
        assert!(logged[0].contains("https://b.example") && logged[0].contains("`policy.http`"), "{logged:?}");
        assert!(logged[1].contains("https://c.example") && logged[1].contains("`sandbox.http`"), "{logged:?}");
        assert!(logged[2].contains("`KEY`") && logged[2].contains("`sandbox.secrets`"), "{logged:?}");
    }
}

//! What one agent may reach: what its blueprint asks for and the operator's policy
//! allows. What is refused is told once, with the grant that is missing, in the log
//! of the agent.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::imports::{self, Capability};
use super::policy::Policy;
use super::refusal::{MissingGrant, Refusal};
use super::stdio::{LogLevel, LogLine, LogSink};
use guildhall_model::origin::Origin;
use guildhall_model::spec::SandboxSpec;

/// The most refusals that are told of one instance.
const MAX_TOLD: usize = 64;

pub(super) struct Grants {
    asked: SandboxSpec,
    pub(super) policy: Arc<Policy>,
    log: LogSink,
    told: Mutex<HashSet<String>>,
}

impl Grants {
    pub(super) fn new(asked: SandboxSpec, policy: Arc<Policy>, log: LogSink) -> Self {
        Self { asked, policy, log, told: Mutex::default() }
    }

    /// Whether an agent of a component with these imports may start; tells what of
    /// its wishes it does not get.
    ///
    /// # Errors
    /// It imports what it may not use at all: every grant that is missing, each once.
    pub(super) fn check(&self, imported: &[String]) -> Result<(), Refusal> {
        let mut missing: Vec<MissingGrant> = Vec::new();
        for import in imported {
            let Some(capability) = imports::capability(import) else { continue };
            let (is_asked, is_granted) = match self.is_asked(capability) {
                true => (true, self.is_granted(capability)),
                false => (false, self.is_grantable(capability)),
            };
            for (is_there, grant) in [(is_asked, capability.asked()), (is_granted, capability.granted())] {
                if !is_there && missing.iter().all(|known| known.grant != grant) {
                    missing.push(MissingGrant { import: import.clone(), grant });
                }
            }
        }
        if !missing.is_empty() {
            return Err(Refusal::MissingCapability { missing });
        }
        self.tell_the_unfulfilled();
        Ok(())
    }

    /// Whether an agent that asked might be granted anything of it.
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

    fn tell_the_unfulfilled(&self) {
        let (asked, policy) = (&self.asked, &self.policy);
        for origin in asked.http.iter().filter(|origin| !self.may_be_granted(origin)) {
            self.refused(&format!("requests to {origin}"), Capability::Http.granted());
        }
        for name in asked.secrets.iter().filter(|name| !self.has_secret(name)) {
            self.refused(&format!("the secret `{name}`"), Capability::Secrets.granted());
        }
        for name in asked.reveal.iter().filter(|name| !policy.reveal.contains(name)) {
            self.refused(&format!("reading the secret `{name}`"), Capability::Reveal.granted());
        }
        for name in asked.env.iter().filter(|name| !policy.env.contains(name)) {
            self.refused(&format!("the variable `{name}`"), "policy.env");
        }
    }

    /// Whether a request may go there.
    pub(super) fn http(&self, to: &Origin) -> bool {
        let covers = |origins: &[Origin]| origins.iter().any(|origin| origin.covers(to));
        let missing = if !covers(&self.asked.http) {
            Capability::Http.asked()
        } else if !covers(&self.policy.http) {
            Capability::Http.granted()
        } else {
            return true;
        };
        self.refused(&format!("a request to {to}"), missing);
        false
    }

    /// Whether the agent may have the secret put into its requests.
    pub(super) fn secret(&self, name: &str) -> bool {
        self.is_named(name, &self.asked.secrets, self.has_secret(name), Capability::Secrets)
    }

    /// Whether the agent may read the secret.
    pub(super) fn reveal(&self, name: &str) -> bool {
        let granted = self.policy.reveal.iter().any(|other| other == name);
        self.is_named(name, &self.asked.reveal, granted, Capability::Reveal)
    }

    fn is_named(&self, name: &str, asked: &[String], granted: bool, capability: Capability) -> bool {
        let missing = if !asked.iter().any(|other| other == name) {
            capability.asked()
        } else if !granted {
            capability.granted()
        } else {
            return true;
        };
        // A name may be anything that the guest likes.
        let name: String = name.chars().take(128).collect();
        self.refused(&format!("the secret `{name}`"), missing);
        false
    }

    /// The variables of the environment that the agent sees.
    pub(super) fn env(&self) -> Vec<(String, String)> {
        let granted = self.asked.env.iter().filter(|name| self.policy.env.contains(name));
        granted.filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
    }

    /// What the blueprint configures, in the order of the keys.
    pub(super) fn config(&self) -> impl Iterator<Item = (&String, &String)> {
        self.asked.config.iter().filter(|_| self.policy.config).flatten()
    }

    /// Tells once that something was refused, and the grant that would allow it.
    pub(super) fn refused(&self, what: &str, grant: &str) {
        self.tell(format!("refused: {what}: it needs the grant `{grant}`"));
    }

    /// Tells something once.
    pub(super) fn tell(&self, text: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MAX_TOLD && !told.contains(&text) {
            (self.log)(LogLine { level: LogLevel::Warn, text: text.clone() });
            told.insert(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(asked: SandboxSpec, settings: &[(&str, &str)]) -> (Grants, Arc<Mutex<Vec<String>>>) {
        let mut policy = Policy::default();
        settings.iter().for_each(|(setting, value)| policy.set(setting, value).unwrap());
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = told.clone();
        let log: LogSink = Arc::new(move |line| sink.lock().unwrap().push(line.text));
        (Grants::new(asked, Arc::new(policy), log), told)
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
    fn what_is_missing_is_told_all_at_once() {
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
    fn what_is_refused_is_told_once_with_the_grant() {
        let (grants, told) =
            grants(asking(&["https://a.example", "https://b.example"]), &[("policy.http", "https://a.example")]);
        let to = |text: &str| grants.http(&text.parse().unwrap());
        assert!(to("https://a.example"));
        for _ in 0..3 {
            assert!(!to("https://b.example") && !to("https://c.example") && !grants.secret("KEY"));
        }
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("https://b.example") && told[0].contains("`policy.http`"), "{told:?}");
        assert!(told[1].contains("https://c.example") && told[1].contains("`sandbox.http`"), "{told:?}");
        assert!(told[2].contains("`KEY`") && told[2].contains("`sandbox.secrets`"), "{told:?}");
    }
}

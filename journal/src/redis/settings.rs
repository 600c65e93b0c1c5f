//! Where the Redis server is and how long it may take. Plain values; whoever opens the journal reads them from the
//! configuration.

use std::path::PathBuf;
use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::{ConnectionInfo, IntoConnectionInfo, RedisError, TlsCertificates};

use crate::error::JournalError;

/// How a storage reaches Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://user:password@host:port/database`, `rediss://…` over TLS, or `unix:///path`. Several addresses with
    /// commas between them, `redis://user:password@host:port,host:port`, are nodes of a cluster.
    pub url: String,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// How long a connection may take.
    pub connect_within: Duration,
    /// How long an answer may take.
    pub answer_within: Duration,
    /// A file with the certificates in PEM that servers are trusted by; the system's unless given.
    pub tls_roots: Option<PathBuf>,
    /// How this host shares the journal with others; `None`: it has the journal alone.
    pub host: Option<HostSettings>,
}

/// How a host shares the journal with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// Where the other hosts reach this one.
    pub url: String,
    /// The version of its program.
    pub version: String,
    /// How long the others take it for alive after it was heard of last.
    pub lease: Duration,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            prefix: "guildhall".to_owned(),
            connect_within: Duration::from_secs(1),
            answer_within: Duration::from_secs(2),
            tls_roots: None,
            host: None,
        }
    }
}

/// A client that opens connections.
#[derive(Clone, Debug)]
pub(super) enum Client {
    One(Box<redis::Client>),
    Cluster(Box<ClusterClient>),
}

impl RedisSettings {
    /// Returns the server's address for logs and errors, without the password.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.url.split_once("://"), self.url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
            _ => self.url.clone(),
        }
    }

    /// Checks the address, without connecting.
    ///
    /// # Errors
    /// `Migration` with what is wrong.
    pub fn check(&self) -> Result<(), JournalError> {
        self.client().map(drop)
    }

    /// Reads the address and the certificates.
    ///
    /// # Errors
    /// `Migration` with what is wrong.
    pub(super) fn client(&self) -> Result<Client, JournalError> {
        let wrong = |error: &dyn std::fmt::Display| JournalError::Migration(format!("{}: {error}", self.place()));
        let unusable = |error: RedisError| wrong(&error);
        let mut nodes: Vec<ConnectionInfo> = Vec::new();
        for url in self.urls() {
            nodes.push(url.into_connection_info().map_err(unusable)?);
        }
        let root_cert = match &self.tls_roots {
            Some(file) => Some(std::fs::read(file).map_err(|error| wrong(&format!("{}: {error}", file.display())))?),
            None => None,
        };
        let certificates = TlsCertificates { client_tls: None, root_cert };
        let is_tls = self.url.starts_with("rediss://");
        let one = nodes.len() == 1;
        if let Some(node) = nodes.pop_if(|_| one) {
            let client =
                if is_tls { redis::Client::build_with_tls(node, certificates) } else { redis::Client::open(node) };
            return Ok(Client::One(Box::new(client.map_err(unusable)?)));
        }
        let mut builder = ClusterClient::builder(nodes)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(10)
            .max_retry_wait(100)
            .connection_timeout(self.connect_within)
            .response_timeout(self.answer_within);
        if is_tls && certificates.root_cert.is_some() {
            builder = builder.certs(certificates);
        }
        Ok(Client::Cluster(Box::new(builder.build().map_err(unusable)?)))
    }

    /// The URLs of all addresses.
    fn urls(&self) -> Vec<String> {
        let Some((scheme, rest)) = self.url.split_once("://") else { return vec![self.url.clone()] };
        if scheme == "unix" {
            return vec![self.url.clone()];
        }
        let (user, places) = rest.rsplit_once('@').map_or(("", rest), |(user, places)| (user, places));
        let at = if user.is_empty() { "" } else { "@" };
        let (places, path) = places.split_once('/').unwrap_or((places, ""));
        let places = places.split(',').filter(|place| !place.is_empty());
        places.map(|place| format!("{scheme}://{user}{at}{place}/{path}")).collect()
    }
}

/// How often a cluster's client follows a slot that has moved.
const CLUSTER_RETRIES: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> RedisSettings {
        RedisSettings { url: url.to_owned(), ..RedisSettings::default() }
    }

    #[test]
    fn an_address_is_one_server_several_are_a_cluster() {
        for url in ["redis://a", "redis://u:p@a:1/3", "rediss://a:2", "unix:///tmp/x.sock", "redis://[::1]:7/"] {
            assert!(matches!(settings(url).client(), Ok(Client::One(_))), "{url}");
        }
        let several = settings("redis://u:p@a:1,b:2");
        assert_eq!(several.urls(), ["redis://u:p@a:1/", "redis://u:p@b:2/"]);
        assert!(matches!(several.client(), Ok(Client::Cluster(_))));
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for url in ["", "redis://", "http://u:secret@a", "redis://u:secret@a/x"] {
            let error = settings(url).client().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let roots = RedisSettings { tls_roots: Some("/no/such/file".into()), ..settings("rediss://a") };
        assert!(roots.client().unwrap_err().to_string().contains("/no/such/file"));
    }
}

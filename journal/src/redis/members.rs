//! The lease of this host, and what it knows of the hosts that share the server. A host renews its lease several times
//! before it is over. Redis alone tells the time, so the clocks of the hosts do not matter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::unexpected;
use super::link::{Link, read_value};
use super::scripts::RENEW;
use super::settings::HostSettings;
use crate::error::JournalError;
use crate::hosts::{HostEntry, Hosts};

/// How many times a lease is renewed before it is over.
const RENEWALS: u32 = 6;
/// The shortest time between two renewals.
const SOONEST: Duration = Duration::from_millis(100);

/// This host among those that share the server.
#[derive(Debug)]
pub struct Members {
    link: Link,
    /// What the names of the keys begin with.
    base: String,
    settings: HostSettings,
    own: HostEntry,
    guilds: AtomicU64,
    hosts: watch::Sender<Arc<Hosts>>,
}

impl Members {
    /// A host with a random id that has no lease yet.
    pub fn new(link: Link, prefix: &str, settings: HostSettings, id: String) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let own = HostEntry {
            id: id.clone(),
            url: settings.url.clone(),
            version: settings.version.clone(),
            started_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            guilds: 0,
        };
        let hosts = watch::Sender::new(Arc::new(Hosts { own: id, ..Hosts::default() }));
        // No guild has such a name: a percent sign of an id is written otherwise.
        Self { link, base: format!("{prefix}:{{%hosts}}"), settings, own, guilds: AtomicU64::new(0), hosts }
    }

    /// Returns the id of this host.
    pub fn id(&self) -> &str {
        &self.own.id
    }

    /// Returns the hosts that are alive, as far as this host knows.
    pub fn hosts(&self) -> watch::Receiver<Arc<Hosts>> {
        self.hosts.subscribe()
    }

    /// Tells the others how many guilds run here, with the next renewal.
    pub fn set_guilds(&self, guilds: u64) {
        self.guilds.store(guilds, Ordering::Relaxed);
    }

    /// Renews the lease and learns which hosts are alive. Cancel safe.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn renew(&self) -> Result<(), JournalError> {
        let (was_held, all) = self.run(self.settings.lease).await?;
        let before = self.hosts.borrow().clone();
        let is_first = before.all.is_empty();
        let lapses = before.lapses + u64::from(!was_held && !is_first);
        if lapses > before.lapses {
            tracing::error!(
                "this host was taken for dead: it was stopped, or Redis was away; others may have its guilds"
            );
        }
        for host in all.iter().filter(|host| before.find(&host.id).is_none() && host.id != self.own.id) {
            tracing::info!(id = host.id, url = host.url, version = host.version, "another host shares the journal");
        }
        for host in before.all.iter().filter(|host| !all.iter().any(|one| one.id == host.id)) {
            tracing::warn!(id = host.id, url = host.url, "a host has gone");
        }
        self.hosts.send_if_modified(|hosts| {
            let ids = |all: &[HostEntry]| all.iter().map(|host| host.id.clone()).collect::<Vec<_>>();
            let is_new = ids(&hosts.all) != ids(&all) || hosts.lapses != lapses;
            *hosts = Arc::new(Hosts { own: self.own.id.clone(), all, lapses });
            is_new
        });
        Ok(())
    }

    /// Gives the lease up, so that the others take the guilds over at once. Cancel safe.
    pub async fn leave(&self) {
        if let Err(error) = self.run(Duration::ZERO).await {
            tracing::warn!(%error, "the other hosts cannot be told that this one ends; they wait until its lease is over");
        }
    }

    async fn run(&self, lease: Duration) -> Result<(bool, Vec<HostEntry>), JournalError> {
        let own = HostEntry { guilds: self.guilds.load(Ordering::Relaxed), ..self.own.clone() };
        let entry = serde_json::to_string(&own).map_err(|error| JournalError::Storage(Arc::new(error)))?;
        let mut renew = RENEW.on(&self.base);
        renew.arg(&own.id).arg(entry).arg(lease.as_millis().to_string());
        let mut answer = self.link.run::<Vec<Value>>(&RENEW, &renew).await?.into_iter();
        let was_held: u8 = read_value(answer.next().ok_or_else(|| unexpected("the answer to a renewal"))?)?;
        let mut all = Vec::new();
        while let (Some(_), Some(entry)) = (answer.next(), answer.next()) {
            let entry: String = read_value(entry)?;
            match serde_json::from_str(&entry) {
                Ok(host) => all.push(host),
                Err(error) => tracing::error!(%error, "another host cannot be understood: it may be newer"),
            }
        }
        all.sort_by(|one: &HostEntry, other| one.id.cmp(&other.id));
        Ok((was_held == 1, all))
    }
}

/// Renews the lease until the storage is closed. Cancel safe.
pub async fn run(members: Arc<Members>, closed: CancellationToken) {
    let every = (members.settings.lease / RENEWALS).max(SOONEST);
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        if let Err(error) = members.renew().await {
            tracing::warn!(%error, "the lease of this host cannot be renewed; trying again");
        }
    }
}

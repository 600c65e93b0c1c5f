//! Hosts that share the journal: where a guild is, which guilds this host takes over when another one has gone, and what
//! happens to those that others have taken over from this one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::guilds::Guilds;
pub use crate::journal::hosts::HostEntry;
use crate::journal::hosts::{Hosts, Owner};
use crate::journal::{JournalError, keep_running};
use crate::store::StoreError;
use guildhall_model::ids::GuildId;

/// How often this host looks for guilds that nobody has, besides when a host comes or goes.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often it tells the others how many guilds it has.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Where a guild is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this host.
    Here,
    /// On another one.
    There(HostEntry),
}

impl Guilds {
    /// The hosts that share the journal; `None`: this host is alone.
    #[must_use]
    pub fn hosts(&self) -> Option<Arc<Hosts>> {
        self.0.setup.journal.hosts().map(|hosts| hosts.borrow().clone())
    }

    /// Waits until a host is not alive any more. Cancel safe.
    pub async fn host_gone(&self, id: String) {
        let Some(mut hosts) = self.0.setup.journal.hosts() else { return std::future::pending().await };
        // An error: the journal is closed, and this host ends.
        if hosts.wait_for(|hosts| hosts.find(&id).is_none()).await.is_err() {
            std::future::pending().await
        }
    }

    /// How many guilds run here.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.running.count()
    }

    /// Where a guild is served, or will be when somebody needs it. Cancel safe.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn place(&self, id: &GuildId) -> Result<Place, JournalError> {
        let Some(hosts) = self.hosts() else { return Ok(Place::Here) };
        if self.0.running.stage(id).is_some() {
            return Ok(Place::Here);
        }
        let owner = self.0.setup.journal.owners(std::slice::from_ref(id)).await?.pop();
        Ok(match owner {
            Some(Owner::Here) => Place::Here,
            Some(Owner::Other(host)) => Place::There(host),
            Some(Owner::Nobody) | None => match hosts.chosen(id) {
                Some(host) if host.id != hosts.own => Place::There(host.clone()),
                _ => Place::Here,
            },
        })
    }

    /// Begins to take over the guilds of hosts that have gone, and to let go those that others have taken over, until the
    /// host shuts down.
    pub(super) fn begin_to_share(&self) {
        let Some(hosts) = self.0.setup.journal.hosts() else { return };
        let guilds = self.clone();
        self.0.tracker.spawn(async move {
            keep_running("take_over", || guilds.clone().take_over(hosts.clone())).await;
        });
        let guilds = self.clone();
        self.0.tracker.spawn(async move { keep_running("taken_over", || guilds.clone().let_go()).await });
        let (guilds, shutdown) = (self.clone(), self.0.shutdown.clone());
        self.0.tracker.spawn(async move {
            loop {
                guilds.0.setup.journal.set_guilds(guilds.running() as u64);
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(COUNT_EVERY) => {}
                }
            }
        });
    }

    /// Those of some guilds that this host is to start: nobody has them, and this host is the one that takes them. All, if it
    /// is alone.
    pub(super) async fn of_this_host(&self, ids: Vec<GuildId>) -> Vec<GuildId> {
        let Some(hosts) = self.hosts() else { return ids };
        let is_free = |id: &GuildId| self.0.running.stage(id).is_none() && !self.0.not_started.contains(id);
        let ids: Vec<GuildId> = ids.into_iter().filter(|id| hosts.is_chosen(id) && is_free(id)).collect();
        match self.0.setup.journal.owners(&ids).await {
            Ok(owners) => {
                let is_ours = |(id, owner): (GuildId, Owner)| (!matches!(owner, Owner::Other(_))).then_some(id);
                ids.into_iter().zip(owners).filter_map(is_ours).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "the owners of guilds cannot be read; trying again");
                Vec::new()
            }
        }
    }

    async fn take_over(self, mut hosts: watch::Receiver<Arc<Hosts>>) {
        let mut lapses = hosts.borrow_and_update().lapses;
        loop {
            tokio::select! {
                () = self.0.shutdown.cancelled() => return,
                changed = hosts.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = hosts.borrow_and_update().lapses;
            if now != lapses {
                lapses = now;
                self.end_those_of_others().await;
            }
            if let Err(error) = self.take_over_now().await {
                tracing::warn!(%error, "the guilds of hosts that have gone cannot be taken over; trying again");
            }
        }
    }

    async fn take_over_now(&self) -> Result<(), StoreError> {
        let store = &self.0.setup.store;
        for id in self.of_this_host(store.guilds_stopping().await?).await {
            self.complete_stop(&id).await?;
        }
        let ids = self.of_this_host(store.guilds_awake().await?).await;
        if !ids.is_empty() {
            let taken = self.start_all(ids).await;
            tracing::info!(taken, "guilds that no host had run here");
        }
        Ok(())
    }

    /// Ends the guilds that others have taken over while this host was taken for dead.
    async fn end_those_of_others(&self) {
        let ids = self.0.running.ids();
        match self.0.setup.journal.owners(&ids).await {
            Ok(owners) => {
                for (id, owner) in ids.into_iter().zip(owners) {
                    if matches!(owner, Owner::Other(_)) {
                        self.end_here(&id).await;
                    }
                }
            }
            // Each of them is refused when it writes next.
            Err(error) => tracing::warn!(%error, "the owners of guilds cannot be read"),
        }
    }

    async fn let_go(self) {
        loop {
            let id = tokio::select! {
                () = self.0.shutdown.cancelled() => return,
                id = self.0.setup.journal.taken_over() => id,
            };
            self.end_here(&id).await;
        }
    }

    /// Ends a guild here that another host has, without stopping it.
    async fn end_here(&self, id: &GuildId) {
        tracing::warn!(guild = %id, "another host has taken over a guild; it ends here");
        if !self.0.running.end(id) {
            self.0.setup.journal.forget(id).await;
        }
    }
}

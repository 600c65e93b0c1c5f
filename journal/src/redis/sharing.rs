//! What hosts that share the server need: who has a guild, and how a guild is given up or lost.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use redis::cmd;
use tokio::sync::watch;

use super::RedisStorage;
use super::scripts::RELEASE;
use crate::error::JournalError;
use crate::hosts::{Hosts, Owner};
use crate::step::GuildKey;
use crate::storage::{SharedStorage, Stored};
use guildhall_model::ids::GuildId;

/// How many guilds' owners are asked for at the same time.
const OWNERS: usize = 256;

impl RedisStorage {
    /// Returns the token that a guild is held with, and the id of its owner.
    pub(super) async fn held_by(&self, base: &str) -> Result<(Option<String>, Option<String>), JournalError> {
        self.inboxes.send(cmd("HMGET").arg(format!("{base}:meta")).arg(&["token", "owner"])).await
    }

    /// Returns who has a guild whose owner has an id.
    pub(super) fn owner_of(&self, id: Option<&str>) -> Owner {
        let Some(members) = &self.members else { return Owner::Here };
        let hosts = members.hosts().borrow().clone();
        match id {
            Some(id) if id == members.id() => Owner::Here,
            Some(id) => hosts.find(id).cloned().map_or(Owner::Nobody, Owner::Other),
            None => Owner::Nobody,
        }
    }

    /// Notes that another host has, or may have, taken a guild over.
    pub(super) fn lost(&self, key: GuildKey) -> JournalError {
        self.guilds.lose(key);
        JournalError::TakenOver
    }
}

impl SharedStorage for RedisStorage {
    fn hosts(&self) -> watch::Receiver<Arc<Hosts>> {
        self.members.as_ref().map_or_else(|| watch::Sender::default().subscribe(), |members| members.hosts())
    }

    fn set_guilds(&self, guilds: u64) {
        if let Some(members) = &self.members {
            members.set_guilds(guilds);
        }
    }

    fn owners<'a>(&'a self, guilds: &'a [GuildId]) -> Stored<'a, Vec<Owner>> {
        async move {
            self.check_open()?;
            let mut owners = Vec::with_capacity(guilds.len());
            // At the same time, so that they share round trips.
            for part in guilds.chunks(OWNERS) {
                let asked = part.iter().map(async |guild| self.held_by(&self.guilds.base_of(guild)).await);
                for held in join_all(asked).await {
                    owners.push(self.owner_of(held?.1.as_deref()));
                }
            }
            Ok(owners)
        }
        .boxed()
    }

    fn is_lost(&self, key: GuildKey) -> bool {
        self.guilds.is_lost(key)
    }

    fn release(&self, key: GuildKey) -> Stored<'_, ()> {
        async move {
            // Nobody takes it over here meanwhile.
            let _claiming = self.claiming.lock().await;
            if let Some(guild) = self.guilds.get(key).filter(|_| !self.guilds.is_lost(key)) {
                let mut release = RELEASE.on(&guild.base);
                release.arg(guild.token);
                let _: String = self.inboxes.run(&RELEASE, &release).await?;
            }
            self.guilds.release(key);
            Ok(())
        }
        .boxed()
    }
}

//! The guilds whose data this storage uses: the names of their keys, the tokens that they are held with, and the numbers
//! of their commits.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use guildhall_model::ids::GuildId;

use crate::step::GuildKey;

/// A guild as this storage holds it.
#[derive(Clone, Debug)]
pub struct Held {
    /// What the names of the guild's keys begin with.
    pub base: Arc<str>,
    /// The token that the guild is held with. Redis refuses writes with an older one.
    pub token: u64,
    /// The number of the guild's last commit under this token.
    pub number: u64,
}

/// All guilds, by their keys.
#[derive(Debug)]
pub struct HeldGuilds {
    prefix: String,
    /// The token of new guilds.
    token: AtomicU64,
    held: Mutex<HashMap<GuildKey, Held>>,
    /// The guilds that another host has taken over while they were held.
    lost: Mutex<HashSet<GuildKey>>,
}

impl HeldGuilds {
    pub fn new(prefix: String) -> Self {
        Self { prefix, token: AtomicU64::new(0), held: Mutex::default(), lost: Mutex::default() }
    }

    /// Returns the name of a key that belongs to no guild.
    pub fn common(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// Returns what the names of a guild's keys begin with. The part in braces decides the slot in a cluster.
    pub fn base_of(&self, id: &GuildId) -> Arc<str> {
        let mut name = format!("{}:{{", self.prefix);
        for c in id.as_str().chars() {
            match c {
                // A brace would end the part, and an empty part counts as none.
                '{' | '}' | '%' => drop(write!(name, "%{:02x}", c as u32)),
                c => name.push(c),
            }
        }
        if id.as_str().is_empty() {
            name.push('%');
        }
        name.push('}');
        name.into()
    }

    /// Notes the token that new guilds get.
    pub fn begin(&self, token: u64) {
        self.token.store(token, Ordering::Relaxed);
    }

    /// Returns the token that new guilds get.
    pub fn token(&self) -> u64 {
        self.token.load(Ordering::Relaxed)
    }

    /// Notes that a guild is held with a token.
    pub fn hold(&self, key: GuildKey, id: &GuildId, token: u64) -> Held {
        let held = Held { base: self.base_of(id), token, number: 0 };
        self.held.lock().insert(key, held.clone());
        held
    }

    /// Forgets a guild that was removed or given up. It may be held again.
    pub fn release(&self, key: GuildKey) {
        self.held.lock().remove(&key);
        self.lost.lock().remove(&key);
    }

    /// Notes that another host has taken a guild over.
    pub fn lose(&self, key: GuildKey) {
        self.lost.lock().insert(key);
    }

    /// Returns whether another host has taken a guild over.
    pub fn is_lost(&self, key: GuildKey) -> bool {
        self.lost.lock().contains(&key)
    }

    /// Returns a guild that is held.
    pub fn get(&self, key: GuildKey) -> Option<Held> {
        self.held.lock().get(&key).cloned()
    }

    /// Notes that the next commit of some guilds is stored.
    pub fn count(&self, keys: impl IntoIterator<Item = GuildKey>) {
        let mut held = self.held.lock();
        for key in keys {
            if let Some(guild) = held.get_mut(&key) {
                guild.number += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_guild_have_one_part_in_braces() {
        let guilds = HeldGuilds::new("p".to_owned());
        for (id, base) in [("a", "p:{a}"), ("a}b{c%", "p:{a%7db%7bc%25}"), ("", "p:{%}"), ("é", "p:{é}")] {
            assert_eq!(&*guilds.base_of(&id.into()), base);
        }
    }
}

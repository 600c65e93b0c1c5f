//! The hosts that share a journal, and which of them has a guild. A guild is written by one host at a time, its owner. Plain
//! data.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use guildhall_model::ids::GuildId;

/// A host that shares the journal, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// Random, another one at each start.
    pub id: String,
    /// Where other hosts reach it.
    pub url: String,
    /// The version of its program.
    pub version: String,
    /// When it was started, in milliseconds since 1970.
    pub started_ms: u64,
    /// How many guilds run there.
    pub guilds: u64,
}

/// Who has a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This host.
    Here,
    /// No host that is alive: whoever needs the guild takes it over.
    Nobody,
    /// Another host.
    Other(HostEntry),
}

/// The hosts that are alive, as one of them knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// The id of this host.
    pub own: String,
    /// All hosts, this one too, by their ids.
    pub all: Vec<HostEntry>,
    /// How often this host was taken for dead: others may have taken its guilds over since.
    pub lapses: u64,
}

impl Hosts {
    /// Returns a host by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&HostEntry> {
        self.all.iter().find(|host| host.id == id)
    }

    /// Returns the host that is to take over a guild which nobody has. All hosts that know the same hosts choose the same
    /// one, and the guilds of a host that has gone are spread over all others (rendezvous hashing). `None`: no host is
    /// known.
    #[must_use]
    pub fn chosen(&self, guild: &GuildId) -> Option<&HostEntry> {
        self.all.iter().max_by_key(|host| {
            let hash = Sha256::new().chain_update(guild.as_str()).chain_update([0]).chain_update(&host.id).finalize();
            <[u8; 32]>::from(hash)
        })
    }

    /// Returns whether this host is the chosen one for a guild; a host that knows of no other is.
    #[must_use]
    pub fn is_chosen(&self, guild: &GuildId) -> bool {
        self.chosen(guild).is_none_or(|host| host.id == self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(count: usize) -> Hosts {
        let host = |number: usize| HostEntry {
            id: format!("host{number}"),
            url: String::new(),
            version: String::new(),
            started_ms: 0,
            guilds: 0,
        };
        Hosts { own: "host0".to_owned(), all: (0..count).map(host).collect(), lapses: 0 }
    }

    fn choices(hosts: &Hosts) -> Vec<String> {
        let guilds = (0..3_000).map(|number| GuildId::from(format!("guild{number}")));
        guilds.map(|guild| hosts.chosen(&guild).unwrap().id.clone()).collect()
    }

    #[test]
    fn guilds_are_spread_and_only_those_of_a_host_that_has_gone_move() {
        let (three, two) = (choices(&hosts(3)), choices(&hosts(2)));
        for number in 0..3 {
            let share = three.iter().filter(|host| **host == format!("host{number}")).count();
            assert!((800..1_200).contains(&share), "host{number} has {share}");
        }
        let moved = three.iter().zip(&two).filter(|(before, now)| before != now);
        assert!(moved.clone().all(|(before, _)| before == "host2"));
        assert!(moved.count() > 800);
        assert!(Hosts::default().is_chosen(&"g".into()), "a host that is alone has all");
        assert!(Hosts::default().chosen(&"g".into()).is_none());
    }
}

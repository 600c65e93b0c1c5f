//! Counts the user sockets of each user on this host, and how many of them have answered a ping. The readiness barrier of
//! a system socket waits for these counts.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use guildhall_model::ids::{GuildId, UserId};

type Key = (GuildId, UserId);

/// The users with a user socket, by guild. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Presences(Arc<Mutex<HashMap<Key, Entry>>>);

#[derive(Debug)]
struct Entry {
    counts: watch::Sender<Counts>,
    /// The number of guards and watchers of the entry; it is removed with the last one.
    holders: usize,
}

/// The user sockets of one user in one guild.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sockets that have not answered a ping yet.
    pub connecting: usize,
    /// Sockets that have answered a ping.
    pub ready: usize,
}

/// Counts one user socket until it is dropped.
#[derive(Debug)]
pub struct Present {
    presences: Presences,
    key: Key,
    is_ready: bool,
}

/// Watches the counts of one user.
#[derive(Debug)]
pub struct Watched {
    presences: Presences,
    key: Key,
    counts: watch::Receiver<Counts>,
}

impl Presences {
    fn hold<T>(&self, key: &Key, act: impl FnOnce(&watch::Sender<Counts>) -> T) -> T {
        let mut held = self.0.lock();
        let entry = held.entry(key.clone()).or_insert_with(|| Entry { counts: watch::Sender::default(), holders: 0 });
        entry.holders += 1;
        act(&entry.counts)
    }

    fn release(&self, key: &Key, act: impl FnOnce(&mut Counts)) {
        let mut held = self.0.lock();
        if let Some(entry) = held.get_mut(key) {
            entry.counts.send_modify(act);
            entry.holders -= 1;
            if entry.holders == 0 {
                held.remove(key);
            }
        }
    }

    /// Counts a user socket that is being opened.
    pub fn connecting(&self, guild: &GuildId, user: &UserId) -> Present {
        let key = (guild.clone(), user.clone());
        self.hold(&key, |counts| counts.send_modify(|counts| counts.connecting += 1));
        Present { presences: self.clone(), key, is_ready: false }
    }

    /// Starts to watch the user sockets of a user.
    pub fn watch(&self, guild: &GuildId, user: &UserId) -> Watched {
        let key = (guild.clone(), user.clone());
        let counts = self.hold(&key, watch::Sender::subscribe);
        Watched { presences: self.clone(), key, counts }
    }
}

impl Present {
    /// Counts the socket as ready: it has answered a ping.
    pub fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true)
            && let Some(entry) = self.presences.0.lock().get(&self.key)
        {
            entry.counts.send_modify(|counts| {
                counts.connecting -= 1;
                counts.ready += 1;
            });
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let is_ready = self.is_ready;
        self.presences.release(&self.key, |counts| {
            if is_ready {
                counts.ready -= 1;
            } else {
                counts.connecting -= 1;
            }
        });
    }
}

impl Watched {
    /// Returns the current counts.
    pub fn now(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts change. Cancel safe.
    pub async fn changed(&mut self) {
        if self.counts.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.presences.release(&self.key, |_| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_counts_while_its_guard_is_held_and_leaves_nothing() {
        let presences = Presences::default();
        let (guild, user) = (GuildId::from("g"), UserId::from("u"));
        let watched = presences.watch(&guild, &user);
        let mut one = presences.connecting(&guild, &user);
        assert_eq!(watched.now(), Counts { connecting: 1, ready: 0 });
        one.ready();
        one.ready();
        let two = presences.connecting(&guild, &user);
        assert_eq!(watched.now(), Counts { connecting: 1, ready: 1 });
        drop((one, two));
        assert_eq!(watched.now(), Counts::default());
        drop(watched);
        assert!(presences.0.lock().is_empty());
    }
}

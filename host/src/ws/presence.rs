//! Which users have a user socket here, and whether one of them answers: what the
//! readiness barrier of a system socket waits for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use guildhall_model::ids::{GuildId, UserId};

type Key = (GuildId, UserId);

/// The users present, by guild. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Presences(Arc<Mutex<HashMap<Key, Entry>>>);

#[derive(Debug)]
struct Entry {
    counts: watch::Sender<Counts>,
    /// Guards and watchers of the entry; it goes with the last.
    holders: usize,
}

/// The user sockets of one user in one guild.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub connecting: usize,
    pub ready: usize,
}

/// One user socket; its presence ends when this is dropped.
#[derive(Debug)]
pub struct Present {
    presences: Presences,
    key: Key,
    is_ready: bool,
}

/// Sees a user's sockets come and go.
#[derive(Debug)]
pub struct Watched {
    presences: Presences,
    key: Key,
    counts: watch::Receiver<Counts>,
}

impl Presences {
    fn held(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold<T>(&self, key: &Key, act: impl FnOnce(&watch::Sender<Counts>) -> T) -> T {
        let mut held = self.held();
        let entry = held.entry(key.clone()).or_insert_with(|| Entry { counts: watch::Sender::default(), holders: 0 });
        entry.holders += 1;
        act(&entry.counts)
    }

    fn release(&self, key: &Key, act: impl FnOnce(&mut Counts)) {
        let mut held = self.held();
        if let Some(entry) = held.get_mut(key) {
            entry.counts.send_modify(act);
            entry.holders -= 1;
            if entry.holders == 0 {
                held.remove(key);
            }
        }
    }

    /// Notes that a user socket is being opened.
    pub fn connecting(&self, guild: &GuildId, user: &UserId) -> Present {
        let key = (guild.clone(), user.clone());
        self.hold(&key, |counts| counts.send_modify(|counts| counts.connecting += 1));
        Present { presences: self.clone(), key, is_ready: false }
    }

    /// Watches the user sockets of a user.
    pub fn watch(&self, guild: &GuildId, user: &UserId) -> Watched {
        let key = (guild.clone(), user.clone());
        let counts = self.hold(&key, watch::Sender::subscribe);
        Watched { presences: self.clone(), key, counts }
    }
}

impl Present {
    /// Notes that the socket has answered a ping.
    pub fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true)
            && let Some(entry) = self.presences.held().get(&self.key)
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
    pub fn now(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts change.
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
    fn a_presence_counts_while_it_is_held_and_leaves_nothing() {
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
        assert!(presences.held().is_empty());
    }
}

//! The client ids of the last messages of a guild. The storage knows older ones, and these only once they are written.

use std::collections::{HashMap, VecDeque};

use guildhall_model::ids::{MessageId, UserId};

/// How many client ids a guild remembers in memory.
const REMEMBERED: usize = 4_096;

/// A user and the id that the user's client gave to a message.
pub type ClientIdKey = (UserId, String);

/// The client ids of a guild's last messages.
#[derive(Debug, Default)]
pub struct RecentClientIds {
    ids: HashMap<ClientIdKey, MessageId>,
    order: VecDeque<(ClientIdKey, MessageId)>,
}

impl RecentClientIds {
    /// Returns the id of the message with this client id, if it is remembered.
    pub fn get(&self, key: &ClientIdKey) -> Option<MessageId> {
        self.ids.get(key).copied()
    }

    /// Remembers a client id, and forgets the oldest ones if there are too many. `durable` is the id up to which all
    /// messages are stored: a client id that only this memory knows is not forgotten. How many that are is bounded by
    /// what may wait for the disk.
    pub fn insert(&mut self, key: ClientIdKey, id: MessageId, durable: MessageId) {
        self.ids.insert(key.clone(), id);
        self.order.push_back((key, id));
        while self.order.len() > REMEMBERED
            && let Some((key, id)) = self.order.pop_front_if(|(_, id)| *id <= durable)
        {
            if self.ids.get(&key) == Some(&id) {
                self.ids.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_that_are_not_stored_yet_are_remembered_however_many_there_are() {
        let key = |n: u64| ("u".into(), n.to_string());
        let mut ids = RecentClientIds::default();
        for n in 1..=10_000 {
            ids.insert(key(n), MessageId::new(n), MessageId::new(100));
        }
        assert_eq!((ids.get(&key(100)), ids.get(&key(101))), (None, Some(MessageId::new(101))));
        ids.insert(key(10_001), MessageId::new(10_001), MessageId::new(10_000));
        assert_eq!(ids.order.len(), REMEMBERED);
        assert_eq!(ids.get(&key(9_000)), Some(MessageId::new(9_000)));
    }
}

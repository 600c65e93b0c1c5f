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
    order: VecDeque<ClientIdKey>,
}

impl RecentClientIds {
    /// Returns the id of the message with this client id, if it is remembered.
    pub fn get(&self, key: &ClientIdKey) -> Option<MessageId> {
        self.ids.get(key).copied()
    }

    /// Remembers a client id, and forgets the oldest one if there are too many.
    pub fn insert(&mut self, key: ClientIdKey, id: MessageId) {
        self.ids.insert(key.clone(), id);
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

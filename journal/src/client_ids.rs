//! The client ids of a guild, as far as memory knows them. It has the ids of the last messages. For older ones it has
//! only filters, which tell that an id is new; then nobody asks the storage. The storage knows all client ids, once they
//! are written.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use guildhall_model::ids::{MessageId, UserId};

/// How many client ids a guild remembers in memory.
const REMEMBERED: usize = 4_096;
/// The bits of one filter: 64 KiB.
const FILTER_BITS: usize = 1 << 19;
/// The client ids of one filter. With this many, it takes about one new id in a hundred for a known one.
const FILTER_IDS: usize = 50_000;
/// The filters of one guild.
const FILTERS: usize = 8;
/// The bits that one client id sets.
const BITS_OF_ID: u64 = 4;

/// A user and the id that the user's client gave to a message.
pub type ClientIdKey = (UserId, String);

/// What memory knows about a client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// This message has the client id.
    Message(MessageId),
    /// No message has the client id.
    New,
    /// The storage must be asked.
    Perhaps,
}

/// The client ids of a guild.
#[derive(Debug, Default)]
pub struct ClientIds {
    ids: HashMap<ClientIdKey, MessageId>,
    order: VecDeque<(ClientIdKey, MessageId)>,
    /// What was in `ids` before, the oldest first.
    filters: VecDeque<Filter>,
    /// Only the storage knows client ids of messages up to this id.
    unknown_to: MessageId,
    hashes: RandomState,
}

/// A set that may contain more than was inserted.
#[derive(Debug)]
struct Filter {
    bits: Box<[u64]>,
    ids: usize,
    /// The last message of which it has the client id.
    newest: MessageId,
}

impl ClientIds {
    /// Takes stored client ids. `unknown_to` is the last message of which a client id may be missing.
    pub fn restore(
        &mut self,
        mut stored: Vec<(UserId, String, MessageId)>,
        since: MessageId,
        unknown_to: Option<MessageId>,
    ) {
        stored.sort_unstable_by_key(|(.., id)| *id);
        for (user, client_id, id) in stored.into_iter().filter(|(.., id)| *id >= since) {
            self.insert((user, client_id), id, id);
        }
        self.unknown_to = unknown_to.unwrap_or_default();
    }

    /// Returns the id of the message with this client id, if it is remembered.
    pub fn get(&self, key: &ClientIdKey) -> Option<MessageId> {
        self.ids.get(key).copied()
    }

    /// Returns what is known about a client id. Messages before `since` do not count.
    pub fn find(&self, key: &ClientIdKey, since: MessageId) -> Known {
        if let Some(id) = self.get(key) {
            return Known::Message(id);
        }
        let hash = self.hashes.hash_one(key);
        let is_known = |filter: &Filter| filter.newest >= since && filter.contains(hash);
        let is_unknown = self.unknown_to > MessageId::default() && self.unknown_to >= since;
        if is_unknown || self.filters.iter().any(is_known) { Known::Perhaps } else { Known::New }
    }

    /// Remembers a client id, and moves the oldest ones into the filters if there are too many. `durable` is the id up to
    /// which all messages are stored: a client id that only this memory knows stays. How many that are is bounded by
    /// what may wait for the disk.
    pub fn insert(&mut self, key: ClientIdKey, id: MessageId, durable: MessageId) {
        self.ids.insert(key.clone(), id);
        self.order.push_back((key, id));
        while self.order.len() > REMEMBERED
            && let Some((key, id)) = self.order.pop_front_if(|(_, id)| *id <= durable)
        {
            self.filter(&key, id);
            if self.ids.get(&key) == Some(&id) {
                self.ids.remove(&key);
            }
        }
    }

    fn filter(&mut self, key: &ClientIdKey, id: MessageId) {
        if self.filters.back().is_none_or(|last| last.ids >= FILTER_IDS) {
            if self.filters.len() >= FILTERS
                && let Some(oldest) = self.filters.pop_front()
            {
                self.unknown_to = self.unknown_to.max(oldest.newest);
            }
            self.filters.push_back(Filter::default());
        }
        if let Some(last) = self.filters.back_mut() {
            last.insert(self.hashes.hash_one(key), id);
        }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self { bits: vec![0; FILTER_BITS / 64].into(), ids: 0, newest: MessageId::default() }
    }
}

impl Filter {
    fn insert(&mut self, hash: u64, id: MessageId) {
        for (word, bit) in places(hash) {
            self.bits[word] |= bit;
        }
        self.ids += 1;
        self.newest = self.newest.max(id);
    }

    fn contains(&self, hash: u64) -> bool {
        places(hash).all(|(word, bit)| self.bits[word] & bit != 0)
    }
}

/// Returns the words and bits of a filter that belong to a hash.
fn places(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let step = (hash >> 32) | 1;
    (0..BITS_OF_ID).map(move |n| {
        // Below the number of bits, so it fits.
        let place = (hash.wrapping_add(n.wrapping_mul(step)) % FILTER_BITS as u64) as usize;
        (place / 64, 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> ClientIdKey {
        ("u".into(), n.to_string())
    }

    #[test]
    fn client_ids_that_are_not_stored_yet_are_remembered_however_many_there_are() {
        let mut ids = ClientIds::default();
        for n in 1..=10_000 {
            ids.insert(key(n), MessageId::new(n), MessageId::new(100));
        }
        assert_eq!((ids.get(&key(100)), ids.get(&key(101))), (None, Some(MessageId::new(101))));
        ids.insert(key(10_001), MessageId::new(10_001), MessageId::new(10_000));
        assert_eq!(ids.order.len(), REMEMBERED);
        assert_eq!(ids.get(&key(9_000)), Some(MessageId::new(9_000)));
    }

    #[test]
    fn the_storage_is_asked_about_forgotten_client_ids_and_hardly_ever_about_new_ones() {
        let mut ids = ClientIds::default();
        let since = MessageId::new(1);
        for n in 1..=100_000 {
            ids.insert(key(n), MessageId::new(n), MessageId::new(n));
        }
        assert!((1..=95_904).all(|n| ids.find(&key(n), since) == Known::Perhaps));
        assert_eq!(ids.find(&key(95_905), since), Known::Message(MessageId::new(95_905)));
        let asked = (200_001..=210_000).filter(|n| ids.find(&key(*n), since) != Known::New).count();
        assert!(asked < 500, "{asked} of 10,000 new client ids are asked about");
        assert_eq!(ids.find(&key(1), MessageId::new(99_000)), Known::New, "it is too old to count");
        for n in 100_001..=500_000 {
            ids.insert(key(n), MessageId::new(n), MessageId::new(n));
        }
        assert_eq!((ids.filters.len(), ids.find(&key(1), since)), (FILTERS, Known::Perhaps));
    }

    #[test]
    fn restored_client_ids_are_known_and_others_are_new_unless_some_are_missing() {
        let stored = || vec![("u".into(), "2".into(), MessageId::new(2)), ("u".into(), "1".into(), MessageId::new(1))];
        let mut ids = ClientIds::default();
        ids.restore(stored(), MessageId::new(2), None);
        let since = MessageId::new(2);
        assert_eq!(ids.find(&key(2), since), Known::Message(MessageId::new(2)));
        assert_eq!((ids.find(&key(1), since), ids.find(&key(3), since)), (Known::New, Known::New));
        ids.restore(stored(), since, Some(MessageId::new(9)));
        assert_eq!(ids.find(&key(3), since), Known::Perhaps);
        assert_eq!(ids.find(&key(3), MessageId::new(10)), Known::New);
    }
}

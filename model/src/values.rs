//! What agents keep under keys: one bucket for each agent and one for the guild. The
//! values that are committed are in memory, as states are; the journal writes each
//! change with the turn that made it. What a turn has not committed yet is with the
//! turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::state::StateOwner;

/// What becomes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueChange {
    Set(Arc<[u8]>),
    Delete,
    /// Adds to a decimal number, so that turns of several agents that count at the
    /// same time all count.
    Add(u64),
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueWrite {
    pub owner: StateOwner,
    pub key: String,
    pub change: ValueChange,
}

impl ValueWrite {
    /// Bytes of its key and of its value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let value = match &self.change {
            ValueChange::Set(value) => value.len(),
            ValueChange::Delete | ValueChange::Add(_) => 0,
        };
        self.key.len() + value
    }
}

/// A key as it is after a change; none: it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub owner: StateOwner,
    pub key: String,
    pub value: Option<Arc<[u8]>>,
}

impl Written {
    /// Bytes of its key and of its value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

/// What it costs to write values of so many bytes, about: one each, and one for each KiB
/// of all of them.
pub fn weight(bytes: impl Iterator<Item = usize>) -> usize {
    let (count, bytes) = bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    count + (bytes >> 10)
}

/// What a bucket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub keys: u64,
    /// Of keys and values.
    pub bytes: u64,
}

/// The committed values of one guild; a cheap handle.
#[derive(Clone, Debug, Default)]
pub struct Values(Arc<Mutex<Buckets>>);

#[derive(Debug, Default)]
struct Buckets {
    buckets: HashMap<StateOwner, Bucket>,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    values: BTreeMap<String, Arc<[u8]>>,
    bytes: u64,
}

impl Values {
    fn inner(&self) -> MutexGuard<'_, Buckets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn get(&self, owner: &StateOwner, key: &str) -> Option<Arc<[u8]>> {
        self.inner().buckets.get(owner)?.values.get(key).cloned()
    }

    /// All keys of a bucket, in order.
    #[must_use]
    pub fn keys(&self, owner: &StateOwner) -> Vec<String> {
        self.inner().buckets.get(owner).map_or_else(Vec::new, |bucket| bucket.values.keys().cloned().collect())
    }

    /// What one bucket holds.
    #[must_use]
    pub fn held(&self, owner: &StateOwner) -> Held {
        let inner = self.inner();
        let bucket = inner.buckets.get(owner);
        bucket.map_or_else(Held::default, |bucket| Held { keys: bucket.values.len() as u64, bytes: bucket.bytes })
    }

    /// Bytes of all buckets of the guild.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.inner().bytes
    }

    /// Takes what was stored.
    pub fn restore(&self, owner: StateOwner, key: String, value: Arc<[u8]>) {
        self.inner().put(owner, key, Some(value));
    }

    /// Empties a bucket.
    pub fn forget(&self, owner: &StateOwner) {
        let mut inner = self.inner();
        inner.bytes -= inner.buckets.remove(owner).map_or(0, |bucket| bucket.bytes);
    }

    /// Applies the changes of a turn, in order; gives what is to be stored. A number
    /// that is none, or would be too large, stays as it is.
    pub fn apply(&self, writes: Vec<ValueWrite>) -> Vec<Written> {
        let mut inner = self.inner();
        let mut written = Vec::with_capacity(writes.len());
        for ValueWrite { owner, key, change } in writes {
            let value = match change {
                ValueChange::Set(value) => Some(value),
                ValueChange::Delete => None,
                ValueChange::Add(delta) => {
                    let now = inner.buckets.get(&owner).and_then(|bucket| bucket.values.get(&key));
                    match sum(now.map(|now| &**now), delta) {
                        Ok(sum) => Some(sum.to_string().into_bytes().into()),
                        Err(_) => continue,
                    }
                }
            };
            inner.put(owner.clone(), key.clone(), value.clone());
            written.push(Written { owner, key, value });
        }
        written
    }
}

impl Buckets {
    fn put(&mut self, owner: StateOwner, key: String, value: Option<Arc<[u8]>>) {
        let bucket = self.buckets.entry(owner).or_default();
        let size = |value: &Arc<[u8]>| (key.len() + value.len()) as u64;
        let new = value.as_ref().map_or(0, size);
        let old = bucket.values.get(&key).map_or(0, size);
        match value {
            Some(value) => drop(bucket.values.insert(key, value)),
            None => drop(bucket.values.remove(&key)),
        }
        bucket.bytes = bucket.bytes + new - old;
        self.bytes = self.bytes + new - old;
    }
}

/// A decimal number and what is added to it; nothing counts as 0.
///
/// # Errors
/// The value is no number of 64 bits, or would not be one any more.
pub fn sum(value: Option<&[u8]>, delta: u64) -> Result<u64, String> {
    let number = match value {
        None => 0,
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or("the value is no number and cannot be incremented")?,
    };
    number.checked_add(delta).ok_or_else(|| "the number would be larger than 64 bits hold".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> ValueWrite {
        ValueWrite { owner: StateOwner::Guild, key: key.into(), change: ValueChange::Set(value.as_bytes().into()) }
    }

    #[test]
    fn what_a_bucket_holds_is_counted() {
        let values = Values::default();
        values.apply(vec![set("a", "12"), set("b", ""), set("a", "1")]);
        assert_eq!(values.held(&StateOwner::Guild), Held { keys: 2, bytes: 3 });
        values.apply(vec![ValueWrite { change: ValueChange::Delete, ..set("a", "") }]);
        assert_eq!(values.held(&StateOwner::Guild), Held { keys: 1, bytes: 1 });
        assert_eq!((values.total_bytes(), values.keys(&StateOwner::Guild)), (1, vec!["b".to_owned()]));
        assert_eq!(values.held(&StateOwner::Agent("a".into())), Held::default());
        values.forget(&StateOwner::Guild);
        assert_eq!((values.total_bytes(), values.held(&StateOwner::Guild)), (0, Held::default()));
    }

    #[test]
    fn those_who_count_at_the_same_time_all_count() {
        let values = Values::default();
        let add = || ValueWrite { change: ValueChange::Add(2), ..set("n", "") };
        values.apply(vec![add()]);
        let written = values.apply(vec![add()]);
        assert_eq!(written[0].value.as_deref(), Some(&b"4"[..]));
        values.apply(vec![set("n", "four"), add()]);
        assert_eq!(values.get(&StateOwner::Guild, "n").as_deref(), Some(&b"four"[..]));
    }
}

//! The key-value buckets of a guild: one for each agent and one for the guild. The committed values are in memory, as
//! states are, and the journal stores each change with the turn that made it. Writes that are not committed belong to
//! the turn and are not here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::state::StateOwner;

/// The change of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueChange {
    /// Sets the value.
    Set(Arc<[u8]>),
    /// Removes the key.
    Delete,
    /// Adds to a decimal number. Concurrent turns of several agents can add to the same key, and every addition counts.
    Add(u64),
}

/// A change of one key in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueWrite {
    /// The owner of the bucket.
    pub owner: StateOwner,
    /// The key.
    pub key: String,
    /// The change.
    pub change: ValueChange,
}

impl ValueWrite {
    /// Returns the bytes of the key and the value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let value = match &self.change {
            ValueChange::Set(value) => value.len(),
            ValueChange::Delete | ValueChange::Add(_) => 0,
        };
        self.key.len() + value
    }
}

/// A key after a change, as it is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenValue {
    /// The owner of the bucket.
    pub owner: StateOwner,
    /// The key.
    pub key: String,
    /// The value; `None` means that the key was removed.
    pub value: Option<Arc<[u8]>>,
}

impl WrittenValue {
    /// Returns the bytes of the key and the value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

/// Returns the weight of writing values of these sizes: 1 for each value, and 1 more for each KiB of all of them.
pub fn weight(bytes: impl Iterator<Item = usize>) -> usize {
    let (count, bytes) = bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    count + (bytes >> 10)
}

/// The size of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketSize {
    /// The number of keys.
    pub keys: u64,
    /// The bytes of all keys and values.
    pub bytes: u64,
}

/// The committed values of one guild. Clones share the values.
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
    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, owner: &StateOwner, key: &str) -> Option<Arc<[u8]>> {
        self.0.lock().buckets.get(owner)?.values.get(key).cloned()
    }

    /// Returns all keys of a bucket, sorted.
    #[must_use]
    pub fn keys(&self, owner: &StateOwner) -> Vec<String> {
        self.0.lock().buckets.get(owner).map_or_else(Vec::new, |bucket| bucket.values.keys().cloned().collect())
    }

    /// Returns the size of a bucket.
    #[must_use]
    pub fn size_of(&self, owner: &StateOwner) -> BucketSize {
        let inner = self.0.lock();
        let bucket = inner.buckets.get(owner);
        bucket.map_or_else(BucketSize::default, |bucket| BucketSize {
            keys: bucket.values.len() as u64,
            bytes: bucket.bytes,
        })
    }

    /// Returns the bytes of all keys and values of the guild.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.0.lock().bytes
    }

    /// Sets a value that was read from storage.
    pub fn restore(&self, owner: StateOwner, key: String, value: Arc<[u8]>) {
        self.0.lock().put(owner, key, Some(value));
    }

    /// Removes all keys of a bucket.
    pub fn clear(&self, owner: &StateOwner) {
        let mut inner = self.0.lock();
        inner.bytes -= inner.buckets.remove(owner).map_or(0, |bucket| bucket.bytes);
    }

    /// Applies the changes of a turn in their order and returns the values to store. An addition to a value that is not
    /// a number, or to one that would exceed 64 bits, changes nothing.
    pub fn apply(&self, writes: Vec<ValueWrite>) -> Vec<WrittenValue> {
        let mut inner = self.0.lock();
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
            written.push(WrittenValue { owner, key, value });
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

/// Returns a decimal number plus `delta`. `None` counts as 0.
///
/// # Errors
/// A sentence when the value is not an unsigned number of 64 bits, or the sum would not be one.
pub fn sum(value: Option<&[u8]>, delta: u64) -> Result<u64, String> {
    let number = match value {
        None => 0,
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or("the value is not a number and cannot be incremented")?,
    };
    number.checked_add(delta).ok_or_else(|| "the number would be larger than 64 bits can hold".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> ValueWrite {
        ValueWrite { owner: StateOwner::Guild, key: key.into(), change: ValueChange::Set(value.as_bytes().into()) }
    }

    #[test]
    fn the_size_of_a_bucket_follows_its_changes() {
        let values = Values::default();
        values.apply(vec![set("a", "12"), set("b", ""), set("a", "1")]);
        assert_eq!(values.size_of(&StateOwner::Guild), BucketSize { keys: 2, bytes: 3 });
        values.apply(vec![ValueWrite { change: ValueChange::Delete, ..set("a", "") }]);
        assert_eq!(values.size_of(&StateOwner::Guild), BucketSize { keys: 1, bytes: 1 });
        assert_eq!((values.total_bytes(), values.keys(&StateOwner::Guild)), (1, vec!["b".to_owned()]));
        assert_eq!(values.size_of(&StateOwner::Agent("a".into())), BucketSize::default());
        values.clear(&StateOwner::Guild);
        assert_eq!((values.total_bytes(), values.size_of(&StateOwner::Guild)), (0, BucketSize::default()));
    }

    #[test]
    fn every_addition_to_a_number_counts() {
        let values = Values::default();
        let add = || ValueWrite { change: ValueChange::Add(2), ..set("n", "") };
        values.apply(vec![add()]);
        let written = values.apply(vec![add()]);
        assert_eq!(written[0].value.as_deref(), Some(&b"4"[..]));
        values.apply(vec![set("n", "four"), add()]);
        assert_eq!(values.get(&StateOwner::Guild, "n").as_deref(), Some(&b"four"[..]));
    }
}

//! `wasi:keyvalue`: values that outlive the instance. The bucket `""` (or `agent`) is the agent's own; all agents of a
//! guild share the bucket `guild`. A turn reads its own writes. They are committed with the turn, or lost with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_model::values::{ValueChange, sum};
use wasmtime::component::Resource;

use crate::bindings::keyvalue::store::{self, Error, KeyResponse};
use crate::bindings::keyvalue::{atomics, batch};
use crate::buckets::Bucket;
use crate::guest::Guest;
use crate::limits::Limit;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 256;
/// How many keys one call lists.
const PAGE: usize = 1_000;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

fn over(limit: Limit, most: u64, what: &str) -> Error {
    limit.count();
    Error::Other(format!("{what} {most} (`{}`)", limit.row().setting))
}

impl Guest {
    fn opened(&self, bucket: &Resource<Bucket>) -> wasmtime::Result<Bucket> {
        self.unsealed("wasi:keyvalue")?;
        Ok(*self.table().get(bucket)?)
    }

    /// Returns a value as the turn sees it: its own change, else the committed value.
    fn value(&self, bucket: Bucket, key: &str) -> Result<Option<Arc<[u8]>>, Error> {
        let committed = || self.buckets.values.get(self.buckets.owner(bucket), key);
        match self.staged.values.changes.get(&(bucket, key.to_owned())) {
            None => Ok(committed()),
            Some(ValueChange::Set(value)) => Ok(Some(value.clone())),
            Some(ValueChange::Delete) => Ok(None),
            Some(ValueChange::Add(delta)) => {
                let sum = sum(committed().as_deref(), *delta).map_err(Error::Other)?;
                Ok(Some(sum.to_string().into_bytes().into()))
            }
        }
    }

    /// Checks one change of a turn and stages it.
    ///
    /// # Errors
    /// The answer to the guest: no turn runs, the key or value is not valid, or a limit is met.
    pub(crate) fn write_value(&mut self, bucket: Bucket, key: String, change: ValueChange) -> Result<(), Error> {
        self.in_turn("wasi:keyvalue").map_err(|error| Error::Other(error.to_string()))?.map_err(Error::Other)?;
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Error::Other(format!("a key has 1 to {MAX_KEY_BYTES} bytes, not {}", key.len())));
        }
        let before = self.value(bucket, &key)?;
        let after = match &change {
            ValueChange::Set(value) => Some(value.len()),
            ValueChange::Delete => None,
            ValueChange::Add(delta) => Some(sum(before.as_deref(), *delta).map_err(Error::Other)?.to_string().len()),
        };
        let most = self.limits.get(Limit::PayloadBytes);
        if after.is_some_and(|bytes| bytes as u64 > most) {
            return Err(over(Limit::PayloadBytes, most, "a value may have at most as many bytes as a payload:"));
        }
        self.grow(bucket, key.len(), before.map(|before| before.len()), after)?;
        self.staged.hold(key.len() + after.unwrap_or(0), &self.limits).map_err(Error::Other)?;
        let changes = &mut self.staged.values.changes;
        let place = (bucket, key);
        let change = match (changes.remove(&place), change) {
            (Some(ValueChange::Add(earlier)), ValueChange::Add(delta)) => {
                ValueChange::Add(earlier.saturating_add(delta))
            }
            (Some(ValueChange::Delete), ValueChange::Add(delta)) => number(delta),
            (Some(ValueChange::Set(value)), ValueChange::Add(delta)) => {
                number(sum(Some(&value), delta).map_err(Error::Other)?)
            }
            (_, change) => change,
        };
        changes.insert(place, change);
        Ok(())
    }

    /// Counts by how much a change makes a bucket grow.
    ///
    /// # Errors
    /// The bucket, or all buckets of the guild together, would be too large.
    fn grow(&mut self, bucket: Bucket, key: usize, before: Option<usize>, after: Option<usize>) -> Result<(), Error> {
        let signed = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let size = |value: Option<usize>| value.map_or(0, |value| signed(key + value));
        let (mut keys, mut bytes) = self.staged.values.growth[bucket as usize];
        keys += i64::from(after.is_some()) - i64::from(before.is_some());
        let more = size(after) - size(before);
        bytes += more;
        if more > 0 {
            let held = self.buckets.values.size_of(self.buckets.owner(bucket));
            let [agent, guild] = self.staged.values.growth;
            let total = self.buckets.values.total_bytes();
            let most = |limit: Limit, shift: u32| self.limits.get(limit) << shift;
            let is_over = |held: u64, growth: i64, most: u64| held.saturating_add_signed(growth) > most;
            if is_over(held.keys, keys, most(Limit::ValueKeys, 0)) {
                return Err(over(Limit::ValueKeys, most(Limit::ValueKeys, 0), "the keys of a bucket may be at most"));
            }
            if is_over(held.bytes, bytes, most(Limit::ValueBytes, 10)) {
                return Err(over(
                    Limit::ValueBytes,
                    most(Limit::ValueBytes, 10),
                    "the bytes of a bucket may be at most",
                ));
            }
            if is_over(total, agent.1 + guild.1 + more, most(Limit::GuildValues, 20)) {
                return Err(over(
                    Limit::GuildValues,
                    most(Limit::GuildValues, 20),
                    "the bytes of a guild's buckets may be at most",
                ));
            }
        }
        self.staged.values.growth[bucket as usize] = (keys, bytes);
        Ok(())
    }
}

fn number(number: u64) -> ValueChange {
    ValueChange::Set(number.to_string().into_bytes().into())
}

impl store::Host for Guest {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        self.unsealed("wasi:keyvalue")?;
        let bucket = match identifier.as_str() {
            "" | "agent" | "default" => Bucket::Agent,
            "guild" => Bucket::Guild,
            _ => return Ok(Err(Error::NoSuchStore)),
        };
        Ok(Ok(self.table_mut().push(bucket)?))
    }
}

impl store::HostBucket for Guest {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let bucket = self.opened(&bucket)?;
        Ok(self.value(bucket, &key).map(|value| value.map(|value| value.to_vec())))
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let bucket = self.opened(&bucket)?;
        Ok(self.write_value(bucket, key, ValueChange::Set(value.into())))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let bucket = self.opened(&bucket)?;
        Ok(self.write_value(bucket, key, ValueChange::Delete))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let bucket = self.opened(&bucket)?;
        Ok(self.value(bucket, &key).map(|value| value.is_some()))
    }

    fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<u64>) -> Answer<KeyResponse> {
        let bucket = self.opened(&bucket)?;
        let committed = self.buckets.values.keys(self.buckets.owner(bucket));
        let mut keys: BTreeMap<String, ()> = committed.into_iter().map(|key| (key, ())).collect();
        for ((_, key), change) in self.staged.values.changes.iter().filter(|((of, _), _)| *of == bucket) {
            match change {
                ValueChange::Delete => drop(keys.remove(key)),
                ValueChange::Set(_) | ValueChange::Add(_) => drop(keys.insert(key.clone(), ())),
            }
        }
        let from = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX).min(keys.len());
        let next = from.saturating_add(PAGE);
        let cursor = (next < keys.len()).then_some(next as u64);
        Ok(Ok(KeyResponse { keys: keys.into_keys().skip(from).take(PAGE).collect(), cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table_mut().delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Answer<u64> {
        let bucket = self.opened(&bucket)?;
        let sum = match self.value(bucket, &key).and_then(|now| sum(now.as_deref(), delta).map_err(Error::Other)) {
            Ok(sum) => sum,
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.write_value(bucket, key, ValueChange::Add(delta)).map(|()| sum))
    }
}

impl batch::Host for Guest {
    fn get_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let bucket = self.opened(&bucket)?;
        let most = self.limits.get(Limit::CopyBytes);
        let mut bytes = 0;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let value = match self.value(bucket, &key) {
                Ok(value) => value,
                Err(error) => return Ok(Err(error)),
            };
            bytes += key.len() as u64 + value.as_ref().map_or(0, |value| value.len() as u64);
            if bytes > most {
                return Ok(Err(over(Limit::CopyBytes, most, "the bytes that one call returns may be at most")));
            }
            found.push(value.map(|value| (key, value.to_vec())));
        }
        Ok(Ok(found))
    }

    fn set_many(&mut self, bucket: Resource<Bucket>, pairs: Vec<(String, Vec<u8>)>) -> Answer<()> {
        let bucket = self.opened(&bucket)?;
        let mut pairs = pairs.into_iter();
        Ok(pairs.try_for_each(|(key, value)| self.write_value(bucket, key, ValueChange::Set(value.into()))))
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        let bucket = self.opened(&bucket)?;
        Ok(keys.into_iter().try_for_each(|key| self.write_value(bucket, key, ValueChange::Delete)))
    }
}

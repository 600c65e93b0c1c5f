//! Stores values under keys. They outlive the instance; the blueprint asks for them in `sandbox.keyvalue`. A turn reads its
//! own writes. They are committed with the turn and lost if it fails. Only a handler of a message can write.

use super::Refused;
use super::bindings::wasi::keyvalue::{atomics, store};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A bucket of values. Its methods fail if the grant is missing or a limit is reached.
pub struct Bucket(store::Bucket);

impl Bucket {
    /// Opens the agent's own bucket.
    ///
    /// # Errors
    /// The grant is missing.
    pub fn own() -> Result<Self, Refused> {
        Self::open("")
    }

    /// Opens the bucket that all agents of the guild share.
    ///
    /// # Errors
    /// The grant is missing.
    pub fn of_guild() -> Result<Self, Refused> {
        Self::open("guild")
    }

    fn open(name: &str) -> Result<Self, Refused> {
        store::open(name).map(Self).map_err(refused)
    }

    /// Returns the value under a key, if there is one.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Refused> {
        self.0.get(key).map_err(refused)
    }

    /// Returns the value under a key, parsed as JSON.
    ///
    /// # Errors
    /// The value does not fit `T`.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Refused> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        let read = serde_json::from_slice(&value);
        read.map(Some).map_err(|error| Refused(format!("the value under `{key}` does not fit: {error}")))
    }

    /// Writes a value.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Refused> {
        self.0.set(key, value).map_err(refused)
    }

    /// Writes a value as JSON.
    pub fn set_json(&self, key: &str, value: &impl Serialize) -> Result<(), Refused> {
        let text = serde_json::to_vec(value);
        self.set(
            key,
            &text.map_err(|error| Refused(format!("the value under `{key}` cannot be written as JSON: {error}")))?,
        )
    }

    /// Removes a key and its value.
    pub fn delete(&self, key: &str) -> Result<(), Refused> {
        self.0.delete(key).map_err(refused)
    }

    /// Adds to a number that is stored as decimal text. A missing number counts as 0. Returns the sum as this turn sees it;
    /// additions of other agents at the same time are not lost.
    pub fn increment(&self, key: &str, by: u64) -> Result<u64, Refused> {
        atomics::increment(&self.0, key, by).map_err(refused)
    }

    /// Returns all keys in order.
    pub fn keys(&self) -> Result<Vec<String>, Refused> {
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.0.list_keys(cursor).map_err(refused)?;
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(keys);
            }
        }
    }
}

fn refused(error: store::Error) -> Refused {
    match error {
        store::Error::NoSuchStore => Refused("there is no such bucket".into()),
        store::Error::AccessDenied => Refused("the agent may not use the bucket".into()),
        store::Error::Other(words) => Refused(words),
    }
}

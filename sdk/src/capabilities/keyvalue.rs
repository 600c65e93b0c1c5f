//! Values under keys that outlive the instance; `sandbox.keyvalue` of the blueprint. What a turn writes is seen by its
//! own reads, committed with what it emits, and lost with it when it fails. It is written only while a message is
//! received.

use super::Refused;
use super::bindings::wasi::keyvalue::{atomics, store};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A bucket of values.
pub struct Bucket(store::Bucket);

impl Bucket {
    /// The agent's own.
    pub fn own() -> Result<Self, Refused> {
        Self::open("")
    }

    /// That of all agents of the guild.
    pub fn of_guild() -> Result<Self, Refused> {
        Self::open("guild")
    }

    fn open(name: &str) -> Result<Self, Refused> {
        store::open(name).map(Self).map_err(refused)
    }

    /// The value under a key, if there is one.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Refused> {
        self.0.get(key).map_err(refused)
    }

    /// The same, read as JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Refused> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        let read = serde_json::from_slice(&value);
        read.map(Some).map_err(|error| Refused(format!("the value under `{key}` is not what it should be: {error}")))
    }

    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Refused> {
        self.0.set(key, value).map_err(refused)
    }

    /// Writes a value as JSON.
    pub fn set_json(&self, key: &str, value: &impl Serialize) -> Result<(), Refused> {
        let text = serde_json::to_vec(value);
        self.set(key, &text.map_err(|error| Refused(format!("the value under `{key}` is no JSON: {error}")))?)
    }

    pub fn delete(&self, key: &str) -> Result<(), Refused> {
        self.0.delete(key).map_err(refused)
    }

    /// Adds to a number, kept as decimal text, 0 when it is not there; gives the sum as this turn sees it. Agents that
    /// add at the same time all count.
    pub fn increment(&self, key: &str, by: u64) -> Result<u64, Refused> {
        atomics::increment(&self.0, key, by).map_err(refused)
    }

    /// All keys, in order.
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
        store::Error::AccessDenied => Refused("the bucket may not be used".into()),
        store::Error::Other(words) => Refused(words),
    }
}

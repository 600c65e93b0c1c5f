//! The committed states of a guild and of its agents, and how a change becomes a write. Plain data; the caller holds the
//! lock.

use std::collections::HashMap;

use serde_json::{Map, Value};

use guildhall_model::state::{StateChange, StateError, StateOwner, VersionedState, changed, text_of};

use super::error::JournalError;
use super::step::SideWrite;

/// The last committed state of each owner.
#[derive(Debug, Default)]
pub struct States(HashMap<StateOwner, State>);

#[derive(Debug)]
struct State {
    value: Value,
    versioned: VersionedState,
}

impl States {
    /// Takes a stored state. Fails if its text is not JSON.
    pub fn restore(&mut self, owner: StateOwner, versioned: VersionedState) -> Result<(), JournalError> {
        let value = serde_json::from_str(&versioned.text).map_err(|error| JournalError::Corrupt(error.to_string()))?;
        self.0.insert(owner, State { value, versioned });
        Ok(())
    }

    /// Returns a state; `{}` with version 0 if it was never changed.
    pub fn get(&self, owner: &StateOwner) -> VersionedState {
        self.0.get(owner).map_or_else(VersionedState::default, |state| state.versioned.clone())
    }

    /// Removes a state.
    pub fn forget(&mut self, owner: &StateOwner) {
        self.0.remove(owner);
    }

    /// Changes a state. Returns the new state and the write that stores it.
    pub fn change(
        &mut self,
        owner: &StateOwner,
        change: &StateChange,
        most: Most,
    ) -> Result<(VersionedState, SideWrite), StateError> {
        let (version, value) = self.changed(owner, change)?;
        self.put(owner, version, value, most)
    }

    /// Applies the changes in order and logs those that do not apply. Returns the owners of the changed states, each
    /// once, and one write for each of them, which stores the state after its last change.
    pub fn change_all(
        &mut self,
        changes: &[(StateOwner, StateChange)],
        most: Most,
    ) -> (Vec<StateOwner>, Vec<SideWrite>) {
        let (mut owners, mut writes) = (Vec::new(), Vec::new());
        for (place, (owner, _)) in changes.iter().enumerate() {
            if changes[..place].iter().any(|(earlier, _)| earlier == owner) {
                continue;
            }
            let its_changes: Vec<_> = changes.iter().filter(|(other, _)| other == owner).map(|(_, c)| c).collect();
            if let Some(write) = self.change_owner(owner, &its_changes, most) {
                owners.push(owner.clone());
                writes.push(write);
            }
        }
        (owners, writes)
    }

    /// Applies the changes of one owner. The size is checked after the last one. If it is too large then, the changes
    /// are applied one by one, so that those that fit are kept.
    fn change_owner(&mut self, owner: &StateOwner, changes: &[&StateChange], most: Most) -> Option<SideWrite> {
        let refused = |error: &StateError| tracing::warn!(%error, ?owner, "a change of a state does not apply");
        let mut last: Option<(i64, Value)> = None;
        for change in changes {
            let outcome = match &last {
                Some((version, value)) => changed(value, *version, change).map(|value| (version + 1, value)),
                None => self.changed(owner, change),
            };
            match outcome {
                Ok(next) => last = Some(next),
                Err(error) => refused(&error),
            }
        }
        let (version, value) = last?;
        if let Ok((_, write)) = self.put(owner, version, value, most) {
            return Some(write);
        }
        let mut write = None;
        for change in changes {
            match self.change(owner, change, most) {
                Ok((_, newer)) => write = Some(newer),
                Err(error) => refused(&error),
            }
        }
        write
    }

    /// Returns the version and the value of a state after a change.
    fn changed(&self, owner: &StateOwner, change: &StateChange) -> Result<(i64, Value), StateError> {
        let empty = Value::Object(Map::new());
        let (version, value) = self.0.get(owner).map_or((0, &empty), |state| (state.versioned.version, &state.value));
        Ok((version + 1, changed(value, version, change)?))
    }

    /// Replaces a state. Fails and keeps the old one if the new one is too large.
    fn put(
        &mut self,
        owner: &StateOwner,
        version: i64,
        value: Value,
        most: Most,
    ) -> Result<(VersionedState, SideWrite), StateError> {
        let text = text_of(&value, most.state_bytes)?.into();
        let versioned = VersionedState { version, updated_ms: most.now_ms, text };
        let write = SideWrite::State { owner: owner.clone(), state: versioned.clone() };
        self.0.insert(owner.clone(), State { value, versioned: versioned.clone() });
        Ok((versioned, write))
    }
}

/// The time of a change, and how large a state may be.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Bytes of JSON.
    pub state_bytes: usize,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MOST: Most = Most { now_ms: 1, state_bytes: 100 };

    fn merge(update: Value) -> (StateOwner, StateChange) {
        (StateOwner::Guild, StateChange::merge(update))
    }

    #[test]
    fn many_changes_of_one_state_are_one_write_of_the_last_state() {
        let mut states = States::default();
        let changes: Vec<_> = (0..64).map(|n| merge(json!({"n": n}))).collect();
        let (owners, writes) = states.change_all(&changes, MOST);
        assert_eq!(owners, [StateOwner::Guild]);
        let [SideWrite::State { state, .. }] = writes.as_slice() else { panic!("{writes:?}") };
        assert_eq!((state.version, &*state.text), (64, r#"{"n":63}"#));
    }

    #[test]
    fn of_changes_that_are_too_large_together_those_that_fit_are_kept() {
        let mut states = States::default();
        let changes = [merge(json!({"a": 1})), merge(json!({"b": "x".repeat(200)})), merge(json!({"c": 3}))];
        let (_, writes) = states.change_all(&changes, MOST);
        assert_eq!(writes.len(), 1);
        assert_eq!(&*states.get(&StateOwner::Guild).text, r#"{"a":1,"c":3}"#);
    }
}

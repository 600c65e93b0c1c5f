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
        now_ms: u64,
    ) -> Result<(VersionedState, SideWrite), StateError> {
        let empty = Value::Object(Map::new());
        let (version, value) = self.0.get(owner).map_or((0, &empty), |state| (state.versioned.version, &state.value));
        let value = changed(value, version, change)?;
        let versioned = VersionedState { version: version + 1, updated_ms: now_ms, text: text_of(&value)?.into() };
        let write = SideWrite::State { owner: owner.clone(), state: versioned.clone() };
        self.0.insert(owner.clone(), State { value, versioned: versioned.clone() });
        Ok((versioned, write))
    }

    /// Applies the changes in order and logs those that do not apply. Returns the owners of the changed states, each
    /// once, and the writes that store them.
    pub fn change_all(
        &mut self,
        changes: &[(StateOwner, StateChange)],
        now_ms: u64,
    ) -> (Vec<StateOwner>, Vec<SideWrite>) {
        let (mut owners, mut writes) = (Vec::new(), Vec::new());
        for (owner, change) in changes {
            match self.change(owner, change, now_ms) {
                Ok((_, write)) => {
                    writes.push(write);
                    if !owners.contains(owner) {
                        owners.push(owner.clone());
                    }
                }
                Err(error) => tracing::warn!(%error, ?owner, "a change of a state does not apply"),
            }
        }
        (owners, writes)
    }
}

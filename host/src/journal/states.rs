//! The states of a guild and of its agents as its log has them: the last committed
//! one of each, and what is to be written when one changes. Plain data; the caller
//! holds the lock.

use std::collections::HashMap;

use serde_json::{Map, Value};

use guildhall_model::state::{StateChange, StateError, StateOwner, VersionedState, changed, text_of};

use super::JournalError;
use super::step::SideWrite;

/// The last committed states.
#[derive(Debug, Default)]
pub struct States(HashMap<StateOwner, State>);

#[derive(Debug)]
struct State {
    value: Value,
    stated: VersionedState,
}

impl States {
    /// Takes what the database knows of one.
    pub fn restore(&mut self, owner: &str, version: i64, updated_ms: i64, text: String) -> Result<(), JournalError> {
        let value = serde_json::from_str(&text).map_err(|error| JournalError::Corrupt(error.to_string()))?;
        let updated_ms = u64::try_from(updated_ms).unwrap_or(0);
        let stated = VersionedState { version, updated_ms, text: text.into() };
        self.0.insert(owner_of_column(owner), State { value, stated });
        Ok(())
    }

    pub fn get(&self, owner: &StateOwner) -> VersionedState {
        self.0.get(owner).map_or_else(VersionedState::default, |state| state.stated.clone())
    }

    pub fn forget(&mut self, owner: &StateOwner) {
        self.0.remove(owner);
    }

    /// Changes one, with what is to be written of it.
    pub fn change(
        &mut self,
        owner: &StateOwner,
        change: &StateChange,
        now_ms: u64,
    ) -> Result<(VersionedState, SideWrite), StateError> {
        let empty = Value::Object(Map::new());
        let (version, value) = self.0.get(owner).map_or((0, &empty), |state| (state.stated.version, &state.value));
        let value = changed(value, version, change)?;
        let stated = VersionedState { version: version + 1, updated_ms: now_ms, text: text_of(&value)?.into() };
        let rare = SideWrite::State {
            owner: owner_column(owner),
            version: stated.version,
            updated_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
            state: stated.text.clone(),
        };
        self.0.insert(owner.clone(), State { value, stated: stated.clone() });
        Ok((stated, rare))
    }

    /// Makes all changes that apply; whose states have changed, and what is to be
    /// written of them.
    pub fn change_all(
        &mut self,
        changes: &[(StateOwner, StateChange)],
        now_ms: u64,
    ) -> (Vec<StateOwner>, Vec<SideWrite>) {
        let (mut owners, mut rare) = (Vec::new(), Vec::new());
        for (owner, change) in changes {
            match self.change(owner, change, now_ms) {
                Ok((_, written)) => {
                    rare.push(written);
                    if !owners.contains(owner) {
                        owners.push(owner.clone());
                    }
                }
                Err(error) => tracing::warn!(%error, ?owner, "a change of a state was left out"),
            }
        }
        (owners, rare)
    }
}

/// The column that says whose a state or a value is.
pub fn owner_column(owner: &StateOwner) -> String {
    match owner {
        StateOwner::Guild => "guild".to_owned(),
        StateOwner::Agent(agent) => format!("agent:{agent}"),
    }
}

pub fn owner_of_column(text: &str) -> StateOwner {
    match text.strip_prefix("agent:") {
        Some(agent) => StateOwner::Agent(agent.into()),
        None => StateOwner::Guild,
    }
}

//! States by messages: who may read and change which, and what is answered.

use serde_json::{Value, json};

use crate::journal::{Commit, Consumer};
use guildhall_model::format;
use guildhall_model::message::Message;
use guildhall_model::path::PathError;
use guildhall_model::request::{StateFetch, StateWrite};
use guildhall_model::state::{StateError, StateOwner, VersionedState, fetched};

use super::manager::Running;
use super::requests::{Answer, reply};
use super::state::Event;

impl Running {
    pub(super) fn fetch(&self, fetch: &StateFetch, message: &Message, payload: &Value) -> Answer {
        if let Some(refused) = self.refuse_state(&fetch.guild, &fetch.owner, message) {
            return self.refusal(format::STATE_FETCH_REQUEST, payload, refused);
        }
        match self.fetched(&fetch.owner, fetch.path.as_deref()) {
            Ok(state) => reply(format::STATE_FETCH_RESPONSE, state),
            Err(error) => self.refusal(format::STATE_FETCH_REQUEST, payload, error.to_string()),
        }
    }

    /// A state as it is told.
    pub(super) fn fetched(&self, owner: &StateOwner, path: Option<&str>) -> Result<Value, PathError> {
        let stated = self.log.stated(owner);
        let state = serde_json::from_str(&stated.text).unwrap_or_else(|_| json!({}));
        let (word, agent) = owner.wire_names();
        Ok(json!({
            "state_owner": word,
            "guild_id": self.spec.id,
            "agent_id": agent,
            "state": fetched(&state, path)?,
            "version": stated.version,
            "timestamp": stated.updated_ms,
            "state_path": path,
            "fetch_timestamp": self.clock.now_ms(),
            "is_latest": true,
        }))
    }

    /// Changes a state; the change, the consumption of the request and the answer are
    /// one transaction.
    pub(super) fn write(
        &self,
        write: &StateWrite,
        requests: &mut Consumer,
        message: &Message,
        payload: &Value,
    ) -> Option<Event> {
        let refused = |words: String| self.told(message, &self.refusal(format::STATE_UPDATE_REQUEST, payload, words));
        if let Some(words) = self.refuse_state(&write.guild, &write.owner, message) {
            drop(requests.commit(message, Commit { emits: refused(words), ..Commit::default() }));
            return None;
        }
        let answer = |outcome: Result<VersionedState, StateError>| match outcome {
            Ok(stated) => self
                .told(message, &reply(format::STATE_UPDATE_RESPONSE, stated.to_payload(&self.spec.id, &write.owner))),
            Err(error) => refused(error.to_string()),
        };
        drop(requests.commit_change(message, (&write.owner, &write.change), answer));
        None
    }

    /// Why a state is not the sender's to read or change: of another guild, or, for
    /// an agent, of another agent.
    fn refuse_state(&self, guild: &str, owner: &StateOwner, message: &Message) -> Option<String> {
        if guild != self.spec.id.as_str() {
            return Some(format!("this is the guild {}, not {guild}", self.spec.id));
        }
        let sender = message.sender.id.as_deref().unwrap_or_default();
        match owner {
            StateOwner::Agent(agent) if self.members.keys().any(|member| member.as_str() == sender) => {
                (agent.as_str() != sender).then(|| format!("the state of {agent} is its own"))
            }
            StateOwner::Agent(_) | StateOwner::Guild => None,
        }
    }
}

//! The states of a guild and its agents, read and changed by messages: who may do which, and what is answered.

use serde_json::{Value, json};

use super::active::ActiveManager;
use super::answer::{Answer, refusal, reply};
use crate::guild::lifecycle::Event;
use crate::journal::{Commit, Consumer};
use guildhall_model::format;
use guildhall_model::message::Message;
use guildhall_model::path::PathError;
use guildhall_model::request::{StateFetch, StateWrite};
use guildhall_model::state::{StateError, StateOwner, VersionedState, fetched};

impl ActiveManager {
    /// Answers a request for a state or a part of it.
    pub(super) fn fetch_state(&self, fetch: &StateFetch, message: &Message, payload: &Value) -> Answer {
        if let Some(reason) = self.refuse_state(&fetch.guild, &fetch.owner, message) {
            return refusal(format::STATE_FETCH_REQUEST, payload, reason);
        }
        match self.state_payload(&fetch.owner, fetch.path.as_deref()) {
            Ok(state) => reply(format::STATE_FETCH_RESPONSE, with_agent_of(payload, state)),
            Err(error) => refusal(format::STATE_FETCH_REQUEST, payload, error.to_string()),
        }
    }

    /// The payload of a `StateFetchResponse`: a state, or the part at a path.
    ///
    /// # Errors
    /// The path cannot be read.
    pub(super) fn state_payload(&self, owner: &StateOwner, path: Option<&str>) -> Result<Value, PathError> {
        let versioned = self.log.versioned_state(owner);
        let state = serde_json::from_str(&versioned.text).unwrap_or_else(|_| json!({}));
        let (name, agent) = owner.wire_names();
        Ok(json!({
            "state_owner": name,
            "guild_id": self.spec.id,
            "agent_id": agent,
            "state": fetched(&state, path)?,
            "version": versioned.version,
            "timestamp": versioned.updated_ms,
            "state_path": path,
            "fetch_timestamp": self.clock.now_ms(),
            "is_latest": true,
        }))
    }

    /// Changes a state. The change, the consumption of the request and the answer are one commit. Returns no event: a
    /// change of a state does not change the guild's life.
    pub(super) fn update_state(
        &self,
        write: &StateWrite,
        requests: &mut Consumer,
        message: &Message,
        payload: &Value,
    ) -> Option<Event> {
        let refused =
            |reason: String| self.answer_messages(message, &refusal(format::STATE_UPDATE_REQUEST, payload, reason));
        if let Some(reason) = self.refuse_state(&write.guild, &write.owner, message) {
            drop(requests.commit(message, Commit { emits: refused(reason), ..Commit::default() }));
            return None;
        }
        let answer = |outcome: Result<VersionedState, StateError>| match outcome {
            Ok(state) => {
                let payload = with_agent_of(payload, state.to_payload(&self.spec.id, &write.owner));
                self.answer_messages(message, &reply(format::STATE_UPDATE_RESPONSE, payload))
            }
            Err(error) => refused(error.to_string()),
        };
        drop(requests.commit_change(message, (&write.owner, &write.change), answer));
        None
    }

    /// Why the sender may not read or change a state: it belongs to another guild, or the sender is an agent and the
    /// state is another agent's. `None`: it may.
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

/// The payload of an answer with the `agent_id` of its request. The reference repeats it also in answers about the
/// state of the guild, where it says nothing about the owner.
fn with_agent_of(request: &Value, mut answer: Value) -> Value {
    if let Some(agent) = request.get("agent_id") {
        answer["agent_id"].clone_from(agent);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_about_the_guilds_state_repeats_the_agent_id_of_its_request() {
        let answer = json!({"state_owner": "guild", "agent_id": null, "version": 1});
        let request = json!({"state_owner": "guild", "guild_id": "g", "agent_id": "a"});
        assert_eq!(with_agent_of(&request, answer.clone())["agent_id"], "a");
        let request = json!({"state_owner": "guild", "guild_id": "g"});
        assert_eq!(with_agent_of(&request, answer.clone()), answer);
    }
}

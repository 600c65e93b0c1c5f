//! Commits of turns, and the states and values that turns change. A turn is one step: the message is consumed, what the
//! turn emitted is appended, and its changes are applied, or nothing of it happens.

use std::sync::Arc;

use guildhall_model::ids::{AgentId, GuildId};
use guildhall_model::message::Message;
use guildhall_model::state::{StateChange, StateError, StateOwner, VersionedState};
use guildhall_model::topic;
use guildhall_model::values::{ValueWrite, Values};

use super::{GuildLog, LogState};
use crate::receipt::Receipt;
use crate::step::{CursorWrite, SideWrite};
use crate::subscriber::Kind;

/// What a turn does besides consuming its message.
#[derive(Debug, Default)]
pub struct Commit {
    /// Messages to append, in order.
    pub emits: Vec<Message>,
    /// Changes of states, applied in order. A change that does not apply any more is left out: the turn tried it on the
    /// state as it was then.
    pub changes: Vec<(StateOwner, StateChange)>,
    /// Changes of values, applied in order.
    pub values: Vec<ValueWrite>,
    /// Whether the subscribers of the state topic are notified of changed states.
    pub announces: bool,
}

impl GuildLog {
    /// Commits a turn. `advance` returns the consumer's write and is called under the log's lock.
    pub(super) fn commit(
        &self,
        consumed: &Message,
        turn: Commit,
        advance: impl FnOnce() -> Option<CursorWrite>,
    ) -> Receipt {
        let mut state = self.lock();
        let (owners, mut side_writes) = state.states.change_all(&turn.changes, self.0.shared.most());
        let written = self.0.values.apply(turn.values);
        if !written.is_empty() {
            side_writes.push(SideWrite::Values(written));
        }
        let cursor = advance();
        let mut messages = turn.emits;
        if turn.announces {
            messages.extend(state.announcements(&self.0.id, &owners).map(|mut announcement| {
                announcement.in_response_to = Some(consumed.id);
                announcement.thread = consumed.full_thread();
                announcement.traceparent.clone_from(&consumed.traceparent);
                announcement.hops = consumed.hops.saturating_add(1);
                announcement
            }));
        }
        self.append(&state, messages, cursor, side_writes).1
    }

    /// Commits a turn of one change. `answer` returns the messages to append, by the outcome of the change. `advance`
    /// returns the consumer's write. Both are called under the log's lock.
    pub(super) fn commit_change(
        &self,
        (owner, change): (&StateOwner, &StateChange),
        answer: impl FnOnce(Result<VersionedState, StateError>) -> Vec<Message>,
        advance: impl FnOnce() -> Option<CursorWrite>,
    ) -> Receipt {
        let mut state = self.lock();
        let (outcome, side_writes) = match state.states.change(owner, change, self.0.shared.most()) {
            Ok((versioned, write)) => (Ok(versioned), vec![write]),
            Err(error) => (Err(error), Vec::new()),
        };
        let cursor = advance();
        self.append(&state, answer(outcome), cursor, side_writes).1
    }

    /// Returns the last committed state, a JSON object; `{}` if there is none.
    #[must_use]
    pub fn state(&self, owner: &StateOwner) -> Arc<str> {
        self.versioned_state(owner).text
    }

    /// Returns the last committed state with its version.
    #[must_use]
    pub fn versioned_state(&self, owner: &StateOwner) -> VersionedState {
        self.lock().states.get(owner)
    }

    /// Returns the committed values of the guild and its agents.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.0.values
    }
}

impl LogState {
    /// Returns a message for each changed state, unless nobody but the manager subscribes to them.
    pub(super) fn announcements<'a>(
        &'a self,
        guild: &'a GuildId,
        owners: &'a [StateOwner],
    ) -> impl Iterator<Item = Message> + use<'a> {
        let manager = AgentId::manager_of(guild);
        let has_receiver = !owners.is_empty()
            && self.subscribers.of_topic(topic::STATE).any(|subscriber| match &subscriber.kind {
                Kind::Consumer { name } => **name != *manager.as_str(),
                Kind::Tail => true,
            });
        let owners = if has_receiver { owners } else { &[] };
        owners.iter().map(move |owner| self.states.get(owner).announcement(guild, owner))
    }
}

//! What a storage writes: the step of one guild, with messages, a consumer's position and side writes. Plain data. When
//! a step is written, and who learns of it, is decided above.

use std::collections::HashMap;
use std::sync::Arc;

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::state::{StateOwner, VersionedState};
use guildhall_model::values::{WrittenValue, weight};

use super::cursors::Position;

/// The number under which a guild's data is stored. A key is never given to another guild.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuildKey(pub i64);

/// What one publication or one turn writes for one guild.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub guild: GuildKey,
    /// Messages to append, in the order of their ids.
    pub rows: Vec<Arc<Message>>,
    pub cursor: Option<CursorWrite>,
    /// Writes that few steps have. They are applied in order, before the rows and the cursor.
    pub side_writes: Vec<SideWrite>,
}

impl Step {
    /// Returns the approximate cost of writing the step: that of its messages, values and states, and one for each
    /// further side write. At least 1.
    pub fn weight(&self) -> usize {
        let rows: usize = self.rows.iter().map(|row| row.weight()).sum();
        (rows + self.side_writes.iter().map(SideWrite::weight).sum::<usize>()).max(1)
    }
}

impl Step {
    /// Returns about how many bytes the step holds in memory.
    pub fn bytes(&self) -> usize {
        let rows: usize = self.rows.iter().map(|row| row.stored_bytes()).sum();
        rows + self.side_writes.iter().map(SideWrite::bytes).sum::<usize>()
    }
}

/// The new position of a consumer.
#[derive(Clone, Debug)]
pub struct CursorWrite {
    /// The id of the agent.
    pub consumer: Arc<str>,
    pub position: Position,
}

/// What an agent has saved of its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version of the component that saved it.
    pub version: String,
    /// Bytes that only the agent understands.
    pub data: Vec<u8>,
}

/// A write that few steps have.
#[derive(Clone, Debug)]
pub enum SideWrite {
    /// The step's guild is stored under its key from now on.
    NewGuild {
        id: GuildId,
    },
    State {
        owner: StateOwner,
        state: VersionedState,
    },
    /// All values that a turn writes, each key once.
    Values(Vec<WrittenValue>),
    /// The id of the first message that a user's client sent under this client id.
    ClientId {
        user: UserId,
        client_id: String,
        id: MessageId,
    },
    /// Removes the agent's position, snapshot, state and values.
    ForgetConsumer {
        agent: AgentId,
    },
    Snapshot {
        agent: AgentId,
        snapshot: Snapshot,
    },
    ForgetSnapshot {
        agent: AgentId,
    },
    /// Removes a message from the log.
    Erase {
        id: MessageId,
    },
    /// The step is the first part of a multipart step with these messages.
    Begin {
        first: MessageId,
        last: MessageId,
    },
    /// The step is the last part of the multipart step that begins with this message.
    Complete {
        first: MessageId,
    },
}

impl SideWrite {
    fn bytes(&self) -> usize {
        match self {
            Self::Values(values) => values.iter().map(WrittenValue::bytes).sum(),
            Self::State { state, .. } => state.text.len(),
            Self::Snapshot { snapshot, .. } => snapshot.data.len(),
            _ => SMALL_BYTES,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Values(values) => weight(values.iter().map(WrittenValue::bytes)),
            Self::State { state, .. } => 1 + (state.text.len() >> 10),
            Self::Snapshot { snapshot, .. } => 1 + (snapshot.data.len() >> 10),
            _ => 1,
        }
    }
}

/// About how many bytes the other side writes have.
const SMALL_BYTES: usize = 128;

/// Returns the last position of each consumer in the batch. Earlier ones would be overwritten. A position before a
/// `ForgetConsumer` is left out, because the side writes of the batch run first.
pub fn last_cursors<'s>(batch: impl IntoIterator<Item = &'s Step>) -> Vec<(GuildKey, &'s CursorWrite)> {
    let mut last: HashMap<(GuildKey, &str), &CursorWrite> = HashMap::new();
    for step in batch {
        for side_write in &step.side_writes {
            if let SideWrite::ForgetConsumer { agent } = side_write {
                last.remove(&(step.guild, agent.as_str()));
            }
        }
        if let Some(cursor) = &step.cursor {
            last.insert((step.guild, &*cursor.consumer), cursor);
        }
    }
    last.into_iter().map(|((guild, _), cursor)| (guild, cursor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_is_forgotten_and_returns_in_one_batch_has_the_new_position() {
        let cursor = |id: u64| {
            let position = Position { cursors: [MessageId::new(id); 8], failed: Default::default() };
            let cursor = Some(CursorWrite { consumer: "a".into(), position });
            Step { guild: GuildKey(1), cursor, ..Step::default() }
        };
        let forget = || {
            let side_writes = vec![SideWrite::ForgetConsumer { agent: "a".into() }];
            Step { guild: GuildKey(1), side_writes, ..Step::default() }
        };
        assert!(last_cursors(&[cursor(1), forget()]).is_empty());
        let batch = [cursor(1), forget(), cursor(2)];
        let last: Vec<_> = last_cursors(&batch).iter().map(|(_, cursor)| cursor.position.cursors[0].get()).collect();
        assert_eq!(last, [2]);
    }
}

//! The buckets of an agent: the committed values that it sees, and the changes of its turn that are not committed. It
//! checks nothing; `keyvalue` checks each change before it is staged.

use std::collections::BTreeMap;

use guildhall_model::ids::AgentId;
use guildhall_model::state::StateOwner;
use guildhall_model::values::{ValueChange, ValueWrite, Values};

/// A bucket that a guest has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// The agent's own bucket.
    Agent,
    /// The bucket that all agents of the guild share.
    Guild,
}

/// The changes of a turn that are not committed yet.
#[derive(Default)]
pub(crate) struct StagedWrites {
    /// The change of each key.
    pub(crate) changes: BTreeMap<(Bucket, String), ValueChange>,
    /// By how many keys and bytes each bucket grows, by `Bucket as usize`.
    pub(crate) growth: [(i64, i64); 2],
}

/// The committed values that an agent sees.
pub(crate) struct Buckets {
    /// The values of the guild.
    pub(crate) values: Values,
    agent: StateOwner,
}

impl Buckets {
    /// Returns the buckets of the agent with this id.
    pub(crate) fn new(values: Values, agent: &str) -> Self {
        Self { values, agent: StateOwner::Agent(AgentId::from(agent)) }
    }

    /// Returns the owner of a bucket in the guild's values.
    pub(crate) fn owner(&self, bucket: Bucket) -> &StateOwner {
        match bucket {
            Bucket::Agent => &self.agent,
            Bucket::Guild => &StateOwner::Guild,
        }
    }

    /// Returns the changes of a turn as they are committed.
    pub(crate) fn writes(&self, staged: StagedWrites) -> Vec<ValueWrite> {
        let write = |((bucket, key), change)| ValueWrite { owner: self.owner(bucket).clone(), key, change };
        staged.changes.into_iter().map(write).collect()
    }
}

//! The steps that wait for the writer: the steps of each guild in their order, and the guilds in turn, so that a guild
//! with many steps does not delay the others. Plain data; the caller holds the lock.

use std::collections::{HashMap, VecDeque};

use guildhall_model::ids::MessageId;

use super::queued::{FollowUp, QueuedStep};
use super::step::{GuildKey, Step};

/// The largest weight of one batch, by [`Step::weight`].
const BATCH: usize = 512;
/// The largest weight that one guild has in a batch while other guilds wait. A heavier step is written in parts.
pub const SHARE: usize = 32;
/// After this many batches of one guild alone, the guild gets the whole batch.
const ALONE: usize = 64;

/// What the writer takes at once: steps and their follow-ups, in the same order.
#[derive(Debug, Default)]
pub struct Batch {
    pub steps: Vec<Step>,
    pub follow_ups: Vec<FollowUp>,
}

impl Batch {
    fn push(&mut self, queued: QueuedStep) {
        self.steps.push(queued.step);
        self.follow_ups.push(queued.follow_up);
    }
}

/// The waiting steps of all guilds.
#[derive(Debug, Default)]
pub struct Pending {
    guilds: HashMap<GuildKey, VecDeque<QueuedStep>>,
    /// Whether nothing is written any more. Steps are dropped, so that their receipts fail.
    is_over: bool,
    /// Which guild is next. Each guild that waits is here once.
    turns: VecDeque<GuildKey>,
    /// The bytes of all waiting steps.
    bytes: usize,
    /// The guild that all of the last batches belong to, and how many there were.
    alone: (GuildKey, usize),
}

impl Pending {
    /// Adds a step after those of its guild that wait already.
    pub fn push(&mut self, queued: QueuedStep) {
        if self.is_over {
            return;
        }
        let step = &queued.step;
        self.bytes += step.bytes();
        let steps = self.guilds.entry(step.guild).or_default();
        if steps.is_empty() {
            self.turns.push_back(step.guild);
        }
        if step.rows.len() > 1 && step.weight() > SHARE {
            steps.extend(queued.into_parts(SHARE));
        } else {
            steps.push_back(queued);
        }
    }

    /// Returns about how many bytes wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops all steps, and those that are added from now on. Their receipts fail.
    pub fn end(&mut self) {
        *self = Self { is_over: true, ..Self::default() };
    }

    /// Returns whether a step of a guild waits.
    pub fn has(&self, guild: GuildKey) -> bool {
        self.guilds.contains_key(&guild)
    }

    /// Returns whether no step waits.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Returns the smallest id of a message that waits. If a part of a multipart step waits, all its messages count.
    pub fn first_id(&self) -> Option<MessageId> {
        self.guilds.values().filter_map(|steps| steps.iter().find_map(QueuedStep::first_id)).min()
    }

    /// Takes the next batch: a share of the steps of every guild that waits.
    pub fn take(&mut self) -> Batch {
        let share = self.share();
        let (mut batch, mut weight) = (Batch::default(), 0);
        for _ in 0..self.turns.len() {
            let Some(guild) = self.turns.pop_front() else { break };
            let Some(steps) = self.guilds.get_mut(&guild) else { continue };
            let end = BATCH.min(weight + share);
            while weight < end
                && let Some(queued) = steps.pop_front()
            {
                weight += queued.step.weight();
                self.bytes = self.bytes.saturating_sub(queued.step.bytes());
                batch.push(queued);
            }
            if steps.is_empty() {
                self.guilds.remove(&guild);
            } else {
                self.turns.push_back(guild);
            }
            if weight >= BATCH {
                break;
            }
        }
        if self.turns.is_empty() {
            // The parts of a multipart step have side writes of their own, which were not counted.
            self.bytes = 0;
        }
        self.note(&batch.steps);
        batch
    }

    fn share(&self) -> usize {
        let (guild, times) = self.alone;
        if times >= ALONE && self.turns.len() == 1 && self.turns[0] == guild { BATCH } else { SHARE }
    }

    fn note(&mut self, steps: &[Step]) {
        let Some(guild) = steps.first().map(|step| step.guild) else { return };
        self.alone = match self.alone {
            _ if steps.iter().any(|step| step.guild != guild) => (guild, 0),
            (before, times) if before == guild => (guild, (times + 1).min(ALONE)),
            _ => (guild, 1),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use guildhall_model::message::{Message, raw_json};
    use guildhall_model::tag::AgentTag;
    use guildhall_model::topic::Topics;

    fn step(guild: i64, rows: usize, id: u64) -> QueuedStep {
        let row = |n: usize| {
            let topics = Topics::One("t".into());
            let mut message = Message::draft(AgentTag::default(), topics, "text", raw_json(&json!({})));
            message.id = MessageId::new(id + n as u64);
            Arc::new(message)
        };
        let step = Step { guild: GuildKey(guild), rows: (0..rows).map(row).collect(), ..Step::default() };
        QueuedStep { step, ..QueuedStep::default() }
    }

    fn rows_of(batch: &Batch, guild: i64) -> Vec<u64> {
        let rows = batch.steps.iter().filter(|step| step.guild == GuildKey(guild)).flat_map(|step| &step.rows);
        rows.map(|row| row.id.get()).collect()
    }

    #[test]
    fn guilds_take_turns_and_each_keeps_its_order() {
        let mut pending = Pending::default();
        for id in 0..100 {
            pending.push(step(1, 1, id));
        }
        pending.push(step(2, 40, 100));
        pending.push(step(3, 1, 140));
        assert!(pending.bytes() > 141 * 50, "{}", pending.bytes());
        let batch = pending.take();
        assert_eq!(rows_of(&batch, 1), (0..32).collect::<Vec<_>>());
        assert_eq!(rows_of(&batch, 2), (100..132).collect::<Vec<_>>(), "the first part");
        assert_eq!(rows_of(&batch, 3), [140]);
        assert_eq!(pending.first_id(), Some(MessageId::new(32)));
        let batch = pending.take();
        assert_eq!((rows_of(&batch, 1).len(), rows_of(&batch, 2).len()), (32, 8));
        let rest: usize = std::iter::from_fn(|| Some(pending.take().steps.len()).filter(|taken| *taken > 0)).sum();
        assert_eq!(rest, 36);
        assert_eq!(pending.bytes(), 0);
        assert!(pending.is_empty() && pending.first_id().is_none());
    }

    #[test]
    fn a_step_that_is_written_in_part_waits_from_its_first_message_on() {
        let mut pending = Pending::default();
        pending.push(step(1, 100, 5));
        pending.take();
        assert_eq!(pending.first_id(), Some(MessageId::new(5)));
    }

    #[test]
    fn a_guild_that_is_alone_for_a_while_gets_the_whole_batch() {
        let mut pending = Pending::default();
        let mut take = |guilds: &[i64]| {
            for guild in guilds {
                (0..100).for_each(|id| pending.push(step(*guild, 1, id)));
            }
            let first = rows_of(&pending.take(), guilds[0]).len();
            while !pending.take().steps.is_empty() {}
            first
        };
        assert_eq!(take(&[1]), 32);
        for _ in 0..20 {
            take(&[1]);
        }
        assert_eq!(take(&[1]), 100);
        assert_eq!(take(&[1, 2]), 32);
        assert_eq!(take(&[1]), 32, "another guild was here a moment ago");
    }

    #[test]
    fn steps_without_rows_are_written_too() {
        let mut pending = Pending::default();
        pending.push(step(1, 0, 0));
        assert_eq!(pending.take().steps.len(), 1);
        assert!(pending.is_empty());
    }
}

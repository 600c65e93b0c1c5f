//! What waits for the writer: each guild's steps in their order, the guilds by turns,
//! so that a guild that says much keeps no other waiting. Plain data; the caller holds
//! the lock.

use std::collections::{HashMap, VecDeque};

use guildhall_model::ids::MessageId;

use super::step::Step;

/// At most this much is written in one transaction, by [`Step::weight`].
const BATCH: usize = 512;
/// So much of one guild goes into a transaction while there are others. What is
/// heavier is written in parts.
pub const SHARE: usize = 32;
/// After so many transactions of one guild alone there are no others.
const ALONE: usize = 64;

/// The steps that wait, by guild.
#[derive(Debug, Default)]
pub struct Pending {
    guilds: HashMap<i64, VecDeque<Step>>,
    /// Whose turn is next. Each guild that waits is here once.
    turns: VecDeque<i64>,
    /// Whose transactions the last ones were, if all were one guild's, and how many.
    alone: (i64, usize),
}

impl Pending {
    pub fn push(&mut self, entry: Step) {
        let guild = entry.guild;
        let steps = self.guilds.entry(guild).or_default();
        if steps.is_empty() {
            self.turns.push_back(guild);
        }
        if entry.rows.len() > 1 && entry.weight() > SHARE {
            steps.extend(entry.into_parts(SHARE));
        } else {
            steps.push_back(entry);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The smallest id of what waits, of a step that is written in part that of its
    /// first message.
    pub fn first_id(&self) -> Option<MessageId> {
        self.guilds.values().filter_map(|steps| steps.iter().find_map(Step::first_id)).min()
    }

    /// What is written next, in one transaction: a share of every guild that waits.
    pub fn take(&mut self) -> Vec<Step> {
        let share = self.share();
        let (mut batch, mut weight) = (Vec::new(), 0);
        for _ in 0..self.turns.len() {
            let Some(guild) = self.turns.pop_front() else { break };
            let Some(steps) = self.guilds.get_mut(&guild) else { continue };
            let end = BATCH.min(weight + share);
            while weight < end
                && let Some(entry) = steps.pop_front()
            {
                weight += entry.weight();
                batch.push(entry);
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
        self.note(&batch);
        batch
    }

    fn share(&self) -> usize {
        let (guild, times) = self.alone;
        if times >= ALONE && self.turns.len() == 1 && self.turns[0] == guild { BATCH } else { SHARE }
    }

    fn note(&mut self, batch: &[Step]) {
        let Some(guild) = batch.first().map(|entry| entry.guild) else { return };
        self.alone = match self.alone {
            _ if batch.iter().any(|entry| entry.guild != guild) => (guild, 0),
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

    fn step(guild: i64, rows: usize, id: u64) -> Step {
        let row = |n: usize| {
            let topics = Topics::One("t".into());
            let mut message = Message::draft(AgentTag::default(), topics, "text", raw_json(&json!({})));
            message.id = MessageId::new(id + n as u64);
            Arc::new(message)
        };
        Step { guild, rows: (0..rows).map(row).collect(), ..Step::default() }
    }

    fn rows_of(batch: &[Step], guild: i64) -> Vec<u64> {
        let rows = batch.iter().filter(|entry| entry.guild == guild).flat_map(|entry| &entry.rows);
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
        let batch = pending.take();
        assert_eq!(rows_of(&batch, 1), (0..32).collect::<Vec<_>>());
        assert_eq!(rows_of(&batch, 2), (100..132).collect::<Vec<_>>(), "the first part");
        assert_eq!(rows_of(&batch, 3), [140]);
        assert_eq!(pending.first_id(), Some(MessageId::new(32)));
        let batch = pending.take();
        assert_eq!((rows_of(&batch, 1).len(), rows_of(&batch, 2).len()), (32, 8));
        let rest: usize = std::iter::from_fn(|| Some(pending.take().len()).filter(|taken| *taken > 0)).sum();
        assert_eq!(rest, 36);
        assert!(pending.is_empty() && pending.first_id().is_none());
    }

    #[test]
    fn what_is_written_in_part_waits_from_its_first_message_on() {
        let mut pending = Pending::default();
        pending.push(step(1, 100, 5));
        pending.take();
        assert_eq!(pending.first_id(), Some(MessageId::new(5)));
    }

    #[test]
    fn a_guild_that_is_alone_for_a_while_has_all_the_room() {
        let mut pending = Pending::default();
        let mut take = |guilds: &[i64]| {
            for guild in guilds {
                (0..100).for_each(|id| pending.push(step(*guild, 1, id)));
            }
            let first = rows_of(&pending.take(), guilds[0]).len();
            while !pending.take().is_empty() {}
            first
        };
        assert_eq!(take(&[1]), 32);
        for _ in 0..20 {
            take(&[1]);
        }
        assert_eq!(take(&[1]), 100);
        assert_eq!(take(&[1, 2]), 32);
        assert_eq!(take(&[1]), 32, "another was here a moment ago");
    }

    #[test]
    fn steps_without_rows_are_written_too() {
        let mut pending = Pending::default();
        pending.push(step(1, 0, 0));
        assert_eq!(pending.take().len(), 1);
        assert!(pending.is_empty());
    }
}

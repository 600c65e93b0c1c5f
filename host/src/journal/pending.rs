//! What waits for the writer: each guild's steps in their order, the guilds by turns,
//! so that a guild that says much keeps no other waiting. Plain data; the caller holds
//! the lock.

use std::collections::{HashMap, VecDeque};

use crate::model::ids::MessageId;

use super::writer::Entry;

/// At most this much is written in one transaction, by [`Entry::weight`].
const BATCH: usize = 512;
/// So much of one guild is taken at its turn, and what is heavier waits its time.
const SHARE: usize = 32;

/// The steps that wait, by guild.
#[derive(Debug, Default)]
pub struct Pending {
    guilds: HashMap<i64, Waiting>,
    /// Whose turn is next. Each guild that waits is here once.
    turns: VecDeque<i64>,
}

#[derive(Debug, Default)]
struct Waiting {
    steps: VecDeque<Entry>,
    /// How much of others has been written while a heavy step was the first here.
    passed_over: usize,
}

impl Waiting {
    fn first(&self) -> usize {
        self.steps.front().map_or(0, Entry::weight)
    }

    fn is_heavy(&self) -> bool {
        self.first() > SHARE
    }
}

impl Pending {
    pub fn push(&mut self, entry: Entry) {
        let guild = entry.guild;
        let waiting = self.guilds.entry(guild).or_default();
        if waiting.steps.is_empty() {
            self.turns.push_back(guild);
        }
        waiting.steps.push_back(entry);
    }

    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The smallest id that waits.
    pub fn first_id(&self) -> Option<MessageId> {
        let first = |waiting: &Waiting| waiting.steps.iter().find_map(|entry| Some(entry.rows.first()?.id));
        self.guilds.values().filter_map(first).min()
    }

    /// What is written next, in one transaction: light steps of all guilds by turns, or
    /// one heavy step, once as much of others has gone before it or nobody else waits.
    pub fn take(&mut self) -> Vec<Entry> {
        if let Some(heavy) = self.heavy(|waiting| waiting.passed_over >= waiting.first()) {
            return vec![heavy];
        }
        let (batch, weight) = self.light();
        if batch.is_empty() {
            return self.heavy(|_| true).into_iter().collect();
        }
        for waiting in self.guilds.values_mut().filter(|waiting| waiting.is_heavy()) {
            waiting.passed_over += weight;
        }
        batch
    }

    fn heavy(&mut self, is_due: impl Fn(&Waiting) -> bool) -> Option<Entry> {
        let place = self.turns.iter().position(|guild| {
            let waiting = &self.guilds[guild];
            waiting.is_heavy() && is_due(waiting)
        })?;
        let guild = self.turns.remove(place)?;
        let waiting = self.guilds.get_mut(&guild)?;
        waiting.passed_over = 0;
        let entry = waiting.steps.pop_front();
        self.back_in_line(guild);
        entry
    }

    fn light(&mut self) -> (Vec<Entry>, usize) {
        let (mut batch, mut weight, mut heavy) = (Vec::new(), 0, 0);
        while heavy < self.turns.len() && weight < BATCH {
            let Some(guild) = self.turns.pop_front() else { break };
            let Some(waiting) = self.guilds.get_mut(&guild) else { continue };
            if waiting.is_heavy() {
                heavy += 1;
                self.turns.push_back(guild);
                continue;
            }
            heavy = 0;
            let mut share = 0;
            while !waiting.is_heavy() && share < SHARE && weight < BATCH {
                let Some(entry) = waiting.steps.pop_front() else { break };
                share += entry.weight();
                weight += entry.weight();
                batch.push(entry);
            }
            self.back_in_line(guild);
        }
        (batch, weight)
    }

    /// Gives a guild its next turn, if it waits for one.
    fn back_in_line(&mut self, guild: i64) {
        if self.guilds.get(&guild).is_some_and(|waiting| waiting.steps.is_empty()) {
            self.guilds.remove(&guild);
        } else {
            self.turns.push_back(guild);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::model::message::{AgentTag, Message, Topics, raw_json};

    fn step(guild: i64, rows: usize, id: u64) -> Entry {
        let row = |n: usize| {
            let topics = Topics::One("t".into());
            let mut message = Message::draft(AgentTag::default(), topics, "text", raw_json(&json!({})));
            message.id = MessageId::new(id + n as u64);
            Arc::new(message)
        };
        Entry { guild, rows: (0..rows).map(row).collect(), ..Entry::default() }
    }

    fn guilds(batch: &[Entry]) -> Vec<i64> {
        batch.iter().map(|entry| entry.guild).collect()
    }

    #[test]
    fn guilds_take_turns_and_each_keeps_its_order() {
        let mut pending = Pending::default();
        for id in 0..600 {
            pending.push(step(1, 1, id));
        }
        pending.push(step(2, 1, 600));
        let batch = pending.take();
        assert_eq!(batch.len(), BATCH);
        assert_eq!(batch.iter().position(|entry| entry.guild == 2), Some(SHARE), "after one share of the other");
        let ids: Vec<u64> = batch.iter().filter(|entry| entry.guild == 1).map(|entry| entry.rows[0].id.get()).collect();
        assert!(ids.is_sorted());
        assert_eq!(pending.first_id(), Some(MessageId::new(ids.len() as u64)));
        assert_eq!(pending.take().len(), 601 - BATCH);
        assert!(pending.is_empty() && pending.take().is_empty() && pending.first_id().is_none());
    }

    #[test]
    fn a_heavy_step_goes_alone_when_nobody_waits_or_it_has_waited_its_time() {
        let mut pending = Pending::default();
        pending.push(step(1, 40, 0));
        pending.push(step(1, 1, 40));
        pending.push(step(2, 30, 41));
        assert_eq!(guilds(&pending.take()), [2]);
        for id in 0..3 {
            pending.push(step(2, 10, 71 + id * 10));
        }
        assert_eq!(guilds(&pending.take()), [2, 2, 2]);
        pending.push(step(3, 1, 101));
        assert_eq!(guilds(&pending.take()), [1], "sixty rows of others have gone before its forty");
        assert_eq!(guilds(&pending.take()), [3, 1]);
        pending.push(step(1, 500, 102));
        assert_eq!(pending.take()[0].rows.len(), 500, "it is alone");
        assert!(pending.is_empty());
    }

    #[test]
    fn steps_without_rows_are_written_too() {
        let mut pending = Pending::default();
        pending.push(step(1, 0, 0));
        assert_eq!(guilds(&pending.take()), [1]);
        assert!(pending.is_empty());
    }
}

//! What one subscription holds in memory: eight lanes, each with a window of messages. Plain data; the caller holds the
//! lock.
//!
//! A lane is either live or behind. A message of a live lane goes into the window. A message of a lane that is behind is
//! only counted, and read from the storage later.

use std::collections::VecDeque;
use std::sync::Arc;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::priority::Priority;

use super::cursors::Cursors;
use super::settings::JournalLimits;

#[derive(Debug, Default)]
struct Lane {
    window: VecDeque<Arc<Message>>,
    /// `Some(id)`: the messages after `id` are in the storage and not in the window.
    behind: Option<MessageId>,
    /// The last message that was published while the lane was behind.
    skipped: MessageId,
    /// Every message up to this id has been in the window.
    seen: MessageId,
    /// Every message up to this id has been consumed and committed.
    cursor: MessageId,
    /// Messages that were taken and are not committed yet.
    outstanding: usize,
}

/// The lanes of one subscription.
#[derive(Debug)]
pub struct Queue {
    lanes: [Lane; Priority::LANES],
    bytes: usize,
    /// Messages that wait, in memory or in the storage.
    waiting: usize,
    limits: JournalLimits,
}

/// Which lanes of a new queue are behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    No,
    /// The queue uses only the first lane.
    FirstLane,
    AllLanes,
}

/// What the reader of a queue does next.
#[derive(Debug)]
pub enum Next {
    Message(Arc<Message>),
    /// Read the next page of this lane from the storage, from the message after `after` on.
    Load {
        lane: usize,
        after: MessageId,
    },
    Nothing,
}

/// Ephemeral messages may wait in this many times the bytes of a window.
const EPHEMERAL_WINDOWS: usize = 4;

impl Queue {
    /// Returns a queue whose lanes have consumed up to `cursors`.
    pub fn new(limits: JournalLimits, cursors: Cursors, behind: Behind) -> Self {
        let lanes = std::array::from_fn(|lane| Lane {
            behind: match behind {
                Behind::No => None,
                Behind::FirstLane => (lane == 0).then_some(cursors[0]),
                Behind::AllLanes => Some(cursors[lane]),
            },
            seen: cursors[lane],
            cursor: cursors[lane],
            ..Lane::default()
        });
        Self { lanes, bytes: 0, waiting: 0, limits }
    }

    /// Adds a message that was just published. Returns whether the reader has something new to do.
    pub fn push(&mut self, lane: usize, message: &Arc<Message>) -> bool {
        let full = self.lanes[lane].window.len() >= self.limits.window || self.bytes >= self.limits.window_bytes;
        let slot = &mut self.lanes[lane];
        if message.id <= slot.seen {
            return false;
        }
        self.waiting += 1;
        if full && slot.behind.is_none() {
            slot.behind = Some(slot.seen);
        }
        if slot.behind.is_some() {
            slot.skipped = message.id;
            return slot.window.is_empty();
        }
        slot.seen = message.id;
        self.bytes += weight(message);
        slot.window.push_back(message.clone());
        true
    }

    /// Adds an ephemeral message. Returns `false` if there is no room and the message is lost.
    pub fn push_ephemeral(&mut self, message: &Arc<Message>) -> bool {
        let is_full = self.lanes[0].window.len() >= self.limits.socket_lag
            || self.bytes >= self.limits.window_bytes.saturating_mul(EPHEMERAL_WINDOWS);
        if is_full {
            return false;
        }
        self.bytes += weight(message);
        self.waiting += 1;
        let lane = &mut self.lanes[0];
        let message = match lane.behind {
            // A client that resumes after the id of this message must not miss those that are not read yet.
            Some(after) if message.id > after => Arc::new(with_id(message, after.before(message.id.get()))),
            _ => message.clone(),
        };
        lane.window.push_back(message);
        true
    }

    /// Takes the next message, the most urgent lane first, or returns what to do instead.
    pub fn next(&mut self) -> Next {
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(message) = lane.window.pop_front() {
                lane.outstanding += 1;
                self.bytes = self.bytes.saturating_sub(weight(&message));
                return Next::Message(message);
            }
            if let Some(after) = lane.behind {
                return Next::Load { lane: number, after };
            }
        }
        // Messages that were counted and never came, a consumer's own, are not counted any more.
        self.waiting = self.lanes.iter().map(|lane| lane.outstanding).sum();
        Next::Nothing
    }

    /// Adds a page of one lane: all messages that the storage has after the window and up to `read_to`. With `more`,
    /// further messages may follow in the storage.
    pub fn loaded(&mut self, lane: usize, page: Vec<Arc<Message>>, read_to: MessageId, more: bool) {
        let slot = &mut self.lanes[lane];
        for message in page {
            self.bytes += weight(&message);
            slot.window.push_back(message);
        }
        slot.seen = read_to;
        slot.behind = (more || slot.skipped > read_to).then_some(read_to);
    }

    /// Records that a message was consumed and returns the cursors to store. The cursor of an idle lane moves too, so
    /// that a restart reads little.
    pub fn consumed(&mut self, lane: usize, id: MessageId) -> Cursors {
        self.waiting = self.waiting.saturating_sub(1);
        self.lanes[lane].outstanding = self.lanes[lane].outstanding.saturating_sub(1);
        self.lanes[lane].cursor = self.lanes[lane].cursor.max(id);
        for slot in &mut self.lanes {
            if slot.window.is_empty() && slot.behind.is_none() && slot.outstanding == 0 {
                slot.cursor = slot.cursor.max(id);
            }
        }
        self.cursors()
    }

    /// Moves a queue in which no message waits to the end of the log. Returns the cursors if they moved.
    pub fn settle_idle(&mut self, end: MessageId) -> Option<Cursors> {
        let is_idle =
            self.lanes.iter().all(|lane| lane.window.is_empty() && lane.behind.is_none() && lane.outstanding == 0);
        if !is_idle || self.lanes.iter().all(|lane| lane.cursor >= end) {
            return None;
        }
        for lane in &mut self.lanes {
            lane.cursor = lane.cursor.max(end);
        }
        Some(self.cursors())
    }

    /// Records that a message of a subscription without cursors was delivered.
    pub fn delivered(&mut self) {
        self.lanes[0].outstanding = self.lanes[0].outstanding.saturating_sub(1);
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Returns whether no message up to an id waits, in memory or in the storage. Every such message was pushed before.
    pub fn has_passed(&self, id: MessageId) -> bool {
        let is_behind = |lane: &Lane| lane.behind.is_some_and(|after| after < id);
        let waits = |lane: &Lane| lane.window.iter().any(|message| message.id <= id);
        !self.lanes.iter().any(|lane| is_behind(lane) || waits(lane))
    }

    /// Returns the id, or a smaller one if messages wait that are not after it, in memory or in the storage.
    pub fn before_all(&self, id: MessageId) -> MessageId {
        let waiting = |lane: &Lane| lane.window.iter().map(|message| message.id).chain(lane.behind).min();
        match self.lanes.iter().filter_map(waiting).min() {
            Some(first) if first <= id => first.before(id.get()),
            _ => id,
        }
    }

    /// Returns the position in each lane.
    pub fn cursors(&self) -> Cursors {
        std::array::from_fn(|lane| self.lanes[lane].cursor)
    }

    /// Returns the id of the oldest message that waits in memory.
    pub fn oldest(&self) -> Option<MessageId> {
        self.lanes.iter().filter_map(|lane| lane.window.front()).map(|message| message.id).min()
    }

    /// Returns the messages that wait in memory, lane by lane.
    pub fn in_memory(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.lanes.iter().flat_map(|lane| &lane.window)
    }

    /// Returns the number of messages that wait, in memory or in the storage.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Counts messages that wait in the storage.
    pub fn add_waiting(&mut self, count: usize) {
        self.waiting += count;
    }
}

fn with_id(message: &Message, id: MessageId) -> Message {
    Message { id, ..message.clone() }
}

fn weight(message: &Message) -> usize {
    message.payload.get().len() + 256
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use guildhall_model::message::raw_json;
    use guildhall_model::tag::AgentTag;
    use guildhall_model::topic::Topics;

    fn message(id: u64) -> Arc<Message> {
        let mut message =
            Message::draft(AgentTag::default(), Topics::One("t".into()), "text", raw_json(&json!({"n": id})));
        message.id = MessageId::new(id);
        Arc::new(message)
    }

    fn take(queue: &mut Queue) -> Option<u64> {
        match queue.next() {
            Next::Message(message) => Some(message.id.get()),
            Next::Load { .. } | Next::Nothing => None,
        }
    }

    fn queue(window: usize) -> Queue {
        Queue::new(JournalLimits { window, ..JournalLimits::default() }, [MessageId::default(); 8], Behind::No)
    }

    #[test]
    fn the_more_urgent_lane_goes_first_and_each_lane_keeps_its_order() {
        let mut queue = queue(10);
        for (lane, id) in [(4, 1), (4, 2), (0, 3), (7, 4), (0, 5)] {
            queue.push(lane, &message(id));
        }
        let order: Vec<_> = std::iter::from_fn(|| take(&mut queue)).collect();
        assert_eq!(order, [3, 5, 1, 2, 4]);
    }

    #[test]
    fn a_full_window_leaves_the_rest_in_the_storage_and_urgent_messages_still_come() {
        let mut queue = queue(2);
        for id in 1..=4 {
            queue.push(4, &message(id));
        }
        queue.push(0, &message(5));
        assert_eq!(queue.waiting(), 5);
        assert_eq!((take(&mut queue), take(&mut queue), take(&mut queue)), (Some(5), Some(1), Some(2)));
        let Next::Load { lane: 4, after } = queue.next() else { panic!("lane 4 is behind") };
        assert_eq!(after.get(), 2);
        queue.push(4, &message(6));
        queue.loaded(4, vec![message(3), message(4)], MessageId::new(5), false);
        assert_eq!((take(&mut queue), take(&mut queue)), (Some(3), Some(4)));
        let Next::Load { lane: 4, after } = queue.next() else { panic!("6 came while the page was read") };
        assert_eq!(after.get(), 5);
        queue.loaded(4, vec![message(6)], MessageId::new(6), false);
        queue.push(4, &message(6));
        queue.push(4, &message(7));
        assert_eq!((take(&mut queue), take(&mut queue), take(&mut queue)), (Some(6), Some(7), None));
    }

    #[test]
    fn an_ephemeral_message_has_no_larger_id_than_those_that_are_not_read_yet() {
        let (old, new) = (MessageId::first_at(1_800_000_000_000), MessageId::first_at(1_800_000_009_000));
        let mut queue = Queue::new(JournalLimits::default(), [old; 8], Behind::FirstLane);
        assert!(queue.push_ephemeral(&message(new.get())));
        let seen = MessageId::new(take(&mut queue).unwrap());
        assert!(seen < old, "a client that resumes after {seen} gets what comes after {old}");
        assert!(!queue.has_passed(new) && queue.before_all(new) < old);
        queue.loaded(0, vec![message(new.get())], new, false);
        assert!(!queue.has_passed(new) && queue.before_all(new) < new);
        assert_eq!((take(&mut queue), queue.has_passed(new)), (Some(new.get()), true));
    }

    #[test]
    fn a_cursor_never_passes_a_message_that_waits() {
        let mut queue = queue(10);
        for (lane, id) in [(4, 1), (0, 2), (4, 3)] {
            queue.push(lane, &message(id));
        }
        assert_eq!(take(&mut queue), Some(2));
        let cursors = queue.consumed(0, MessageId::new(2));
        assert_eq!((cursors[0].get(), cursors[4].get(), cursors[7].get()), (2, 0, 2));
        assert_eq!(take(&mut queue), Some(1));
        assert_eq!(queue.consumed(4, MessageId::new(1))[4].get(), 1);
        assert_eq!(take(&mut queue), Some(3));
        assert_eq!(queue.consumed(4, MessageId::new(3)), [MessageId::new(3); 8]);
    }
}

//! One subscription as its publishers and its reader share it: the topics, the queue and the wake-up call. It knows no
//! log and never reads the storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::priority::Priority;
use guildhall_model::topic;

use super::cursors::Cursors;
use super::queue::{Behind, Next, Queue};
use super::settings::JournalLimits;

/// A subscription, shared by those that publish and the one that reads.
#[derive(Debug)]
pub struct Subscriber {
    pub topics: Vec<String>,
    pub kind: Kind,
    queue: Mutex<Queue>,
    wake: Notify,
    /// Whether a message was lost, or would be.
    lost: AtomicBool,
    /// Whether the storage was read for this subscription before.
    has_read: AtomicBool,
    lag_limit: usize,
}

/// What kind of subscription it is.
#[derive(Debug)]
pub enum Kind {
    /// An agent's, with a stored position. It receives a message as soon as the message has its id.
    Consumer {
        /// The id of the agent.
        name: Arc<str>,
    },
    /// A socket's or another observer's, without a stored position. It receives a message once it is durable.
    Tail,
}

impl Subscriber {
    /// Returns a subscription that has consumed up to `cursors`. `behind` says which lanes are read from the storage
    /// first.
    pub fn new(topics: Vec<String>, kind: Kind, limits: JournalLimits, cursors: Cursors, behind: Behind) -> Self {
        let lag_limit = match kind {
            Kind::Consumer { .. } => limits.agent_lag,
            Kind::Tail => limits.socket_lag,
        };
        Self {
            topics,
            kind,
            queue: Mutex::new(Queue::new(limits, cursors, behind)),
            wake: Notify::new(),
            lost: AtomicBool::new(false),
            has_read: AtomicBool::new(false),
            lag_limit,
        }
    }

    /// Returns the lane of the queue that a message belongs to. A tail uses one lane.
    pub fn lane(&self, message: &Message) -> usize {
        match self.kind {
            Kind::Consumer { .. } => message.priority.lane(),
            Kind::Tail => 0,
        }
    }

    /// Adds a message that has just got its id (consumers) or that is durable (tails).
    pub fn push(&self, message: &Arc<Message>) {
        let (wakes, waiting) = {
            let mut queue = self.queue.lock();
            (queue.push(self.lane(message), message), queue.waiting())
        };
        if matches!(self.kind, Kind::Tail) && waiting > self.lag_limit {
            self.mark_lost();
        }
        if wakes {
            self.wake.notify_one();
        }
    }

    /// Adds an ephemeral message. If there is no room, it is lost and the subscription is marked.
    pub fn push_ephemeral(&self, message: &Arc<Message>) {
        if !self.queue.lock().push_ephemeral(message) {
            self.mark_lost();
        }
        self.wake.notify_one();
    }

    /// Lets the reader look again.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until something was pushed. Cancel safe.
    pub async fn pushed(&self) {
        self.wake.notified().await;
    }

    /// Takes the next message, or returns what has to be read from the storage first.
    pub fn next(&self) -> Next {
        self.queue.lock().next()
    }

    /// Takes a page of one lane that was read from the storage.
    pub fn loaded(&self, lane: usize, page: Vec<Arc<Message>>, read_to: MessageId, more: bool) {
        self.queue.lock().loaded(lane, page, read_to, more);
    }

    /// Records that a message was consumed and returns the new cursors.
    pub fn consumed(&self, lane: usize, id: MessageId) -> Cursors {
        self.queue.lock().consumed(lane, id)
    }

    /// Records that a tail's message was delivered.
    pub fn delivered(&self) {
        self.queue.lock().delivered();
    }

    /// Records how many messages up to `end` waited in the log when a consumer resumed. If there were none, nothing is
    /// read from the storage.
    pub fn resumed(&self, waiting: usize, end: MessageId) {
        let mut queue = self.queue.lock();
        queue.add_waiting(waiting);
        if waiting == 0 {
            for lane in 0..Priority::LANES {
                queue.loaded(lane, Vec::new(), end, false);
            }
        }
    }

    /// Returns the position in each lane.
    pub fn cursors(&self) -> Cursors {
        self.queue.lock().cursors()
    }

    /// Moves an idle consumer to the end of the log. Returns its cursors if they moved.
    pub fn settle_idle(&self, end: MessageId) -> Option<Cursors> {
        match self.kind {
            Kind::Consumer { .. } => self.queue.lock().settle_idle(end),
            Kind::Tail => None,
        }
    }

    /// Returns whether no message up to a durable id waits for a tail, in memory or in the log.
    pub fn has_passed(&self, id: MessageId) -> bool {
        self.queue.lock().has_passed(id)
    }

    /// Returns the id, or a smaller one if messages wait that are not after it.
    pub fn before_all(&self, id: MessageId) -> MessageId {
        self.queue.lock().before_all(id)
    }

    /// Returns whether a message was lost, or would be.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Records that a message was lost, or would be.
    pub fn mark_lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Returns whether the storage was read before, and records that it is read now. A gap where the first read begins
    /// is reported by the caller.
    pub fn has_read(&self) -> bool {
        self.has_read.swap(true, Ordering::Relaxed)
    }

    /// Returns whether a message is not delivered here although it has a subscribed topic. An agent does not receive its
    /// own messages, except on a topic of messages to itself, where it receives no others. One such topic is enough,
    /// whatever the order of the topics.
    pub fn ignores(&self, message: &Message) -> bool {
        self.delivering_topic(message).is_none()
    }

    /// Returns the first topic of the message on which it is delivered here; empty if there is none.
    pub fn topic_of(&self, message: &Message) -> String {
        self.delivering_topic(message).cloned().unwrap_or_default()
    }

    fn delivering_topic<'a>(&self, message: &'a Message) -> Option<&'a String> {
        let is_own = match &self.kind {
            Kind::Consumer { name } => Some(message.sender.id.as_deref() == Some(name)),
            Kind::Tail => None,
        };
        let delivers = |topic: &str| is_own.is_none_or(|is_own| is_own == topic::is_self_inbox(topic));
        let mut topics = message.topics.as_slice().iter().chain(&message.also);
        topics.find(|topic| delivers(topic) && self.topics.contains(topic))
    }

    /// Returns the messages that wait in memory.
    pub fn in_memory(&self) -> Vec<Arc<Message>> {
        self.queue.lock().in_memory().cloned().collect()
    }

    /// Returns the number of messages that wait here.
    pub fn waiting(&self) -> usize {
        self.queue.lock().waiting()
    }

    /// Returns the number of messages that may wait here.
    pub fn lag_limit(&self) -> usize {
        self.lag_limit
    }
}

/// Reads the lag of a consumer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Lag(Arc<Subscriber>);

impl Lag {
    /// Returns a handle on the lag of a subscription.
    pub(super) fn of(subscriber: &Arc<Subscriber>) -> Self {
        Self(subscriber.clone())
    }

    /// Returns the number of messages that wait, in memory or in the log.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.0.waiting()
    }

    /// Returns the number of messages above which the consumer is backlogged.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.lag_limit()
    }

    /// Returns how many milliseconds the oldest message in memory has waited; 0 if none waits there.
    #[must_use]
    pub fn waited_ms(&self, now_ms: u64) -> u64 {
        self.0.queue.lock().oldest().map_or(0, |id| now_ms.saturating_sub(id.timestamp_ms()))
    }
}

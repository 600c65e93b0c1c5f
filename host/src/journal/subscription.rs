//! Subscriptions: who listens to which topics of a guild, and how far they got.
//!
//! A [`Consumer`] (an agent) has a durable position and eight lanes; it gets a
//! message as soon as it has its place in the log, while the writer is still at
//! it, because nothing the consumer says can be durable before it. A [`Tail`]
//! (a socket) gets messages once they are durable, in the order of the log, and
//! ephemeral ones as they come.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;
use guildhall_model::priority::Priority;
use guildhall_model::state::{StateChange, StateError, StateOwner, VersionedState};
use guildhall_model::topic;

use super::guild_log::{Commit, GuildLog};
use super::queue::{Behind, Cursors, Next, Queue};
use super::{JournalError, JournalLimits, Receipt};

/// Rows that one read of the log fetches.
const PAGE: usize = 256;

/// The shared half of a subscription: what publishers see.
#[derive(Debug)]
pub struct Subscriber {
    pub topics: Vec<String>,
    pub kind: Kind,
    queue: Mutex<Queue>,
    wake: Notify,
    lost: AtomicBool,
    has_read: AtomicBool,
    lag_limit: usize,
}

#[derive(Debug)]
pub enum Kind {
    /// An agent: its name in the cursors, and its id, whose own messages it does
    /// not hear.
    Consumer { name: Arc<str> },
    /// A socket or another onlooker without a stored position.
    Tail,
}

impl Subscriber {
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

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, message: &Message) -> usize {
        match self.kind {
            Kind::Consumer { .. } => message.priority.lane(),
            Kind::Tail => 0,
        }
    }

    /// Hands over what has just got its place in the log (consumers) or is
    /// durable (tails).
    pub fn push(&self, message: &Arc<Message>) {
        let (wakes, waiting) = {
            let mut queue = self.queue();
            (queue.push(self.lane(message), message), queue.waiting())
        };
        if matches!(self.kind, Kind::Tail) && waiting > self.lag_limit {
            self.lost.store(true, Ordering::Relaxed);
        }
        if wakes {
            self.wake.notify_one();
        }
    }

    pub fn push_ephemeral(&self, message: &Arc<Message>) {
        if !self.queue().push_ephemeral(message) {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.wake.notify_one();
    }

    /// How many messages wait here, and how many may.
    pub fn lag(&self) -> (usize, usize) {
        (self.queue().waiting(), self.lag_limit)
    }

    /// Says how many messages up to `cut` waited in the log when this was made;
    /// with none of them, there is nothing to read.
    pub fn resumed(&self, waiting: usize, cut: MessageId) {
        let mut queue = self.queue();
        queue.add_waiting(waiting);
        if waiting == 0 {
            for lane in 0..Priority::LANES {
                queue.loaded(lane, Vec::new(), cut, false);
            }
        }
    }

    pub fn cursors(&self) -> Cursors {
        self.queue().cursors()
    }

    /// Moves an idle consumer to the end of the log; gives its new position.
    pub fn settle_idle(&self, end: MessageId) -> Option<Cursors> {
        match self.kind {
            Kind::Consumer { .. } => self.queue().settle_idle(end),
            Kind::Tail => None,
        }
    }

    /// Whether this is not the first read of the log: where it begins, the gap is
    /// somebody else's to tell.
    fn has_read(&self) -> bool {
        self.has_read.swap(true, Ordering::Relaxed)
    }

    /// Whether a message is not delivered here although its topic is listened to: an
    /// agent's own words, unless it says them to itself, and what others say there.
    pub fn is_deaf_to(&self, message: &Message) -> bool {
        match &self.kind {
            Kind::Consumer { name } => {
                let is_own = message.sender.id.as_deref() == Some(name);
                is_own != self.heard(message).is_some_and(|topic| topic::is_self_inbox(topic))
            }
            Kind::Tail => false,
        }
    }

    fn heard<'a>(&self, message: &'a Message) -> Option<&'a String> {
        let mut topics = message.topics.as_slice().iter().chain(&message.also);
        topics.find(|topic| self.topics.contains(topic))
    }

    /// The first of the message's topics that is listened to here.
    fn heard_on(&self, message: &Message) -> String {
        self.heard(message).cloned().unwrap_or_default()
    }
}

/// How often a message has been tried without success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// It ended the instance that tried it.
    pub broken: u32,
    /// The agent asked for it again.
    pub declined: u32,
}

/// One message as an agent gets it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub message: Arc<Message>,
    /// The topic on which it was heard.
    pub topic: String,
    /// How it went before, also before a restart of the host.
    pub tries: Tries,
}

impl Delivery {
    /// 1 at first; grows with every redelivery.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.tries.broken.saturating_add(self.tries.declined).saturating_add(1)
    }
}

/// An agent's subscription.
#[derive(Debug)]
pub struct Consumer {
    pub(super) log: GuildLog,
    pub(super) subscriber: Arc<Subscriber>,
    /// The message that has been tried without success, kept until it is consumed.
    pub(super) tried: (MessageId, Tries),
    pub(super) loading: Option<Loading>,
}

impl Consumer {
    /// The next message, the most urgent first. Cancel-safe: what was not
    /// returned is not taken.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<Delivery, JournalError> {
        let message = next_message(&self.log, &self.subscriber, &mut self.loading).await?;
        let tries = if self.tried.0 == message.id { self.tried.1 } else { Tries::default() };
        Ok(Delivery { topic: self.subscriber.heard_on(&message), message, tries })
    }

    /// Commits a turn in one step: the message is consumed, what the turn said
    /// is appended, its state changes are applied.
    pub fn commit(&mut self, consumed: &Message, turn: Commit) -> Receipt {
        let lane = self.untried(consumed);
        let advance = || self.subscriber.queue().consumed(lane, consumed.id);
        self.log.commit(&self.subscriber, self.tried, consumed, turn, advance)
    }

    /// The lane of a message that is consumed now: its tries need not be known any more.
    fn untried(&mut self, consumed: &Message) -> usize {
        if self.tried.0 == consumed.id {
            self.tried = Default::default();
        }
        self.subscriber.lane(consumed)
    }

    /// Commits a turn of one change in one step: the message is consumed, the state is
    /// changed if the change applies, and what `answer` makes of the outcome is
    /// appended. `answer` is called under the guild's lock and must not use the log.
    pub fn commit_change(
        &mut self,
        consumed: &Message,
        change: (&StateOwner, &StateChange),
        answer: impl FnOnce(Result<VersionedState, StateError>) -> Vec<Message>,
    ) -> Receipt {
        let lane = self.untried(consumed);
        let advance = || self.subscriber.queue().consumed(lane, consumed.id);
        self.log.commit_change(&self.subscriber, self.tried, change, answer, advance)
    }

    /// Notes how often a message has been tried, so that the count goes on after a
    /// restart of the host.
    pub fn record_tries(&mut self, message: MessageId, tries: Tries) {
        self.tried = (message, tries);
        self.log.record_tries(&self.subscriber, self.tried);
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.subscriber.lag().0
    }

    /// A handle that tells how many messages wait, for others.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(self.subscriber.clone())
    }
}

/// Tells how many messages wait for a consumer.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Subscriber>);

impl Gauge {
    pub(super) fn of(subscriber: &Arc<Subscriber>) -> Self {
        Self(subscriber.clone())
    }

    /// How many wait, and above how many the consumer is `backlogged`.
    #[must_use]
    pub fn lag(&self) -> (usize, usize) {
        self.0.lag()
    }

    /// Milliseconds that the oldest message has waited which waits in memory; 0: none
    /// does.
    #[must_use]
    pub fn waited_ms(&self, now_ms: u64) -> u64 {
        self.0.queue().oldest().map_or(0, |id| now_ms.saturating_sub(id.timestamp_ms()))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.log.unsubscribe(&self.subscriber, self.tried);
    }
}

/// What an onlooker gets.
#[derive(Debug)]
pub enum TailEvent {
    Message {
        message: Arc<Message>,
        topic: String,
    },
    /// More waited than may: messages were lost or would be; resume by id.
    Lagged,
}

/// An onlooker's subscription.
#[derive(Debug)]
pub struct Tail {
    pub(super) log: GuildLog,
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) loading: Option<Loading>,
}

impl Tail {
    /// The next message of the topics, durable ones in the order of the log.
    /// Cancel-safe.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<TailEvent, JournalError> {
        if self.subscriber.lost.load(Ordering::Relaxed) {
            return Ok(TailEvent::Lagged);
        }
        let message = next_message(&self.log, &self.subscriber, &mut self.loading).await?;
        self.subscriber.queue().delivered();
        Ok(TailEvent::Message { topic: self.subscriber.heard_on(&message), message })
    }

    /// The next message if one is in memory already.
    pub fn try_next(&mut self) -> Option<TailEvent> {
        if self.subscriber.lost.load(Ordering::Relaxed) {
            return Some(TailEvent::Lagged);
        }
        let Next::Message(message) = self.subscriber.queue().next() else { return None };
        self.subscriber.queue().delivered();
        Some(TailEvent::Message { topic: self.subscriber.heard_on(&message), message })
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.log.unsubscribe(&self.subscriber, Default::default());
    }
}

/// A read of the log under way: it goes on while whoever waits for it does
/// something else in between.
type Loading = tokio::task::JoinHandle<Result<Page, JournalError>>;

/// What a read of one lane found.
#[derive(Debug)]
pub(super) struct Page {
    lane: usize,
    messages: Vec<Arc<Message>>,
    /// All that the log has of the lane up to here is in the page.
    read_to: MessageId,
    /// Whether something may follow.
    more: bool,
    /// Whether retention has passed the place where the read began.
    is_after_gap: bool,
}

async fn next_message(
    log: &GuildLog,
    subscriber: &Arc<Subscriber>,
    loading: &mut Option<Loading>,
) -> Result<Arc<Message>, JournalError> {
    loop {
        if let Some(load) = loading {
            let page = load.await;
            *loading = None;
            let page = page.map_err(|_| JournalError::Closed)??;
            if page.is_after_gap && matches!(subscriber.kind, Kind::Tail) {
                subscriber.lost.store(true, Ordering::Relaxed);
            }
            subscriber.queue().loaded(page.lane, page.messages, page.read_to, page.more);
        }
        let next = subscriber.queue().next();
        match next {
            Next::Message(message) => return Ok(message),
            Next::Load { lane, after } => {
                *loading = Some(tokio::spawn(load(log.clone(), subscriber.clone(), lane, after)));
            }
            Next::Nothing => subscriber.wake.notified().await,
        }
    }
}

/// Reads a page of one lane. What was published before the read began is durable
/// when it is read, so a page after which nothing follows is complete up to then.
async fn load(log: GuildLog, subscriber: Arc<Subscriber>, lane: usize, after: MessageId) -> Result<Page, JournalError> {
    let cut = log.wait_for_all().await;
    let of_lane = matches!(subscriber.kind, Kind::Consumer { .. }).then_some(lane);
    let limits = log.limits();
    let (rows, more) = log.read_window(&subscriber.topics, (after, cut), of_lane, limits.window.min(PAGE)).await?;
    let last = rows.last().map_or(after, |message| message.id);
    Ok(Page {
        lane,
        messages: rows.into_iter().filter(|message| !subscriber.is_deaf_to(message)).map(Arc::new).collect(),
        read_to: if more { last } else { cut.max(last) },
        more,
        is_after_gap: after > MessageId::default() && subscriber.has_read() && log.has_gap_after(after),
    })
}

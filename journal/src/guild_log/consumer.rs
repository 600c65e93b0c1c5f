//! The subscription of an agent. A consumer has a stored position in eight lanes. It receives a message as soon as the
//! message has its id, while the writer is still at it: nothing that the agent emits can be stored before the message.

use std::sync::Arc;

use guildhall_model::ids::{AgentId, MessageId};
use guildhall_model::message::Message;
use guildhall_model::state::{StateChange, StateError, StateOwner, VersionedState};

use super::GuildLog;
use super::commit::Commit;
use super::window::Window;
use crate::cursors::{Attempts, Cursors, FailedAttempts, Position};
use crate::error::JournalError;
use crate::queue::Behind;
use crate::receipt::Receipt;
use crate::step::{CursorWrite, SideWrite};
use crate::storage::Range;
use crate::subscriber::{Kind, Lag, Subscriber};

/// A message as an agent receives it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub message: Arc<Message>,
    /// The subscribed topic on which the message came.
    pub topic: String,
    /// The failed attempts so far, also those before a restart of the host.
    pub attempts: Attempts,
}

impl Delivery {
    /// Returns the number of this attempt: 1 at first, and one more after each failed attempt.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempts.broken.saturating_add(self.attempts.declined).saturating_add(1)
    }
}

/// An agent's subscription. Dropping it unsubscribes; its position stays.
#[derive(Debug)]
pub struct Consumer {
    log: GuildLog,
    /// The id of the agent.
    name: Arc<str>,
    window: Window,
    /// Kept until the message is consumed.
    failed: FailedAttempts,
}

impl Consumer {
    /// Returns the next message, the most urgent first. Cancel safe: a message that was not returned is not taken.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn next(&mut self) -> Result<Delivery, JournalError> {
        let message = self.window.next(&self.log).await?;
        let is_failed = self.failed.message == message.id;
        let attempts = if is_failed { self.failed.attempts } else { Attempts::default() };
        Ok(Delivery { topic: self.subscriber().topic_of(&message), message, attempts })
    }

    /// Commits a turn in one step: the message is consumed, what the turn emitted is appended, and its changes are
    /// applied.
    pub fn commit(&mut self, consumed: &Message, turn: Commit) -> Receipt {
        self.forget_attempts(consumed);
        self.log.commit(consumed, turn, || self.advance(consumed))
    }

    /// Commits a turn of one change in one step: the message is consumed, the state is changed if the change applies,
    /// and the messages that `answer` returns for the outcome are appended. `answer` is called under the log's lock and
    /// must not use the log.
    pub fn commit_change(
        &mut self,
        consumed: &Message,
        change: (&StateOwner, &StateChange),
        answer: impl FnOnce(Result<VersionedState, StateError>) -> Vec<Message>,
    ) -> Receipt {
        self.forget_attempts(consumed);
        self.log.commit_change(change, answer, || self.advance(consumed))
    }

    /// Stores how many attempts of a message have failed, so that the count survives a restart of the host.
    pub fn record_attempts(&mut self, message: MessageId, attempts: Attempts) {
        self.failed = FailedAttempts { message, attempts };
        // The log's lock is taken before the queue's, as everywhere.
        let _state = self.log.lock();
        self.log.enqueue(Some(self.write_of(self.subscriber().cursors())), Vec::new());
    }

    /// Returns the messages that wait in memory and were not taken, without taking them.
    #[must_use]
    pub fn in_memory(&self) -> Vec<Delivery> {
        let subscriber = self.subscriber();
        let delivery = |message: Arc<Message>| Delivery {
            topic: subscriber.topic_of(&message),
            message,
            attempts: Attempts::default(),
        };
        subscriber.in_memory().into_iter().map(delivery).collect()
    }

    /// Returns a handle that reads how many messages wait.
    #[must_use]
    pub fn lag(&self) -> Lag {
        Lag::of(self.subscriber())
    }

    fn subscriber(&self) -> &Arc<Subscriber> {
        self.window.subscriber()
    }

    fn forget_attempts(&mut self, consumed: &Message) {
        if self.failed.message == consumed.id {
            self.failed = FailedAttempts::default();
        }
    }

    /// Records that the message is consumed and returns the new position.
    fn advance(&self, consumed: &Message) -> Option<CursorWrite> {
        let subscriber = self.subscriber();
        Some(self.write_of(subscriber.consumed(subscriber.lane(consumed), consumed.id)))
    }

    fn write_of(&self, cursors: Cursors) -> CursorWrite {
        CursorWrite { consumer: self.name.clone(), position: Position { cursors, failed: self.failed } }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.subscribers.remove(self.subscriber());
        if let Some(known) = state.positions.get_mut(&self.name) {
            *known = Position { cursors: self.subscriber().cursors(), failed: self.failed };
        }
    }
}

impl GuildLog {
    /// Subscribes an agent. It continues at its stored position; a new consumer begins with what is published from now
    /// on. Dropping the future unsubscribes.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn consume(&self, agent: &AgentId, topics: Vec<String>) -> Result<Consumer, JournalError> {
        let name: Arc<str> = agent.as_str().into();
        let (consumer, resumed) = {
            let mut state = self.lock();
            let known = state.positions.get(&name).copied();
            let end = self.0.shared.last_logged();
            let position = known.unwrap_or(Position { cursors: [end; 8], failed: FailedAttempts::default() });
            let kind = Kind::Consumer { name: name.clone() };
            let behind = if known.is_some() { Behind::AllLanes } else { Behind::No };
            let limits = self.0.shared.limits;
            let subscriber = Arc::new(Subscriber::new(topics, kind, limits, position.cursors, behind));
            state.subscribers.add(&subscriber);
            if known.is_none() {
                let cursor = CursorWrite { consumer: name.clone(), position };
                self.enqueue(Some(cursor), Vec::new());
                state.positions.insert(name.clone(), position);
            }
            let window = Window::new(subscriber);
            (Consumer { log: self.clone(), name, window, failed: position.failed }, known.map(|known| (known, end)))
        };
        if let Some((position, end)) = resumed {
            self.wait_for_all().await;
            let after = position.cursors.iter().min().copied().unwrap_or_default();
            let topics = &consumer.subscriber().topics;
            let range = Range { guild: self.0.key, topics, after, until: end };
            let waiting = self.0.shared.storage.count(range, usize::MAX).await?.messages;
            consumer.subscriber().resumed(waiting, end);
        }
        Ok(consumer)
    }

    /// Removes the position, snapshot, state and values of an agent, in one step.
    pub fn forget_consumer(&self, agent: &AgentId) {
        let owner = StateOwner::Agent(agent.clone());
        let mut state = self.lock();
        state.positions.remove(agent.as_str());
        state.states.forget(&owner);
        self.0.values.clear(&owner);
        self.enqueue(None, vec![SideWrite::ForgetConsumer { agent: agent.clone() }]);
    }

    /// Removes the positions, snapshots, states and values of all agents, in one step, because the guild has ended. The
    /// receipt is ready when they are gone.
    pub fn forget_consumers(&self) -> Receipt {
        let mut state = self.lock();
        let names: Vec<Arc<str>> = state.positions.drain().map(|(name, _)| name).collect();
        let mut side_writes = Vec::new();
        for name in names {
            let agent = AgentId::from(&*name);
            let owner = StateOwner::Agent(agent.clone());
            state.states.forget(&owner);
            self.0.values.clear(&owner);
            side_writes.push(SideWrite::ForgetConsumer { agent });
        }
        self.enqueue_with_receipt(side_writes)
    }

    /// Moves the stored positions of consumers for which nothing waits to the end of the log, so that they do not keep
    /// retention from trimming it.
    pub fn settle(&self) {
        let state = self.lock();
        let end = self.0.shared.last_logged();
        for subscriber in state.subscribers.all() {
            let Kind::Consumer { name } = &subscriber.kind else { continue };
            if let Some(cursors) = subscriber.settle_idle(end) {
                let position = Position { cursors, failed: FailedAttempts::default() };
                self.enqueue(Some(CursorWrite { consumer: name.clone(), position }), Vec::new());
            }
        }
    }
}

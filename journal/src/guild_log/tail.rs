//! The subscription of a socket or another observer. It has no stored position. It receives messages once they are
//! durable, in the order of the log, and ephemeral messages as they come.

use std::collections::VecDeque;
use std::sync::Arc;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;

use super::GuildLog;
use super::window::Window;
use crate::error::JournalError;
use crate::queue::{Behind, Next};
use crate::subscriber::{Kind, Subscriber};

/// What a tail receives.
#[derive(Debug)]
pub enum TailEvent {
    /// A message, and the subscribed topic on which it came.
    Message { message: Arc<Message>, topic: String },
    /// The tail has returned every message up to the id that was given to [`Tail::announce`].
    Passed,
    /// More messages waited than the limit allows. Messages were lost or would be; the client resumes after an id.
    Lagged,
}

/// An observer's subscription. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Tail {
    log: GuildLog,
    window: Window,
    /// The ids that are announced when the tail has passed them.
    announced: VecDeque<MessageId>,
}

impl Tail {
    /// Returns the next message; durable messages come in the order of the log. Cancel safe.
    ///
    /// # Errors
    /// `TakenOver` when another host has the guild now, or the storage cannot be read.
    pub async fn next(&mut self) -> Result<TailEvent, JournalError> {
        loop {
            self.log.check_owned()?;
            if self.subscriber().is_lost() {
                return Ok(TailEvent::Lagged);
            }
            if self.has_passed() {
                return Ok(TailEvent::Passed);
            }
            if let Some(message) = self.window.step(&self.log).await? {
                return Ok(self.delivered(message));
            }
        }
    }

    /// Asks for a [`TailEvent::Passed`] once the tail has returned every message up to a durable id. The events come in
    /// the order of the calls.
    pub fn announce(&mut self, id: MessageId) {
        self.announced.push_back(id);
    }

    /// Returns how many of the announced ids are smaller than that of a message which the tail has returned. They are not
    /// announced any more.
    pub fn passed_before(&mut self, id: MessageId) -> usize {
        let mut count = 0;
        while self.announced.pop_front_if(|announced| *announced < id).is_some() {
            count += 1;
        }
        count
    }

    /// Returns the next message if one is in memory.
    pub fn try_next(&mut self) -> Option<TailEvent> {
        if self.subscriber().is_lost() {
            return Some(TailEvent::Lagged);
        }
        if self.has_passed() {
            return Some(TailEvent::Passed);
        }
        let Next::Message(message) = self.subscriber().next() else { return None };
        Some(self.delivered(message))
    }

    /// Returns an id for a message that goes to this client alone and is not stored. It is smaller than the id of every
    /// message that the tail has yet to return.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        self.subscriber().before_all(self.log.new_id())
    }

    /// Takes the first announced id if the tail has passed it.
    fn has_passed(&mut self) -> bool {
        let subscriber = self.window.subscriber();
        self.announced.pop_front_if(|id| subscriber.has_passed(*id)).is_some()
    }

    fn subscriber(&self) -> &Arc<Subscriber> {
        self.window.subscriber()
    }

    fn delivered(&self, message: Arc<Message>) -> TailEvent {
        self.subscriber().delivered();
        TailEvent::Message { topic: self.subscriber().topic_of(&message), message }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.log.lock().subscribers.remove(self.subscriber());
    }
}

impl GuildLog {
    /// Subscribes an observer: from the message after `after` on, or from now on. Retained messages come first.
    #[must_use]
    pub fn tail(&self, topics: Vec<String>, after: Option<MessageId>) -> Tail {
        let mut state = self.lock();
        let from = after.unwrap_or_default().min(self.0.shared.last_logged());
        let behind = if after.is_some() { Behind::FirstLane } else { Behind::No };
        let subscriber = Arc::new(Subscriber::new(topics, Kind::Tail, self.0.shared.limits, [from; 8], behind));
        for topic in &subscriber.topics {
            if let Some(message) = state.retained.get(topic) {
                subscriber.push_ephemeral(message);
            }
        }
        state.subscribers.add(&subscriber);
        Tail { log: self.clone(), window: Window::new(subscriber), announced: VecDeque::new() }
    }
}

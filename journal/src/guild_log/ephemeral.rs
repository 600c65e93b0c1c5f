//! Ephemeral messages: they are delivered to the sockets that subscribe now and are never stored. The last one of a
//! topic can be kept in memory for those who subscribe next.

use std::sync::Arc;

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;

use super::{GuildLog, LogState};
use crate::subscriber::Kind;

impl GuildLog {
    /// Returns an id for a message that goes to one client and is not stored.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        self.0.shared.next_ephemeral_id()
    }

    /// Returns the largest id of a message of this host: a subscription that begins now misses none up to it.
    #[must_use]
    pub fn newest(&self) -> MessageId {
        self.0.shared.last_logged()
    }

    /// Delivers an ephemeral message to the sockets that subscribe to its topics now. Returns its id.
    pub fn signal(&self, message: Message) -> MessageId {
        self.signal_and(message, |_, _| ())
    }

    /// Delivers an ephemeral message and keeps it for those who subscribe next. Returns its id.
    pub fn retain(&self, message: Message) -> MessageId {
        self.signal_and(message, |state, message| {
            for topic in message.topics.as_slice() {
                state.retained.insert(topic.clone(), message.clone());
            }
        })
    }

    /// Removes the message that is kept for those who subscribe to a topic next.
    pub fn forget(&self, topic: &str) {
        self.lock().retained.remove(topic);
    }

    fn signal_and(&self, mut message: Message, then: impl FnOnce(&mut LogState, &Arc<Message>)) -> MessageId {
        let mut state = self.lock();
        message.id = self.0.shared.next_ephemeral_id();
        message.sent_ms = Some(self.0.shared.now_ms());
        let message = Arc::new(message);
        for subscriber in state.subscribers.receivers(&message) {
            if matches!(subscriber.kind, Kind::Tail) {
                subscriber.push_ephemeral(&message);
            }
        }
        then(&mut state, &message);
        message.id
    }
}

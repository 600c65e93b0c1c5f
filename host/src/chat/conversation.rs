//! What a client knows of its conversation: what it has sent, what was confirmed and answered, and where it resumes. Plain
//! data.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use guildhall_model::format;

/// The messages of one user in one session.
#[derive(Debug)]
pub struct Conversation {
    user: String,
    name: String,
    /// What the client ids of this session begin with.
    session: String,
    count: u64,
    /// The largest id that was seen.
    last: Option<u64>,
    /// What is not answered yet, by its number.
    waiting: BTreeMap<u64, Sent>,
    /// The threads that were answered while a message was not confirmed: a confirmation may come after the answer.
    answered: BTreeSet<u64>,
    /// Whether a message was answered with an error.
    has_failed: bool,
}

#[derive(Debug)]
struct Sent {
    frame: Value,
    /// The id in the log, once it is confirmed.
    id: Option<u64>,
}

/// What a frame is for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A message.
    Message,
    /// What an agent shows in the middle of its turn.
    Progress,
    /// A confirmation, or the user's own message.
    Hidden,
}

impl Conversation {
    /// Returns a conversation without messages.
    #[must_use]
    pub fn new(user: &str, name: &str) -> Self {
        let session = format!("cli-{:016x}", rand::random::<u64>());
        Self {
            user: user.to_owned(),
            name: name.to_owned(),
            session,
            count: 0,
            last: None,
            waiting: BTreeMap::new(),
            answered: BTreeSet::new(),
            has_failed: false,
        }
    }

    /// Returns the frame of a text.
    pub fn say(&mut self, text: &str) -> Value {
        self.send(format::TEXT, json!({"text": text}), Value::Null)
    }

    /// Returns the frame of a message in a client's conversation. It waits for its answer.
    pub fn send(&mut self, format: &str, payload: Value, conversation: Value) -> Value {
        self.count += 1;
        let frame = json!({
            "id": format!("{}-{}", self.session, self.count),
            "format": format,
            "payload": payload,
            "sender": {"id": self.user, "name": self.name},
            "conversationId": conversation,
        });
        self.waiting.insert(self.count, Sent { frame: frame.clone(), id: None });
        frame
    }

    /// Returns the frames that were not confirmed, in their order.
    #[must_use]
    pub fn unconfirmed(&self) -> Vec<Value> {
        self.waiting.values().filter(|sent| sent.id.is_none()).map(|sent| sent.frame.clone()).collect()
    }

    /// Returns the id after which a new connection resumes; `None` before the first frame.
    #[must_use]
    pub fn after(&self) -> Option<u64> {
        self.last
    }

    /// Returns whether every message has an answer.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns whether the answer to a message of this session was an error.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Takes a frame of the socket, and says what it is.
    pub fn take(&mut self, frame: &Value) -> Seen {
        self.last = self.last.max(frame["id"].as_u64());
        if frame["format"] == format::ACK {
            self.last = self.last.max(frame["payload"]["id"].as_u64());
            self.confirm(&frame["payload"]["client_id"], &frame["payload"]["id"]);
            return Seen::Hidden;
        }
        if frame["process_status"] == "running" {
            return Seen::Progress;
        }
        let is_error = frame["is_error_message"] == true;
        let named = self.number_of(&frame["client_id"]);
        if let Some(number) = named {
            if !is_error {
                self.confirm(&frame["client_id"], &frame["id"]);
                return Seen::Hidden;
            }
            self.has_failed |= self.waiting.remove(&number).is_some();
            return Seen::Message;
        }
        let thread = frame["thread"].as_array().into_iter().flatten().chain([&frame["root_thread_id"]]);
        let thread: Vec<u64> = thread.filter_map(Value::as_u64).collect();
        let before = self.waiting.len();
        self.waiting.retain(|_, sent| !sent.id.is_some_and(|id| thread.contains(&id)));
        if before > self.waiting.len() {
            self.has_failed |= is_error;
        } else if is_error && thread.is_empty() {
            // An error that names no message is about the one that has waited longest.
            self.has_failed |= self.waiting.pop_first().is_some();
        } else {
            self.answered.extend(thread);
        }
        self.forget_answered();
        Seen::Message
    }

    /// The number of a client id of this session.
    fn number_of(&self, client_id: &Value) -> Option<u64> {
        client_id.as_str()?.strip_prefix(&self.session)?.strip_prefix('-')?.parse().ok()
    }

    fn confirm(&mut self, client_id: &Value, id: &Value) {
        let Some(number) = self.number_of(client_id) else { return };
        match id.as_u64() {
            Some(id) if self.answered.contains(&id) => drop(self.waiting.remove(&number)),
            id => {
                if let Some(sent) = self.waiting.get_mut(&number) {
                    sent.id = id;
                }
            }
        }
        self.forget_answered();
    }

    /// Forgets the answered threads once every message is confirmed: nothing refers to them then.
    fn forget_answered(&mut self) {
        if self.waiting.values().all(|sent| sent.id.is_some()) {
            self.answered.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(sent: &Value, id: u64) -> Value {
        json!({"format": format::ACK, "id": id, "payload": {"client_id": sent["id"], "id": id}})
    }

    #[test]
    fn a_message_waits_for_the_answer_of_its_thread() {
        let mut talk = Conversation::new("ann", "Ann");
        let (one, two) = (talk.say("one"), talk.say("two"));
        assert_eq!(talk.unconfirmed(), [one.clone(), two.clone()]);
        assert_eq!(talk.take(&ack(&one, 10)), Seen::Hidden);
        assert_eq!(talk.unconfirmed(), std::slice::from_ref(&two));
        assert_eq!(talk.take(&json!({"id": 11, "thread": [5], "payload": {}})), Seen::Message, "somebody else's");
        let progress = json!({"id": 12, "thread": [10], "process_status": "running"});
        assert_eq!(talk.take(&progress), Seen::Progress);
        assert_eq!(talk.take(&json!({"id": 13, "thread": [10, 13]})), Seen::Message);
        assert!(!talk.is_answered());
        talk.take(&ack(&two, 14));
        talk.take(&json!({"id": 15, "root_thread_id": 14}));
        assert!(talk.is_answered());
        assert_eq!(talk.after(), Some(15));
    }

    #[test]
    fn a_confirmation_may_come_after_the_answer() {
        let mut talk = Conversation::new("ann", "Ann");
        let one = talk.say("one");
        assert_eq!(talk.take(&json!({"id": 11, "thread": [10, 11]})), Seen::Message);
        assert!(!talk.is_answered(), "it may be the answer to somebody else");
        talk.take(&ack(&one, 10));
        assert!(talk.is_answered() && talk.answered.is_empty());
    }

    #[test]
    fn the_own_copy_after_a_break_confirms_and_is_not_shown() {
        let mut talk = Conversation::new("ann", "Ann");
        let one = talk.say("one");
        assert_eq!(talk.take(&json!({"id": 10, "client_id": one["id"], "sender": {"id": "ann"}})), Seen::Hidden);
        assert!(talk.unconfirmed().is_empty() && !talk.is_answered());
    }

    #[test]
    fn an_error_is_the_answer_to_its_message_or_to_the_oldest() {
        let mut talk = Conversation::new("ann", "Ann");
        let (_, two) = (talk.say("one"), talk.say("two"));
        talk.take(&json!({"id": 9, "is_error_message": true, "client_id": null, "thread": [4]}));
        assert!(talk.unconfirmed().len() == 2 && !talk.has_failed(), "it is about an earlier message");
        talk.take(&json!({"id": 1, "is_error_message": true, "client_id": two["id"]}));
        assert_eq!(talk.unconfirmed().len(), 1);
        talk.take(&json!({"id": 2, "is_error_message": true, "client_id": null}));
        assert!(talk.is_answered() && talk.has_failed());
    }
}

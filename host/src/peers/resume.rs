//! What a host knows of a socket that it carries, so that the client misses nothing and sends nothing twice when the guild
//! moves: the last message that the client has got, and the messages of the client that are not confirmed. Plain data.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use guildhall_model::format;

/// The most messages of a client that are not confirmed; after that the client is not read.
pub const UNCONFIRMED: usize = 64;

/// The longest id of a client's message, in bytes.
const MOST_ID_BYTES: usize = 256;

/// As much of a frame to the client as matters here, in every dialect.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    format: Option<String>,
    #[serde(borrow, alias = "data")]
    payload: Option<&'a RawValue>,
    #[serde(alias = "clientId")]
    client_id: Option<Value>,
    #[serde(alias = "isErrorMessage")]
    is_error_message: Option<bool>,
}

/// A message of the client that is not confirmed.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    client_id: Value,
    text: String,
}

/// A socket that is carried.
#[derive(Debug)]
pub struct Resume {
    /// The largest id that the client has got.
    last: Option<u64>,
    /// Whether the client has asked for confirmations.
    wants_acks: bool,
    /// What the ids begin with that messages without an id get.
    own: String,
    count: u64,
    unconfirmed: VecDeque<Sent>,
}

impl Resume {
    /// A socket whose client has got nothing. `own` is random.
    pub fn new(wants_acks: bool, own: String) -> Self {
        Self { last: None, wants_acks, own, count: 0, unconfirmed: VecDeque::new() }
    }

    /// Notes that the client has all messages up to an id.
    pub fn has_all_to(&mut self, id: u64) {
        self.last = self.last.max(Some(id));
    }

    /// The id after which the client is to get messages; `None`: those from now on.
    pub fn after(&self) -> Option<u64> {
        self.last
    }

    /// Whether more messages of the client may be taken.
    pub fn has_room(&self) -> bool {
        self.unconfirmed.len() < UNCONFIRMED
    }

    /// Takes a frame of the client and returns it as it is sent on. A message without an id gets one, so that it can be sent
    /// again.
    pub fn sent(&mut self, text: String) -> String {
        let Ok(Value::Object(mut members)) = serde_json::from_str::<Value>(&text) else { return text };
        let (client_id, text) = match id_of(members.get("id").unwrap_or(&Value::Null)) {
            Id::Given(id) => (id, text),
            // The owner says what is wrong with it.
            Id::Wrong => return text,
            Id::None => {
                self.count += 1;
                let id = Value::from(format!("{}-{}", self.own, self.count));
                members.insert("id".to_owned(), id.clone());
                (id, Value::Object(members).to_string())
            }
        };
        self.unconfirmed.push_back(Sent { client_id, text: text.clone() });
        text
    }

    /// The messages that are sent again on a new connection, in their order.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &str> {
        self.unconfirmed.iter().map(|sent| sent.text.as_str())
    }

    /// Takes a frame to the client, and returns whether the client gets it.
    pub fn got(&mut self, text: &str) -> bool {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return true };
        let id = frame.id.and_then(|id| id.get().trim_matches('"').parse().ok());
        self.last = self.last.max(id);
        let is_ack =
            frame.format.as_deref().is_some_and(|name| format::short_name(name) == format::short_name(format::ACK));
        let confirms = is_ack || frame.is_error_message == Some(true);
        let client_id = frame.client_id.or_else(|| {
            let payload: Value = serde_json::from_str(frame.payload?.get()).ok()?;
            payload.get("client_id").cloned()
        });
        if confirms
            && let Some(client_id) = client_id
            && let Some(place) = self.unconfirmed.iter().position(|sent| sent.client_id == client_id)
        {
            self.unconfirmed.remove(place);
        }
        !is_ack || self.wants_acks
    }
}

/// The id of a message, as the owner reads it (`guildhall_model::frame`).
enum Id {
    None,
    Given(Value),
    Wrong,
}

fn id_of(id: &Value) -> Id {
    match id {
        Value::Null | Value::Bool(false) => Id::None,
        Value::String(text) => match text.trim() {
            "" => Id::None,
            text if text.len() <= MOST_ID_BYTES => Id::Given(text.into()),
            _ => Id::Wrong,
        },
        Value::Number(number) if number.is_u64() => Id::Given(id.clone()),
        _ => Id::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ack(client_id: &str, id: u64) -> String {
        let payload = json!({"client_id": client_id, "id": id});
        json!({"id": id, "format": format::ACK, "payload": payload, "client_id": client_id}).to_string()
    }

    #[test]
    fn what_is_not_confirmed_is_sent_again_and_confirmations_are_for_who_wants_them() {
        let mut resume = Resume::new(false, "via".to_owned());
        assert_eq!(resume.sent(json!({"id": "a", "format": "text"}).to_string()), r#"{"id":"a","format":"text"}"#);
        let second = resume.sent(json!({"format": "text"}).to_string());
        assert_eq!(serde_json::from_str::<Value>(&second).unwrap()["id"], "via-1");
        for refused in
            ["no JSON".to_owned(), json!({"id": 1.5}).to_string(), json!({"id": "x".repeat(257)}).to_string()]
        {
            assert_eq!(resume.sent(refused.clone()), refused);
        }
        assert_eq!(resume.unconfirmed().count(), 2);
        resume.sent(json!({"id": " b "}).to_string());
        resume.got(&ack("b", 6));
        assert_eq!(resume.unconfirmed().count(), 2, "the owner reads it without blanks");
        assert!(!resume.got(&ack("a", 7)), "the client has not asked for it");
        assert_eq!(resume.unconfirmed().collect::<Vec<_>>(), [second]);
        assert!(Resume::new(true, String::new()).got(&ack("a", 7)));
        let refused = json!({"id": 8, "format": "x.ErrorMessage", "is_error_message": true, "client_id": "via-1"});
        assert!(resume.got(&refused.to_string()));
        assert_eq!((resume.unconfirmed().count(), resume.after()), (0, Some(8)));
    }

    #[test]
    fn the_last_message_is_known_in_every_dialect() {
        let mut resume = Resume::new(true, String::new());
        assert_eq!(resume.after(), None);
        for (frame, last) in [
            (json!({"id": 5, "format": "text"}), 5),
            (json!({"id": "9", "format": "TextFormat", "data": {}}), 9),
            (json!({"id": 3}), 9),
            (json!({"format": "text"}), 9),
        ] {
            assert!(resume.got(&frame.to_string()));
            assert_eq!(resume.after(), Some(last), "{frame}");
        }
        resume.has_all_to(20);
        assert_eq!(resume.after(), Some(20));
    }

    #[test]
    fn a_client_with_many_unconfirmed_messages_is_not_read() {
        let mut resume = Resume::new(true, String::new());
        for number in 0..UNCONFIRMED {
            assert!(resume.has_room());
            resume.sent(json!({"id": number}).to_string());
        }
        assert!(!resume.has_room());
    }
}

//! Composes the messages that an agent emits.

use crate::bindings::guildhall::agent::messaging::{EmitError, Outgoing};
use crate::bindings::guildhall::agent::types::AgentTag;
use crate::format::Format;
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Outgoing {
    /// Creates a message that goes where a reply would go, unless one of the methods below changes that.
    ///
    /// # Errors
    /// [`EmitError::InvalidPayload`] if the value cannot be written as JSON.
    pub fn new<T: Format>(message: &T) -> Result<Self, EmitError> {
        Ok(Outgoing::json_text(T::NAME, json_text(message)?))
    }

    /// Creates a message with JSON text as its payload, see [`Outgoing::new`]. The text is not parsed here.
    pub fn json_text(format: impl Into<String>, payload: impl Into<String>) -> Self {
        Outgoing {
            format: format.into(),
            payload: payload.into(),
            topics: Vec::new(),
            recipients: Vec::new(),
            priority: None,
            new_thread: false,
            session_state: None,
            reason: None,
        }
    }

    /// Sends the message to `topic` of the agent's guild and ignores all routes. Each call adds a topic.
    pub fn to_topic(mut self, topic: impl Into<String>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// Adds a recipient.
    pub fn to_agent(mut self, agent: AgentTag) -> Self {
        self.recipients.push(agent);
        self
    }

    /// Sets the priority, from 0 (urgent) to 7; 4 is normal. The default is the priority of the message that is handled.
    pub fn with_priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Starts a new thread under the current one.
    pub fn in_new_thread(mut self) -> Self {
        self.new_thread = true;
        self
    }

    /// Merges an object into the session state, which the messages of the thread carry.
    ///
    /// # Errors
    /// [`EmitError::InvalidPayload`] if the value cannot be written as JSON.
    pub fn with_session_state(mut self, state: &impl Serialize) -> Result<Self, EmitError> {
        self.session_state = Some(json_text(state)?);
        Ok(self)
    }

    /// Adds a reason to the message's history, for people who read traces.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Parses the payload. It is meant for tests.
    ///
    /// # Errors
    /// The payload does not fit `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.payload)
    }
}

fn json_text(value: &impl Serialize) -> Result<String, EmitError> {
    serde_json::to_string(value).map_err(|error| EmitError::InvalidPayload(error.to_string()))
}

//! A message on its way out, as its sender composes it.

use crate::{AgentTag, EmitError, Format, Outgoing};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Outgoing {
    /// A message to wherever a reply would go, until a method below says otherwise.
    ///
    /// # Errors
    /// [`EmitError::InvalidPayload`] if serde cannot make JSON of it.
    pub fn new<T: Format>(message: &T) -> Result<Self, EmitError> {
        Ok(Outgoing::json_text(T::NAME, json_text(message)?))
    }

    /// As [`Outgoing::new`], with JSON text that passes through unparsed.
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

    /// Sends it to `topic` of the agent's own guild, past all routes. Call it again for more topics.
    pub fn to_topic(mut self, topic: impl Into<String>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// Names a recipient. Call it again for more.
    pub fn to_agent(mut self, agent: AgentTag) -> Self {
        self.recipients.push(agent);
        self
    }

    /// Sets the priority, 0 (urgent) to 7; 4 is normal. Otherwise that of the message being handled.
    pub fn with_priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Starts a new thread under the current one.
    pub fn in_new_thread(mut self) -> Self {
        self.new_thread = true;
        self
    }

    /// Merges an object into the state that travels with the thread.
    ///
    /// # Errors
    /// [`EmitError::InvalidPayload`] if serde cannot make JSON of it.
    pub fn with_session_state(mut self, state: &impl Serialize) -> Result<Self, EmitError> {
        self.session_state = Some(json_text(state)?);
        Ok(self)
    }

    /// Notes in the message's history why it was sent, for people who read traces.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Parses the payload, as tests want it.
    ///
    /// # Errors
    /// Those of serde.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.payload)
    }
}

fn json_text(value: &impl Serialize) -> Result<String, EmitError> {
    serde_json::to_string(value).map_err(|error| EmitError::InvalidPayload(error.to_string()))
}

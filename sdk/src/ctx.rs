//! What a handler may do while it has a message.

use crate::host::Host;
use crate::{EmitError, Failure, Format, Identity, Language, Message, Outgoing, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One turn: the message being handled and what may be done about it.
///
/// Everything a turn emits and every change of state is staged. It takes effect, all at once and in order, when the
/// handler returns `Ok`; after an `Err` or a panic nothing of it remains. Only [`Ctx::progress`] is seen at once.
pub struct Ctx<'a> {
    message: &'a Message,
    host: &'a mut dyn Host,
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(message: &'a Message, host: &'a mut dyn Host) -> Self {
        Ctx { message, host }
    }

    /// The message with its whole envelope; `payload` is its JSON text, as it came.
    pub fn message(&self) -> &'a Message {
        self.message
    }

    /// Parses the payload. For handlers of any format; typed ones have it parsed already.
    ///
    /// # Errors
    /// [`Failure::Reject`], naming the format and the path of what does not fit.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let Message { format, payload, .. } = self.message;
        json::parse(format_args!("the payload of format `{format}`"), payload).map_err(Failure::Reject)
    }

    /// Answers in the same thread. The routing slip and the guild's routes decide who gets it; without any, the user
    /// who began the thread.
    ///
    /// # Errors
    /// As [`Ctx::emit`].
    pub fn reply<T: Format>(&mut self, message: &T) -> Result<(), EmitError> {
        self.emit(Outgoing::new(message)?)
    }

    /// Answers with a JSON value in a format that need not have a type here.
    ///
    /// # Errors
    /// As [`Ctx::emit`].
    pub fn reply_raw(&mut self, format: impl Into<String>, payload: serde_json::Value) -> Result<(), EmitError> {
        self.reply_json_text(format, payload.to_string())
    }

    /// Answers with JSON text that passes through unparsed; only the host checks it.
    ///
    /// # Errors
    /// As [`Ctx::emit`].
    pub fn reply_json_text(&mut self, format: impl Into<String>, payload: impl Into<String>) -> Result<(), EmitError> {
        self.emit(Outgoing::json_text(format, payload))
    }

    /// Stages a message; [`Outgoing`] says where to and how.
    ///
    /// # Errors
    /// The host does not take it: the payload is no JSON object or too large, the turn emitted too many, or the agent
    /// may not write to the topic. With `?` it becomes a [`Failure::Other`] in words.
    pub fn emit(&mut self, outgoing: Outgoing) -> Result<(), EmitError> {
        self.host.emit(outgoing)
    }

    /// Shows something at once to the user whose message began the thread: tokens as they come, per cent done. Never
    /// stored, not ordered with what is emitted, not taken back if the turn fails.
    ///
    /// # Errors
    /// The host does not take it, as in [`Ctx::emit`].
    pub fn progress<T: Format>(&mut self, message: &T) -> Result<(), EmitError> {
        let Outgoing { format, payload, .. } = Outgoing::new(message)?;
        self.host.progress(&format, &payload)
    }

    /// As [`Ctx::progress`], with JSON text that passes through unparsed.
    ///
    /// # Errors
    /// As [`Ctx::progress`].
    pub fn progress_json_text(&mut self, format: &str, payload: &str) -> Result<(), EmitError> {
        self.host.progress(format, payload)
    }

    /// The guild and the agent this instance serves.
    pub fn whoami(&self) -> Identity {
        self.host.whoami()
    }

    /// Whether the host wants the turn to end. Long turns ask now and then and return early.
    pub fn is_cancelled(&self) -> bool {
        self.host.is_cancelled()
    }

    /// Has the host evaluate a JSONata or CEL expression on a value that is a JSON object; `None`: it gives nothing.
    ///
    /// # Errors
    /// The host's words, beginning with a stable name such as `expression_timeout`: it ran for more than 100 ms.
    pub fn evaluate(
        &self,
        language: Language,
        source: &str,
        input: &impl Serialize,
    ) -> Result<Option<serde_json::Value>, String> {
        let input = serde_json::to_string(input).map_err(|error| error.to_string())?;
        let given = self.host.evaluate(language, source, &input)?;
        given.map(|text| serde_json::from_str(&text).map_err(|error| error.to_string())).transpose()
    }

    /// The agent's own state as it was last committed: without what this turn staged. `{}` in the beginning, so give
    /// the members of `T` defaults.
    ///
    /// # Errors
    /// [`Failure::Other`] if the state does not fit `T`, naming the path.
    pub fn agent_state<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse("the agent's state", &self.host.agent_state()).map_err(Failure::Other)
    }

    /// The state all agents of the guild share, as it was last committed.
    ///
    /// # Errors
    /// [`Failure::Other`] if the state does not fit `T`, naming the path.
    pub fn guild_state<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse("the guild's state", &self.host.guild_state()).map_err(Failure::Other)
    }

    /// Stages a change of the agent's state: a JSON merge patch (RFC 7396). Members of `patch` replace those of the
    /// state, objects are merged, `null` removes.
    ///
    /// # Errors
    /// [`Failure::Other`] if `patch` is no JSON object or the host does not take it.
    pub fn update_agent_state(&mut self, patch: &impl Serialize) -> Result<(), Failure> {
        let patch = serde_json::to_string(patch)?;
        Ok(self.host.update_agent_state(&patch)?)
    }

    /// Stages a change of the guild's state, as [`Ctx::update_agent_state`] does for the agent's.
    ///
    /// # Errors
    /// As [`Ctx::update_agent_state`].
    pub fn update_guild_state(&mut self, patch: &impl Serialize) -> Result<(), Failure> {
        let patch = serde_json::to_string(patch)?;
        Ok(self.host.update_guild_state(&patch)?)
    }
}

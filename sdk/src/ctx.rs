//! The functions that a handler may call while it handles a message.

use crate::bindings::guildhall::agent::context::Identity;
use crate::bindings::guildhall::agent::expressions::Language;
use crate::bindings::guildhall::agent::messaging::{EmitError, Outgoing};
use crate::bindings::guildhall::agent::types::{Failure, Message};
use crate::format::Format;
use crate::host::Host;
use crate::json;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One turn: the message that is handled, and the functions of the server.
///
/// Emitted messages and changes of states are staged. They take effect together and in order when the handler returns `Ok`.
/// After an `Err` or a panic nothing of them remains. Only [`Ctx::progress`] takes effect at once.
pub struct Ctx<'a> {
    message: &'a Message,
    host: &'a mut dyn Host,
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(message: &'a Message, host: &'a mut dyn Host) -> Self {
        Ctx { message, host }
    }

    /// Returns the message with its envelope. Its `payload` is JSON text, as it was received.
    pub fn message(&self) -> &'a Message {
        self.message
    }

    /// Parses the payload, for handlers of any format. Typed handlers receive it parsed.
    ///
    /// # Errors
    /// [`Failure::Reject`] with the format and the path of the first member that does not fit.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let Message { format, payload, .. } = self.message;
        json::parse(format_args!("the payload of format `{format}`"), payload).map_err(Failure::Reject)
    }

    /// Answers in the same thread. The routing slip and the guild's routes decide who receives the answer. Without routes it
    /// is the user who began the thread.
    ///
    /// # Errors
    /// As [`Ctx::emit`].
    pub fn reply<T: Format>(&mut self, message: &T) -> Result<(), EmitError> {
        self.emit(Outgoing::new(message)?)
    }

    /// Answers with a JSON value, in a format that has no Rust type.
    ///
    /// # Errors
    /// As [`Ctx::emit`].
    pub fn reply_raw(&mut self, format: impl Into<String>, payload: serde_json::Value) -> Result<(), EmitError> {
        self.reply_json_text(format, payload.to_string())
    }

    /// Answers with JSON text. It is not parsed here; the server checks it.
    ///
    /// # Errors
    /// As [`Ctx::emit`].
    pub fn reply_json_text(&mut self, format: impl Into<String>, payload: impl Into<String>) -> Result<(), EmitError> {
        self.emit(Outgoing::json_text(format, payload))
    }

    /// Stages a message. [`Outgoing`] has its topics, recipients and options.
    ///
    /// # Errors
    /// The server refuses the message: the payload is not a JSON object or too large, the turn emitted too many messages, or
    /// the agent may not write to the topic. With `?` it becomes a [`Failure::Other`] with a readable reason.
    pub fn emit(&mut self, outgoing: Outgoing) -> Result<(), EmitError> {
        self.host.emit(outgoing)
    }

    /// Shows a message at once to the user whose message began the thread, such as tokens or a percentage. It is not stored,
    /// it may overtake emitted messages, and it is not taken back if the turn fails.
    ///
    /// # Errors
    /// The server refuses it, as in [`Ctx::emit`].
    pub fn progress<T: Format>(&mut self, message: &T) -> Result<(), EmitError> {
        let Outgoing { format, payload, .. } = Outgoing::new(message)?;
        self.host.progress(&format, &payload)
    }

    /// Shows JSON text at once, see [`Ctx::progress`]. It is not parsed here.
    ///
    /// # Errors
    /// As [`Ctx::progress`].
    pub fn progress_json_text(&mut self, format: &str, payload: &str) -> Result<(), EmitError> {
        self.host.progress(format, payload)
    }

    /// Returns the guild and the agent of this instance.
    pub fn whoami(&self) -> Identity {
        self.host.whoami()
    }

    /// Returns whether the server wants the turn to end. A long turn calls this regularly and returns early.
    pub fn is_cancelled(&self) -> bool {
        self.host.is_cancelled()
    }

    /// Evaluates a JSONata or CEL expression on a value that is a JSON object. Returns `None` if it has no result.
    ///
    /// # Errors
    /// A text that begins with a stable name, such as `expression_timeout` if it ran for more than 100 ms.
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

    /// Returns the agent's committed state, without the changes of this turn. It is `{}` at first, so the members of `T` need
    /// defaults.
    ///
    /// # Errors
    /// [`Failure::Other`] with the path if the state does not fit `T`.
    pub fn agent_state<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse("the agent's state", &self.host.agent_state()).map_err(Failure::Other)
    }

    /// Returns the committed state that all agents of the guild share.
    ///
    /// # Errors
    /// [`Failure::Other`] with the path if the state does not fit `T`.
    pub fn guild_state<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse("the guild's state", &self.host.guild_state()).map_err(Failure::Other)
    }

    /// Stages a change of the agent's state, a JSON merge patch (RFC 7396): members of `patch` replace those of the state,
    /// objects are merged, `null` removes a member.
    ///
    /// # Errors
    /// [`Failure::Other`] if `patch` is not a JSON object or the server refuses it.
    pub fn update_agent_state(&mut self, patch: &impl Serialize) -> Result<(), Failure> {
        let patch = serde_json::to_string(patch)?;
        Ok(self.host.update_agent_state(&patch)?)
    }

    /// Stages a change of the guild's state, see [`Ctx::update_agent_state`].
    ///
    /// # Errors
    /// As [`Ctx::update_agent_state`].
    pub fn update_guild_state(&mut self, patch: &impl Serialize) -> Result<(), Failure> {
        let patch = serde_json::to_string(patch)?;
        Ok(self.host.update_guild_state(&patch)?)
    }
}

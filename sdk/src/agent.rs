//! The traits that an author implements.

use crate::bindings::exports::guildhall::agent::agent::{Health, Status, StopReason};
use crate::handlers::{Emits, Handlers};
use guildhall_sdk_macros::properties;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// An agent. Each instance is created once from the blueprint's properties and then receives one message at a time.
///
/// Fields last until the instance ends: by a stop, an upgrade, a panic or an idle unload. Data that must last longer
/// belongs in the agent's state, see [`Ctx::update_agent_state`](crate::Ctx::update_agent_state).
pub trait Agent: Sized + 'static {
    /// The dotted name by which blueprints ask for this agent, e.g. `guildhall.agents.tally.TallyAgent`.
    const CLASS_NAME: &'static str;
    /// A short name for display.
    const NAME: &'static str;
    /// One line that says what the agent does.
    const SUMMARY: &'static str;

    /// The members that a blueprint may set; [`NoProperties`] if there are none. Usually a struct with [`#[properties]`](crate::properties).
    type Properties: DeserializeOwned + JsonSchema;

    /// Creates the agent. Properties that do not fit the type are refused before this call.
    ///
    /// # Errors
    /// Describes what is wrong with the properties, for the author of the blueprint. The agent is not started.
    fn new(properties: Self::Properties) -> Result<Self, String>;

    /// Registers which method handles which message. It is called before `new`.
    fn handlers(on: &mut Handlers<Self>);

    /// Lists the formats that the agent emits. The list is part of the description; it is not enforced.
    fn emits(_emits: &mut Emits) {}

    /// Returns the agent's health. The server asks only an idle agent. The answer can lower the status that the server
    /// measured, but not raise it.
    fn heartbeat(&mut self) -> Health {
        Health::ok()
    }

    /// Is called before the instance ends, if there is time. It has to be short and cannot emit.
    fn stop(&mut self, _reason: StopReason) {}
}

/// An agent whose fields survive an idle unload, an upgrade and a restart of the server. Export it with
/// `export_agent!(Agent: Stateful)`.
///
/// A snapshot is made when the instance ends normally. After a panic, or if the server was killed, a new instance gets the
/// last snapshot. Data that must never be lost belongs in the agent's state.
pub trait Stateful: Agent {
    /// Returns a snapshot in an encoding of the agent's choice. It has at most 1 MiB unless the operator allows more.
    ///
    /// # Errors
    /// Says why no snapshot can be made now. The instance is not unloaded then.
    fn save(&mut self) -> Result<Vec<u8>, String>;

    /// Reads a snapshot of `save`, possibly of another version of the component. It is called after `new` and before the
    /// first message.
    ///
    /// # Errors
    /// Says why the snapshot cannot be used. An upgrade is then cancelled; a restart continues without the snapshot.
    fn restore(&mut self, version: &str, data: &[u8]) -> Result<(), String>;
}

/// The properties of an agent without properties. Members that a blueprint sets are ignored.
#[properties]
#[derive(Debug, Default)]
pub struct NoProperties {}

impl Health {
    /// Returns the status of an agent that works.
    pub fn ok() -> Self {
        Health { status: Status::Ok, detail: None }
    }

    /// Returns the status of an agent that works and needs attention. `detail` says why.
    pub fn warning(detail: impl Into<String>) -> Self {
        Health { status: Status::Warning, detail: Some(detail.into()) }
    }

    /// Returns the status of an agent that does not work. `detail` says why.
    pub fn error(detail: impl Into<String>) -> Self {
        Health { status: Status::Error, detail: Some(detail.into()) }
    }
}

//! What an author implements.

use crate::{Emits, Handlers, Health, Status, StopReason, properties};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// An agent: made once for each instance from the blueprint's properties, then given one message at a time.
///
/// What it keeps in its fields lasts until the instance ends (a stop, an upgrade, a panic, an idle unload); what must
/// last longer belongs in its state, see [`Ctx::update_agent_state`](crate::Ctx::update_agent_state).
pub trait Agent: Sized + 'static {
    /// The dotted name by which blueprints ask for this agent, e.g. `guildhall.agents.tally.TallyAgent`.
    const CLASS_NAME: &'static str;
    /// A short name for people.
    const NAME: &'static str;
    /// What it does, in one line.
    const SUMMARY: &'static str;

    /// What a blueprint may set; [`NoProperties`] if nothing. Usually a struct with [`#[properties]`](crate::properties).
    type Properties: DeserializeOwned + JsonSchema;

    /// Makes the agent. Properties that do not fit the type never get here.
    ///
    /// # Errors
    /// What is wrong with the properties, for the person who wrote the blueprint. The agent is not started.
    fn new(properties: Self::Properties) -> Result<Self, String>;

    /// Says which method takes which message. Called before `new`, so it depends on nothing but the type.
    fn handlers(on: &mut Handlers<Self>);

    /// Says what the agent sends, for its description only: nothing is checked against it.
    fn emits(_emits: &mut Emits) {}

    /// Says how the agent feels. Asked only while it is idle; it can lower the status the host measured, never raise it.
    fn heartbeat(&mut self) -> Health {
        Health::ok()
    }

    /// Is told that the instance ends. Best effort, within a short time; nothing can be emitted.
    fn stop(&mut self, _reason: StopReason) {}
}

/// An agent whose fields survive an idle unload, an upgrade and a restart of the host: `export_agent!(Agent: Stateful)`.
///
/// It is saved when its instance ends in order. After a panic, or a host that was killed, a new instance is given what
/// was saved last; what must never be lost belongs in the agent's state.
pub trait Stateful: Agent {
    /// Gives what is to be remembered, in an encoding of its own; at most 1 MiB unless the operator allows more.
    ///
    /// # Errors
    /// Why it cannot be saved now. The instance is not unloaded then.
    fn save(&mut self) -> Result<Vec<u8>, String>;

    /// Takes back what `save` gave, maybe in another version of the component. Called after `new`, before any message.
    ///
    /// # Errors
    /// Why it cannot be used. An upgrade is called off then; a restart goes on without it.
    fn restore(&mut self, version: &str, data: &[u8]) -> Result<(), String>;
}

/// The properties of an agent that has none. Whatever a blueprint sets is ignored.
#[properties]
#[derive(Debug, Default)]
pub struct NoProperties {}

impl Health {
    /// All is well.
    pub fn ok() -> Self {
        Health { status: Status::Ok, detail: None }
    }

    /// Works, but somebody should look: `detail` says at what.
    pub fn warning(detail: impl Into<String>) -> Self {
        Health { status: Status::Warning, detail: Some(detail.into()) }
    }

    /// Does not work: `detail` says why.
    pub fn error(detail: impl Into<String>) -> Self {
        Health { status: Status::Error, detail: Some(detail.into()) }
    }
}

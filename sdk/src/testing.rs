//! Runs one agent in `cargo test`: natively, with the dispatch that the component uses, and without a server.
//!
//! [`Bench`] delivers messages and keeps what the agent emitted and changed. A turn is a transaction, as on a server: if the
//! handler fails, nothing of it remains.

mod turn;

use crate::agent::{Agent, Stateful};
use crate::bench_log;
use crate::bindings::exports::guildhall::agent::agent::{Description, Health, StopReason};
use crate::bindings::guildhall::agent::context::Identity;
use crate::bindings::guildhall::agent::messaging::{EmitError, Outgoing};
use crate::bindings::guildhall::agent::types::{AgentTag, Failure, Message};
use crate::describe::describe;
use crate::format::Format;
use crate::runner::Runner;
use serde_json::Value;
use turn::{State, Turn, no_evaluator};

pub use turn::{Evaluator, Progress};

/// One agent, and the part of a server that it can see.
///
/// A turn is a transaction: its emits and changes count only if the handler returned `Ok`.
pub struct Bench<A> {
    /// The template of the next messages: set `sender`, `attempt`, `session_state` and so on. `send` fills in a new id, the
    /// format and the payload.
    pub envelope: Message,
    /// The result of `Ctx::whoami`.
    pub identity: Identity,
    /// The agent's committed state, a JSON object.
    pub agent_state: Value,
    /// The guild's committed state, a JSON object.
    pub guild_state: Value,
    /// The error of every emit and progress message, until it is `None` again.
    pub fail_emit: Option<EmitError>,
    /// Evaluates expressions. The default fails; a test sets its own.
    pub evaluator: Evaluator,
    /// The result of `Ctx::is_cancelled`.
    pub cancelled: bool,
    /// The progress messages of all turns so far, also of failed ones.
    pub progress: Vec<Progress>,
    /// The log lines so far, such as `[info] 3 votes`.
    pub logs: Vec<String>,
    properties: String,
    runner: Runner<A>,
}

impl<A: Agent> Bench<A> {
    /// Starts an agent as a server does. `properties` are those of a blueprint; both states are empty.
    ///
    /// # Errors
    /// The agent's configuration error, or the place in the properties that does not fit.
    pub fn start(properties: Value) -> Result<Self, String> {
        let mut bench = Bench {
            envelope: first_envelope(),
            identity: Identity {
                guild_id: "guild".into(),
                guild_name: "Bench".into(),
                agent_id: "agent".into(),
                agent_name: A::NAME.into(),
                class_name: A::CLASS_NAME.into(),
                component_digest: String::new(),
            },
            agent_state: Value::Object(Default::default()),
            guild_state: Value::Object(Default::default()),
            fail_emit: None,
            evaluator: no_evaluator,
            cancelled: false,
            progress: Vec::new(),
            logs: Vec::new(),
            properties: properties.to_string(),
            runner: Runner::new(),
        };
        bench.restart()?;
        Ok(bench)
    }

    /// Returns the agent's description, with the version `test`.
    pub fn describe() -> Description {
        describe::<A>("test")
    }

    /// Delivers a message of type `T`. Returns the emitted messages in order.
    ///
    /// # Errors
    /// The handler's failure. Then nothing is emitted and no state is changed.
    pub fn send<T: Format>(&mut self, message: &T) -> Result<Vec<Outgoing>, Failure> {
        self.send_text(T::NAME, &serde_json::to_string(message)?)
    }

    /// Delivers a message of any format, see [`Bench::send`].
    ///
    /// # Errors
    /// As [`Bench::send`].
    pub fn send_raw(&mut self, format: &str, payload: Value) -> Result<Vec<Outgoing>, Failure> {
        self.send_text(format, &payload.to_string())
    }

    /// Delivers a message whose payload is this JSON text, unchanged.
    ///
    /// # Errors
    /// As [`Bench::send`].
    pub fn send_text(&mut self, format: &str, payload: &str) -> Result<Vec<Outgoing>, Failure> {
        self.envelope.id += 1;
        let message = Message {
            format: format.into(),
            payload: payload.into(),
            thread: vec![self.envelope.id],
            ..self.envelope.clone()
        };
        let mut turn = self.turn();
        let outcome = self.runner.receive(&mut turn, &message);
        let Turn { emitted, progress, agent_state, guild_state, .. } = turn;
        self.progress.extend(progress);
        self.take_logs();
        outcome?;
        self.agent_state = agent_state.staged;
        self.guild_state = guild_state.staged;
        Ok(emitted)
    }

    /// Ends the instance as a crash does and starts another. Fields are lost, states remain.
    ///
    /// # Errors
    /// As [`Bench::start`].
    pub fn restart(&mut self) -> Result<(), String> {
        bench_log::take();
        self.runner = Runner::new();
        let outcome = self.runner.start(&self.properties);
        self.take_logs();
        outcome
    }

    /// Returns the agent's health.
    pub fn heartbeat(&mut self) -> Health {
        let health = self.runner.heartbeat();
        self.take_logs();
        health
    }

    /// Calls the agent's stop handler.
    pub fn stop(&mut self, reason: StopReason) {
        self.runner.stop(reason);
        self.take_logs();
    }

    fn turn(&self) -> Turn {
        Turn {
            identity: self.identity.clone(),
            fail_emit: self.fail_emit.clone(),
            evaluator: self.evaluator,
            cancelled: self.cancelled,
            emitted: Vec::new(),
            progress: Vec::new(),
            agent_state: State::new(&self.agent_state),
            guild_state: State::new(&self.guild_state),
        }
    }

    fn take_logs(&mut self) {
        self.logs.extend(bench_log::take());
    }
}

impl<A: Stateful> Bench<A> {
    /// Ends the instance and starts another with the snapshot of the first. A server does this when it unloads an idle agent,
    /// upgrades a component or restarts. `version` is the version of the component that makes the snapshot.
    ///
    /// # Errors
    /// The agent's error when it saves, starts or restores.
    pub fn reload(&mut self, version: &str) -> Result<(), String> {
        let saved = self.runner.save()?;
        self.restart()?;
        let restored = self.runner.restore(version, &saved);
        self.take_logs();
        restored
    }
}

fn first_envelope() -> Message {
    Message {
        id: 0,
        format: String::new(),
        payload: String::new(),
        sender: AgentTag { id: Some("user".into()), name: Some("User".into()) },
        topic: "default_topic".into(),
        recipients: Vec::new(),
        thread: Vec::new(),
        in_response_to: None,
        conversation_id: None,
        priority: 4,
        timestamp_ms: 1_700_000_000_000,
        is_error: false,
        session_state: None,
        traceparent: None,
        attempt: 1,
        budget_ms: 30_000,
    }
}

#[cfg(test)]
mod tests;

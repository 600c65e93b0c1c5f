//! The server's side of one turn on a bench: it collects what the agent emits and stages its changes of states. It commits
//! nothing itself.

use crate::bindings::guildhall::agent::context::Identity;
use crate::bindings::guildhall::agent::expressions::Language;
use crate::bindings::guildhall::agent::messaging::{EmitError, Outgoing};
use crate::host::Host;
use serde_json::Value;

/// Evaluates an expression. The arguments are the language, the source and the input, a JSON object as text; the result is
/// JSON text, or `None` if there is no value.
pub type Evaluator = fn(Language, &str, &str) -> Result<Option<String>, String>;

/// The evaluator of a bench that has none.
///
/// # Errors
/// Always.
pub(super) fn no_evaluator(_: Language, _: &str, _: &str) -> Result<Option<String>, String> {
    Err("expression_unavailable: set the bench's `evaluator`".into())
}

/// A progress message: it is shown at once and not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The name of the format.
    pub format: String,
    /// The payload, parsed.
    pub payload: Value,
}

/// The server's side of one turn.
pub(super) struct Turn {
    pub(super) identity: Identity,
    pub(super) fail_emit: Option<EmitError>,
    pub(super) evaluator: Evaluator,
    pub(super) cancelled: bool,
    pub(super) emitted: Vec<Outgoing>,
    pub(super) progress: Vec<Progress>,
    pub(super) agent_state: State,
    pub(super) guild_state: State,
}

/// One state during a turn.
pub(super) struct State {
    /// The state before the turn.
    committed: Value,
    /// The state that the turn commits.
    pub(super) staged: Value,
}

impl State {
    pub(super) fn new(committed: &Value) -> Self {
        State { committed: committed.clone(), staged: committed.clone() }
    }

    fn stage(&mut self, patch: &str) -> Result<(), String> {
        match serde_json::from_str(patch) {
            Ok(patch @ Value::Object(_)) => {
                merge(&mut self.staged, patch);
                Ok(())
            }
            Ok(_) => Err("a patch must be a JSON object".into()),
            Err(error) => Err(format!("a patch must be JSON: {error}")),
        }
    }
}

impl Turn {
    /// Checks a payload as the server does: it has to be a JSON object.
    fn check(&self, payload: &str) -> Result<Value, EmitError> {
        if let Some(error) = &self.fail_emit {
            return Err(error.clone());
        }
        match serde_json::from_str(payload) {
            Ok(payload @ Value::Object(_)) => Ok(payload),
            Ok(_) => Err(EmitError::InvalidPayload("not a JSON object".into())),
            Err(error) => Err(EmitError::InvalidPayload(error.to_string())),
        }
    }
}

impl Host for Turn {
    fn emit(&mut self, outgoing: Outgoing) -> Result<(), EmitError> {
        self.check(&outgoing.payload)?;
        self.emitted.push(outgoing);
        Ok(())
    }

    fn progress(&mut self, format: &str, payload: &str) -> Result<(), EmitError> {
        let payload = self.check(payload)?;
        self.progress.push(Progress { format: format.into(), payload });
        Ok(())
    }

    fn whoami(&self) -> Identity {
        self.identity.clone()
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    fn agent_state(&self) -> String {
        self.agent_state.committed.to_string()
    }

    fn guild_state(&self) -> String {
        self.guild_state.committed.to_string()
    }

    fn update_agent_state(&mut self, patch: &str) -> Result<(), String> {
        self.agent_state.stage(patch)
    }

    fn update_guild_state(&mut self, patch: &str) -> Result<(), String> {
        self.guild_state.stage(patch)
    }

    fn evaluate(&self, language: Language, source: &str, input: &str) -> Result<Option<String>, String> {
        (self.evaluator)(language, source, input)
    }
}

/// Applies a merge patch, see RFC 7396, section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Default::default());
    }
    let members = target.as_object_mut().expect("it was replaced by an object");
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.remove(&name);
            }
            value => merge(members.entry(name).or_insert(Value::Null), value),
        }
    }
}

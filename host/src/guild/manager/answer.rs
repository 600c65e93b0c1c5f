//! The answers of a manager to requests, before they become messages.

use serde_json::{Value, json};

use crate::guild::lifecycle::Event;
use guildhall_model::format;

/// The formats of the replies, as the reference names them.
pub(super) const LAUNCHED: &str = "rustic_ai.core.agents.system.models.AgentLaunchResponse";
pub(super) const REMOVED: &str = "rustic_ai.core.agents.system.models.AgentRemovalResponse";
pub(super) const RULE_UPDATED: &str = "rustic_ai.core.agents.system.models.RoutingRuleUpdateResponse";
pub(super) const LISTED: &str = "rustic_ai.core.agents.system.models.AgentListResponse";
pub(super) const INFO: &str = "rustic_ai.core.agents.system.models.AgentInfoResponse";
pub(super) const USER_CREATED: &str = "rustic_ai.core.agents.system.models.UserAgentCreationResponse";
pub(super) const BAD_INPUT: &str = "rustic_ai.core.agents.system.models.BadInputResponse";
pub(super) const CONFLICT: &str = "rustic_ai.core.agents.system.models.ConflictResponse";

/// How a request is answered.
pub(super) enum Answer {
    /// A message of this format and payload on the topics of the request.
    Reply(&'static str, Value),
    /// An error message of this format and payload on the error topic.
    Error(&'static str, Value),
    /// No message: the event has its own effects.
    Event(Event),
}

/// A reply of a format.
pub(super) fn reply(name: &'static str, payload: Value) -> Answer {
    Answer::Reply(name, payload)
}

/// A reply that refuses one field of the request.
pub(super) fn bad_input(field: &str, message: String) -> Answer {
    reply(BAD_INPUT, json!({"status_code": 400, "status": "Bad Request", "error_field": field, "message": message}))
}

/// An error message of a kind.
pub(super) fn failure(error_type: &str, message: impl Into<String>) -> Answer {
    let message: String = message.into();
    let payload = json!({"agent_type": format::MANAGER_CLASS, "error_type": error_type, "error_message": message});
    Answer::Error(format::ERROR_MESSAGE, payload)
}

/// The error that answers a refused request of a format.
pub(super) fn refusal(format: &str, payload: &Value, error: String) -> Answer {
    match format {
        format::STATE_FETCH_REQUEST => {
            Answer::Error(format::STATE_FETCH_ERROR, json!({"state_fetch_request": payload, "error": error}))
        }
        format::STATE_UPDATE_REQUEST => {
            Answer::Error(format::STATE_UPDATE_ERROR, json!({"state_update_request": payload, "error": error}))
        }
        _ => failure("INVALID_REQUEST", error),
    }
}

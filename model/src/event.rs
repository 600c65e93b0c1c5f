//! Events: what happens to a guild, its agents and the components of the host, told
//! as it happens to the system sockets that ask for it (`?events=1`). They are not
//! stored. `docs/operating.md` lists them with their members.

use serde_json::{Value, json};

use crate::clock::rfc3339_ms;
use crate::fault::{Fault, FaultKind};
use crate::message::{Message, raw_json};
use crate::tag::AgentTag;
use crate::topic::Topics;
use crate::{format, topic};

pub const AGENT_STARTED: &str = "agent.started";
pub const AGENT_TRAPPED: &str = "agent.trapped";
pub const AGENT_LIMIT_REACHED: &str = "agent.limit_reached";
pub const AGENT_RESTARTING: &str = "agent.restarting";
pub const AGENT_FAILED: &str = "agent.failed";
pub const AGENT_CANCELLED: &str = "agent.cancelled";
pub const AGENT_DEAD_LETTERED: &str = "agent.dead_lettered";
pub const AGENT_UNLOADED: &str = "agent.unloaded";
pub const AGENT_SWAPPED: &str = "agent.swapped";
pub const AGENT_SWAP_FAILED: &str = "agent.swap_failed";
pub const COMPONENT_COMPILING: &str = "component.compiling";
pub const COMPONENT_READY: &str = "component.ready";
pub const COMPONENT_REFUSED: &str = "component.refused";
pub const COMPONENT_FAILED: &str = "component.failed";
pub const COMPONENT_BOUND: &str = "component.bound";
pub const COMPONENT_DELETED: &str = "component.deleted";

/// What an instance's end is called: a limit with a setting was met, or it died.
#[must_use]
pub const fn of_fault(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Fuel
        | FaultKind::Memory
        | FaultKind::Deadline
        | FaultKind::Stack
        | FaultKind::CopyLimit
        | FaultKind::HopLimit => AGENT_LIMIT_REACHED,
        _ => AGENT_TRAPPED,
    }
}

/// One event as the message that tells it. `details` is an object; of an agent the
/// sender is the agent.
#[must_use]
pub fn message(event: &str, sender: &AgentTag, now_ms: u64, details: Value) -> Message {
    let mut payload = json!({"event": event, "at": rfc3339_ms(now_ms)});
    if event.starts_with("agent.") {
        payload["agent"] = json!(sender);
    }
    if let (Some(into), Value::Object(details)) = (payload.as_object_mut(), details) {
        into.extend(details);
    }
    let topics = Topics::Many(vec![topic::EVENTS.to_owned()]);
    Message::draft(sender.clone(), topics, format::EVENT, raw_json(&payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_name_its_time_its_agent_and_its_details() {
        let told = message(AGENT_STARTED, &AgentTag::new("a1", "A"), 0, json!({"reason": "launch"}));
        let payload: Value = serde_json::from_str(told.payload.get()).unwrap();
        assert_eq!(payload["event"], "agent.started");
        assert_eq!(payload["agent"], json!({"id": "a1", "name": "A"}));
        assert_eq!(payload["reason"], "launch");
        assert!(payload["at"].is_string());
    }

    #[test]
    fn a_limit_is_told_apart_from_a_trap() {
        assert_eq!(of_fault(&Fault::new(FaultKind::Fuel, "")), AGENT_LIMIT_REACHED);
        assert_eq!(of_fault(&Fault::new(FaultKind::Panic, "")), AGENT_TRAPPED);
    }
}

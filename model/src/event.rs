//! Events about agents and components. The host sends them to the system sockets that ask for them (`?events=1`) and
//! does not store them. `docs/operating.md` lists them with their members.

use serde_json::{Value, json};

use crate::clock::rfc3339_ms;
use crate::fault::{Fault, FaultKind};
use crate::message::{Message, raw_json};
use crate::tag::AgentTag;
use crate::topic::Topics;
use crate::{format, topic};

/// The instance of an agent was started.
pub const AGENT_STARTED: &str = "agent.started";
/// The instance of an agent trapped.
pub const AGENT_TRAPPED: &str = "agent.trapped";
/// The instance of an agent reached a limit.
pub const AGENT_LIMIT_REACHED: &str = "agent.limit_reached";
/// The instance of an agent is restarted after a backoff.
pub const AGENT_RESTARTING: &str = "agent.restarting";
/// An agent failed and is not restarted.
pub const AGENT_FAILED: &str = "agent.failed";
/// A turn was cancelled on request.
pub const AGENT_CANCELLED: &str = "agent.cancelled";
/// A message of an agent became a dead letter.
pub const AGENT_DEAD_LETTERED: &str = "agent.dead_lettered";
/// The instance of an idle agent was dropped.
pub const AGENT_UNLOADED: &str = "agent.unloaded";
/// An agent runs another component.
pub const AGENT_SWAPPED: &str = "agent.swapped";
/// An agent could not be moved to another component.
pub const AGENT_SWAP_FAILED: &str = "agent.swap_failed";
/// A component is being compiled.
pub const COMPONENT_COMPILING: &str = "component.compiling";
/// A component was compiled.
pub const COMPONENT_READY: &str = "component.ready";
/// A component does not meet the contract.
pub const COMPONENT_REFUSED: &str = "component.refused";
/// A component could not be compiled.
pub const COMPONENT_FAILED: &str = "component.failed";
/// A class was bound to a component.
pub const COMPONENT_BOUND: &str = "component.bound";
/// A component was deleted.
pub const COMPONENT_DELETED: &str = "component.deleted";

/// All events of agents and components. A guild's own events are `guild.` and its new status.
pub const ALL: [&str; 16] = [
    AGENT_STARTED,
    AGENT_TRAPPED,
    AGENT_LIMIT_REACHED,
    AGENT_RESTARTING,
    AGENT_FAILED,
    AGENT_CANCELLED,
    AGENT_DEAD_LETTERED,
    AGENT_UNLOADED,
    AGENT_SWAPPED,
    AGENT_SWAP_FAILED,
    COMPONENT_COMPILING,
    COMPONENT_READY,
    COMPONENT_REFUSED,
    COMPONENT_FAILED,
    COMPONENT_BOUND,
    COMPONENT_DELETED,
];

/// Returns the event for the end of an instance: it reached a limit that has a setting, or it trapped.
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

/// Returns the message of an event. `details` is an object whose members are added to the payload. For an event of an
/// agent, `sender` is the agent.
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
    fn an_event_has_a_name_a_time_an_agent_and_details() {
        let event = message(AGENT_STARTED, &AgentTag::new("a1", "A"), 0, json!({"reason": "launch"}));
        let payload: Value = serde_json::from_str(event.payload.get()).unwrap();
        assert_eq!(payload["event"], "agent.started");
        assert_eq!(payload["agent"], json!({"id": "a1", "name": "A"}));
        assert_eq!(payload["reason"], "launch");
        assert!(payload["at"].is_string());
    }

    #[test]
    fn all_events_are_listed() {
        let declared = include_str!("event.rs")
            .lines()
            .filter(|line| line.starts_with("pub const ") && line.contains(": &str = "));
        assert_eq!(declared.count(), ALL.len());
    }

    #[test]
    fn a_limit_and_a_trap_are_different_events() {
        assert_eq!(of_fault(&Fault::new(FaultKind::Fuel, "")), AGENT_LIMIT_REACHED);
        assert_eq!(of_fault(&Fault::new(FaultKind::Panic, "")), AGENT_TRAPPED);
    }
}

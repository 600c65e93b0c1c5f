//! The formats that clients read and write: their names, on which socket and in which direction they go, and the schema of
//! their payloads.

use serde_json::{Value, json};

use guildhall_model::format as f;

/// A format with its other names, the sockets and directions in which it goes, and what it is for.
struct Format {
    name: &'static str,
    others: &'static [&'static str],
    goes: &'static str,
    what: &'static str,
}

const FROM_SYSTEM: &str = "system socket to client";
const TO_SYSTEM: &str = "client to system socket";
const FROM_USER: &str = "user socket to client";
const TO_USER: &str = "client to user socket";
const BOTH_WAYS: &str = "user socket, both ways";

const fn format(name: &'static str, others: &'static [&'static str], goes: &'static str, what: &'static str) -> Format {
    Format { name, others, goes, what }
}

const FORMATS: [Format; 27] = [
    format(f::TEXT_FORMAT, &[f::TEXT, "TextFormat"], BOTH_WAYS, "A text"),
    format(f::FILES_WITH_TEXT, &["FilesWithTextFormat"], BOTH_WAYS, "Files with a text"),
    format(f::GENERIC_JSON, &[], BOTH_WAYS, "Any JSON object; the format of a frame that names none"),
    format(f::ERROR_MESSAGE, &["ErrorMessage"], FROM_USER, "An error about a frame, or a turn that failed"),
    format(f::ACK, &[], FROM_USER, "A message is stored"),
    format(f::HEALTH_REPORT, &["healthReport"], FROM_SYSTEM, "The health of the guild and of its agents"),
    format(f::HEARTBEAT, &[], FROM_SYSTEM, "The health of one agent, after a check was asked for"),
    format(f::PARTICIPANT_LIST, &[f::PARTICIPANTS, "participants"], FROM_SYSTEM, "The agents and users of the guild"),
    format(f::EVENT, &[], FROM_SYSTEM, "An event, if the socket has `events`"),
    format(f::STOP_GUILD_RESPONSE, &[], FROM_SYSTEM, "The guild is stopping"),
    format(f::GUILD_UPDATED, &[], FROM_SYSTEM, "The guild after a change, in the dialect `rustic`"),
    format(f::PARTICIPANT_LIST_REQUEST, &[f::PARTICIPANTS_REQUEST], TO_SYSTEM, "Asks for the participants"),
    format(f::HEALTH_CHECK_REQUEST, &["HealthCheckRequest", "healthCheckRequest"], TO_SYSTEM, "Asks for a report"),
    format(f::STOP_GUILD_REQUEST, &[f::STOP_GUILD_SHORT], TO_SYSTEM, "Stops the guild"),
    format(f::AGENT_LAUNCH_REQUEST, &[], TO_USER, "Adds an agent to the guild"),
    format(f::REMOVE_AGENT_REQUEST, &[], TO_USER, "Removes an agent"),
    format(f::ADD_RULE_REQUEST, &[], TO_USER, "Adds a rule to the guild"),
    format(f::REMOVE_RULE_REQUEST, &[], TO_USER, "Removes a rule"),
    format(f::AGENT_LIST_REQUEST, &[], TO_USER, "Asks for all agents"),
    format(f::RUNNING_AGENT_LIST_REQUEST, &[], TO_USER, "Asks for the agents that run"),
    format(f::AGENT_GET_REQUEST, &[], TO_USER, "Asks for one agent"),
    format(f::USER_AGENT_CREATION_REQUEST, &[], TO_USER, "Adds a user"),
    format(f::USER_AGENT_GET_REQUEST, &[], TO_USER, "Asks for a user"),
    format(f::STATE_FETCH_REQUEST, &[], TO_USER, "Asks for the state of the guild or of an agent"),
    format(f::STATE_UPDATE_REQUEST, &[], TO_USER, "Changes a state"),
    format(f::STATE_FETCH_RESPONSE, &[], FROM_USER, "A state that was asked for"),
    format(f::STATE_UPDATE_RESPONSE, &[], FROM_USER, "A state after a change"),
];

/// Returns the table of formats.
pub(super) fn table() -> Value {
    let row = |one: &Format| {
        json!({
            "format": one.name,
            "others": one.others,
            "goes": one.goes,
            "what": one.what,
            "payload": payload(one.name).map(|name| json!({"$ref": format!("#/components/schemas/{name}")})),
        })
    };
    FORMATS.iter().map(row).collect()
}

/// Returns the name of the schema of a format's payload, if the document has one.
fn payload(format: &str) -> Option<&str> {
    match format {
        f::GENERIC_JSON => None,
        f::ERROR_MESSAGE => Some("ErrorPayload"),
        f::ACK => Some("AckPayload"),
        f::HEALTH_REPORT => Some("HealthReport"),
        f::EVENT => Some("EventPayload"),
        other => Some(f::short_name(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_and_every_short_name_is_in_the_table() {
        for name in f::REQUESTS {
            assert!(FORMATS.iter().any(|one| one.name == name), "{name}");
        }
        for name in [f::TEXT, f::PARTICIPANTS_REQUEST, f::STOP_GUILD_SHORT, "FilesWithTextFormat", "HealthCheckRequest"]
        {
            let listed = FORMATS.iter().find(|one| one.others.contains(&name)).map(|one| one.name);
            assert_eq!(listed, Some(f::canonical(name)), "{name}");
        }
    }
}

//! Errors of the catalog, of boards and of the registry of agent classes.

use axum::http::StatusCode;
use serde_json::json;

use crate::api::error::api_error::Answer;
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::{BlueprintId, OrgId};
use guildhall_model::python_repr::repr;
use guildhall_model::status::GuildStatus;

pub fn not_shared(blueprint: &BlueprintId, org: &OrgId) -> Answer {
    let detail = format!("Blueprint {blueprint} is not shared with organization {org}");
    (StatusCode::NOT_FOUND, ErrorBody::new(detail, "not_shared"))
}

pub fn no_agent(agent: &str) -> Answer {
    (StatusCode::NOT_FOUND, ErrorBody::new(format!("Agent {agent} does not exist"), "agent_not_found"))
}

pub fn no_icon(agent: &str) -> Answer {
    (StatusCode::NOT_FOUND, ErrorBody::new(format!("Agent {agent} does not have an icon"), "icon_not_found"))
}

pub fn nothing_given(what: &str) -> Answer {
    (StatusCode::BAD_REQUEST, ErrorBody::new(format!("No {what} provided"), "no_icon_given"))
}

pub fn agents_not_in_blueprint() -> Answer {
    let detail = "Provided agent names are not a subset of the agent names in the blueprint";
    (StatusCode::BAD_REQUEST, ErrorBody::new(detail, "agent_not_in_blueprint"))
}

/// The statuses in the order in which clients know them.
const LISTED: [GuildStatus; 10] = [
    GuildStatus::Requested,
    GuildStatus::Starting,
    GuildStatus::Running,
    GuildStatus::Stopped,
    GuildStatus::Stopping,
    GuildStatus::Unknown,
    GuildStatus::Warning,
    GuildStatus::Backlogged,
    GuildStatus::Error,
    GuildStatus::PendingLaunch,
];

pub fn unknown_statuses(given: &[String]) -> Answer {
    let (given, valid) = (repr(&json!(given)), repr(&json!(LISTED.map(GuildStatus::name))));
    let detail = format!("Invalid status values: {given}. Valid statuses are: {valid}");
    (StatusCode::BAD_REQUEST, ErrorBody::new(detail, "unknown_status"))
}

pub fn no_handler(format: &str) -> Answer {
    let detail = format!("Agent with message format '{format}' not found");
    (StatusCode::NOT_FOUND, ErrorBody::new(detail, "format_not_found"))
}

pub fn not_in_registry() -> Answer {
    (StatusCode::NOT_FOUND, ErrorBody::new("Agent not found", "agent_class_not_found"))
}

pub fn no_schema(class: &str) -> Answer {
    let detail = format!("Class {class} not found: no component here describes it");
    (StatusCode::NOT_FOUND, ErrorBody::new(detail, "format_not_found"))
}

pub fn not_a_message() -> Answer {
    let body = ErrorBody::new("Class is not a subclass of pydantic.BaseModel", "not_a_message");
    (StatusCode::BAD_REQUEST, body.hint("this is the class of an agent: /api/registry/agents/ describes it"))
}

pub fn on_board() -> Answer {
    (StatusCode::CONFLICT, ErrorBody::new("Message already added to board", "message_on_board"))
}

pub fn not_on_board() -> Answer {
    (StatusCode::NOT_FOUND, ErrorBody::new("Message not found on board", "message_not_on_board"))
}

//! Reads members of one frame or message, as JSON.

use serde_json::Value;

const HEALTH_REPORT: &str = "rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport";

/// Returns the last segment of the format: `TextFormat` of `a.b.TextFormat`.
#[must_use]
pub fn format(frame: &Value) -> &str {
    frame["format"].as_str().unwrap_or_default().rsplit('.').next().unwrap_or_default()
}

#[must_use]
pub fn is_error(frame: &Value) -> bool {
    format(frame) == "ErrorMessage"
}

#[must_use]
pub fn is_report(frame: &Value) -> bool {
    frame["format"] == HEALTH_REPORT
}

#[must_use]
pub fn is_ok_report(frame: &Value) -> bool {
    is_report(frame) && frame["payload"]["guild_health"] == "ok"
}

/// Returns the text of a message; empty if it has none.
#[must_use]
pub fn text(frame: &Value) -> &str {
    frame["payload"]["text"].as_str().unwrap_or_default()
}

/// Returns whether the message has this text.
#[must_use]
pub fn says(frame: &Value, wanted: &str) -> bool {
    text(frame) == wanted
}

/// Returns the id.
///
/// # Panics
/// If it is not a number that a JavaScript client can hold.
#[must_use]
pub fn id(frame: &Value) -> u64 {
    let id = frame["id"].as_u64().unwrap_or_else(|| panic!("the id is no number in {frame}"));
    assert!(id < 1 << 53, "the id {id} does not fit in 53 bits");
    id
}

/// Returns the topics, whether the member is a text or a list.
#[must_use]
pub fn topics(frame: &Value) -> Vec<&str> {
    match &frame["topics"] {
        Value::Array(topics) => topics.iter().filter_map(Value::as_str).collect(),
        topic => topic.as_str().into_iter().collect(),
    }
}

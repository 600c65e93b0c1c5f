//! Makes dead letters.

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::routing::{self, Attempt};
use guildhall_model::topic::Topics;
use serde_json::{Value, json};

use super::vectors::compare::{Outcome, check};
use super::vectors::inputs::{message, read, speaker, text};

/// Compares the members that both dead letters have. Topics have no namespaces here, and a dead letter also describes the
/// failure.
pub fn dead_letter(input: &Value, expected: &Value) -> Outcome {
    let origin = message(&input["original_message"])?;
    let client = text(&input["client_id"]);
    let (guild, agent) = client.split_once('$').unwrap_or(("g1", &client));
    let topic = text(&input["original_topic"]);
    let topic = topic.strip_prefix(&format!("{guild}:")).unwrap_or(&topic);
    let speaker = speaker(&agent.into(), &agent.into(), &"any.Agent".into(), &"receive".into());
    let fault = Fault::new(FaultKind::Rejected, text(&input["error_text"]));
    let letter =
        routing::dead_letter(&guild.into(), &fault, &origin, topic, &speaker, Attempt { number: 1, is_last: true });
    let payload: Value = read(&json!(letter.payload))?;
    let wanted = &expected["payload"];
    let wanted_topic = text(&wanted["original_topic"]);
    let found = json!([
        letter.sender,
        letter.topics.as_slice(),
        payload["client_id"],
        payload["original_topic"],
        payload["original_message_id"],
        payload["original_message"]["payload"],
        payload["error_message"],
    ]);
    let topics: Topics = read(&expected["topics"])?;
    let wanted = json!([
        expected["sender"],
        topics.as_slice(),
        wanted["client_id"],
        wanted_topic.strip_prefix(&format!("{guild}:")).unwrap_or(&wanted_topic),
        wanted["original_message_id"],
        wanted["original_message"]["payload"],
        wanted["error_message"],
    ]);
    check(&found, &wanted)
}

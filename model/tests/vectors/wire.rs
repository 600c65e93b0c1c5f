//! Aggregates health, and compares the names of priorities and topics.

use guildhall_model::health::{HealthReport, HealthStatus, Heartbeat, aggregate, by_latency};
use guildhall_model::ids::{AgentId, GuildId, UserId};
use guildhall_model::priority::Priority;
use guildhall_model::topic;
use serde_json::{Map, Value, json};

use super::vectors::compare::{Outcome, check};
use super::vectors::inputs::{read, text};

pub fn health_aggregate(input: &Value, expected: &Value) -> Outcome {
    let statuses: Vec<HealthStatus> = read(&input["statuses"])?;
    check(&json!(aggregate(statuses)), expected)
}

pub fn health_report(input: &Value, expected: &Value) -> Outcome {
    let agents: std::collections::BTreeMap<AgentId, Heartbeat> = read(&input["agents"])?;
    let guild_health = aggregate(agents.values().map(|beat| beat.checkstatus));
    check(&json!(HealthReport { agents, guild_health }), &expected["payload"])
}

pub fn heartbeat_qos(input: &Value, expected: &Value) -> Outcome {
    let observed = input["observed_latency_ms"].as_i64().unwrap_or_default();
    check(&json!(by_latency(input["qos_latency_ms"].as_i64(), observed)), &expected["checkstatus"])
}

pub fn priorities(expected: &Value) -> Outcome {
    let names = expected.as_object().into_iter().flatten();
    let found: Map<String, Value> =
        names.map(|(name, _)| (name.clone(), json!(Priority::read(&json!(name))))).collect();
    check(&Value::Object(found), expected)
}

/// Compares the names of the topics that exist here. There are no inboxes of organisations.
pub fn topics(input: &Value, expected: &Value) -> Outcome {
    let (user, agent): (UserId, AgentId) =
        (text(&input["user_id"]).as_str().into(), text(&input["agent_id"]).as_str().into());
    let guild: GuildId = text(&input["guild_id"]).as_str().into();
    let found = json!({
        "default": [topic::DEFAULT],
        "system": topic::SYSTEM,
        "state": topic::STATE,
        "guild_status": topic::GUILD_STATUS,
        "heartbeat": topic::HEARTBEAT,
        "agent_inbox": topic::agent_inbox(&agent),
        "dead_letter": topic::DEAD_LETTERS,
        "error": topic::ERRORS,
        "user_inbox": topic::user_inbox(&user),
        "user_outbox": topic::user_outbox(&user),
        "user_notifications": topic::user_notifications(&user),
        "user_system_notifications": topic::user_system_notification(&user),
        "user_broadcast": topic::BROADCAST,
        "user_agent_id": AgentId::proxy_of(&user),
        "manager_agent_id": AgentId::manager_of(&guild),
    });
    for (name, value) in found.as_object().into_iter().flatten() {
        check(value, &expected[name])?;
    }
    Ok(())
}

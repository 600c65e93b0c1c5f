//! The specs and blueprints that tests launch.

use serde_json::{Value, json};

pub const ECHO_CLASS: &str = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";
pub const HOSTILE_CLASS: &str = "guildhall.tests.HostileAgent";
const REACHING_CLASS: &str = "guildhall.tests.ReachingAgent";
const USER_PROXY_CLASS: &str = "rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent";

/// Returns the body of `POST /catalog/blueprints/` for a spec.
#[must_use]
pub fn of(spec: &Value, category: &str) -> Value {
    json!({
        "name": spec["name"],
        "description": spec["description"],
        "version": "v1",
        "author_id": "test_author",
        "organization_id": "testorg456",
        "exposure": "private",
        "category_id": category,
        "spec": spec,
    })
}

fn spec(name: &str, agent: &Value) -> Value {
    json!({"name": name, "description": "A guild of the tests", "agents": [agent]})
}

/// Returns a guild with one echo agent and without routes, as in the guide.
#[must_use]
pub fn echo() -> Value {
    let agent = json!({
        "name": "EchoAgent",
        "description": "Echoes",
        "class_name": ECHO_CLASS,
        "additional_topics": ["echo_topic"],
        "listen_to_default_topic": false,
    });
    spec("Echo", &agent)
}

/// Returns a guild with one echo agent whose answers go to all users.
#[must_use]
pub fn echo_to_everybody() -> Value {
    let mut spec = echo();
    spec["routes"] = json!({"steps": [
        {
            "agent_type": USER_PROXY_CLASS,
            "method_name": "unwrap_and_forward_message",
            "destination": {"topics": "echo_topic"},
            "route_times": 1,
        },
        {
            "agent": {"name": "EchoAgent"},
            "destination": {"topics": "user_message_broadcast"},
            "route_times": 1,
        },
    ]});
    spec
}

/// Returns a guild with two echo agents whose answers go to all users, and through a rule with this expression.
#[must_use]
pub fn echoes_with_rule(expression: &str) -> Value {
    let mut spec = echo_to_everybody();
    let mut other = spec["agents"][0].clone();
    other["name"] = "Other".into();
    if let Some(agents) = spec["agents"].as_array_mut() {
        agents.push(other);
    }
    spec["routes"]["steps"][1] = json!({
        "agent_type": ECHO_CLASS,
        "transformer": {"expression_type": "jsonata", "expression": expression},
        "destination": {"topics": "user_message_broadcast"},
        "route_times": 1,
    });
    spec
}

/// Returns a guild with one agent that evaluates this expression in each turn and answers with its result.
#[must_use]
pub fn evaluating(expression: &str) -> Value {
    let agent = json!({
        "name": "Splitter",
        "description": "Evaluates",
        "class_name": "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent",
        "properties": {
            "splitter": {"split_type": "jsonata", "expression": expression},
            "format_selector": {"strategy": "fixed", "fixed_format": "tests.Result"},
        },
    });
    spec("Evaluating", &agent)
}

/// Returns a frame of a user whose routing slip evaluates this expression.
#[must_use]
pub fn frame_with_slip(text: &str, expression: &str) -> Value {
    let rule = json!({
        "agent_type": USER_PROXY_CLASS,
        "transformer": {"expression_type": "jsonata", "expression": expression},
        "destination": {"topics": "echo_topic"},
    });
    json!({"format": "text", "payload": {"text": text}, "routing_slip": {"steps": [rule]}})
}

/// Returns a guild with one hostile agent and these sandbox settings.
#[must_use]
pub fn hostile(digest: &str, sandbox: &Value) -> Value {
    stranger("Hostile", HOSTILE_CLASS, digest, sandbox)
}

/// Returns a guild with one agent that uses the capabilities a message names, and these sandbox settings.
#[must_use]
pub fn reaching(digest: &str, sandbox: &Value) -> Value {
    stranger("Reaching", REACHING_CLASS, digest, sandbox)
}

fn stranger(name: &str, class: &str, digest: &str, sandbox: &Value) -> Value {
    let agent = json!({
        "name": name,
        "description": "Misbehaves when told to",
        "class_name": class,
        "component": digest,
        "sandbox": sandbox,
    });
    spec(name, &agent)
}

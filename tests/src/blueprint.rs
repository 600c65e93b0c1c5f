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

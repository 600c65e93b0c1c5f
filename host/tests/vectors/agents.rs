//! Runs the built-in agents on the SDK's test bench, with the model's expressions and routing.

use guildhall_agent_aggregator::{Aggregator, Collected, Collector};
use guildhall_agent_splitter::SplitterAgent;
use guildhall_model::expression::Language;
use guildhall_model::routing::{Outgoing as Routable, Scope, TurnRouter};
use guildhall_model::topic::Topics;
use guildhall_sdk::testing::Bench;
use guildhall_sdk::{Agent, Outgoing};
use serde_json::{Value, json};

use super::vectors::compare::{Outcome, check, does_not_apply};
use super::vectors::inputs::{expressions, guild, message, read, speaker, text};

fn evaluate(language: guildhall_sdk::Language, source: &str, input: &str) -> Result<Option<String>, String> {
    let language = match language {
        guildhall_sdk::Language::Jsonata => Language::Jsonata,
        guildhall_sdk::Language::Cel => Language::Cel,
    };
    let given = expressions().evaluate(language, source, input).map_err(|error| error.to_string())?;
    Ok(given.map(|value| value.to_string()))
}

/// Returns the message that the agents answer.
fn question(topic: &str) -> Value {
    json!({
        "sender": {"id": "src", "name": "Source"}, "topics": topic, "recipient_list": [], "payload": {"a": 1},
        "format": "any.Format", "thread": [5], "message_history": [], "origin_guild_stack": [], "id": 5, "priority": 4,
    })
}

/// Returns the topics, the formats and the payloads of what an agent emits when it answers a message on the topic `t`.
fn routed<A: Agent>(outgoing: &[Outgoing]) -> Result<Vec<Value>, String> {
    let origin = message(&question("t"))?;
    let guild = guild(&Value::Null, Vec::new())?;
    let speaker = speaker(&"a".into(), &"A".into(), &A::CLASS_NAME.into(), &"receive".into());
    let expressions = expressions();
    let mut router = TurnRouter::new(&origin, "t", &speaker, &guild, Scope::without_states(&expressions));
    let mut all = Vec::new();
    for outgoing in outgoing {
        let outgoing = Routable {
            format: outgoing.format.clone(),
            payload: serde_json::from_str(&outgoing.payload).map_err(|error| error.to_string())?,
            topics: outgoing.topics.clone(),
            recipients: Vec::new(),
            priority: None,
            new_thread: false,
            session_state: None,
            reason: None,
        };
        for message in router.route(outgoing).map_err(|fault| fault.to_string())?.messages {
            let (topics, payload): (Topics, Value) = (message.topics, read(&json!(message.payload))?);
            all.push(
                json!({"format": message.format, "payload": payload, "is_error_message": false, "topics": topics}),
            );
        }
    }
    Ok(all)
}

pub fn splitter(input: &Value, expected: &Value) -> Outcome {
    let started = Bench::<SplitterAgent>::start(input["properties"].clone());
    if started.is_err() || expected["published"].is_null() {
        return check(&json!([started.is_err(), expected["spec_error"].is_null()]), &json!([true, false]));
    }
    let mut bench = started?;
    bench.evaluator = evaluate;
    let wanted = expected["published"].as_array().cloned().unwrap_or_default();
    match bench.send_raw("any.Format", input["payload"].clone()) {
        Ok(outgoing) => check(&json!(routed::<SplitterAgent>(&outgoing)?), &json!(wanted)),
        Err(_) if wanted.len() > 1 && wanted.last().is_some_and(|last| last["is_error_message"] == true) => {
            does_not_apply("a turn is a transaction: nothing is emitted of a message that cannot be split")
        }
        Err(failure) => {
            let kind = text(&wanted.first().unwrap_or(&Value::Null)["payload"]["error_type"]);
            check(&json!([failure.reason().split(':').next(), 1]), &json!([kind, wanted.len()]))
        }
    }
}

pub fn aggregator(input: &Value, expected: &Value) -> Outcome {
    let aggregator: Aggregator = read(&input["aggregator"])?;
    let messages: Vec<Collected> = read(&input["messages"])?;
    let evaluated = |source: &str, input: &Value| {
        expressions().evaluate(Language::Jsonata, source, &input.to_string()).map_err(|error| error.to_string())
    };
    let id = text(&input["correlation_id"]);
    check(&json!(aggregator.is_complete(&id, &messages, evaluated).unwrap_or(false)), expected)
}

/// Compares whether a second message of the same kind is added or replaces the first. In the reference the path of a patch
/// shows this, here the number of messages.
pub fn collector(input: &Value, expected: &Value) -> Outcome {
    let collector: Collector = read(&input["collector"])?;
    let message: Collected = read(&input["message"])?;
    let mut messages = vec![message.clone()];
    collector.add(&mut messages, message);
    let path = text(&expected["json_patch_operations"][0]["path"]);
    check(&json!(messages.len()), &json!(if path.ends_with("/-") { 2 } else { 1 }))
}

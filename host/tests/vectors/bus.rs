//! Publishes messages to a journal, and compares who receives them in which order.

use std::collections::{BTreeMap, HashMap};

use guildhall::agent::turn_io;
use guildhall::journal::{Commit, Consumer, Durability, GuildLog, Journal, JournalLimits, Retention};
use guildhall_model::clock::Clock;
use guildhall_model::ids::{AgentId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::shared::block;
use super::vectors::compare::{Outcome, check, does_not_apply};
use super::vectors::inputs::{read, text};

async fn log() -> Result<(TempDir, Journal, GuildLog), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (limits, retention) = (JournalLimits::default(), Retention::default());
    let journal =
        Journal::open(&dir.path().join("journal.db"), Durability::None, limits, retention, Clock::system()).await;
    let journal = journal.map_err(|error| error.to_string())?;
    let log = journal.guild(&"g1".into()).await.map_err(|error| error.to_string())?;
    Ok((dir, journal, log))
}

fn labelled(sender: Option<&str>, topic: &str, label: &str, priority: &Value) -> Message {
    let sender = AgentTag { id: sender.map(str::to_owned), name: None };
    let payload = raw_json(&json!({"n": label}));
    let mut message = Message::draft(sender, Topics::One(topic.into()), "any.Format", payload);
    message.priority = Priority::read(priority).unwrap_or_default();
    message
}

fn label(message: &Message) -> String {
    let payload: Value = serde_json::from_str(message.payload.get()).unwrap_or_default();
    text(&payload["n"])
}

async fn publish(log: &GuildLog, message: Message) -> Result<(), String> {
    log.publish(vec![message]).await.map_err(|error| error.to_string())
}

/// One delivery, with what the cases compare of it.
struct Delivered {
    label: String,
    topic: String,
    id: MessageId,
}

/// Receives and consumes all messages that wait.
async fn take_waiting(consumer: &mut Consumer, delivered: &mut Vec<Delivered>) -> Result<(), String> {
    while consumer.lag().messages() > 0 {
        let delivery = consumer.next().await.map_err(|error| error.to_string())?;
        let message = &delivery.message;
        delivered.push(Delivered { label: label(message), topic: delivery.topic.clone(), id: message.id });
        consumer.commit(message, Commit::default()).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

pub fn delivery(input: &Value, expected: &Value) -> Outcome {
    let client = text(&input["client_id"]);
    let agent = AgentId::from(client.split_once('$').map_or(client.as_str(), |(_, agent)| agent));
    let topic = text(&input["topic"]);
    let delivered = block(async {
        let (_dir, _journal, log) = log().await?;
        let topics = vec![topic.clone(), "after".to_owned()];
        let mut consumer = log.consume(&agent, topics).await.map_err(|error| error.to_string())?;
        publish(&log, labelled(input["sender_id"].as_str(), &topic, "it", &Value::Null)).await?;
        publish(&log, labelled(Some("another sender"), "after", "after", &Value::Null)).await?;
        let delivery = consumer.next().await.map_err(|error| error.to_string())?;
        Ok::<_, String>(label(&delivery.message) == "it")
    })?;
    check(&json!(delivered), expected)
}

pub fn bus_delivery(input: &Value, expected: &Value) -> Outcome {
    if !input["scenario"].is_null() {
        return does_not_apply("the scenario is prose; tests of the journal and of agents cover it");
    }
    let mut steps = input["steps"].as_array().cloned().unwrap_or_default();
    let publications = |from: &Value| {
        let of = |published: &Value| match published {
            Value::String(label) => json!({"do": "publish", "n": label}),
            other => json!({"do": "publish", "n": other["n"], "priority": other["priority"]}),
        };
        from.as_array().into_iter().flatten().map(of).collect::<Vec<_>>()
    };
    let subscribes_late = steps.iter().position(|step| step["do"] == "subscribe").is_some_and(|first| first > 0);
    if subscribes_late {
        return does_not_apply("a new agent receives the messages that are sent from then on");
    }
    steps.extend(publications(&input["published_before_subscribe"]));
    if input["steps"].is_null() {
        steps.push(json!({"do": "subscribe"}));
    }
    steps.extend(publications(&input["published_after_subscribe"]));
    let delivered = block(run_steps(&steps))?;
    let labels: Vec<&str> = delivered.iter().map(|delivery| delivery.label.as_str()).collect();
    check(&json!(labels), &expected["delivered_in_order"])?;
    if expected["topics"].is_array() {
        let topics: Vec<&str> = delivered.iter().map(|delivery| delivery.topic.as_str()).collect();
        check(&json!(topics), &expected["topics"])?;
    }
    if expected["ids_are_equal"].is_boolean() {
        let are_equal = delivered.windows(2).all(|pair| pair[0].id == pair[1].id);
        check(&json!(are_equal), &expected["ids_are_equal"])?;
    }
    Ok(())
}

/// Runs steps and returns the deliveries. A step may name `topics` (else `t`) and a `client` (else `c`); after each step the
/// clients receive in the order of their names.
async fn run_steps(steps: &[Value]) -> Result<Vec<Delivered>, String> {
    let (_dir, _journal, log) = log().await?;
    let mut consumers: BTreeMap<String, Consumer> = BTreeMap::new();
    let mut delivered = Vec::new();
    for step in steps {
        let client = step["client"].as_str().unwrap_or("c");
        let topics: Topics = if step["topics"].is_null() { Topics::One("t".into()) } else { read(&step["topics"])? };
        match step["do"].as_str() {
            Some("subscribe") => {
                let new = log.consume(&client.into(), topics.as_slice().to_vec()).await;
                consumers.insert(client.to_owned(), new.map_err(|error| error.to_string())?);
            }
            Some("unsubscribe") => drop(consumers.remove(client)),
            _ => {
                let mut message = labelled(Some("s"), "t", &text(&step["n"]), &step["priority"]);
                message.topics = topics;
                publish(&log, message).await?;
            }
        }
        for consumer in consumers.values_mut() {
            take_waiting(consumer, &mut delivered).await?;
        }
    }
    Ok(delivered)
}

pub fn bus_query(input: &Value, expected: &Value) -> Outcome {
    if input["query"] != "by_id" {
        return does_not_apply("a log is read in its own order, and ids do not order messages by priority");
    }
    let found = block(async {
        let (_dir, _journal, log) = log().await?;
        let mut tail = log.tail(vec!["t".into()], None);
        let mut ids: HashMap<String, MessageId> = HashMap::new();
        for published in input["published_in_order"].as_array().into_iter().flatten() {
            publish(&log, labelled(Some("s"), "t", &text(&published["n"]), &published["priority"])).await?;
            let event = tail.next().await.map_err(|error| error.to_string())?;
            if let guildhall::journal::TailEvent::Message { message, .. } = event {
                ids.insert(text(&published["id"]), message.id);
            }
        }
        let wanted = input["argument"].as_array().cloned().unwrap_or_else(|| vec![input["argument"].clone()]);
        let asked: Vec<MessageId> = wanted.iter().map(|id| ids.get(&text(id)).copied().unwrap_or_default()).collect();
        let found = log.by_ids(&asked).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(turn_io::history_texts(&asked, &found))
    })?;
    let labels = found.iter().map(|message| {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        message["payload"]["n"].clone()
    });
    let wanted = expected.as_array().into_iter().flatten().filter(|label| !label.is_null()).cloned();
    check(&labels.collect(), &wanted.collect())
}

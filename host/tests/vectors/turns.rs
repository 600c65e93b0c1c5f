//! What comes to an agent: whom a message is for, and what is given with it. Each
//! handler of a case is an agent of its own here, whose one handler has its name.

use std::sync::Arc;

use guildhall::agent::turn;
use guildhall::journal::Delivery;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::ids::MessageId;
use guildhall_model::message::{HistoryEntry, Message, raw_json};
use guildhall_model::routing::{self, Attempt, Outgoing as Routable, Scope, TurnRouter};
use guildhall_model::spec::AgentSpec;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use guildhall_sdk::prelude::*;
use guildhall_sdk::testing::Bench;
use serde_json::{Value, json};

use super::rules::{expressions, read, speaker, text};
use super::sending::{guild, message};
use super::{Outcome, check, not_here};

#[message("dyn.FmtA")]
struct FmtA {
    #[serde(default)]
    x: i64,
}

#[message("dyn.FmtB")]
struct FmtB {
    #[serde(default)]
    x: i64,
}

#[properties]
struct Script {
    name: String,
    action: Option<String>,
}

/// Marks that it ran, and does what the case says.
fn play(script: &Script, ctx: &mut Ctx) -> Result<(), Failure> {
    ctx.update_agent_state(&json!({"ran": true}))?;
    match script.action.as_deref() {
        Some("send") => Ok(ctx.reply_raw("out.Format", json!({"from": script.name}))?),
        Some("raise") => Err(Failure::reject(format!("boom in {}", script.name))),
        _ => Ok(()),
    }
}

macro_rules! scripted {
    ($agent:ident, |$on:ident| $handlers:expr) => {
        struct $agent(Script);

        impl Agent for $agent {
            const CLASS_NAME: &'static str = "dyn.DynAgent";
            const NAME: &'static str = "Scripted";
            const SUMMARY: &'static str = "Does what a case says";
            type Properties = Script;

            fn new(script: Script) -> Result<Self, String> {
                Ok(Self(script))
            }

            fn handlers($on: &mut Handlers<Self>) {
                $handlers;
            }
        }
    };
}

scripted!(Raw, |on| on.any(|agent, ctx| play(&agent.0, ctx)));
scripted!(OfA, |on| on.message(|agent, ctx, _: FmtA| play(&agent.0, ctx)));
scripted!(OfB, |on| on.message(|agent, ctx, _: FmtB| play(&agent.0, ctx)));

/// What a handler did: nothing, or what it said, or how it failed.
type Played = Option<Result<Vec<guildhall_sdk::Outgoing>, Failure>>;

fn run<A: Agent>(handler: &Value, message: &Message) -> Result<Played, String> {
    let mut bench = Bench::<A>::start(json!({"name": handler["name"], "action": handler["action"]}))?;
    Ok(match bench.send_text(&message.format, message.payload.get()) {
        Ok(said) => (bench.agent_state["ran"] == true).then_some(Ok(said)),
        Err(failure) => Some(Err(failure)),
    })
}

pub fn dispatch(input: &Value, expected: &Value) -> Outcome {
    if input["fixtures"].as_array().is_some_and(|fixtures| !fixtures.is_empty()) {
        return not_here("components have no hooks");
    }
    let wire = &input["message"];
    let handlers = input["handlers"].as_array().cloned().unwrap_or_default();
    for handler in &handlers {
        if handler["essential"] == true {
            return not_here("the host's own topics are not heard by agents");
        }
        if !handler["guard"].is_null() {
            return not_here("what code decides whether a handler runs is the component's own");
        }
        if handler["action"] == "read_typed" {
            return not_here("a typed handler of the SDK always has its payload parsed");
        }
        if handler["accepts"] != "json" && wire["payload"].get("x").is_some_and(|x| !x.is_i64()) {
            return not_here("a typed handler of the SDK always has its payload parsed");
        }
        if !["json", "FmtA", "FmtB"].contains(&handler["accepts"].as_str().unwrap_or_default()) {
            return not_here("what the host says to itself is not heard by agents");
        }
    }
    if text(&wire["format"]).contains("HealthCheckRequest") || text(&wire["format"]).contains("SelfReady") {
        return not_here("the host measures how agents are: they answer no checks");
    }
    let mut spec = input["agent_spec"].clone();
    spec["class_name"] = input["agent_type"].clone();
    spec["additional_topics"] = json!(["t"]);
    for predicate in
        spec.get_mut("predicates").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut())
    {
        if predicate.get("predicate_type").is_none() {
            predicate["predicate_type"] = "jsonata_fn".into();
        }
    }
    let spec: AgentSpec = read(&spec)?;
    let message = message(wire)?;
    let heard_on = text(&wire["topic_published_to"]);
    let delivery = Delivery { message: Arc::new(message), topic: heard_on.clone(), tries: Default::default() };
    let hears = routing::subscriptions(&spec).contains(&heard_on);
    let states = input["agent_state"].to_string();
    let view = guild(&Value::Null, Vec::new())?;
    let mut ordered: Vec<&Value> = handlers.iter().collect();
    ordered.sort_by_key(|handler| (handler["accepts"] == "json", text(&handler["name"])));
    let (mut calls, mut published) = (Vec::new(), Vec::new());
    for handler in ordered {
        let speaker = speaker(&json!(spec.id), &json!(spec.name), &input["agent_type"], &handler["name"]);
        let expressions = expressions();
        let scope = Scope { agent_state: &states, ..Scope::without_states(&expressions) };
        if !hears || !turn::is_for(&delivery, &spec, &speaker, scope) {
            continue;
        }
        let played = match handler["accepts"].as_str() {
            Some("FmtA") => run::<OfA>(handler, &delivery.message)?,
            Some("FmtB") => run::<OfB>(handler, &delivery.message)?,
            _ => run::<Raw>(handler, &delivery.message)?,
        };
        let Some(played) = played else { continue };
        calls.push(handler["name"].clone());
        let spoken = match played {
            Ok(said) => {
                let scope = Scope::without_states(&expressions);
                let mut router = TurnRouter::new(&delivery.message, &heard_on, &speaker, &view, scope);
                let mut messages = Vec::new();
                for said in said {
                    let said = Routable {
                        format: said.format,
                        payload: serde_json::from_str(&said.payload).map_err(|error| error.to_string())?,
                        topics: Vec::new(),
                        recipients: Vec::new(),
                        priority: None,
                        new_thread: false,
                        session_state: None,
                        reason: None,
                    };
                    messages.extend(router.route(said).map_err(|fault| fault.to_string())?.messages);
                }
                messages
            }
            Err(failure) => {
                let fault = Fault::new(FaultKind::Rejected, failure.reason());
                let trial = Attempt { number: 1, is_last: true };
                routing::failure_messages(
                    &fault,
                    &delivery.message,
                    &heard_on,
                    &speaker,
                    &view,
                    trial,
                    Scope::without_states(&expressions),
                )
                .messages
            }
        };
        published.extend(spoken);
    }
    check(&json!(calls), &expected["calls_in_order"])?;
    let wanted = expected["published"].as_array().cloned().unwrap_or_default();
    if wanted.len() != published.len() {
        return Err(format!("{} messages, expected {}", published.len(), wanted.len()));
    }
    published.iter().zip(&wanted).try_for_each(|(found, wanted)| {
        let mut payload: Value = read(&json!(found.payload))?;
        if found.format == format::ERROR_MESSAGE {
            payload = json!({
                "agent_type": payload["agent_type"], "error_message": payload["error_message"],
                "error_type": wanted["payload"]["error_type"],
            });
        }
        let found = json!({
            "topics": found.topics, "format": found.format, "is_error_message": found.is_error, "ttl": found.ttl,
            "payload": payload, "processor": found.history.last().map(|entry| entry.processor.clone()),
            "priority": found.priority,
        });
        check(&found, wanted)
    })
}

pub fn enrich_history(input: &Value, expected: &Value) -> Outcome {
    let Ok(asked) = read::<Option<u32>>(&input["enrich_with_history"]) else {
        return not_here("a number of messages is not negative");
    };
    let stored = |n: &Value| -> Result<Message, String> {
        let mut message =
            Message::draft(AgentTag::new("a", "A"), Topics::One("t".into()), "f.x", raw_json(&json!({"n": n})));
        message.id = read(n)?;
        message.session_state = Some(raw_json(&json!({"not": "told"})));
        Ok(message)
    };
    let mut message = stored(&json!(1_000))?;
    message.session_state = Some(&input["session_state"]).filter(|state| !state.is_null()).map(raw_json);
    message.enrich_with_history = asked.unwrap_or_default();
    for origin in input["history_origins_oldest_first"].as_array().into_iter().flatten() {
        message.push_history(HistoryEntry {
            agent: AgentTag::new("a", "A"),
            origin: read(origin)?,
            result: MessageId::new(1_000),
            processor: "p".into(),
            from_topic: None,
            to_topics: Vec::new(),
            reason: None,
        });
    }
    let ids = turn::asked_history(&message);
    let delivery = Delivery { message: Arc::new(message), topic: "t".into(), tries: Default::default() };
    let mut given = turn::for_guest(&delivery, 1, "{}".into(), "{}".into());
    if let Some(ids) = ids {
        let log =
            input["stored_messages"].as_array().into_iter().flatten().map(stored).collect::<Result<Vec<_>, _>>()?;
        let found: Vec<Message> = log.into_iter().filter(|message| ids.contains(&message.id)).collect();
        turn::enrich(&mut given, &turn::in_order(&ids, &found));
    }
    let state = given.message.session_state.map_or(Ok(Value::Null), |state| serde_json::from_str(&state));
    let mut state: Value = state.map_err(|error| error.to_string())?;
    for earlier in state.get_mut("enriched_history").and_then(Value::as_array_mut).into_iter().flatten() {
        let message: Value =
            serde_json::from_str(earlier.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
        *earlier = json!({
            "is_json_text": true, "payload": message["payload"],
            "has_session_state": message.get("session_state").is_some(),
            "has_thread_ids": message.get("root_thread_id").is_some() || message.get("current_thread_id").is_some(),
        });
    }
    check(&json!({"delivered": true, "session_state": state}), expected)
}

/// A dead letter names the same things; topics have no namespaces here, and what is
/// known of the failure stands beside them. Its format is that of a bus which runs.
pub fn dead_letter(input: &Value, expected: &Value) -> Outcome {
    let origin = message(&input["original_message"])?;
    let client = text(&input["client_id"]);
    let (guild, agent) = client.split_once('$').unwrap_or(("g1", &client));
    let heard_on = text(&input["original_topic"]);
    let heard_on = heard_on.strip_prefix(&format!("{guild}:")).unwrap_or(&heard_on);
    let speaker = speaker(&agent.into(), &agent.into(), &"any.Agent".into(), &"receive".into());
    let fault = Fault::new(FaultKind::Rejected, text(&input["error_text"]));
    let letter =
        routing::dead_letter(&guild.into(), &fault, &origin, heard_on, &speaker, Attempt { number: 1, is_last: true });
    let payload: Value = read(&json!(letter.payload))?;
    let wanted = &expected["payload"];
    let topic = text(&wanted["original_topic"]);
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
        topic.strip_prefix(&format!("{guild}:")).unwrap_or(&topic),
        wanted["original_message_id"],
        wanted["original_message"]["payload"],
        wanted["error_message"],
    ]);
    check(&found, &wanted)
}

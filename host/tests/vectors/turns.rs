//! Delivers messages to agents: which handlers run, and what they receive. A component has one handler, so each handler of
//! a case is an agent of its own here.

use std::sync::Arc;

use guildhall::agent::turn_io;
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

use super::vectors::compare::{Outcome, check, differs, does_not_apply};
use super::vectors::inputs::{expressions, guild, message, read, speaker, text};

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

/// Records in the state that the handler ran, and does what the case asks for.
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
            const SUMMARY: &'static str = "Does what a case asks for";
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

/// What a handler did: `None` if it did not run, else what it emitted or how it failed.
type Played = Option<Result<Vec<guildhall_sdk::Outgoing>, Failure>>;

fn run<A: Agent>(handler: &Value, message: &Message) -> Result<Played, String> {
    let mut bench = Bench::<A>::start(json!({"name": handler["name"], "action": handler["action"]}))?;
    Ok(match bench.send_text(&message.format, message.payload.get()) {
        Ok(all) => (bench.agent_state["ran"] == true).then_some(Ok(all)),
        Err(failure) => Some(Err(failure)),
    })
}

pub fn dispatch(input: &Value, expected: &Value) -> Outcome {
    if input["fixtures"].as_array().is_some_and(|fixtures| !fixtures.is_empty()) {
        return does_not_apply("components have no hooks");
    }
    let wire = &input["message"];
    let handlers = input["handlers"].as_array().cloned().unwrap_or_default();
    for handler in &handlers {
        if handler["essential"] == true {
            return does_not_apply("agents do not receive messages on the host's own topics");
        }
        if !handler["guard"].is_null() {
            return does_not_apply("the code that decides whether a handler runs is inside the component");
        }
        if handler["action"] == "read_typed" {
            return does_not_apply("the SDK always parses the payload of a typed handler");
        }
        if handler["accepts"] != "json" && wire["payload"].get("x").is_some_and(|x| !x.is_i64()) {
            return does_not_apply("the SDK always parses the payload of a typed handler");
        }
        if !["json", "FmtA", "FmtB"].contains(&handler["accepts"].as_str().unwrap_or_default()) {
            return does_not_apply("agents do not receive the host's messages to itself");
        }
    }
    if text(&wire["format"]).contains("HealthCheckRequest") || text(&wire["format"]).contains("SelfReady") {
        return does_not_apply("the host measures the health of agents: they answer no checks");
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
    let topic = text(&wire["topic_published_to"]);
    let delivery = Delivery { message: Arc::new(message), topic: topic.clone(), attempts: Default::default() };
    let is_subscribed = routing::subscriptions(&spec).contains(&topic);
    let states = input["agent_state"].to_string();
    let view = guild(&Value::Null, Vec::new())?;
    let mut ordered: Vec<&Value> = handlers.iter().collect();
    ordered.sort_by_key(|handler| (handler["accepts"] == "json", text(&handler["name"])));
    let (mut calls, mut published) = (Vec::new(), Vec::new());
    for handler in ordered {
        let speaker = speaker(&json!(spec.id), &json!(spec.name), &input["agent_type"], &handler["name"]);
        let expressions = expressions();
        let scope = Scope { agent_state: &states, ..Scope::without_states(&expressions) };
        if !is_subscribed || !turn_io::accepts(&delivery, &spec, &speaker, scope) {
            continue;
        }
        let played = match handler["accepts"].as_str() {
            Some("FmtA") => run::<OfA>(handler, &delivery.message)?,
            Some("FmtB") => run::<OfB>(handler, &delivery.message)?,
            _ => run::<Raw>(handler, &delivery.message)?,
        };
        let Some(played) = played else { continue };
        calls.push(handler["name"].clone());
        let messages = match played {
            Ok(all) => {
                let scope = Scope::without_states(&expressions);
                let mut router = TurnRouter::new(&delivery.message, &topic, &speaker, &view, scope);
                let mut messages = Vec::new();
                for outgoing in all {
                    let routable = Routable {
                        format: outgoing.format,
                        payload: serde_json::from_str(&outgoing.payload).map_err(|error| error.to_string())?,
                        topics: Vec::new(),
                        recipients: Vec::new(),
                        priority: None,
                        new_thread: false,
                        session_state: None,
                        reason: None,
                    };
                    messages.extend(router.route(routable).map_err(|fault| fault.to_string())?.messages);
                }
                messages
            }
            Err(failure) => {
                let fault = Fault::new(FaultKind::Rejected, failure.reason());
                let trial = Attempt { number: 1, is_last: true };
                routing::failure_messages(
                    &fault,
                    &delivery.message,
                    &topic,
                    &speaker,
                    &view,
                    trial,
                    Scope::without_states(&expressions),
                )
                .messages
            }
        };
        published.extend(messages);
    }
    check(&json!(calls), &expected["calls_in_order"])?;
    let wanted = expected["published"].as_array().cloned().unwrap_or_default();
    if wanted.len() != published.len() {
        return differs(format!("{} messages, expected {}", published.len(), wanted.len()));
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
        return differs("a negative number of messages is refused");
    };
    let stored = |n: &Value| -> Result<Message, String> {
        let mut message =
            Message::draft(AgentTag::new("a", "A"), Topics::One("t".into()), "f.x", raw_json(&json!({"n": n})));
        message.id = read(n)?;
        message.session_state = Some(raw_json(&json!({"not": "shown"})));
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
    let ids = turn_io::requested_history(&message);
    let delivery = Delivery { message: Arc::new(message), topic: "t".into(), attempts: Default::default() };
    let mut given = turn_io::turn_input(&delivery, 1, "{}".into(), "{}".into());
    if let Some(ids) = ids {
        let log =
            input["stored_messages"].as_array().into_iter().flatten().map(stored).collect::<Result<Vec<_>, _>>()?;
        let found: Vec<Message> = log.into_iter().filter(|message| ids.contains(&message.id)).collect();
        turn_io::add_history(&mut given, &turn_io::history_texts(&ids, &found));
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

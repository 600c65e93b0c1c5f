//! Routes what agents emit. Not compared are new ids, which have 53 bits here, and `conversation_id`, which here belongs to
//! the thread.

use std::sync::Arc;

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::MessageId;
use guildhall_model::message::{ForwardHeader, HistoryEntry, Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::routing::{self, Attempt, GuildView, Outgoing, Scope, Sender, TurnRouter};
use guildhall_model::spec::RoutingSlip;
use guildhall_model::state::{StateChange, StateOwner};
use guildhall_model::topic::Topics;
use guildhall_model::{format, payload, topic};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::in_pairs;
use super::messages::trimmed;
use super::vectors::compare::{Outcome, check, differs, does_not_apply};
use super::vectors::inputs::{expressions, guild, message, read, speaker, text};

/// Returns the expected payload. Where it differs only in trimmed texts, the found one: trimming is a defect of the
/// reference.
pub fn untrimmed(found: &RawValue, expected: &Value) -> Value {
    let found: Value = serde_json::from_str(found.get()).unwrap_or_default();
    if trimmed(&found) == *expected { found } else { expected.clone() }
}

fn compare(found: &Message, expected: &Value) -> Outcome {
    let state = |state: Value| if state.is_null() { json!({}) } else { state };
    let mut slip: Option<RoutingSlip> = read(&expected["routing_slip"])?;
    // In the reference a rule without a limit counts down below -1.
    for rule in slip.iter_mut().flat_map(|slip| &mut slip.steps) {
        let rule = Arc::make_mut(rule);
        rule.route_times = rule.route_times.max(-1);
    }
    let history: Vec<HistoryEntry> = read(&expected["message_history"])?;
    let header: Option<ForwardHeader> = read(&expected["forward_header"])?;
    let hop = |entries: &[HistoryEntry]| {
        let last = entries.last();
        json!([
            entries.len(),
            last.map(|entry| json!([
                entry.agent,
                entry.origin,
                entry.processor,
                entry.from_topic,
                entry.to_topics,
                entry.reason
            ])),
        ])
    };
    let ends_here = |thread: &[MessageId], own: MessageId| thread.last() == Some(&own);
    let thread: Vec<MessageId> = read(&expected["thread"])?;
    let own: MessageId = read(&expected["id"])?;
    let found_thread = found.full_thread();
    let found_json = json!({
        "sender": found.sender,
        "topics": found.topics,
        "recipient_list": found.recipients,
        "payload": found.payload,
        "format": found.format,
        "in_response_to": found.in_response_to,
        "thread": [found_thread.len(), ends_here(&found_thread, found.id), found_thread.first()],
        "forward_header": found.forward_header,
        "routing_slip": found.routing_slip,
        "history": hop(&found.history),
        "ttl": found.ttl,
        "is_error": found.is_error,
        "traceparent": found.traceparent,
        "session_state": state(json!(found.session_state)),
        "enrich": found.enrich_with_history,
        "status": found.process_status,
        "stack": found.origin_guild_stack,
        "priority": found.priority,
    });
    let wanted = json!({
        "sender": expected["sender"],
        "topics": expected["topics"],
        "recipient_list": expected["recipient_list"],
        "payload": untrimmed(&found.payload, &expected["payload"]),
        "format": expected["format"],
        "in_response_to": expected["in_response_to"],
        "thread": [thread.len(), ends_here(&thread, own), thread.first()],
        "forward_header": header,
        "routing_slip": slip,
        "history": hop(&history),
        "ttl": expected["ttl"],
        "is_error": expected["is_error_message"],
        "traceparent": expected["traceparent"],
        "session_state": state(expected["session_state"].clone()),
        "enrich": expected["enrich_with_history"],
        "status": expected["process_status"],
        "stack": expected["origin_guild_stack"],
        "priority": expected["priority"],
    });
    check(&found_json, &wanted)
}

/// Returns the request that the reference sends for a change of a state.
fn request(owner: &StateOwner, change: &StateChange) -> Value {
    let (owner, agent) = match owner {
        StateOwner::Guild => ("guild", None),
        StateOwner::Agent(agent) => ("agent", Some(agent)),
    };
    json!({
        "state_owner": owner, "guild_id": "g1", "agent_id": agent, "update_format": change.format,
        "state_update": change.update, "update_path": change.path, "update_version": change.version,
        "update_timestamp": null,
    })
}

pub fn reply(input: &Value, expected: &Value) -> Outcome {
    let agent = &input["agent"];
    let mut speaker: Sender = speaker(&agent["id"], &agent["name"], &agent["agent_type"], &agent["method_name"]);
    speaker.to_default = input["route_to_default_topic"] == true;
    let guild = guild(&input["guild_routes"], Vec::new())?;
    let origin = message(&input["incoming"])?;
    let topic_name = text(&input["incoming"]["topic_published_to"]);
    let (own, guilds) = (input["agent_state"].to_string(), input["guild_state"].to_string());
    let expressions = expressions();
    let scope = Scope { expressions: &expressions, agent_state: &own, guild_state: &guilds };
    let mut router = TurnRouter::new(&origin, &topic_name, &speaker, &guild, scope);
    let (mut messages, mut changes) = (Vec::new(), Vec::new());
    let mut context: Option<Value> = None;
    let mut failed = false;
    let raised = input["calls"].as_array().into_iter().flatten().find(|call| call["op"] == "raise");
    if let Some(raised) = raised {
        return raise(input, expected, &text(&raised["message"]), &origin, &speaker, &guild);
    }
    for call in input["calls"].as_array().into_iter().flatten() {
        match call["op"].as_str().unwrap_or_default() {
            "send" => {
                for name in ["forwarding", "clear_origin_stack"] {
                    if call[name] == true {
                        return does_not_apply(format!("an agent cannot ask for {name}"));
                    }
                }
                let format = call["format"].as_str().unwrap_or("generic_json");
                // The sandbox refuses these before a rule is looked up.
                if format.chars().count() < 3 || payload::check(&call["payload"].to_string()).is_err() {
                    failed = true;
                    break;
                }
                let outgoing = Outgoing {
                    format: format.to_owned(),
                    payload: raw_json(&call["payload"]),
                    topics: Vec::new(),
                    recipients: Vec::new(),
                    priority: None,
                    new_thread: call["new_thread"] == true,
                    session_state: context.take().map(|context| raw_json(&context)),
                    reason: call["reason"].as_str().map(str::to_owned),
                };
                match router.route(outgoing) {
                    Ok(routed) => {
                        messages.extend(routed.messages);
                        changes.extend(routed.changes);
                    }
                    Err(_) => failed = true,
                }
            }
            "update_context" => context = Some(call["updates"].clone()),
            "get_context" => {}
            other => return does_not_apply(format!("an agent has no {other}")),
        }
    }
    let published = expected["published"].as_array().cloned().unwrap_or_default();
    let (requests, published): (Vec<Value>, Vec<Value>) =
        published.into_iter().partition(|message| message["format"] == format::STATE_UPDATE_REQUEST);
    if failed {
        let is_error = published.len() == 1 && published[0]["is_error_message"] == true && messages.is_empty();
        return if is_error { Ok(()) } else { differs("the turn failed") };
    }
    let found: Vec<Value> = changes.iter().map(|(owner, change)| request(owner, change)).collect();
    let wanted: Vec<Value> = requests.iter().map(|request| request["payload"].clone()).collect();
    check(&json!(found), &json!(wanted))?;
    if messages.len() != published.len() {
        return differs(format!("{} messages, expected {}", messages.len(), published.len()));
    }
    messages.iter().zip(&published).try_for_each(|(found, expected)| compare(found, expected))
}

/// Compares the messages that report a failed turn. The kinds of failures have other names here.
fn raise(
    input: &Value,
    expected: &Value,
    error: &str,
    origin: &Message,
    speaker: &Sender,
    guild: &GuildView,
) -> Outcome {
    let calls = input["calls"].as_array().map_or(0, Vec::len);
    if calls > 1 {
        return does_not_apply("a failed turn emits nothing of what came before the failure");
    }
    let topic_name = text(&input["incoming"]["topic_published_to"]);
    let fault = Fault::new(FaultKind::Rejected, error);
    let trial = Attempt { number: 1, is_last: true };
    let messages = routing::failure_messages(
        &fault,
        origin,
        &topic_name,
        speaker,
        guild,
        trial,
        Scope::without_states(&expressions()),
    )
    .messages;
    let published = expected["published"].as_array().cloned().unwrap_or_default();
    if messages.len() != published.len() {
        return differs(format!("{} messages, expected {}", messages.len(), published.len()));
    }
    messages.iter().zip(&published).try_for_each(|(found, expected)| {
        let payload: Value = read(&json!(found.payload))?;
        for member in ["agent_type", "error_message"] {
            check(&payload[member], &expected["payload"][member])?;
        }
        let mut expected = expected.clone();
        expected["payload"] = payload;
        compare(found, &expected)
    })
}

/// Compares what an agent emits to topics of its choice and to itself: the members that the contract lets it set, and those
/// that follow from the agent and the message it answers.
pub fn direct(input: &Value, expected: &Value) -> Outcome {
    let agent = &input["agent"];
    let speaker = speaker(&agent["id"], &agent["name"], &agent["agent_type"], &agent["method_name"]);
    let guild = guild(&input["guild_routes"], Vec::new())?;
    let origin = message(&input["incoming"])?;
    let topic_name = text(&input["incoming"]["topic_published_to"]);
    let expressions = expressions();
    let mut router = TurnRouter::new(&origin, &topic_name, &speaker, &guild, Scope::without_states(&expressions));
    for (call, expected) in in_pairs(&input["calls"], &expected["published"])? {
        let to_self = call["op"] == "send_to_self";
        if call["op"] != "direct_send" && !to_self {
            return does_not_apply("agents read and change states by the contract, not by messages");
        }
        if to_self && call["with_origin"] == false {
            return does_not_apply("agents emit only in turns, so every message of theirs answers one");
        }
        for name in ["in_response_to", "forward_header", "routing_slip", "process_status", "enrich_with_history", "ttl"]
        {
            if !call[name].is_null() {
                return does_not_apply(format!("an agent cannot set {name}"));
            }
        }
        if call["attach_guild_routes"] == false {
            return does_not_apply("a message to topics of an agent's choice always carries the guild's routes");
        }
        let topics = if to_self {
            vec![topic::agent_self_inbox(&speaker.id)]
        } else {
            read::<Topics>(&call["topics"])?.as_slice().to_vec()
        };
        let outgoing = Outgoing {
            format: text(&call["format"]),
            payload: raw_json(&call["payload"]),
            topics,
            recipients: read::<Option<_>>(&call["recipient_list"])?.unwrap_or_default(),
            priority: Some(Priority::read(&call["priority"]).unwrap_or_default()),
            new_thread: if to_self { call["new_thread"] != false } else { call["new_thread"] == true },
            session_state: None,
            reason: call["reason"].as_str().map(str::to_owned),
        };
        let found = router.route(outgoing).map_err(|fault| fault.to_string())?.messages.remove(0);
        let slip: Option<RoutingSlip> = read(&expected["routing_slip"])?;
        let slip = slip.filter(|slip| !slip.steps.is_empty());
        let list = |topics: &Value| read::<Topics>(topics).map(|topics| json!(topics.as_slice()));
        let thread: Vec<MessageId> = read(&expected["thread"])?;
        let found_json = json!([
            found.sender,
            found.topics.as_slice(),
            found.recipients,
            found.payload,
            found.format,
            found.in_response_to,
            found.full_thread().len(),
            found.routing_slip,
            found.traceparent,
            found.priority,
            found.history.len(),
            found.history.last().map(|entry| json!([entry.origin, entry.reason])),
        ]);
        let last = expected["message_history"].as_array().and_then(|entries| entries.last());
        let wanted = json!([
            expected["sender"],
            list(&expected["topics"])?,
            expected["recipient_list"],
            untrimmed(&found.payload, &expected["payload"]),
            expected["format"],
            expected["in_response_to"],
            thread.len(),
            slip,
            expected["traceparent"],
            expected["priority"],
            expected["message_history"].as_array().map(Vec::len),
            last.map(|entry| json!([entry["origin"], entry["reason"]])),
        ]);
        check(&found_json, &wanted)?;
    }
    Ok(())
}

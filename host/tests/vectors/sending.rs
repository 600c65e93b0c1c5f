//! What agents and users say, and what becomes of it. Not compared: the ids that are
//! made (ours have 53 bits), and `conversation_id`, which here travels with the
//! thread.

use std::sync::Arc;

use guildhall::model::draft::UserDraft;
use guildhall::model::format;
use guildhall::model::ids::MessageId;
use guildhall::model::message::{AgentTag, ForwardHeader, HistoryEntry, Message, Priority, Topics, raw_json};
use guildhall::model::spec::{AgentSpec, Predicate, RoutingRule, RoutingSlip};
use guildhall::model::state::{StateChange, StateOwner};
use guildhall::routing::{self, GuildView, HOP_LIMIT, Said, Speaker, States, TurnRouter, enter};
use serde_json::{Value, json};

use super::rules::{read, speaker, text};
use super::{Outcome, check};

pub fn message(wire: &Value) -> Result<Message, String> {
    let mut message = Message::draft(
        read(&wire["sender"])?,
        read(&wire["topics"])?,
        text(&wire["format"]),
        raw_json(&wire["payload"]),
    );
    message.id = read(&wire["id"])?;
    message.recipients = read(&wire["recipient_list"])?;
    message.in_response_to = read(&wire["in_response_to"])?;
    let mut thread: Vec<MessageId> = read(&wire["thread"])?;
    if thread.last() == Some(&message.id) {
        thread.pop();
        message.new_thread = !thread.is_empty();
    }
    message.thread = thread;
    message.forward_header = read(&wire["forward_header"])?;
    message.routing_slip = read::<Option<RoutingSlip>>(&wire["routing_slip"])?.map(Arc::new);
    message.history = read(&wire["message_history"])?;
    message.ttl = read(&wire["ttl"])?;
    message.traceparent = read(&wire["traceparent"])?;
    message.session_state = Some(&wire["session_state"]).filter(|state| !state.is_null()).map(raw_json);
    message.process_status = read(&wire["process_status"])?;
    message.origin_guild_stack = read(&wire["origin_guild_stack"])?;
    message.priority = Priority::read(&wire["priority"]).unwrap_or_default();
    Ok(message)
}

fn guild(routes: &Value, agents: Vec<AgentSpec>) -> Result<GuildView, String> {
    let routes: RoutingSlip = if routes.is_null() { RoutingSlip::default() } else { read(routes)? };
    Ok(GuildView {
        id: "g1".into(),
        name: "G".into(),
        routes: Arc::new(routes),
        agents,
        users: Vec::new(),
        hop_limit: HOP_LIMIT,
        conversation_history: 0,
    })
}

fn compare(found: &Message, expected: &Value) -> Outcome {
    let state = |state: Value| if state.is_null() { json!({}) } else { state };
    let slip: Option<RoutingSlip> = read(&expected["routing_slip"])?;
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
        "payload": expected["payload"],
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

/// A change of a state as the request that the reference sends for it.
fn request(owner: &StateOwner, change: &StateChange) -> Value {
    let (word, agent) = match owner {
        StateOwner::Guild => ("guild", None),
        StateOwner::Agent(agent) => ("agent", Some(agent)),
    };
    json!({
        "state_owner": word, "guild_id": "g1", "agent_id": agent, "update_format": change.format,
        "state_update": change.update, "update_path": change.path, "update_version": change.version,
        "update_timestamp": null,
    })
}

pub fn reply(input: &Value, expected: &Value) -> Outcome {
    let agent = &input["agent"];
    let mut speaker: Speaker = speaker(&agent["id"], &agent["name"], &agent["agent_type"], &agent["method_name"]);
    speaker.to_default = input["route_to_default_topic"] == true;
    let guild = guild(&input["guild_routes"], Vec::new())?;
    let origin = message(&input["incoming"])?;
    let heard_on = text(&input["incoming"]["topic_published_to"]);
    let (own, guilds) = (input["agent_state"].to_string(), input["guild_state"].to_string());
    let states = States { agent: &own, guild: &guilds };
    let mut router = TurnRouter::new(&origin, &heard_on, &speaker, &guild).with_states(states);
    let (mut messages, mut changes) = (Vec::new(), Vec::new());
    let mut context: Option<Value> = None;
    let mut failed = false;
    for call in input["calls"].as_array().into_iter().flatten() {
        match call["op"].as_str().unwrap_or_default() {
            "send" => {
                for name in ["forwarding", "clear_origin_stack"] {
                    if call[name] == true {
                        return Err(format!("an agent cannot ask for {name}"));
                    }
                }
                let said = Said {
                    format: call["format"].as_str().unwrap_or("generic_json").to_owned(),
                    payload: raw_json(&call["payload"]),
                    topics: Vec::new(),
                    recipients: Vec::new(),
                    priority: None,
                    new_thread: call["new_thread"] == true,
                    session_state: context.take().map(|context| raw_json(&context)),
                    reason: call["reason"].as_str().map(str::to_owned),
                };
                match router.route(said) {
                    Ok(spoken) => {
                        messages.extend(spoken.messages);
                        changes.extend(spoken.changes);
                    }
                    Err(_) => failed = true,
                }
            }
            "update_context" => context = Some(call["updates"].clone()),
            "get_context" => {}
            other => return Err(format!("an agent has no {other}")),
        }
    }
    let published = expected["published"].as_array().cloned().unwrap_or_default();
    let (requests, published): (Vec<Value>, Vec<Value>) =
        published.into_iter().partition(|message| message["format"] == format::STATE_UPDATE_REQUEST);
    if failed {
        let is_error = published.len() == 1 && published[0]["is_error_message"] == true && messages.is_empty();
        return if is_error { Ok(()) } else { Err("the turn failed".to_owned()) };
    }
    let found: Vec<Value> = changes.iter().map(|(owner, change)| request(owner, change)).collect();
    let wanted: Vec<Value> = requests.iter().map(|request| request["payload"].clone()).collect();
    check(&json!(found), &json!(wanted))?;
    if messages.len() != published.len() {
        return Err(format!("{} messages, expected {}", messages.len(), published.len()));
    }
    messages.iter().zip(&published).try_for_each(|(found, expected)| compare(found, expected))
}

pub fn predicate(input: &Value, expected: &Value) -> Outcome {
    let mut given = input["predicate"].clone();
    if given.get("predicate_type").is_none() {
        given["predicate_type"] = "jsonata_fn".into();
    }
    let predicate: Predicate = read(&given)?;
    let (agent, guild) = (input["agent_state"].to_string(), input["guild_state"].to_string());
    let states = States { agent: &agent, guild: &guild };
    let heard_on = text(&input["message"]["topic_published_to"]);
    let holds = routing::holds(&predicate, &message(&input["message"])?, &heard_on, states);
    check(&json!(holds), &expected["runs_handler"])
}

/// A user's words. The reference sends one message for each place; here one message
/// has several, so each place is looked for. A rule for nobody makes it a guild with
/// routes: without any, this host has rules of its own.
pub fn upa(input: &Value, expected: &Value) -> Outcome {
    let wrapper = &input["message"];
    let user = text(&input["user_id"]);
    if wrapper["format"] != format::MESSAGE || text(&wrapper["topic_published_to"]) != format!("user:{user}") {
        return Err("the proxy here takes users' words only".to_owned());
    }
    let inner = &wrapper["payload"];
    let agents = input["guild_agents"].as_array().into_iter().flatten().map(|agent| {
        let mut agent = agent.clone();
        agent["description"] = "d".into();
        read::<AgentSpec>(&agent)
    });
    let agents = agents.collect::<Result<Vec<_>, _>>()?;
    let mut view = guild(&input["guild_routes"], agents)?;
    let nobody: RoutingRule = read(&json!({"agent": {"id": "nobody"}}))?;
    let mut routes = RoutingSlip::clone(&view.routes);
    routes.steps.push(nobody);
    view.routes = Arc::new(routes);
    view.conversation_history = read(&input["conversation_history_size"])?;
    let recipients: Option<Vec<AgentTag>> = read(&inner["recipient_list"])?;
    let slip: Option<RoutingSlip> = read(&inner["routing_slip"])?;
    let id: u64 = read(&inner["id"])?;
    let draft = UserDraft {
        user: user.as_str().into(),
        user_name: text(&input["agent"]["name"]),
        socket: 0,
        format: format::canonical(text(&inner["format"])),
        payload: raw_json(&inner["payload"]),
        topics: read(&inner["topics"])?,
        recipients: recipients.unwrap_or_default(),
        priority: u8::try_from(id >> 61).ok().and_then(Priority::new).unwrap_or_default(),
        conversation_id: None,
        session_state: None,
        traceparent: read(&inner["traceparent"])?,
        routing_slip: slip.map(Arc::new),
        client_id: None,
        full_names: inner["format"] != format::TEXT,
    };
    let entered = enter(draft, &view, "{}").map_err(|fault| fault.to_string())?;
    let said: Vec<Message> = std::iter::once(entered.first).chain(entered.others).collect();
    for expected in expected["published"].as_array().into_iter().flatten() {
        let topics: Topics = read(&expected["topics"])?;
        let is_there = |message: &&Message| {
            topics
                .as_slice()
                .iter()
                .all(|topic| message.topics.as_slice().contains(topic) || message.also.contains(topic))
        };
        let found = said.iter().find(is_there).ok_or_else(|| format!("nothing goes to {topics:?}"))?;
        let is_copy = found.in_response_to.is_some();
        let format =
            if inner["format"] == format::TEXT { format::TEXT_FORMAT.into() } else { expected["format"].clone() };
        check(&json!(found.payload), &expected["payload"])?;
        check(&json!(found.format), &format)?;
        check(&json!(found.priority), &expected["priority"])?;
        if !is_copy {
            check(&json!(found.recipients), &expected["recipient_list"])?;
        }
    }
    Ok(())
}

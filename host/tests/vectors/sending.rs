//! What agents and users say, and what becomes of it. Not compared: the ids that are
//! made (ours have 53 bits), and `conversation_id`, which here travels with the
//! thread.

use std::sync::Arc;

use guildhall_model::dialect::{self, Channel, Dialect, Viewer};
use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::format;
use guildhall_model::frame;
use guildhall_model::ids::{AgentId, MessageId, UserId};
use guildhall_model::message::{ForwardHeader, HistoryEntry, Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::routing::{
    self, Attempt, GuildView, HOP_LIMIT, Outgoing, Scope, Sender, TurnRouter, route_user_message,
};
use guildhall_model::spec::{AgentSpec, Predicate, RoutingRule, RoutingSlip};
use guildhall_model::state::{StateChange, StateOwner};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use guildhall_model::{payload, topic};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::messages::trimmed;
use super::rules::{expressions, read, speaker, text};
use super::{Outcome, check, in_pairs, not_here};

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

pub fn guild(routes: &Value, agents: Vec<AgentSpec>) -> Result<GuildView, String> {
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

/// The payload that is expected; the reference trims the texts in it, which is a defect.
fn untrimmed(found: &RawValue, expected: &Value) -> Value {
    let found: Value = serde_json::from_str(found.get()).unwrap_or_default();
    if trimmed(&found) == *expected { found } else { expected.clone() }
}

fn compare(found: &Message, expected: &Value) -> Outcome {
    let state = |state: Value| if state.is_null() { json!({}) } else { state };
    let mut slip: Option<RoutingSlip> = read(&expected["routing_slip"])?;
    // There a rule for ever counts down below zero.
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
    let mut speaker: Sender = speaker(&agent["id"], &agent["name"], &agent["agent_type"], &agent["method_name"]);
    speaker.to_default = input["route_to_default_topic"] == true;
    let guild = guild(&input["guild_routes"], Vec::new())?;
    let origin = message(&input["incoming"])?;
    let heard_on = text(&input["incoming"]["topic_published_to"]);
    let (own, guilds) = (input["agent_state"].to_string(), input["guild_state"].to_string());
    let expressions = expressions();
    let scope = Scope { expressions: &expressions, agent_state: &own, guild_state: &guilds };
    let mut router = TurnRouter::new(&origin, &heard_on, &speaker, &guild, scope);
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
                        return not_here(&format!("an agent cannot ask for {name}"));
                    }
                }
                let format = call["format"].as_str().unwrap_or("generic_json");
                // The sandbox refuses such as they are emitted, before any rule is looked up.
                if format.chars().count() < 3 || payload::check(&call["payload"].to_string()).is_err() {
                    failed = true;
                    break;
                }
                let said = Outgoing {
                    format: format.to_owned(),
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
            other => return not_here(&format!("an agent has no {other}")),
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
    let expressions = expressions();
    let scope = Scope { expressions: &expressions, agent_state: &agent, guild_state: &guild };
    let heard_on = text(&input["message"]["topic_published_to"]);
    let holds = routing::holds(&predicate, &message(&input["message"])?, &heard_on, scope);
    check(&json!(holds), &expected["runs_handler"])
}

/// A turn that fails. Its error is told as the reference's is; the kind of the failure
/// has a name of its own here.
fn raise(
    input: &Value,
    expected: &Value,
    words: &str,
    origin: &Message,
    speaker: &Sender,
    guild: &GuildView,
) -> Outcome {
    let calls = input["calls"].as_array().map_or(0, Vec::len);
    if calls > 1 {
        return not_here("a failed turn leaves nothing of what it said");
    }
    let heard_on = text(&input["incoming"]["topic_published_to"]);
    let fault = Fault::new(FaultKind::Rejected, words);
    let trial = Attempt { number: 1, is_last: true };
    let told = routing::failure_messages(
        &fault,
        origin,
        &heard_on,
        speaker,
        guild,
        trial,
        Scope::without_states(&expressions()),
    )
    .messages;
    let published = expected["published"].as_array().cloned().unwrap_or_default();
    if told.len() != published.len() {
        return Err(format!("{} messages, expected {}", told.len(), published.len()));
    }
    told.iter().zip(&published).try_for_each(|(found, expected)| {
        let payload: Value = read(&json!(found.payload))?;
        for member in ["agent_type", "error_message"] {
            check(&payload[member], &expected["payload"][member])?;
        }
        let mut expected = expected.clone();
        expected["payload"] = payload;
        compare(found, &expected)
    })
}

/// What an agent says to topics of its choice, and to itself. Compared is what the
/// contract lets it choose and what follows from who it is.
pub fn direct(input: &Value, expected: &Value) -> Outcome {
    let agent = &input["agent"];
    let speaker = speaker(&agent["id"], &agent["name"], &agent["agent_type"], &agent["method_name"]);
    let guild = guild(&input["guild_routes"], Vec::new())?;
    let origin = message(&input["incoming"])?;
    let heard_on = text(&input["incoming"]["topic_published_to"]);
    let expressions = expressions();
    let mut router = TurnRouter::new(&origin, &heard_on, &speaker, &guild, Scope::without_states(&expressions));
    for (call, expected) in in_pairs(&input["calls"], &expected["published"])? {
        let to_self = call["op"] == "send_to_self";
        if call["op"] != "direct_send" && !to_self {
            return not_here("agents read and change states by the contract, not by messages");
        }
        if to_self && call["with_origin"] == false {
            return not_here("agents speak in turns only: what they say answers something");
        }
        for name in ["in_response_to", "forward_header", "routing_slip", "process_status", "enrich_with_history", "ttl"]
        {
            if !call[name].is_null() {
                return not_here(&format!("an agent cannot set {name}"));
            }
        }
        if call["attach_guild_routes"] == false {
            return not_here("what goes to topics of an agent's choice takes the guild's routes along");
        }
        let topics = if to_self {
            vec![topic::agent_self_inbox(&speaker.id)]
        } else {
            read::<Topics>(&call["topics"])?.as_slice().to_vec()
        };
        let said = Outgoing {
            format: text(&call["format"]),
            payload: raw_json(&call["payload"]),
            topics,
            recipients: read::<Option<_>>(&call["recipient_list"])?.unwrap_or_default(),
            priority: Some(Priority::read(&call["priority"]).unwrap_or_default()),
            new_thread: if to_self { call["new_thread"] != false } else { call["new_thread"] == true },
            session_state: None,
            reason: call["reason"].as_str().map(str::to_owned),
        };
        let found = router.route(said).map_err(|fault| fault.to_string())?.messages.remove(0);
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

/// What a user's socket shows of a message that comes to the user's proxy in the
/// reference: the socket listens to the same topics itself.
fn heard_by_user(input: &Value, expected: &Value) -> Outcome {
    let user: UserId = text(&input["user_id"]).as_str().into();
    let message = message(&input["message"])?;
    let heard_on = text(&input["message"]["topic_published_to"]);
    let published = expected["published"].as_array().cloned().unwrap_or_default();
    let own = topic::user_notifications(&user);
    let wanted = published.iter().find(|published| {
        let topics: Option<Topics> = read(&published["topics"]).ok();
        topics.is_some_and(|topics| topics.as_slice() == [own.as_str()])
    });
    let is_managers = [format::HEALTH_REPORT, format::GUILD_UPDATED].contains(&message.format.as_str());
    if is_managers || ["user_system:", "agent_self_inbox:"].iter().any(|topic| heard_on.starts_with(topic)) {
        return not_here("the manager answers the system socket itself");
    }
    let is_tagged = message.is_tagged_for(&AgentTag::new(text(&input["agent"]["id"]), text(&input["agent"]["name"])));
    if !message.recipients.is_empty() && is_tagged {
        return not_here("whoever tags a user has the message go to the user's notifications as well");
    }
    if published.len() > 1 && message.routing_slip.as_ref().is_some_and(|slip| !slip.steps.is_empty()) {
        return not_here("what comes for a user is shown, and makes no more messages");
    }
    let is_own = message.sender.id.as_deref() == Some(AgentId::proxy_of(&user).as_str());
    let is_shown = topic::of_conversation(&user).contains(&heard_on) && !is_own;
    let Some(wanted) = wanted.filter(|_| published.len() == 1) else {
        return check(&json!([is_shown, 0]), &json!([false, published.len()]));
    };
    if !is_shown {
        return Err(format!("{heard_on} is not shown"));
    }
    let viewer =
        Viewer { dialect: Dialect::Rustic, user, user_name: text(&input["agent"]["name"]), channel: Channel::User };
    let frame: Value = read(&serde_json::from_str(&dialect::write(&message, &heard_on, &viewer)).unwrap_or_default())?;
    for member in
        ["sender", "topics", "payload", "format", "forward_header", "priority", "is_error_message", "recipient_list"]
    {
        check(&frame[member], &wanted[member]).map_err(|difference| format!("{member}: {difference}"))?;
    }
    Ok(())
}

/// A user's words. The reference sends one message for each place; here one message
/// has several, so each place is looked for. A rule for nobody makes it a guild with
/// routes: without any, this host has rules of its own.
pub fn upa(input: &Value, expected: &Value) -> Outcome {
    let wrapper = &input["message"];
    let user = text(&input["user_id"]);
    if wrapper["format"] != format::MESSAGE || text(&wrapper["topic_published_to"]) != format!("user:{user}") {
        return heard_by_user(input, expected);
    }
    let inner = &wrapper["payload"];
    let expected_error = &expected["published"][0]["is_error_message"];
    // The edge reads a frame before anybody routes it.
    let frame = frame::read(&inner.to_string(), &expressions())
        .and_then(|frame| frame.into_draft(&user.as_str().into(), &user, 0));
    if let Err(error) = frame {
        return check(expected_error, &json!(true)).map_err(|_| error.message);
    }
    let agents = input["guild_agents"].as_array().into_iter().flatten().map(|agent| {
        let mut agent = agent.clone();
        agent["description"] = "d".into();
        read::<AgentSpec>(&agent)
    });
    let agents = agents.collect::<Result<Vec<_>, _>>()?;
    let mut view = guild(&input["guild_routes"], agents)?;
    let nobody: Arc<RoutingRule> = read(&json!({"agent": {"id": "nobody"}}))?;
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
        ttl: read(&inner["ttl"])?,
        routing_slip: slip.map(Arc::new),
        client_id: None,
        full_names: inner["format"] != format::TEXT,
    };
    let entered =
        route_user_message(draft, &view, Scope::without_states(&expressions())).map_err(|fault| fault.to_string())?;
    let said: Vec<Message> = std::iter::once(entered.first).chain(entered.others).collect();
    let published = expected["published"].as_array().ok_or("nothing is said of what is published")?;
    for expected in published {
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
        check(&json!(found.payload), &untrimmed(&found.payload, &expected["payload"]))?;
        check(&json!(found.format), &format)?;
        check(&json!(found.priority), &expected["priority"])?;
        if !is_copy {
            check(&json!(found.recipients), &expected["recipient_list"])?;
        }
    }
    Ok(())
}

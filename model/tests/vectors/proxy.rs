//! Routes the messages of users, and compares what their sockets show.

use std::sync::Arc;

use guildhall_model::dialect::{self, Channel, Dialect, Viewer};
use guildhall_model::draft::UserDraft;
use guildhall_model::ids::{AgentId, UserId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::routing::{Scope, route_user_message};
use guildhall_model::spec::{AgentSpec, RoutingRule, RoutingSlip};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use guildhall_model::{format, frame, topic};
use serde_json::{Value, json};

use super::sending::untrimmed;
use super::vectors::compare::{Outcome, check, differs, does_not_apply};
use super::vectors::inputs::{expressions, guild, message, read, text};

/// Compares what a user's socket shows with what the reference's proxy forwards. Here the socket subscribes to the same
/// topics itself.
fn shown_to_user(input: &Value, expected: &Value) -> Outcome {
    let user: UserId = text(&input["user_id"]).as_str().into();
    let message = message(&input["message"])?;
    let topic_name = text(&input["message"]["topic_published_to"]);
    let published = expected["published"].as_array().cloned().unwrap_or_default();
    let own = topic::user_notifications(&user);
    let wanted = published.iter().find(|published| {
        let topics: Option<Topics> = read(&published["topics"]).ok();
        topics.is_some_and(|topics| topics.as_slice() == [own.as_str()])
    });
    let is_managers = [format::HEALTH_REPORT, format::GUILD_UPDATED].contains(&message.format.as_str());
    if is_managers || ["user_system:", "agent_self_inbox:"].iter().any(|topic| topic_name.starts_with(topic)) {
        return does_not_apply("the manager answers the system socket itself");
    }
    let is_tagged = message.is_tagged_for(&AgentTag::new(text(&input["agent"]["id"]), text(&input["agent"]["name"])));
    if !message.recipients.is_empty() && is_tagged {
        return does_not_apply("a message that tags a user goes to the user's notifications as well");
    }
    if published.len() > 1 && message.routing_slip.as_ref().is_some_and(|slip| !slip.steps.is_empty()) {
        return does_not_apply("a message for a user is shown and leads to no other message");
    }
    let is_own = message.sender.id.as_deref() == Some(AgentId::proxy_of(&user).as_str());
    let is_shown = topic::of_conversation(&user).contains(&topic_name) && !is_own;
    let Some(wanted) = wanted.filter(|_| published.len() == 1) else {
        return check(&json!([is_shown, 0]), &json!([false, published.len()]));
    };
    if !is_shown {
        return differs(format!("{topic_name} is not shown"));
    }
    let viewer =
        Viewer { dialect: Dialect::Rustic, user, user_name: text(&input["agent"]["name"]), channel: Channel::User };
    let frame: Value =
        read(&serde_json::from_str(&dialect::write(&message, &topic_name, &viewer)).unwrap_or_default())?;
    for member in
        ["sender", "topics", "payload", "format", "forward_header", "priority", "is_error_message", "recipient_list"]
    {
        check(&json!({member: frame[member]}), &json!({member: wanted[member]}))?;
    }
    Ok(())
}

/// Compares what a message of a user becomes. The reference sends one message for each topic; here one message has several
/// topics, so each topic is looked for. A rule that matches no agent is added, because a guild without routes has default
/// rules here.
pub fn proxy(input: &Value, expected: &Value) -> Outcome {
    let wrapper = &input["message"];
    let user = text(&input["user_id"]);
    if wrapper["format"] != format::MESSAGE || text(&wrapper["topic_published_to"]) != format!("user:{user}") {
        return shown_to_user(input, expected);
    }
    let inner = &wrapper["payload"];
    let expected_error = &expected["published"][0]["is_error_message"];
    // A frame is read before it is routed.
    let frame = frame::read(&inner.to_string(), &expressions())
        .and_then(|frame| frame.into_draft(&user.as_str().into(), &user, 0));
    if let Err(error) = frame {
        return check(expected_error, &json!(true)).map_err(|_| error.message.into());
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
        format: text(&inner["format"]),
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
    let messages: Vec<Message> = std::iter::once(entered.first).chain(entered.others).collect();
    let published = expected["published"].as_array().ok_or("the case does not expect a list of messages")?;
    for expected in published {
        let topics: Topics = read(&expected["topics"])?;
        let is_there = |message: &&Message| {
            topics
                .as_slice()
                .iter()
                .all(|topic| message.topics.as_slice().contains(topic) || message.also.contains(topic))
        };
        let found = messages.iter().find(is_there).ok_or_else(|| format!("nothing goes to {topics:?}"))?;
        let is_copy = found.in_response_to.is_some();
        check(&json!(found.payload), &untrimmed(&found.payload, &expected["payload"]))?;
        check(&json!(found.format), &expected["format"])?;
        check(&json!(found.priority), &expected["priority"])?;
        if !is_copy {
            check(&json!(found.recipients), &expected["recipient_list"])?;
        }
    }
    Ok(())
}

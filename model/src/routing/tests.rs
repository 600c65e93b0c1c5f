//! Tests of routing, rule by rule.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::draft::UserDraft;
use crate::expression::Expressions;
use crate::expression::native::NativeEvaluator;
use crate::fault::{Fault, FaultKind};
use crate::ids::MessageId;
use crate::message::{Message, raw_json};
use crate::priority::Priority;
use crate::spec::{AgentSpec, RoutingRule, RoutingSlip};
use crate::tag::AgentTag;
use crate::topic::Topics;
use crate::{format, topic};

fn agent(id: &str, name: &str, topics: &[&str], default: bool) -> AgentSpec {
    serde_json::from_value(json!({
        "id": id, "name": name, "description": "d", "class_name": "x.Echo",
        "additional_topics": topics, "listen_to_default_topic": default,
    }))
    .unwrap()
}

fn guild(routes: Value, agents: Vec<AgentSpec>) -> GuildView {
    let steps: Vec<Arc<RoutingRule>> = serde_json::from_value(routes).unwrap();
    GuildView {
        id: "g".into(),
        name: "G".into(),
        routes: Arc::new(RoutingSlip { steps }),
        agents,
        users: vec![("ada".into(), "Ada".into())],
        hop_limit: HOP_LIMIT,
        bounds: Bounds::default(),
        conversation_history: 0,
    }
}

fn draft() -> UserDraft {
    UserDraft {
        user: "ada".into(),
        user_name: "Ada".into(),
        socket: 1,
        format: format::TEXT_FORMAT.into(),
        payload: raw_json(&json!({"text": "hi"})),
        topics: None,
        recipients: Vec::new(),
        priority: Priority::NORMAL,
        conversation_id: Some(json!("c")),
        session_state: None,
        traceparent: None,
        ttl: None,
        routing_slip: None,
        client_id: None,
        full_names: false,
    }
}

fn echo() -> Sender {
    Sender {
        id: "e1".into(),
        tag: AgentTag::new("e1", "Echo"),
        class_name: "x.Echo".into(),
        method: "receive",
        to_default: false,
    }
}

fn outgoing(payload: Value) -> Outgoing {
    Outgoing {
        format: "out.Format".into(),
        payload: raw_json(&payload),
        topics: Vec::new(),
        recipients: Vec::new(),
        priority: None,
        new_thread: false,
        session_state: None,
        reason: None,
    }
}

fn expressions() -> Expressions<'static> {
    Expressions::unshared(&NativeEvaluator)
}

fn enter(draft: UserDraft, guild: &GuildView) -> Result<Routed, Fault> {
    route_user_message(draft, guild, Scope::without_states(&expressions()))
}

fn answer(origin: &Message, guild: &GuildView) -> Vec<Message> {
    let echo = echo();
    let expressions = expressions();
    TurnRouter::new(origin, "in_topic", &echo, guild, Scope::without_states(&expressions))
        .route(outgoing(json!({"r": 1})))
        .unwrap()
        .messages
}

fn with_id(mut message: Message, id: u64) -> Message {
    message.id = MessageId::new(id);
    message
}

#[test]
fn without_routes_a_user_reaches_the_default_topic_if_an_agent_listens() {
    let guild = guild(json!([]), vec![agent("e1", "Echo", &["echo_topic"], true), agent("e2", "E", &["x"], false)]);
    let routed = enter(draft(), &guild).unwrap();
    assert_eq!(routed.first.topics.as_slice(), ["default_topic"]);
    assert_eq!(routed.first.also, ["user_notifications:ada"]);
    assert!(routed.others.is_empty());
}

#[test]
fn an_expression_cannot_send_to_topics_of_the_host_or_of_another_user() {
    let rule = |topic: &str| {
        json!([{
            "agent_type": format::USER_PROXY_CLASS, "route_times": -1,
            "transformer": {
                "style": "content_based_router", "expression_type": "jsonata",
                "handler": format!("{{'topics': '{topic}'}}"),
            },
        }])
    };
    for (topic, copies) in [
        ("somewhere", 1),
        ("user_notifications:ada", 1),
        ("user_notifications:bob", 0),
        (topic::ENDING, 0),
        (topic::DEAD_LETTERS, 0),
        (topic::SYSTEM, 0),
    ] {
        let guild = guild(rule(topic), vec![agent("e1", "Echo", &[], true)]);
        assert_eq!(enter(draft(), &guild).unwrap().others.len(), copies, "{topic}");
    }
}

#[test]
fn without_routes_and_default_listeners_a_user_reaches_all_additional_topics() {
    let guild = guild(json!([]), vec![agent("e1", "Echo", &["echo_topic"], false), agent("e2", "E", &["x"], false)]);
    assert_eq!(enter(draft(), &guild).unwrap().first.topics.as_slice(), ["echo_topic", "x"]);
}

#[test]
fn a_message_that_no_agent_listens_to_is_refused() {
    let guild = guild(json!([]), Vec::new());
    assert_eq!(enter(draft(), &guild).unwrap_err().kind, FaultKind::NoRecipient);
}

#[test]
fn a_user_may_not_write_to_topics_of_the_host_or_of_another_user() {
    let guild = guild(json!([]), vec![agent("e1", "Echo", &[], true)]);
    for name in ["system_topic", "user_notifications:bob", "user:bob:notifications", "guild_status_topic"] {
        let draft = UserDraft { topics: Some(Topics::One(name.into())), ..draft() };
        assert_eq!(enter(draft, &guild).unwrap_err().kind, FaultKind::Denied, "{name}");
    }
}

#[test]
fn without_routes_an_answer_reaches_the_user_who_started_the_thread() {
    let guild = guild(json!([]), vec![agent("e1", "Echo", &["echo_topic"], false)]);
    let origin = with_id(enter(draft(), &guild).unwrap().first, 5);
    let answers = answer(&origin, &guild);
    assert_eq!(answers[0].topics.as_slice(), ["user_notifications:ada"]);
    assert_eq!(answers[0].in_response_to, Some(MessageId::new(5)));
    assert_eq!(answers[0].thread, [MessageId::new(5)]);
    assert_eq!(answers[0].conversation_id, Some(json!("c")));
    assert_eq!(answers[0].user, Some("ada".into()));
}

#[test]
fn the_routes_of_a_guild_replace_the_default_rules() {
    let routes = json!([
        {"agent_type": "rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent",
         "method_name": "unwrap_and_forward_message", "destination": {"topics": "echo_topic"}},
        {"agent": {"name": "Echo"}, "destination": {"topics": "user_message_broadcast"}},
    ]);
    let guild = guild(routes, vec![agent("e1", "Echo", &["echo_topic"], false)]);
    let routed = enter(draft(), &guild).unwrap();
    assert_eq!(routed.first.topics.as_slice(), ["default_topic"]);
    assert_eq!(routed.first.also, ["user_notifications:ada", "user_message_broadcast"]);
    assert_eq!(routed.others.len(), 1);
    assert_eq!(routed.others[0].topics, Topics::One("echo_topic".into()));
    let copy = with_id(routed.others.into_iter().next().unwrap(), 6);
    let answers = answer(&copy, &guild);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].topics, Topics::One("user_message_broadcast".into()));
    assert!(answers[0].routing_slip.as_ref().unwrap().steps.is_empty());
    let unrouted = answer(&with_id(answers[0].clone(), 7), &guild);
    assert_eq!(unrouted[0].topics, Topics::One("user_message_broadcast".into()), "the topics of the question");
}

#[test]
fn every_rule_that_applies_sends_one_message_and_counts_down() {
    let rules = json!([
        {"agent": {"name": "Echo"}, "destination": {"topics": "d1", "priority": 0, "recipient_list": [{"id": "x"}]},
         "mark_forwarded": true, "process_status": "completed", "reason": "because"},
        {"agent": {"name": "Other"}, "destination": {"topics": "never"}},
        {"agent_type": "x.*", "destination": {"topics": ["d2", "d3"]}, "route_times": -1},
        {"agent": {"id": "e1"}, "message_format": "other.Format", "destination": {"topics": "never"}},
        {"agent": {"id": "e1"}, "origin_filter": {"origin_topic": "elsewhere"}, "destination": {"topics": "never"}},
    ]);
    let guild = guild(rules, Vec::new());
    let mut origin = with_id(enter(draft(), &guild).unwrap().first, 5);
    origin.routing_slip = Some(guild.routes.clone());
    let echo = echo();
    let expressions = expressions();
    let mut router = TurnRouter::new(&origin, "in_topic", &echo, &guild, Scope::without_states(&expressions));
    let first = router.route(outgoing(json!({"r": 1}))).unwrap().messages;
    assert_eq!(first.len(), 2);
    assert_eq!((first[0].priority, first[0].is_tagged_for(&AgentTag::new("x", "y"))), (Priority::URGENT, true));
    assert_eq!(first[0].forward_header.as_ref().unwrap().origin_message_id, MessageId::new(5));
    assert_eq!(first[0].history.last().unwrap().reason, Some(vec!["because".to_owned()]));
    assert_eq!(first[1].topics.as_slice(), ["d2", "d3"]);
    let left: Vec<_> = first[0].routing_slip.as_ref().unwrap().steps.iter().map(|rule| rule.route_times).collect();
    assert_eq!(left, [1, -1, 1, 1]);
    let second = router.route(outgoing(json!({"r": 2}))).unwrap().messages;
    assert_eq!(second.len(), 1, "the first rule is used up");
}

#[test]
fn session_state_of_one_message_reaches_the_later_messages_of_the_turn() {
    let guild = guild(json!([]), Vec::new());
    let mut origin =
        with_id(Message::draft(AgentTag::default(), Topics::One("t".into()), "f.x", raw_json(&json!({"a": 1}))), 5);
    origin.session_state = Some(raw_json(&json!({"k": 1})));
    let echo = echo();
    let expressions = expressions();
    let mut router = TurnRouter::new(&origin, "t", &echo, &guild, Scope::without_states(&expressions));
    let mut first = outgoing(json!({"r": 1}));
    first.session_state = Some(raw_json(&json!({"m": 2})));
    router.route(first).unwrap();
    let second = router.route(outgoing(json!({"r": 2}))).unwrap().messages;
    assert_eq!(second[0].session_state.as_ref().unwrap().get(), r#"{"k":1,"m":2}"#);
}

#[test]
fn a_thread_with_more_hops_than_the_limit_is_stopped() {
    let mut guild = guild(json!([]), Vec::new());
    guild.hop_limit = 3;
    let mut origin =
        with_id(Message::draft(AgentTag::default(), Topics::One("t".into()), "f.x", raw_json(&json!({"a": 1}))), 5);
    origin.hops = 3;
    let echo = echo();
    let expressions = expressions();
    let scope = Scope::without_states(&expressions);
    let fault = TurnRouter::new(&origin, "t", &echo, &guild, scope).route(outgoing(json!({"r": 1}))).unwrap_err();
    assert_eq!((fault.kind, fault.limit, fault.value), (FaultKind::HopLimit, Some(3), Some(4)));
}

#[test]
fn an_error_about_too_many_hops_follows_no_rules() {
    let rule = json!({"agent": {"name": "Echo"}, "destination": {"topics": "other"}, "route_times": -1});
    let mut guild = guild(json!([]), Vec::new());
    guild.hop_limit = 3;
    let mut origin =
        with_id(Message::draft(AgentTag::default(), Topics::One("t".into()), "f.x", raw_json(&json!({"a": 1}))), 5);
    origin.routing_slip = Some(Arc::new(serde_json::from_value(json!({"steps": [rule]})).unwrap()));
    let fault = Fault::new(FaultKind::Rejected, "no");
    for (hops, copies) in [(1, 1), (2, 0), (3, 0)] {
        origin.hops = hops;
        let attempt = Attempt { number: 1, is_last: true };
        let routed =
            failure_messages(&fault, &origin, "t", &echo(), &guild, attempt, Scope::without_states(&expressions()))
                .messages;
        let to_others = routed.iter().filter(|message| message.topics.as_slice().contains(&"other".to_owned()));
        assert_eq!(to_others.count(), copies, "after {hops} hops");
    }
}

/// A guild whose bounds are small: a session state of 100 bytes, and 4,000 bytes of messages.
fn tight(routes: Value) -> GuildView {
    let bounds = Bounds { session_bytes: 100, routed_bytes: 4_000, ..Bounds::default() };
    GuildView { bounds, ..guild(routes, vec![agent("e1", "Echo", &[], true)]) }
}

#[test]
fn a_session_state_that_grows_along_a_thread_is_refused_at_its_limit() {
    let guild = tight(json!([]));
    let (echo, expressions) = (echo(), expressions());
    let scope = Scope::without_states(&expressions);
    let mut message =
        with_id(Message::draft(AgentTag::default(), Topics::One("t".into()), "f.x", raw_json(&json!({"a": 1}))), 5);
    let mut turn = 0;
    let fault = loop {
        turn += 1;
        let member = format!("m{turn}");
        let next =
            Outgoing { session_state: Some(raw_json(&json!({member: "0123456789"}))), ..outgoing(json!({"r": 1})) };
        match TurnRouter::new(&message, "t", &echo, &guild, scope).route(next) {
            Ok(mut routed) => message = with_id(routed.messages.remove(0), 5 + turn),
            Err(fault) => break fault,
        }
        assert!(turn < 100, "it grows without bound");
    };
    assert_eq!((fault.kind, fault.limit), (FaultKind::InvalidPayload, Some(100)));
    assert_eq!(fault.setting.as_deref(), Some("host.payload_bytes"));
    assert!(fault.value > Some(100) && turn > 3, "{fault}");
}

#[test]
fn what_routing_makes_of_one_turn_is_bounded_in_bytes() {
    let guild = tight(json!([]));
    let (echo, expressions) = (echo(), expressions());
    let origin =
        with_id(Message::draft(AgentTag::default(), Topics::One("t".into()), "f.x", raw_json(&json!({"a": 1}))), 5);
    let mut router = TurnRouter::new(&origin, "t", &echo, &guild, Scope::without_states(&expressions));
    let sent =
        (0..100).find_map(|n| router.route(outgoing(json!({"r": "x".repeat(200)}))).err().map(|fault| (n, fault)));
    let (sent, fault) = sent.expect("it is bounded");
    assert_eq!((fault.kind, fault.limit), (FaultKind::Denied, Some(4_000)));
    assert_eq!(fault.setting.as_deref(), Some("host.routed_bytes"));
    assert!((3..20).contains(&sent), "{sent} messages of about 700 bytes");
}

#[test]
fn the_copies_that_rules_make_are_bounded_in_bytes() {
    let rule = json!({"agent_type": "*", "destination": {"topics": "other"}, "route_times": -1});
    let guild = tight(json!(vec![rule; 20]));
    let (echo, expressions) = (echo(), expressions());
    let fault =
        enter(UserDraft { payload: raw_json(&json!({"text": "x".repeat(500)})), ..draft() }, &guild).unwrap_err();
    assert_eq!((fault.kind, fault.setting.as_deref()), (FaultKind::Denied, Some("host.routed_bytes")));
    let origin =
        with_id(Message::draft(AgentTag::default(), Topics::One("t".into()), "f.x", raw_json(&json!({"a": 1}))), 5);
    let origin = Message { routing_slip: Some(guild.routes.clone()), ..origin };
    let mut router = TurnRouter::new(&origin, "t", &echo, &guild, Scope::without_states(&expressions));
    let fault = router.route(outgoing(json!({"r": "x"}))).unwrap_err();
    assert_eq!((fault.kind, fault.setting.as_deref()), (FaultKind::Denied, Some("host.routed_bytes")));
    let failure = Fault::new(FaultKind::Rejected, "no");
    let attempt = Attempt { number: 1, is_last: true };
    let scope = Scope::without_states(&expressions);
    let routed = failure_messages(&failure, &origin, "t", &echo, &guild, attempt, scope);
    assert_eq!(routed.messages.len(), 1, "the error is reported without its copies");
}

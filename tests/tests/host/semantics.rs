//! Rules, predicates, states and the manager's requests, as users see them.

mod agents;
mod lives;
mod manager;
mod messages;
mod showcase;

use guildhall_tests::{Chat, Host, blueprint, chat, frame};
use serde_json::{Value, json};

const MODELS: &str = "rustic_ai.core.agents.system.models";
const STATES: &str = "rustic_ai.core.state.models";
const PROXY: &str = "rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent";
const WIRING: &str = "rustic_ai.core.agents.eip.basic_wiring_agent.BasicWiringAgent";
const PROBE: &str = "rustic_ai.core.agents.testutils.probe_agent.ProbeAgent";

fn agent(id: &str, class: &str, topic: &str) -> Value {
    json!({"id": id, "name": id, "description": "d", "class_name": class, "additional_topics": [topic],
           "listen_to_default_topic": false})
}

/// Returns a rule from the user to `to`, with more members.
fn from_user(to: &str, more: &Value) -> Value {
    let mut rule = json!({"agent_type": PROXY, "destination": {"topics": to}, "route_times": -1});
    for (name, value) in more.as_object().into_iter().flatten() {
        rule[name] = value.clone();
    }
    rule
}

async fn guild(host: &Host, agents: &[Value], rules: &[Value]) -> Chat {
    let spec = json!({"name": "G", "description": "d", "agents": agents, "routes": {"steps": rules}});
    let guild = host.rest().launch_spec(&spec).await;
    chat::join(host, &guild, "ann").await
}

/// Sends a request to the manager and returns its answer.
async fn ask(chat: &mut Chat, topic: &str, format: &str, payload: &Value) -> Value {
    chat.socket.send(&json!({"format": format, "topics": topic, "payload": payload}));
    chat.socket
        .wait_for("the manager's answer", |frame| {
            let sender = frame["sender"]["id"].as_str().unwrap_or_default();
            sender.ends_with("#manager_agent")
        })
        .await
}

#[tokio::test]
async fn rules_transform_and_change_states_and_predicates_decide() {
    let host = super::host().await;
    let mut picky = agent("picky", WIRING, "orders");
    picky["predicates"] = json!({"wire_message": {"expression": "message.payload.total > 5 and guild_state.open"}});
    let agents = [picky];
    let rules = [
        from_user(
            "orders",
            &json!({
                "transformer": {"expression": "{'total': $sum(items.price), 'text': 'order'}", "output_format": "app.Order"},
                "guild_state_update": {"state_update": "{'open': true, 'last': payload.total}"},
            }),
        ),
        json!({"agent": {"name": "picky"}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1,
               "transformer": {"expression_type": "cel", "handler": "{'format': 'app.Told', 'process_status': 'completed'}"},
               "reason": "told"}),
    ];
    let mut chat = guild(&host, &agents, &rules).await;
    for prices in [[1, 2], [3, 4]] {
        let items: Vec<_> = prices.iter().map(|price| json!({"price": price})).collect();
        chat.socket.send(&json!({"format": "app.Basket", "payload": {"items": items}}));
    }
    let told = chat.socket.wait_for("an order", |frame| frame["format"] == "app.Told").await;
    assert_eq!(told["payload"], json!({"total": 7, "text": "order"}), "the small one is not acted on: {told}");
    assert_eq!(told["process_status"], "completed");
    let state = json!({"state_owner": "guild", "guild_id": chat.guild, "state_path": "last"});
    let answer = ask(&mut chat, "state_topic", &format!("{STATES}.StateFetchRequest"), &state).await;
    assert_eq!((&answer["payload"]["state"], &answer["payload"]["version"]), (&json!({"last": 7}), &json!(2)));
}

#[tokio::test]
async fn a_user_is_told_which_expression_failed_and_what_the_limit_is() {
    let host = super::host().await;
    let rules = [
        from_user("numbers", &json!({"transformer": {"expression": "{'n': $count([1..last])}"}})),
        json!({"agent": {"name": "w"}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1}),
    ];
    let mut chat = guild(&host, &[agent("w", WIRING, "numbers")], &rules).await;
    chat.socket.send(&json!({"format": "app.Last", "payload": {"last": 100_001}}));
    let told = chat.socket.wait_for("an error", |frame| frame["is_error_message"] == true).await;
    let words = told["payload"]["error_message"].as_str().unwrap_or_default();
    assert!(words.contains("expression_too_large") && words.contains("100000 items"), "{told}");
    chat.socket.send(&json!({"format": "app.Last", "payload": {"last": 9_007}}));
    let answer = chat.socket.wait_for("an answer", |frame| frame["payload"]["n"] == 9_007).await;
    assert_eq!(answer["sender"]["id"], "w", "{answer}");
}

#[tokio::test]
async fn states_are_changed_by_messages_with_their_versions_as_preconditions() {
    let host = super::host().await;
    let mut chat = guild(&host, &[], &[]).await;
    let update = |guild: &str, more: Value| {
        let mut update = json!({"state_owner": "guild", "guild_id": guild});
        for (name, value) in more.as_object().into_iter().flatten() {
            update[name] = value.clone();
        }
        update
    };
    let format = format!("{STATES}.StateUpdateRequest");
    let id = chat.guild.clone();
    let at_path = update(&id, json!({"state_update": {"x": 1}, "update_path": "a.b"}));
    let done = ask(&mut chat, "state_topic", &format, &at_path).await;
    assert_eq!(done["format"], format!("{STATES}.StateUpdateResponse"));
    assert_eq!((&done["payload"]["state"], &done["payload"]["version"]), (&json!({"a": {"b": {"x": 1}}}), &json!(1)));
    let stale = update(&id, json!({"state_update": {"y": 1}, "update_version": 0}));
    let refused = ask(&mut chat, "state_topic", &format, &stale).await;
    assert_eq!(refused["format"], format!("{STATES}.StateUpdateError"));
    assert_eq!(refused["payload"]["error"], "the state has version 1, not 0");
    let foreign = update("another", json!({"state_update": {"y": 1}}));
    let refused = ask(&mut chat, "state_topic", &format, &foreign).await;
    assert_eq!(
        (refused["is_error_message"].as_bool(), &refused["format"]),
        (Some(true), &json!(format!("{STATES}.StateUpdateError")))
    );
}

#[tokio::test]
async fn agents_and_rules_come_and_go_and_outlive_the_host() {
    let mut host = super::host().await;
    let mut chat = guild(&host, &[agent("w", WIRING, "in")], &[from_user("in", &json!({}))]).await;
    let id = chat.guild.clone();
    let launch = json!({"agent_spec": agent("p", PROBE, "in")});
    let launched = ask(&mut chat, "system_topic", &format!("{MODELS}.AgentLaunchRequest"), &launch).await;
    assert_eq!(
        launched["payload"],
        json!({"agent_id": "p", "status_code": 201, "status": "Agent launched successfully"})
    );
    let rule = json!({"routing_rule": {"agent": {"name": "w"}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1}});
    let added = ask(&mut chat, "system_topic", &format!("{MODELS}.AddRoutingRuleRequest"), &rule).await;
    assert_eq!(added["payload"]["status_code"], 201);
    chat.socket.send(&json!({"format": "app.Note", "payload": {"n": 1}}));
    chat.socket.wait_for("the note", |frame| frame["format"] == "app.Note" && frame["sender"]["id"] == "w").await;
    let listed = ask(&mut chat, "system_topic", &format!("{MODELS}.AgentListRequest"), &json!({"guild_id": id})).await;
    assert_eq!(listed["payload"]["agents"].as_array().unwrap().len(), 4, "two agents, the manager, a proxy: {listed}");
    host.kill().await;
    host.start_again().await;
    let mut chat = chat::join(&host, &id, "ann").await;
    let own = json!({"state_owner": "agent", "agent_id": "p", "guild_id": id, "state_path": "count"});
    let state = ask(&mut chat, "state_topic", &format!("{STATES}.StateFetchRequest"), &own).await;
    assert_eq!(state["payload"]["state"], json!({"count": 1}), "the probe is there again: {state}");
    let remove = json!({"agent_id": "p"});
    let removed = ask(&mut chat, "system_topic", &format!("{MODELS}.RemoveAgentRequest"), &remove).await;
    assert_eq!(removed["payload"]["status_code"], 200);
    ask(&mut chat, "system_topic", &format!("{MODELS}.AgentLaunchRequest"), &launch).await;
    let own = json!({"state_owner": "agent", "agent_id": "p", "guild_id": id});
    let state = ask(&mut chat, "state_topic", &format!("{STATES}.StateFetchRequest"), &own).await;
    assert_eq!(state["payload"]["state"], json!({}), "one that comes back begins anew: {state}");
    let gone = json!({"rule_hashid": added["payload"]["rule_hashid"]});
    let format = format!("{MODELS}.RemoveRoutingRuleRequest");
    assert_eq!(ask(&mut chat, "system_topic", &format, &gone).await["payload"]["status_code"], 200);
    let again = ask(&mut chat, "system_topic", &format, &gone).await;
    assert_eq!(again["payload"]["error_type"], "RULE_NOT_FOUND", "{again}");
    let broken = json!({"routing_rule": {"agent": {"name": "w"}, "transformer": {"expression": "{{{"}}});
    let refused = ask(&mut chat, "system_topic", &format!("{MODELS}.AddRoutingRuleRequest"), &broken).await;
    assert_eq!(refused["payload"]["error_type"], "INVALID_REQUEST", "{refused}");
}

#[tokio::test]
async fn mentions_are_tags_and_a_tagged_agent_acts() {
    let host = super::host().await;
    let mut shy = agent("helper", blueprint::ECHO_CLASS, "in");
    shy["name"] = "助手".into();
    shy["act_only_when_tagged"] = true.into();
    let spec = json!({"name": "G", "description": "d", "agents": [shy]});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("hello");
    chat.say("hello @助手");
    let answer = chat.hear("Echo: hello @助手").await;
    assert_eq!(frame::text(&answer), "Echo: hello @助手");
}

//! Example guilds that use only built-in agents. Each test writes a blueprint, launches it and chats with the guild.

use guildhall_tests::{blueprint, chat, frame};
use serde_json::{Value, json};

use super::{PROBE, PROXY, STATES, WIRING, agent, ask, from_user, guild};

const SPLITTER: &str = "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent";
const AGGREGATOR: &str = "rustic_ai.core.agents.eip.aggregating_agent.AggregatingAgent";
const EVERYBODY: &str = "user_message_broadcast";

fn with(mut spec: Value, more: Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    spec
}

/// Returns a rule without a limit from an agent to a topic, with more members.
fn from(agent: &str, to: &str, more: Value) -> Value {
    with(json!({"agent": {"name": agent}, "destination": {"topics": to}, "route_times": -1}), more)
}

/// The guild of the introduction: a user's messages go to the echo agent, and its answers to all users.
#[tokio::test]
async fn an_echo_guild_with_routes_answers_all_users_once() {
    let host = super::super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo_to_everybody()).await;
    let mut ann = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let mut bob = chat::join_with(&host, &guild, "bob", "?dialect=rustic").await;
    ann.socket.send(&json!({
        "format": "rustic_ai.core.ui_protocol.types.TextFormat", "payload": {"text": "Hello"},
    }));
    let on_behalf = |heard: &Value| heard["forward_header"]["on_behalf_of"]["name"].as_str().map(str::to_owned);
    let question = bob.socket.wait_for("the question", |heard| frame::says(heard, "Hello")).await;
    assert_eq!(on_behalf(&question).as_deref(), Some("The ann"), "the question comes before the answer");
    for socket in [&mut ann.socket, &mut bob.socket] {
        let answer = socket.wait_for("the echo", |heard| on_behalf(heard).as_deref() == Some("EchoAgent")).await;
        assert_eq!(frame::text(&answer), "Echo: Hello", "{answer}");
    }
}

/// A pipeline: each stage transforms the message for the next.
#[tokio::test]
async fn a_pipeline_of_translators_passes_a_document_on() {
    let host = super::super::host().await;
    let agents = [agent("clean", WIRING, "raw"), agent("count", WIRING, "clean"), agent("report", WIRING, "counted")];
    let expression = |text: &str, format: &str| json!({"transformer": {"expression": text, "output_format": format}});
    let rules = [
        from_user("raw", &json!({"message_format": "app.Raw"})),
        from("clean", "clean", expression("{'words': $split($lowercase($trim(text)), ' ')}", "app.Words")),
        from("count", "counted", expression("{'count': $count($distinct(words))}", "app.Count")),
        from(
            "report",
            EVERYBODY,
            json!({"process_status": "completed", "transformer": {
                "expression_type": "cel", "expression": "{'text': string(count) + ' words'}", "output_format": "app.Report",
            }}),
        ),
    ];
    let mut chat = guild(&host, &agents, &rules).await;
    chat.socket.send(&json!({"format": "app.Raw", "payload": {"text": "  To be or not to be "}}));
    let report = chat.socket.wait_for("the report", |heard| heard["format"] == "app.Report").await;
    assert_eq!((frame::text(&report), &report["process_status"]), ("4 words", &json!("completed")), "{report}");
    assert_eq!(report["message_history"].as_array().map(Vec::len), Some(4), "{report}");
}

/// A router: the content of a message decides its topic.
#[tokio::test]
async fn a_content_based_router_chooses_the_topic_of_each_order() {
    let host = super::super::host().await;
    let agents = [agent("router", WIRING, "orders"), agent("express", WIRING, "fast"), agent("parcel", WIRING, "slow")];
    let rules = [
        from_user("orders", &json!({})),
        json!({"agent": {"name": "router"}, "route_times": -1, "transformer": {"style": "content_based_router",
            "handler": "{'topics': payload.total > 100 ? 'fast' : 'slow', 'priority': payload.total > 100 ? 1 : 5}"}}),
        from("express", EVERYBODY, json!({"message_format": "app.Order"})),
        from("parcel", EVERYBODY, json!({"message_format": "app.Order"})),
    ];
    let mut chat = guild(&host, &agents, &rules).await;
    for (total, by, priority) in [(250, "express", 1), (20, "parcel", 5)] {
        chat.socket.send(&json!({"format": "app.Order", "payload": {"total": total}}));
        let is_sent =
            |heard: &Value| ["express", "parcel"].contains(&heard["sender"]["id"].as_str().unwrap_or_default());
        let sent = chat.socket.wait_for("the order", is_sent).await;
        assert_eq!((&sent["sender"]["id"], &sent["priority"]), (&json!(by), &json!(priority)), "{sent}");
    }
}

/// Filters in both expression languages, and one that reads the guild's state.
#[tokio::test]
async fn filters_pass_messages_whose_predicate_holds() {
    let host = super::super::host().await;
    let filter =
        |id: &str, predicate: Value| with(agent(id, WIRING, "all"), json!({"predicates": {"wire_message": predicate}}));
    let agents = [
        filter("large", json!({"predicate_type": "cel_fn", "expression": "message.payload.n > 10"})),
        filter("named", json!({"predicate_type": "type_equals", "expected_type": "app.Named"})),
        filter("open", json!({"expression": "guild_state.open = true and $contains(message.payload.text, /urgent/i)"})),
    ];
    let rules = [
        from_user("all", &json!({})),
        json!({"agent_type": "rustic_ai.core.agents.eip.*", "destination": {"topics": EVERYBODY}, "route_times": -1}),
    ];
    let mut chat = guild(&host, &agents, &rules).await;
    let open = json!({"state_owner": "guild", "guild_id": chat.guild, "state_update": {"open": true}});
    ask(&mut chat, "state_topic", &format!("{STATES}.StateUpdateRequest"), &open).await;
    for (message, by) in [
        (json!({"format": "app.Note", "payload": {"n": 11, "text": "calm"}}), "large"),
        (json!({"format": "app.Named", "payload": {"n": 1, "text": "calm"}}), "named"),
        (json!({"format": "app.Note", "payload": {"n": 1, "text": "URGENT"}}), "open"),
    ] {
        chat.socket.send(&message);
        let heard = chat.socket.wait_for("what is let through", |heard| heard["sender"]["id"] != "upa-ann").await;
        assert_eq!(heard["sender"]["id"], by, "{heard}");
    }
}

/// Scatter and gather: an order is split, one of two agents prices each part, and the parts are aggregated when all have
/// arrived.
#[tokio::test]
async fn an_order_is_split_priced_and_aggregated() {
    let host = super::super::host().await;
    let splitter = with(
        agent("split", SPLITTER, "orders"),
        json!({"properties": {
            "splitter": {"split_type": "list", "field_name": "items"},
            "format_selector": {"strategy": "jsonata", "jsonata_expr": "kind = 'book' ? 'shop.Book' : 'shop.Other'"},
        }}),
    );
    let gather = with(
        agent("gather", AGGREGATOR, "priced"),
        json!({"properties": {
            "collector": {"collector_type": "dict", "key_field": "sku"},
            "correlation_id_path": "order",
            "aggregator": {"aggregation_check": "jsonata", "expression": "count = messages[0].data.of"},
        }}),
    );
    let agents = [splitter, agent("books", WIRING, "books"), agent("others", WIRING, "others"), gather];
    let priced = |factor: &str| {
        json!({"transformer": {
            "expression": format!("$merge([$, {{'price': n * {factor}}}])"), "output_format": "shop.Priced"}})
    };
    let rules = [
        from_user(
            "orders",
            &json!({"transformer": {
            "expression": "($o := $; {'items': [items.$merge([$, {'order': $o.id, 'of': $count($o.items)}])]})",
            "output_format": "shop.Order"}}),
        ),
        from("split", "books", json!({"message_format": "shop.Book"})),
        from("split", "others", json!({"message_format": "shop.Other"})),
        from("books", "priced", priced("2")),
        from("others", "priced", priced("10")),
        from(
            "gather",
            EVERYBODY,
            json!({"transformer": {
            "expression": "{'order': correlation_id, 'total': $sum(messages.data.price)}", "output_format": "shop.Bill"}}),
        ),
    ];
    let mut chat = guild(&host, &agents, &rules).await;
    let items = json!([{"sku": "a", "kind": "book", "n": 3}, {"sku": "b", "kind": "pen", "n": 1}, {"sku": "c", "kind": "book", "n": 1}]);
    chat.socket.send(&json!({"format": "shop.Cart", "payload": {"id": "o-1", "items": items}}));
    let bill = chat.socket.wait_for("the bill", |heard| heard["format"] == "shop.Bill").await;
    assert_eq!(bill["payload"], json!({"order": "o-1", "total": 18}), "{bill}");
}

/// A counter: rules count in the states of the guild and of the agent.
#[tokio::test]
async fn rules_count_in_a_state_that_later_rules_read() {
    let host = super::super::host().await;
    let rules = [
        from_user("votes", &json!({"message_format": "app.Vote"})),
        from(
            "booth",
            EVERYBODY,
            json!({
                "guild_state_update": {"update_format": "json-merge-patch", "state_update":
                    "($for := untransformed.payload.for; $old := $lookup(guild_state.votes, $for); {'votes': {$for: $exists($old) ? $old + 1 : 1}})"},
                "agent_state_update": {"update_format": "json-patch", "state_update":
                    "{'operations': [{'op': 'add', 'path': '/last', 'value': untransformed.payload.for}]}"},
                "transformer": {"handler": "{'format': 'app.Thanks', 'payload': {'before': $exists(agent_state.last) ? agent_state.last : 'nobody'}}"},
            }),
        ),
    ];
    let mut chat = guild(&host, &[agent("booth", WIRING, "votes")], &rules).await;
    for (name, before) in [("x", "nobody"), ("y", "x"), ("x", "y")] {
        chat.socket.send(&json!({"format": "app.Vote", "payload": {"for": name}}));
        let thanks = chat.socket.wait_for("thanks", |heard| heard["format"] == "app.Thanks").await;
        assert_eq!(thanks["payload"]["before"], before, "{thanks}");
    }
    let fetch = json!({"state_owner": "guild", "guild_id": chat.guild});
    let state = ask(&mut chat, "state_topic", &format!("{STATES}.StateFetchRequest"), &fetch).await;
    assert_eq!(state["payload"]["state"]["votes"], json!({"x": 2, "y": 1}), "{state}");
}

/// Subscribers of the state topic receive changes that no request asked for: those by a rule for the user and by a rule for
/// an agent.
#[tokio::test]
async fn changes_of_states_are_delivered_to_subscribed_agents() {
    let host = super::super::host().await;
    let update = |text: &str| json!({"update_format": "json-merge-patch", "state_update": text});
    let mut entering = from_user("votes", &json!({}));
    entering["guild_state_update"] = update("{'last': untransformed.payload.for}");
    let rules = [
        entering,
        from("booth", EVERYBODY, json!({"agent_state_update": update("{'seen': untransformed.payload.for}")})),
        from("crier", EVERYBODY, json!({})),
    ];
    let agents = [agent("booth", WIRING, "votes"), agent("crier", WIRING, "state_topic")];
    let mut chat = guild(&host, &agents, &rules).await;
    for (name, version) in [("x", 1), ("y", 2)] {
        chat.socket.send(&json!({"format": "app.Vote", "payload": {"for": name}}));
        let news = |owner: &'static str, state: Value| {
            move |heard: &Value| {
                let payload = &heard["payload"];
                heard["format"] == format!("{STATES}.StateUpdateResponse")
                    && (&payload["state_owner"], &payload["version"]) == (&json!(owner), &json!(version))
                    && payload["state"] == state
            }
        };
        chat.socket.wait_for("news of the guild", news("guild", json!({"last": name}))).await;
        chat.socket.wait_for("news of the agent", news("agent", json!({"seen": name}))).await;
    }
}

/// A template: the names of agents and topics are variables of the blueprint.
#[tokio::test]
async fn a_blueprint_with_variables_is_launched_with_other_values() {
    let host = super::super::host().await;
    let spec = json!({
        "name": "Desk", "description": "d",
        "agents": [with(agent("desk", WIRING, "{{topic}}"), json!({"name": "{{agent_name}}"}))],
        "routes": {"steps": [
            {"agent_type": PROXY, "destination": {"topics": "{{topic}}"}, "route_times": -1},
            {"agent": {"name": "{{agent_name}}"}, "destination": {"topics": EVERYBODY}, "route_times": -1,
             "transformer": {"expression": "{'text': '{{greeting}}, ' & text}", "output_format": "app.Greeting"}},
        ]},
        "configuration": {"agent_name": "Desk", "topic": "desk", "greeting": "Hello"},
        "configuration_schema": {"type": "object", "required": ["agent_name", "topic"], "properties": {
            "agent_name": {"type": "string"}, "topic": {"type": "string"}, "greeting": {"type": "string"}}},
    });
    let blueprint = host.rest().blueprint(&spec).await;
    let launch = json!({"guild_name": "D", "user_id": "testuser123", "org_id": "testorg456",
                        "configuration": {"agent_name": "Rezeption \"Süd\"", "greeting": "Grüezi"}});
    let guild = host.rest().post(&format!("/catalog/blueprints/{blueprint}/guilds"), &launch).await.created();
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.socket.send(&json!({"format": "app.Name", "payload": {"text": "Ann"}}));
    let greeting = chat.socket.wait_for("the greeting", |heard| heard["format"] == "app.Greeting").await;
    assert_eq!((frame::text(&greeting), &greeting["sender"]["name"]), ("Grüezi, Ann", &json!("Rezeption \"Süd\"")));
}

/// A probe agent receives the messages too, and the errors of one agent go to a topic of the guild.
#[tokio::test]
async fn errors_follow_the_rules_and_a_probe_agent_counts_them() {
    let host = super::super::host().await;
    let splitter = with(
        agent("split", SPLITTER, "work"),
        json!({"properties": {
            "splitter": {"split_type": "list", "field_name": "items"},
            "format_selector": {"strategy": "fixed", "fixed_format": "app.Part"},
        }}),
    );
    let error = "rustic_ai.core.agents.commons.message_formats.ErrorMessage";
    let rules = [
        from_user("work", &json!({})),
        from("split", "alarms", json!({"message_format": error, "reason": "for the probe"})),
    ];
    let mut chat = guild(&host, &[splitter, agent("alarm", PROBE, "alarms")], &rules).await;
    chat.socket.send(&json!({"format": "app.Work", "payload": {"items": [1, 2]}}));
    let told = chat.socket.wait_for("the error", frame::is_error).await;
    assert!(told["payload"]["error_message"].as_str().is_some_and(|text| text.contains("SplitterError")), "{told}");
    let fetch = json!({"state_owner": "agent", "agent_id": "alarm", "guild_id": chat.guild, "state_path": "count"});
    let counted = async {
        loop {
            let state = ask(&mut chat, "state_topic", &format!("{STATES}.StateFetchRequest"), &fetch).await;
            if state["payload"]["state"] == json!({"count": 1}) {
                break;
            }
        }
    };
    guildhall_tests::within(guildhall_tests::DEADLINE, "the probe to hear of it", counted).await;
}

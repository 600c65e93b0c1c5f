//! The built-in agents in guilds.

use guildhall_tests::frame;
use serde_json::json;

use super::{agent, from_user, guild};

const SPLITTER: &str = "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent";
const AGGREGATOR: &str = "rustic_ai.core.agents.eip.aggregating_agent.AggregatingAgent";

#[tokio::test]
async fn a_message_is_split_and_aggregated_by_expressions() {
    let host = super::super::host().await;
    let mut splitter = agent("split", SPLITTER, "whole");
    splitter["properties"] = json!({
        "splitter": {"split_type": "jsonata", "expression": "items[n > 1]"},
        "format_selector": {"strategy": "cel", "expression": "'app.' + kind"},
    });
    let mut aggregator = agent("join", AGGREGATOR, "parts");
    aggregator["properties"] = json!({
        "aggregator": {"aggregation_check": "jsonata", "expression": "$sum(messages.data.n) = 5"},
    });
    let rules = [
        from_user("whole", &json!({})),
        json!({"agent": {"name": "split"}, "destination": {"topics": "parts"}, "route_times": -1}),
        json!({"agent": {"name": "join"}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1}),
    ];
    let mut chat = guild(&host, &[splitter, aggregator], &rules).await;
    let items = json!([{"n": 1, "kind": "A"}, {"n": 2, "kind": "B"}, {"n": 3, "kind": "C"}]);
    chat.socket.send(&json!({"format": "app.Basket", "payload": {"items": items}}));
    let whole = chat.socket.wait_for("the whole", |heard| frame::format(heard) == "AggregatedMessages").await;
    let wanted = json!([{"type": "app.B", "data": items[1]}, {"type": "app.C", "data": items[2]}]);
    assert_eq!(whole["payload"]["messages"], wanted, "{whole}");
}

#[tokio::test]
async fn an_agent_with_a_broken_expression_does_not_start() {
    let host = super::super::host().await;
    let mut broken = agent("split", SPLITTER, "whole");
    broken["properties"] = json!({
        "splitter": {"split_type": "jsonata", "expression": "{{{"},
        "format_selector": {"strategy": "fixed", "fixed_format": "app.Part"},
    });
    let spec = json!({"name": "G", "description": "d", "agents": [broken]});
    let guild = host.rest().launch_spec(&spec).await;
    host.rest().guild_is(&guild, "error").await;
}

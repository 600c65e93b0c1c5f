//! The members that a conversation carries, and who receives its messages.

use guildhall_tests::{blueprint, chat, frame};
use serde_json::{Value, json};

use super::{PROXY, WIRING, agent, from_user, guild};

#[tokio::test]
async fn an_answer_inherits_the_members_of_the_conversation() {
    let host = super::super::host().await;
    let told = json!({"agent": {"name": "w"}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1,
                      "reason": "asked for", "mark_forwarded": true});
    let spec = json!({"name": "G", "description": "d", "agents": [agent("w", WIRING, "in")],
                      "routes": {"steps": [from_user("in", &json!({})), told]}});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    chat.socket.send(&json!({
        "format": "app.Note", "payload": {"n": 1}, "priority": "HIGH", "session_state": {"k": {"deep": [1]}},
        "traceparent": trace, "conversationId": "c-1", "ttl": 600,
    }));
    let own = chat.socket.wait_for("the own message", |heard| heard["format"] == "app.Note").await;
    let is_answer = |heard: &Value| {
        heard["format"] == "app.Note" && heard["forward_header"]["on_behalf_of"]["id"] != "user_socket:ann"
    };
    let answer = chat.socket.wait_for("the answer", is_answer).await;
    assert_eq!((&answer["priority"], &answer["ttl"], &answer["traceparent"]), (&json!(2), &json!(600), &json!(trace)));
    assert_eq!((&answer["session_state"], &answer["conversation_id"]), (&json!({"k": {"deep": [1]}}), &json!("c-1")));
    assert_eq!((&answer["root_thread_id"], &answer["recipient_list"]), (&own["id"], &json!([])), "{answer}");
    let hops: Vec<_> = answer["message_history"].as_array().unwrap().iter().map(|hop| &hop["processor"]).collect();
    assert_eq!(hops[..2], [&json!("unwrap_and_forward_message"), &json!("wire_message")], "{answer}");
    assert_eq!(answer["message_history"][1]["reason"], json!(["asked for"]), "{answer}");
}

#[tokio::test]
async fn an_outbox_reaches_one_user_and_a_broadcast_reaches_all() {
    let host = super::super::host().await;
    let to = |format: &str, topic: &str| json!({"agent": {"name": "w"}, "message_format": format, "destination": {"topics": topic}, "route_times": -1});
    let rules =
        [from_user("in", &json!({})), to("app.Secret", "user_outbox:bob"), to("app.News", "user_message_broadcast")];
    let mut ann = guild(&host, &[agent("w", WIRING, "in")], &rules).await;
    let mut bob = chat::join(&host, &ann.guild, "bob").await;
    let from_agent =
        |format: &'static str| move |heard: &Value| heard["format"] == format && heard["sender"]["id"] == "w";
    ann.socket.send(&json!({"format": "app.Secret", "payload": {"n": 1}, "recipient_list": [{"id": "w"}]}));
    bob.socket.wait_for("the secret", from_agent("app.Secret")).await;
    ann.socket.send(&json!({"format": "app.News", "payload": {"n": 2}, "recipient_list": [{"id": "w"}]}));
    bob.socket.wait_for("the news", from_agent("app.News")).await;
    let first = ann.socket.wait_for("what the agent says", |heard| heard["sender"]["id"] == "w").await;
    assert_eq!(first["format"], "app.News", "the secret is not ann's");
}

#[tokio::test]
async fn mentions_by_name_and_by_id_are_found_in_any_script() {
    let host = super::super::host().await;
    let named = |id: &str, name: &str| {
        let mut agent = agent(id, blueprint::ECHO_CLASS, id);
        agent["name"] = name.into();
        agent
    };
    let agents = [named("zhu", "助手"), named("mus", "مساعد"), named("plain", "Plain Agent"), named("short", "Plain")];
    let spec = json!({"name": "G", "description": "d", "agents": agents,
                      "routes": {"steps": [from_user("nobody", &json!({}))]}});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let text = "好@助手，و@مساعد، @Plain Agent and @zhu";
    chat.socket.send(&json!({
        "format": "rustic_ai.core.ui_protocol.types.TextFormat", "payload": {"text": text}, "topics": "elsewhere",
    }));
    let own = chat.socket.wait_for("the own message", |heard| frame::says(heard, text)).await;
    let tagged: Vec<_> = own["recipient_list"].as_array().unwrap().iter().map(|tag| &tag["id"]).collect();
    assert_eq!(tagged, ["zhu", "mus", "plain", "zhu"], "{own}");
    let told: Value = serde_json::from_str(own["payload"]["tagged_users"].as_str().unwrap()).unwrap();
    assert_eq!(told, own["recipient_list"], "as JSON text in the payload: {own}");
}

#[tokio::test]
async fn a_users_routing_slip_is_applied_after_the_guilds_rules() {
    let host = super::super::host().await;
    let mut chat = guild(&host, &[agent("w", WIRING, "in")], &[from_user("in", &json!({}))]).await;
    let slip = json!({"steps": [
        {"agent": {"name": "w"}, "destination": {"topics": "user_message_broadcast"},
         "transformer": {"expression": "{'doubled': n * 2}", "output_format": "app.Doubled"}},
        {"agent_type": PROXY, "destination": {"topics": "in", "priority": 0},
         "transformer": {"handler": "{'payload': {'n': payload.n + 1}}"}},
    ]});
    chat.socket.send(&json!({"format": "app.Note", "payload": {"n": 1}, "routing_slip": slip}));
    let mut doubled = Vec::new();
    for _ in 0..2 {
        let heard = chat.socket.wait_for("a doubled note", |heard| heard["format"] == "app.Doubled").await;
        doubled.push((heard["payload"]["doubled"].as_i64().unwrap(), heard["priority"].as_i64().unwrap()));
    }
    doubled.sort_unstable();
    assert_eq!(doubled, [(2, 4), (4, 0)], "each copy has the slip, and urgent is a priority");
}

#[tokio::test]
async fn yaml_includes_are_allowed_only_in_files() {
    let host = super::super::host().await;
    let text = "name: B\nspec: !include /etc/passwd.yaml\nagents: !code secret.txt\n";
    let post = host.rest().request(reqwest::Method::POST, "/catalog/blueprints/");
    let answer = post.header("content-type", "application/yaml").body(text).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let mut spec = blueprint::echo();
    spec["properties"] = json!({"prompt": "!code secret.txt", "more": {"!include": "a.yaml"}});
    let guild = host.rest().launch_spec(&spec).await;
    let kept = host.rest().guild(&guild).await;
    for name in ["prompt", "more"] {
        assert_eq!(kept["properties"][name], spec["properties"][name], "words like any other");
    }
}

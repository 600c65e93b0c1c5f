//! What clients that were written for the reference server find here, mostly in the dialect `rustic`.

use std::time::Duration;

use guildhall_tests::{Chat, Host, Socket, blueprint, chat, frame};
use serde_json::{Value, json};

const TEXT_FORMAT: &str = "rustic_ai.core.ui_protocol.types.TextFormat";
const MODELS: &str = "rustic_ai.core.agents.system.models";
const PROXY: &str = "rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent";
const WIRING: &str = "rustic_ai.core.agents.eip.basic_wiring_agent.BasicWiringAgent";
/// An id as clients of the reference make it: of normal priority, with all of its 64 bits.
const NUMBER: u64 = 9_738_724_237_304_139_776;

async fn joined(query: &str) -> (Host, Chat) {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo_to_everybody()).await;
    let chat = chat::join_with(&host, &guild, "ann", query).await;
    (host, chat)
}

fn wiring(id: &str, topic: &str) -> Value {
    json!({"id": id, "name": id, "description": "d", "class_name": WIRING, "additional_topics": [topic],
           "listen_to_default_topic": false})
}

#[tokio::test]
async fn a_format_is_kept_as_written_in_the_rustic_dialect() {
    let (_host, mut chat) = joined("?dialect=rustic").await;
    for format in ["text", TEXT_FORMAT] {
        chat.socket.send(&json!({"format": format, "payload": {"text": format}, "topics": "default_topic"}));
        for text in [format.to_owned(), format!("Echo: {format}")] {
            assert_eq!(chat.hear(&text).await["format"], format, "{text}");
        }
    }
}

#[tokio::test]
async fn rules_find_a_format_under_each_of_its_names_and_write_the_name_that_they_have() {
    let host = super::host().await;
    let rule = |more: Value| {
        let mut rule = json!({"agent_type": PROXY, "destination": {"topics": "in"}, "route_times": -1});
        for (name, value) in more.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        rule
    };
    let to_user = |id: &str, origin: &str, more: Value| {
        let mut rule = json!({"agent": {"id": id}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1,
                              "origin_filter": {"origin_message_format": origin}});
        for (name, value) in more.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        rule
    };
    let by = |name: &str, format: &str| json!({"transformer": {"expression": format!("{{'text': text & ' {name}'}}"), "output_format": format}});
    let steps = json!([
        rule(json!({"message_format": "text"})),
        to_user("w", "text", by("short", "text")),
        to_user("w", TEXT_FORMAT, by("full", TEXT_FORMAT)),
    ]);
    let spec = json!({"name": "G", "description": "d", "agents": [wiring("w", "in")], "routes": {"steps": steps}});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    for format in ["text", TEXT_FORMAT] {
        chat.socket.send(&json!({"format": format, "payload": {"text": "a"}, "topics": "default_topic"}));
        assert_eq!(chat.hear("a short").await["format"], "text", "asked with {format}");
        assert_eq!(chat.hear("a full").await["format"], TEXT_FORMAT, "asked with {format}");
    }
}

#[tokio::test]
async fn the_frames_about_a_message_have_the_number_that_its_client_gave_it() {
    let (mut host, mut chat) = joined("?dialect=rustic&ack=1").await;
    let mut other = Socket::connect(&chat::user_url(&host, &chat.guild, "ann", "")).await;
    for (text, id) in [("number", json!(NUMBER)), ("digits", json!((NUMBER + 1).to_string()))] {
        let number = id.as_u64().unwrap_or(NUMBER + 1);
        chat.socket.send(&json!({"id": id, "format": "text", "payload": {"text": text}, "topics": "default_topic"}));
        let echo = format!("Echo: {text}");
        let frames = chat.socket.collect_until(&echo, |frame| frame::says(frame, &echo)).await;
        let own = frames.iter().find(|frame| frame::says(frame, text)).expect("the own copy");
        assert_eq!(own["client_id"], id, "{own}");
        assert_eq!((&own["thread"], &own["in_response_to"]), (&json!([number]), &json!(number)), "{own}");
        assert_eq!(own["forward_header"]["origin_message_id"], number, "{own}");
        let answer = frames.last().expect("the echo");
        assert_eq!((&answer["thread"], &answer["in_response_to"]), (&json!([number]), &json!(number)), "{answer}");
        assert_eq!((&answer["root_thread_id"], &answer["current_thread_id"]), (&json!(number), &json!(number)));
        assert_eq!(answer["forward_header"]["origin_message_id"], number, "{answer}");
        let elsewhere = other.wait_for("the message", |frame| frame::says(frame, text)).await;
        assert_eq!(elsewhere["client_id"], id, "{elsewhere}");
        assert_eq!(elsewhere["thread"], json!([frame::id(&elsewhere)]), "guide has the host's ids: {elsewhere}");
    }
    let history = host.rest().history(&chat.guild, "ann").await;
    assert!(history.iter().any(|message| message["client_id"] == json!(NUMBER)), "{history:?}");

    host.kill().await;
    host.start_again().await;
    let url = chat::user_url(&host, &chat.guild, "ann", "?dialect=rustic&after=1");
    let mut again = Socket::connect(&url).await;
    let answer = again.wait_for("the echo again", |frame| frame::says(frame, "Echo: number")).await;
    assert_eq!(answer["thread"], json!([NUMBER]), "the number outlives the host: {answer}");
}

#[tokio::test]
async fn an_error_about_a_message_is_in_the_thread_of_the_clients_number() {
    let host = super::host().await;
    let mut spec = blueprint::echo();
    spec["routes"] = json!({"steps": [
        {"agent_type": PROXY, "destination": {"topics": "echo_topic"}, "route_times": -1},
        {"agent": {"name": "EchoAgent"}, "destination": {"topics": "user_message_broadcast"}, "route_times": -1,
         "transformer": {"expression": "[1]", "output_format": "text"}},
    ]});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    chat.socket.send(&json!({"id": NUMBER, "format": "text", "payload": {"text": "a"}, "topics": "default_topic"}));
    let error = chat.socket.wait_for("the error", frame::is_error).await;
    assert_eq!((&error["thread"], &error["in_response_to"]), (&json!([NUMBER]), &json!(NUMBER)), "{error}");
}

#[tokio::test]
async fn a_users_own_copy_goes_to_a_list_of_topics_and_what_is_handed_on_to_one() {
    let (_host, mut chat) = joined("?dialect=rustic").await;
    chat.say("hello");
    assert_eq!(chat.hear("hello").await["topics"], json!(["user_notifications:ann"]));
    assert_eq!(chat.hear("Echo: hello").await["topics"], json!("user_notifications:ann"));
}

/// Returns the ids in a list of participants; empty for any other frame.
fn listed(frame: &Value) -> Vec<&str> {
    let participants = frame["payload"]["participants"].as_array().into_iter().flatten();
    participants.filter_map(|one| one["id"].as_str()).collect()
}

#[tokio::test]
async fn the_participants_come_unasked_when_somebody_joins_or_leaves() {
    let host = super::host().await;
    let spec = json!({"name": "G", "description": "d", "agents": [wiring("w", "in"), wiring("x", "in")]});
    let guild = host.rest().launch_spec(&spec).await;
    let mut guide = chat::join(&host, &guild, "ann").await;
    let mut rustic = chat::join_with(&host, &guild, "cem", "?dialect=rustic").await;
    let bob = chat::user_url(&host, &guild, "bob", "");
    let _bob = Socket::connect(&bob).await;
    for (chat, format) in [(&mut guide, "Participants"), (&mut rustic, "ParticipantList")] {
        let has_bob = |frame: &Value| listed(frame).contains(&"upa-bob");
        let list = chat.system.wait_for("the list with bob", has_bob).await;
        assert_eq!((frame::format(&list), &list["in_response_to"]), (format, &Value::Null), "{list}");
        assert_eq!(frame::topics(&list), [format!("user_system_notification:{}", chat.user)], "{list}");
    }
    let announced = |frame: &Value| {
        let agents = frame["payload"]["guild_spec"]["agents"].as_array().into_iter().flatten();
        frame::format(frame) == "GuildUpdatedAnnouncement"
            && agents.filter(|agent| agent["id"] == "upa-bob" && agent["class_name"] == PROXY).count() == 1
    };
    let remove = json!({"format": format!("{MODELS}.RemoveAgentRequest"), "topics": "system_topic", "payload": {"agent_id": "x"}});
    rustic.socket.send(&remove);
    rustic.system.wait_for("the announcement with bob's proxy", announced).await;
    let is_without = |frame: &Value| !listed(frame).is_empty() && !listed(frame).contains(&"x");
    for chat in [&mut guide, &mut rustic] {
        chat.system.wait_for("the list without the agent", is_without).await;
    }
}

#[tokio::test]
async fn the_participants_are_sent_by_the_proxy_of_the_user_who_asks() {
    let (_host, mut chat) = joined("?dialect=rustic").await;
    chat.system.send(&json!({"id": NUMBER, "format": "participantsRequest", "payload": {"guild_id": chat.guild}}));
    let answer = chat.system.wait_for("the answer", |frame| frame["in_response_to"] == json!(NUMBER)).await;
    assert_eq!(answer["thread"], json!([NUMBER]), "{answer}");
    assert_eq!(answer["sender"], json!({"id": "upa-ann", "name": "The ann"}), "{answer}");
    assert_eq!(answer["topics"], json!(["user_system_notification:ann"]), "{answer}");
    assert_eq!(answer["topic_published_to"], "user_system_notification:ann", "{answer}");
}

#[tokio::test]
async fn the_full_report_lists_the_manager_before_any_user_has_joined() {
    let host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let manager = format!("{guild}#manager_agent");
    for (query, lists_manager) in [("", true), ("?dialect=rustic", false)] {
        let mut system = Socket::connect(&chat::system_url(&host, &guild, "ann", query)).await;
        let within = Duration::from_secs(15);
        let report = system.wait_within(within, "the full report", frame::is_ok_report).await;
        let agents = report["payload"]["agents"].as_object().expect("agents");
        assert_eq!(agents.contains_key(&manager), lists_manager, "{query}: {report}");
        assert_eq!(agents.len(), if lists_manager { 2 } else { 1 }, "{query}: {report}");
        assert!(agents.values().all(|heartbeat| heartbeat["checkstatus"] == "ok"), "{report}");
    }
}

#[tokio::test]
async fn a_trace_begins_with_a_message_whose_client_has_none() {
    let (_host, mut chat) = joined("?dialect=rustic").await;
    let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (text, traceparent) in [("new", None), ("old", Some(given))] {
        chat.socket.send(&json!({"format": "text", "payload": {"text": text}, "traceparent": traceparent}));
        let own = chat.hear(text).await;
        let trace = own["traceparent"].as_str().expect("a trace").to_owned();
        match traceparent {
            Some(given) => assert_eq!(trace, given),
            None => {
                let parts: Vec<&str> = trace.split('-').collect();
                assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{trace}");
                assert!(trace.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "{trace}");
            }
        }
        assert_eq!(chat.hear(&format!("Echo: {text}")).await["traceparent"], trace, "the answer is in the same trace");
    }
}

#[tokio::test]
async fn a_payload_may_have_a_megabyte() {
    let (_host, mut chat) = joined("").await;
    let image = "x".repeat(1_000_000);
    chat.socket.send(&json!({"format": "text", "payload": {"text": "an image", "image": image}}));
    let echo = chat.hear("Echo: an image").await;
    assert_eq!(echo["payload"]["image"].as_str().map(str::len), Some(image.len()));
}

#[tokio::test]
async fn a_guild_of_no_agents_runs() {
    let host = super::host().await;
    let rest = host.rest();
    let body = json!({"spec": {"name": "Empty", "description": "d"}, "org_id": "o"});
    let direct = rest.post("/api/guilds", &body).await.created();
    let launched = rest.launch_spec(&json!({"name": "Empty", "description": "d", "agents": []})).await;
    for guild in [direct, launched] {
        rest.guild_is(&guild, "running").await;
        let chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
        assert_eq!(chat.ok_report["payload"]["guild_health"], "ok");
    }
}

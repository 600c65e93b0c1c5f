//! Requests to the manager of a guild over a user's socket: the answer of each, and the announcements.

use std::time::Duration;

use guildhall_tests::{DEADLINE, blueprint, chat, eventually, frame};
use serde_json::{Value, json};

use super::super::faults::hostile_component;
use super::{MODELS, PROBE, STATES, WIRING, agent, ask, guild};

fn models(name: &str) -> String {
    format!("{MODELS}.{name}")
}

fn states(name: &str) -> String {
    format!("{STATES}.{name}")
}

fn ids(answer: &Value) -> Vec<&str> {
    let agents = answer["payload"]["agents"].as_array().into_iter().flatten();
    let mut ids: Vec<&str> = agents.filter_map(|agent| agent["id"].as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn agents_and_users_are_listed_and_returned_one_by_one() {
    let host = super::super::host().await;
    let mut chat = guild(&host, &[agent("w", WIRING, "in"), agent("p", PROBE, "in")], &[]).await;
    let id = chat.guild.clone();
    let manager = format!("{id}#manager_agent");
    let own = json!({"guild_id": id});
    let listed = ask(&mut chat, "system_topic", &models("AgentListRequest"), &own).await;
    assert_eq!(listed["format"], models("AgentListResponse"));
    assert_eq!(ids(&listed), [manager.as_str(), "p", "upa-ann", "w"], "{listed}");
    let running = ask(&mut chat, "system_topic", &models("RunningAgentListRequest"), &own).await;
    assert_eq!(ids(&running), ids(&listed));
    let removed = ask(&mut chat, "system_topic", &models("RemoveAgentRequest"), &json!({"agent_id": "p"})).await;
    assert_eq!(removed["payload"]["status_code"], 200);
    let listed = ask(&mut chat, "system_topic", &models("AgentListRequest"), &own).await;
    assert_eq!(ids(&listed), [manager.as_str(), "upa-ann", "w"]);

    let get = |agent: &str| json!({"guild_id": id, "agent_id": agent});
    let told = ask(&mut chat, "system_topic", &models("AgentGetRequest"), &get("w")).await;
    assert_eq!(told["format"], models("AgentInfoResponse"));
    assert_eq!(told["payload"], json!({"id": "w", "name": "w", "description": "d", "class_name": WIRING}));
    for (request, wrong) in [(get("p"), "agent_id"), (json!({"guild_id": "other", "agent_id": "w"}), "guild_id")] {
        let refused = ask(&mut chat, "system_topic", &models("AgentGetRequest"), &request).await;
        assert_eq!(refused["format"], models("BadInputResponse"), "{refused}");
        assert_eq!(
            (&refused["payload"]["status_code"], &refused["payload"]["error_field"]),
            (&json!(400), &json!(wrong))
        );
    }

    let user = |name: &str| json!({"user_id": name, "user_name": "Bob B"});
    let created = ask(&mut chat, "system_topic", &models("UserAgentCreationRequest"), &user("bob")).await;
    assert_eq!(
        created["payload"],
        json!({"user_id": "bob", "agent_id": "upa-bob", "status_code": 201, "status": "Agent created successfully",
               "topic": "user:bob"})
    );
    let told = ask(&mut chat, "system_topic", &models("UserAgentGetRequest"), &json!({"user_id": "bob"})).await;
    assert_eq!((&told["payload"]["id"], &told["payload"]["name"]), (&json!("upa-bob"), &json!("Bob B")), "{told}");
    let again = ask(&mut chat, "system_topic", &models("UserAgentCreationRequest"), &user("bob")).await;
    assert_eq!(
        (&again["format"], &again["payload"]["error_field"]),
        (&json!(models("ConflictResponse")), &json!("user_id"))
    );
    let nobody = ask(&mut chat, "system_topic", &models("UserAgentGetRequest"), &json!({"user_id": "eve"})).await;
    assert_eq!(
        (&nobody["format"], &nobody["payload"]["error_field"]),
        (&json!(models("BadInputResponse")), &json!("user_id"))
    );
}

#[tokio::test]
async fn an_answer_names_its_request_and_has_its_topics() {
    let host = super::super::host().await;
    let guild = host.rest().launch_spec(&json!({"name": "G", "description": "d", "agents": []})).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let format = models("AgentListRequest");
    chat.socket
        .send(&json!({"format": format, "topics": "system_topic", "payload": {"guild_id": guild}, "priority": 3}));
    let own = chat.socket.wait_for("the request", |heard| heard["format"] == format).await;
    let answer = chat.socket.wait_for("the answer", |heard| frame::format(heard) == "AgentListResponse").await;
    assert_eq!(answer["in_response_to"], own["id"], "{answer}");
    assert_eq!((&answer["thread"], &answer["priority"]), (&json!([own["id"]]), &json!(3)));
    let hop = answer["message_history"].as_array().and_then(|hops| hops.last()).expect("a hop");
    assert_eq!((&hop["processor"], &hop["origin"]), (&json!("list_agents"), &own["id"]));
    assert_eq!((&hop["from_topic"], &hop["to_topics"]), (&json!("system_topic"), &json!(["system_topic"])));
}

#[tokio::test]
async fn states_are_read_and_patched_whole_or_not_at_all() {
    let host = super::super::host().await;
    let mut chat = guild(&host, &[agent("p", PROBE, "in")], &[]).await;
    let id = chat.guild.clone();
    let update = |more: Value| {
        let mut update =
            json!({"state_owner": "agent", "agent_id": "p", "guild_id": id, "update_format": "json-patch"});
        for (name, value) in more.as_object().into_iter().flatten() {
            update[name] = value.clone();
        }
        update
    };
    let add = update(json!({"state_update": {"operations": [
        {"op": "add", "path": "/list", "value": [1, null]}, {"op": "copy", "from": "/list", "path": "/again"},
    ]}}));
    let done = ask(&mut chat, "state_topic", &states("StateUpdateRequest"), &add).await;
    assert_eq!(done["payload"]["state"], json!({"list": [1, null], "again": [1, null]}), "{done}");
    assert_eq!((&done["payload"]["agent_id"], &done["payload"]["version"]), (&json!("p"), &json!(1)));
    let half = update(json!({"state_update": {"operations": [
        {"op": "remove", "path": "/again"}, {"op": "remove", "path": "/nothing"},
    ]}}));
    let refused = ask(&mut chat, "state_topic", &states("StateUpdateRequest"), &half).await;
    assert_eq!(refused["format"], states("StateUpdateError"), "{refused}");
    assert_eq!(refused["payload"]["state_update_request"]["state_update"], half["state_update"]);
    let fetch = |path: &str| json!({"state_owner": "agent", "agent_id": "p", "guild_id": id, "state_path": path});
    let part = ask(&mut chat, "state_topic", &states("StateFetchRequest"), &fetch("again[0]")).await;
    assert_eq!(part["format"], states("StateFetchResponse"));
    assert_eq!(
        (&part["payload"]["state"], &part["payload"]["version"]),
        (&json!({"again[0]": 1}), &json!(1)),
        "{part}"
    );
    let broken = ask(&mut chat, "state_topic", &states("StateFetchRequest"), &fetch("a[")).await;
    assert_eq!((&broken["format"], &broken["is_error_message"]), (&json!(states("StateFetchError")), &json!(true)));
}

#[tokio::test]
async fn the_manager_answers_while_a_removed_agent_ends() {
    let host = super::super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let mut spec = blueprint::hostile(&digest, &json!({"fuel": 1_000_000_000_000_u64, "timeout_ms": 30_000}));
    spec["agents"][0]["id"] = json!("hostile");
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("hello");
    chat.hear("ok: hello").await;
    chat.say("loop");
    // The agent gets its message before the manager gets the request that follows.
    let get = json!({"guild_id": guild, "agent_id": "hostile"});
    ask(&mut chat, "system_topic", &models("AgentGetRequest"), &get).await;
    let began = std::time::Instant::now();
    let (format, agent) = (models("RemoveAgentRequest"), json!({"agent_id": "hostile"}));
    chat.socket.send(&json!({"format": format, "topics": "system_topic", "payload": agent}));
    // The order of these two is open: the turn may end before the manager answers, or after.
    let (mut is_told, mut is_removed) = (false, false);
    while !is_told || !is_removed {
        let wanted = |heard: &Value| {
            heard["payload"]["error_type"] == "AGENT_UNAVAILABLE" || heard["payload"]["status_code"] == 200
        };
        let heard = chat.socket.wait_for("the answer, and what became of the message", wanted).await;
        is_told |= frame::is_error(&heard);
        is_removed |= heard["payload"]["status_code"] == 200;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "the removed agent's turn is cancelled");
    let mut again = spec["agents"][0].clone();
    again["id"] = json!("hostile");
    eventually(DEADLINE, "the id to be free again", async || {
        let launch = json!({"agent_spec": again});
        let answer = ask(&mut chat, "system_topic", &models("AgentLaunchRequest"), &launch).await;
        if answer["payload"]["error_type"] == "AGENT_ENDING" { Err(answer) } else { Ok(()) }
    })
    .await;
    chat.say("hello again");
    chat.hear("ok: hello again").await;
}

#[tokio::test]
async fn a_user_can_stop_the_guild_by_a_message_and_no_other_guild() {
    let host = super::super::host().await;
    let mut chat = guild(&host, &[], &[]).await;
    let format = models("StopGuildRequest");
    let other = ask(&mut chat, "system_topic", &format, &json!({"guild_id": "other", "user_id": "ann"})).await;
    assert_eq!(other["payload"]["error_type"], "INVALID_REQUEST", "{other}");
    host.rest().guild_is(&chat.guild, "running").await;
    let stop = json!({"guild_id": chat.guild, "user_id": "ann"});
    chat.socket.send(&json!({"format": format, "topics": "system_topic", "payload": stop}));
    let stopped = chat.system.wait_for("the answer", |heard| frame::format(heard) == "StopGuildResponse").await;
    assert_eq!(stopped["payload"], json!({"user_id": "ann"}));
    host.rest().guild_is(&chat.guild, "stopped").await;
}

#[tokio::test]
async fn every_change_is_announced_with_the_state_on_the_guild_status_topic() {
    let host = super::super::host().await;
    let spec = json!({"name": "G", "description": "d", "agents": [agent("w", WIRING, "in")]});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let state = json!({"state_owner": "guild", "guild_id": guild, "state_update": {"open": true}});
    let format = states("StateUpdateRequest");
    chat.socket.send(&json!({"format": format, "topics": "state_topic", "payload": state}));
    chat.socket.wait_for("the new state", |heard| frame::format(heard) == "StateUpdateResponse").await;
    let launch = json!({"agent_spec": agent("p", PROBE, "in")});
    chat.socket.send(&json!({"format": models("AgentLaunchRequest"), "topics": "system_topic", "payload": launch}));
    let has_both = |heard: &Value| {
        frame::format(heard) == "GuildUpdatedAnnouncement"
            && heard["payload"]["guild_spec"]["agents"].as_array().is_some_and(|agents| agents.len() == 3)
    };
    let news = chat.system.wait_for("the announcement", has_both).await;
    assert_eq!((&news["topics"], &news["priority"]), (&json!(["guild_status_topic"]), &json!(4)), "{news}");
    let state = chat.system.wait_for("the state", |heard| frame::format(heard) == "StateFetchResponse").await;
    assert_eq!(state["payload"]["state"], json!({"open": true}), "{state}");
}

#[tokio::test]
async fn an_answer_about_a_state_names_its_handler_and_repeats_the_agent_id_of_its_request() {
    let host = super::super::host().await;
    let guild = host.rest().launch_spec(&json!({"name": "G", "description": "d", "agents": []})).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let update = json!({"state_owner": "guild", "guild_id": guild, "agent_id": "x", "state_update": {"open": true}});
    let fetch = json!({"state_owner": "guild", "guild_id": guild, "agent_id": "x"});
    for (request, payload, answer, handler) in [
        ("StateUpdateRequest", update, "StateUpdateResponse", "update_state_handler"),
        ("StateFetchRequest", fetch, "StateFetchResponse", "get_state_handler"),
    ] {
        chat.socket.send(&json!({"format": states(request), "topics": "state_topic", "payload": payload}));
        let answer = chat.socket.wait_for("the answer", |received| frame::format(received) == answer).await;
        let entry = answer["message_history"].as_array().and_then(|entries| entries.last()).expect("an entry");
        assert_eq!(entry["processor"], handler, "{answer}");
        assert_eq!((&answer["payload"]["state_owner"], &answer["payload"]["agent_id"]), (&json!("guild"), &json!("x")));
    }
}

#[tokio::test]
async fn launching_an_agent_whose_id_is_in_use_changes_nothing_and_is_announced() {
    let host = super::super::host().await;
    let spec = json!({"name": "G", "description": "d", "agents": [agent("w", WIRING, "in")]});
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?dialect=rustic").await;
    let is_announcement = |received: &Value| frame::format(received) == "GuildUpdatedAnnouncement";
    let launch = json!({"agent_spec": agent("w", PROBE, "other")});
    chat.socket.send(&json!({"format": models("AgentLaunchRequest"), "topics": "system_topic", "payload": launch}));
    let launched =
        chat.socket.wait_for("the answer", |received| frame::format(received) == "AgentLaunchResponse").await;
    assert_eq!(
        launched["payload"],
        json!({"agent_id": "w", "status_code": 201, "status": "Agent launched successfully"})
    );
    let announced = chat.system.wait_for("the announcement of the launch", is_announcement).await;
    let agents = announced["payload"]["guild_spec"]["agents"].as_array().expect("agents");
    assert_eq!((agents.len(), &agents[0]["class_name"]), (2, &json!(WIRING)), "{announced}");
    assert_eq!(agents[1]["id"], "upa-ann", "{announced}");
}

//! The life of instances: unloaded when idle, restored by the next message, swapped, cancelled, drained.

use std::time::Duration;

use guildhall_tests::{Chat, DEADLINE, Host, Socket, blueprint, chat, eventually, frame};
use reqwest::Method;
use serde_json::{Value, json};

use super::components::{bomb, in_the_cache, variant};
use super::faults::{PATIENCE, hostile_component};

/// Returns a guild with one hostile agent, with these properties and this sandbox.
fn spec(digest: &str, properties: &Value, sandbox: &Value) -> Value {
    let mut spec = blueprint::hostile(digest, sandbox);
    spec["agents"][0]["id"] = json!("hostile");
    spec["agents"][0]["properties"] = properties.clone();
    spec
}

struct Stage {
    host: Host,
    digest: String,
    chat: Chat,
    events: Socket,
}

/// A guild with a user, and a socket that receives its events.
async fn stage(properties: &Value, sandbox: &Value) -> Stage {
    stage_on(super::host().await, properties, sandbox).await
}

async fn stage_on(host: Host, properties: &Value, sandbox: &Value) -> Stage {
    let digest = host.rest().upload(hostile_component()).await;
    let guild = host.rest().launch_spec(&spec(&digest, properties, sandbox)).await;
    let chat = chat::join(&host, &guild, "ann").await;
    let events = Socket::connect(&chat::system_url(&host, &guild, "monitor", "?events=1")).await;
    Stage { host, digest, chat, events }
}

impl Stage {
    /// Waits for the next event of this name.
    async fn event(&mut self, name: &str) -> Value {
        let is_it = |frame: &Value| frame["format"] == "guildhall.Event" && frame["payload"]["event"] == name;
        self.events.wait_within(PATIENCE, name, is_it).await["payload"].clone()
    }

    async fn ask(&mut self, text: &str, answer: &str) {
        self.chat.say(text);
        self.chat.socket.wait_within(PATIENCE, answer, |frame| frame::says(frame, answer)).await;
    }

    fn path(&self, what: &str) -> String {
        format!("/api/guilds/{}/agents/hostile/{what}", self.chat.guild)
    }

    async fn swap(&self, digest: &str) -> (u16, Value) {
        let request = self.host.rest().request(Method::PUT, &self.path("component"));
        let answer = request.json(&json!({"component": digest})).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}

/// Returns the same component with other bytes: a custom section without a meaning is added.
fn another(mut component: Vec<u8>, mark: u8) -> Vec<u8> {
    component.extend([0, 3, 1, b'x', mark]);
    component
}

#[tokio::test]
async fn an_idle_agent_is_unloaded_and_restored_from_its_snapshot_by_the_next_message() {
    let mut stage = stage(&json!({}), &json!({"idle_unload_s": 1})).await;
    stage.ask("remember tea", "ok: remembered").await;
    let unloaded = stage.event("agent.unloaded").await;
    assert_eq!(unloaded["agent"]["id"], "hostile", "{unloaded}");
    assert!(unloaded["idle_ms"].as_u64().is_some_and(|ms| ms >= 1_000), "{unloaded}");
    stage.ask("recall", "recalled: tea").await;
    assert_eq!(stage.event("agent.started").await["reason"], "message");
    stage.host.rest().guild_is(&stage.chat.guild, "running").await;
}

#[tokio::test]
async fn an_agent_that_cannot_be_saved_stays_loaded_and_a_save_that_never_ends_is_a_fault() {
    let mut kept = stage(&json!({"save": "fail"}), &json!({"idle_unload_s": 1})).await;
    kept.ask("remember tea", "ok: remembered").await;
    let logs = kept.path("logs?level=warn");
    eventually(PATIENCE, "the log to say that it stays", async || {
        let lines = kept.host.rest().get(&logs).await.expect(&[200]);
        if lines.to_string().contains("told not to save") { Ok(()) } else { Err(lines) }
    })
    .await;
    kept.ask("recall", "recalled: tea").await;
    let mut big = stage_on(kept.host, &json!({"save": "big"}), &json!({"idle_unload_s": 1})).await;
    let logs = big.path("logs");
    eventually(PATIENCE, "the log to name the limit", async || {
        let lines = big.host.rest().get(&logs).await.expect(&[200]);
        if lines.to_string().contains("may have 1048576") { Ok(()) } else { Err(lines) }
    })
    .await;
    big.ask("hello", "ok: hello").await;
    let mut looping = stage_on(big.host, &json!({"save": "loop"}), &json!({"idle_unload_s": 1})).await;
    let fault = looping.event("agent.limit_reached").await;
    assert!(["deadline", "fuel"].contains(&fault["fault"]["kind"].as_str().unwrap_or_default()), "{fault}");
    looping.ask("hello", "ok: hello").await;
}

#[tokio::test]
async fn a_restart_of_the_server_restores_snapshots_and_discards_unusable_ones() {
    let mut stage = stage(&json!({}), &json!({})).await;
    stage.ask("remember tea", "ok: remembered").await;
    stage.host.ask_to_stop().await;
    stage.host.ended().await;
    stage.host.start_again().await;
    stage.chat = chat::join(&stage.host, &stage.chat.guild, "ann").await;
    stage.ask("recall", "recalled: tea").await;

    let mut broken = stage_on(stage.host, &json!({"restore": "trap"}), &json!({"idle_unload_s": 1})).await;
    broken.ask("remember tea", "ok: remembered").await;
    broken.event("agent.unloaded").await;
    broken.ask("recall", "recalled: ").await;
    let lines = broken.host.rest().get(&broken.path("logs?level=error")).await.expect(&[200]);
    assert!(lines.to_string().contains("cannot be restored and is deleted"), "{lines}");
}

#[tokio::test]
async fn a_snapshot_survives_a_limit_that_is_reached_when_it_is_restored() {
    let sandbox = json!({"idle_unload_s": 1});
    let mut stage = stage(&json!({"restore": "loop"}), &sandbox).await;
    stage.ask("remember tea", "ok: remembered").await;
    stage.event("agent.unloaded").await;
    stage.chat.say("recall");
    stage.event("agent.restarting").await;
    let lines = stage.host.rest().get(&stage.path("logs?level=error")).await.expect(&[200]).to_string();
    assert!(lines.contains("cannot be restored now") && !lines.contains("is deleted"), "{lines}");
}

#[tokio::test]
async fn a_hot_swap_keeps_inbox_and_memory_and_loses_or_repeats_no_message() {
    const SAID: usize = 300;
    let mut stage = stage(&json!({}), &json!({})).await;
    stage.ask("remember tea", "ok: remembered").await;
    let second = stage.host.rest().upload(another(hostile_component(), 1)).await;
    assert_ne!(second, stage.digest);
    for number in 0..SAID / 2 {
        stage.chat.say(&format!("n {number}"));
    }
    let (status, answer) = stage.swap(&second).await;
    assert_eq!((status, &answer["component"]), (200, &json!(second)), "{answer}");
    for number in SAID / 2..SAID {
        stage.chat.say(&format!("n {number}"));
    }
    let last = format!("ok: n {}", SAID - 1);
    let heard = stage.chat.socket.collect_until(&last, |frame| frame::says(frame, &last)).await;
    let heard: Vec<_> = heard.iter().map(frame::text).filter(|text| text.starts_with("ok: n")).collect();
    let wanted: Vec<_> = (0..SAID).map(|number| format!("ok: n {number}")).collect();
    assert_eq!(heard, wanted);
    stage.ask("recall", "recalled: tea").await;
    assert_eq!(stage.event("agent.swapped").await["component"], second);

    let shown = stage.host.rest().guild(&stage.chat.guild).await;
    assert_eq!(shown["agents"][0]["component"], second, "{shown}");
    stage.host.kill().await;
    stage.host.start_again().await;
    let guild = stage.chat.guild.clone();
    stage.events = Socket::connect(&chat::system_url(&stage.host, &guild, "monitor", "?events=1")).await;
    stage.chat = chat::join(&stage.host, &guild, "ann").await;
    let shown = stage.host.rest().guild(&guild).await;
    assert_eq!(shown["agents"][0]["component"], second, "{shown}");
    stage.ask("recall", "recalled: tea").await;
}

#[tokio::test]
async fn a_failed_swap_keeps_the_old_component() {
    let mut stage = stage(&json!({"restore": "fail"}), &json!({})).await;
    stage.ask("remember tea", "ok: remembered").await;
    let second = stage.host.rest().upload(another(hostile_component(), 2)).await;
    let (status, answer) = stage.swap(&second).await;
    assert_eq!((status, &answer["code"]), (422, &json!("swap_failed")), "{answer}");
    assert!(answer["detail"].as_str().is_some_and(|text| text.contains("told not to restore")), "{answer}");
    stage.event("agent.swap_failed").await;
    stage.ask("recall", "recalled: tea").await;
    let shown = stage.host.rest().guild(&stage.chat.guild).await;
    assert_eq!(shown["agents"][0]["component"], stage.digest, "{shown}");

    let nowhere = format!("sha256:{}", "0".repeat(64));
    let (status, answer) = stage.swap(&nowhere).await;
    assert_eq!((status, &answer["code"]), (400, &json!("unknown_component")), "{answer}");
    let (status, _) = stage.swap("no digest").await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn a_swap_repairs_an_agent_that_gave_up_and_it_serves_its_inbox() {
    let host = super::host().await;
    let digest = host.rest().upload(hostile_component()).await;
    let mut broken = spec(&digest, &json!({}), &json!({}));
    // The echo agent accepts any properties; these make the hostile agent fail.
    broken["agents"][0]["properties"] = json!({"fail_start": true});
    let guild = host.rest().launch_spec(&broken).await;
    host.rest().guild_is(&guild, "error").await;
    let socket = Socket::connect(&chat::user_url(&host, &guild, "ann", "")).await;
    socket.send(&json!({"format": "text", "payload": {"text": "are you there"}}));
    let components = host.rest().get("/catalog/components").await.expect(&[200]);
    let echo = components.as_array().expect("a list").iter().find(|row| row["class_name"] == blueprint::ECHO_CLASS);
    let echo = echo.expect("the echo agent is built in")["digest"].clone();
    let swap = host.rest().request(Method::PUT, &format!("/api/guilds/{guild}/agents/hostile/component"));
    let answer = swap.json(&json!({"component": echo})).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200, "{:?}", answer.text().await);
    let mut socket = socket;
    socket.wait_within(PATIENCE, "the echo", |frame| frame::says(frame, "Echo: are you there")).await;
    host.rest().guild_is(&guild, "running").await;
}

#[tokio::test]
async fn a_running_turn_is_cancelled_and_its_message_can_be_replayed() {
    let sandbox = json!({"fuel": 1_000_000_000_000_u64, "timeout_ms": 600_000});
    let mut stage = stage(&json!({}), &sandbox).await;
    let cancel = stage.path("cancel");
    assert_eq!(stage.host.rest().post(&cancel, &json!({})).await.expect(&[409])["code"], "agent_idle");
    stage.chat.say("loop");
    let cancelled = eventually(DEADLINE, "the turn to be cancelled", async || {
        let answer = stage.host.rest().post(&cancel, &json!({})).await;
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.body) }
    })
    .await;
    let error = stage.chat.socket.wait_for("the user to be told", frame::is_error).await;
    let payload = &error["payload"];
    assert_eq!(payload["error_type"], "CANCELLED", "{error}");
    assert_eq!(payload["message_id"], cancelled["message_id"], "{error}");
    assert!(payload["error_message"].as_str().is_some_and(|text| text.contains("cancelled after")), "{error}");
    stage.ask("hello", "ok: hello").await;
    let letters = format!("/api/guilds/{}/dead-letters", stage.chat.guild);
    let letters = stage.host.rest().get(&letters).await.expect(&[200]);
    assert_eq!(letters["dead_letters"][0]["fault"]["kind"], "cancelled", "{letters}");
    assert_eq!(stage.host.rest().post("/api/guilds/x/agents/y/cancel", &json!({})).await.status, 404);
}

#[tokio::test]
async fn a_stopping_server_completes_the_turn_and_its_answer_is_sent_once() {
    let mut stage = stage(&json!({}), &json!({"fuel": 1_000_000_000_000_u64})).await;
    stage.ask("hello", "ok: hello").await;
    stage.chat.say("burn 300");
    let pulse = format!("/api/guilds/{}/agents/hostile/logs", stage.chat.guild);
    stage.host.rest().get(&pulse).await.expect(&[200]);
    // The message is in the log when its sender receives the next one.
    stage.chat.socket.ping().await;
    stage.host.ask_to_stop().await;
    assert!(stage.host.ended().await.success());
    stage.host.start_again().await;
    let guild = stage.chat.guild.clone();
    let history = eventually(PATIENCE, "the answer", async || {
        let history = stage.host.rest().history(&guild, "ann").await;
        if history.iter().any(|message| frame::says(message, "burnt 300")) { Ok(history) } else { Err(json!(history)) }
    })
    .await;
    let answers = history.iter().filter(|message| frame::says(message, "burnt 300")).count();
    assert_eq!(answers, 1, "{history:?}");
}

#[tokio::test]
async fn progress_is_seen_before_the_answer_and_not_stored() {
    let mut stage = stage(&json!({}), &json!({})).await;
    stage.chat.say("progress 3");
    let answer = "progressed 3";
    let heard = stage.chat.socket.collect_until(answer, |frame| frame::says(frame, answer)).await;
    let shown: Vec<_> = heard.iter().map(frame::text).filter(|text| text.starts_with("progress ")).collect();
    assert_eq!(shown, ["progress 0", "progress 1", "progress 2"]);
    let history = stage.host.rest().history(&stage.chat.guild, "ann").await;
    assert!(!history.iter().any(|message| frame::says(message, "progress 0")), "{history:?}");
}

#[tokio::test]
async fn a_full_server_unloads_an_idle_agent_to_make_room() {
    let options = super::options().set("host.max_agents", 1);
    let mut first = stage_on(Host::spawn(options).await, &json!({}), &json!({"idle_unload_s": 3_600})).await;
    first.ask("remember tea", "ok: remembered").await;
    let guild = first.host.rest().launch_spec(&blueprint::echo()).await;
    first.event("agent.unloaded").await;
    let mut second = chat::join(&first.host, &guild, "bob").await;
    second.echo("hello").await;
    first.ask("recall", "recalled: tea").await;
}

#[tokio::test]
async fn events_are_sent_only_to_the_sockets_that_ask_for_them() {
    let mut stage = stage(&json!({}), &json!({"fuel": 100_000_000})).await;
    stage.chat.say("loop");
    let reached = stage.event("agent.limit_reached").await;
    assert_eq!((&reached["fault"]["setting"], &reached["attempt"]), (&json!("sandbox.fuel"), &json!(1)), "{reached}");
    assert!(stage.event("agent.restarting").await["after_ms"].as_u64().is_some_and(|ms| ms >= 750));
    assert_eq!(stage.event("guild.warning").await["guild_id"], stage.chat.guild);
    assert_eq!(stage.event("agent.started").await["reason"], "restart");
    assert_eq!(stage.event("agent.dead_lettered").await["kind"], "fuel");
    stage.host.rest().upload(another(hostile_component(), 3)).await;
    stage.event("component.compiling").await;
    assert_eq!(stage.event("component.ready").await["class_name"], blueprint::HOSTILE_CLASS);
    stage.chat.stop_guild();
    stage.event("guild.stopping").await;
    stage.event("guild.stopped").await;
    let frames = stage.chat.system.close_code_within(Duration::from_secs(10)).await;
    assert!(frames.is_some(), "the system socket ends with the guild");
    assert!(!stage.chat.system.has_seen("guildhall.Event"), "nobody asked for events here");
}

#[tokio::test]
async fn a_running_guild_follows_the_components_of_a_new_version_of_its_blueprint() {
    const SAID: usize = 200;
    let host = super::host().await;
    let rest = host.rest();
    let (one, two) = (rest.upload(hostile_component()).await, rest.upload(another(hostile_component(), 4)).await);
    // The first agent has no id of its own; the second one is not changed.
    let version = |component: &str| {
        let mut spec = spec(component, &json!({}), &json!({}));
        let mut still = blueprint::echo()["agents"][0].clone();
        still["id"] = json!("still");
        spec["agents"][0].as_object_mut().expect("an agent").remove("id");
        spec["agents"].as_array_mut().expect("a list").push(still);
        spec
    };
    let (old, new) = (rest.blueprint(&version(&one)).await, rest.blueprint(&version(&two)).await);
    let mut other = version(&two);
    other["agents"][0]["properties"] = json!({"sick": "warning"});
    let other = rest.blueprint(&other).await;
    let guild = rest.launch(&old).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    let say = async |chat: &mut Chat, text: &str, answer: &str| {
        chat.say(text);
        chat.socket.wait_within(PATIENCE, answer, |frame| frame::says(frame, answer)).await;
    };
    say(&mut chat, "remember tea", "ok: remembered").await;
    let place = format!("/api/guilds/{guild}/blueprint");
    let change = async |blueprint: &str| {
        let body = json!({"blueprint_id": blueprint, "user_id": "testuser123"});
        host.rest().put(&place, &body).await
    };
    for number in 0..SAID / 2 {
        chat.say(&format!("n {number}"));
    }
    let answer = change(&new).await.expect(&[200]);
    let swapped = answer["swapped"].as_array().expect("a list");
    assert_eq!((swapped.len(), &swapped[0]["component"]), (1, &json!(two)), "{answer}");
    for number in SAID / 2..SAID {
        chat.say(&format!("n {number}"));
    }
    let last = format!("ok: n {}", SAID - 1);
    let heard = chat.socket.collect_until(&last, |frame| frame::says(frame, &last)).await;
    let heard: Vec<_> = heard.iter().map(frame::text).filter(|text| text.starts_with("ok: n")).collect();
    assert_eq!(heard, (0..SAID).map(|number| format!("ok: n {number}")).collect::<Vec<_>>());
    say(&mut chat, "recall", "recalled: tea").await;

    let shown = rest.get(&format!("/catalog/guilds/{guild}/blueprints/")).await.expect(&[200]);
    assert_eq!(shown["id"], new);
    assert_eq!(change(&new).await.expect(&[200])["swapped"], json!([]), "there is nothing left to do");
    let refused = change(&other).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("other_blueprint")), "{}", refused.body);
    assert_eq!(refused.body["context"]["places"], json!(["agents.0.properties"]));
    assert_eq!(change("nowhere").await.status, 404);
    let stranger = json!({"blueprint_id": new, "user_id": "u"});
    assert_eq!(rest.put("/api/guilds/nowhere/blueprint", &stranger).await.status, 404);
    assert_eq!(change(&old).await.expect(&[200])["swapped"][0]["component"], one);
    chat.stop_guild();
    rest.guild_is(&guild, "stopped").await;
    assert_eq!(change(&new).await.body["code"], "guild_stopped");
}

#[tokio::test]
async fn a_relaunch_starts_an_agent_whose_component_was_missing() {
    let mut stage = stage(&json!({}), &json!({})).await;
    let guild = stage.chat.guild.clone();
    stage.ask("hello", "ok: hello").await;
    stage.host.kill().await;
    let components = stage.host.data_dir().join("components");
    std::fs::remove_file(components.join(format!("{}.wasm", stage.digest.replace(':', "")))).expect("it was kept");
    stage.host.start_again().await;
    stage.host.rest().guild_is(&guild, "error").await;
    let socket = Socket::connect(&chat::user_url(&stage.host, &guild, "ann", "")).await;
    socket.send(&json!({"format": "text", "payload": {"text": "are you there"}}));
    stage.host.rest().upload(hostile_component()).await;
    let relaunched = stage.host.rest().post(&format!("/api/guilds/{guild}/relaunch"), &json!({})).await;
    assert_eq!(relaunched.expect(&[200])["is_relaunching"], false, "it runs already");
    let mut socket = socket;
    socket.wait_within(PATIENCE, "the answer", |frame| frame::says(frame, "ok: are you there")).await;
    stage.host.rest().guild_is(&guild, "running").await;
}

#[tokio::test]
async fn a_guild_whose_component_waits_for_a_compiler_answers_and_can_be_stopped() {
    let mut host = super::host().await;
    let agent = another(hostile_component(), 77);
    let digest = host.rest().upload(agent.clone()).await;
    let guild = host.rest().launch_spec(&spec(&digest, &json!({}), &json!({}))).await;
    host.rest().guild_is(&guild, "running").await;
    // As many components as compile at the same time: their compilation restarts before the guild does.
    let compilers = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    let mut bombs = Vec::new();
    for number in 0..compilers {
        let made = host.rest().upload_only("", variant(&bomb(4_000, 300), &format!("slow {number}"))).await;
        bombs.push(made.expect(&[202])["digest"].as_str().expect("a digest").to_owned());
    }
    host.kill().await;
    in_the_cache(&agent, |path| drop(std::fs::remove_file(path)));
    host.start_again().await;
    let mut system = Socket::connect(&chat::system_url(&host, &guild, "ann", "")).await;
    system.send(&json!({"format": "participantsRequest", "payload": {"guild_id": guild}, "sender": {"id": "ann"}}));
    system.wait_for("the participants", |frame| frame["payload"]["participants"].is_array()).await;
    assert_eq!(host.rest().guild(&guild).await["status"], "starting");
    system.send(&json!({"format": "stopGuildRequest", "payload": {"guild_id": guild}, "sender": {"id": "ann"}}));
    host.rest().guild_is(&guild, "stopped").await;
    let bomb = host.rest().get(&format!("/catalog/components/{}", bombs[0])).await.expect(&[200]);
    assert_eq!(bomb["state"], "compiling", "it was stopped while the compilers were at work");
}

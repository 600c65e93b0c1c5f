//! Guilds that nobody uses sleep: they have no task, are listed as before, and wake as they were.

use std::time::Duration;

use futures_util::future::join_all;
use guildhall_tests::postgres::Postgres;
use guildhall_tests::{Chat, Host, Options, Socket, blueprint, chat, eventually, frame};
use serde_json::{Value, json};

use super::faults::{PATIENCE, hostile_component};

fn options() -> Options {
    super::options().set("host.guild_sleep_s", 1)
}

/// A host whose guilds fall asleep after a second, and the digest of the hostile component.
async fn host() -> (Host, String) {
    host_with(options()).await
}

async fn host_with(options: Options) -> (Host, String) {
    let host = Host::spawn(options).await;
    let digest = host.rest().upload(hostile_component()).await;
    (host, digest)
}

/// Returns the numbers of guilds that run, that sleep, and that could not be started.
async fn counts(host: &Host) -> [u64; 3] {
    let text = host.rest().get("/metrics").await.expect(&[200]);
    ["running", "asleep", "not_started"].map(|name| gauge(&text, &format!("guildhall_guilds_{name}")))
}

fn gauge(metrics: &Value, name: &str) -> u64 {
    let mut lines = metrics.as_str().expect("text").lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("there is no {name}"))
}

/// Waits until this many guilds run and sleep.
async fn are(host: &Host, running: u64, asleep: u64) {
    let what = format!("{running} guilds to run and {asleep} to sleep");
    eventually(Duration::from_secs(30), &what, async || match counts(host).await {
        [one, other, 0] if (one, other) == (running, asleep) => Ok(()),
        others => Err(format!("{others:?}")),
    })
    .await;
}

async fn ask(chat: &mut Chat, text: &str, answer: &str) -> Value {
    chat.say(text);
    chat.socket.wait_within(PATIENCE, answer, |frame| frame::says(frame, answer)).await
}

/// A guild sleeps over everything that may happen to its host, and its agent remembers what it was told.
async fn a_guild_wakes_as_it_was(options: Options) {
    let (mut host, digest) = host_with(options).await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    let first = frame::id(&ask(&mut chat, "remember tea", "ok: remembered").await);
    ask(&mut chat, "hello", "ok: hello").await;
    let history = host.rest().history(&guild, "ann").await;
    are(&host, 1, 0).await;
    drop(chat);
    are(&host, 0, 1).await;

    // Nobody wakes it to read.
    assert_eq!(host.rest().history(&guild, "ann").await, history);
    host.rest().get(&format!("/api/guilds/{guild}/dead-letters")).await.expect(&[200]);
    let listed = host.rest().get("/api/guilds").await.expect(&[200]);
    assert_eq!((&listed[0]["id"], &listed[0]["status"]), (&json!(guild), &json!("running")), "{listed}");
    assert_eq!(host.rest().guild(&guild).await["status"], "running");
    assert_eq!(counts(&host).await, [0, 1, 0]);

    let mut chat = chat::join_with(&host, &guild, "ann", &format!("?after={first}")).await;
    chat.hear("ok: hello").await;
    ask(&mut chat, "recall", "recalled: tea").await;
    assert_eq!(counts(&host).await, [1, 0, 0], "a socket keeps it awake");
    drop(chat);
    are(&host, 0, 1).await;

    host.kill().await;
    host.start_again().await;
    assert_eq!(counts(&host).await, [0, 1, 0], "a start does not wake it");
    let mut chat = chat::join(&host, &guild, "ann").await;
    ask(&mut chat, "recall", "recalled: tea").await;
    host.kill().await;
    host.start_again().await;
    assert_eq!(counts(&host).await, [1, 0, 0], "it was awake when the host was killed");

    chat::join(&host, &guild, "ann").await.stop_guild();
    host.rest().guild_is(&guild, "stopped").await;
    are(&host, 0, 0).await;
    assert_eq!(Socket::try_connect(&chat::user_url(&host, &guild, "ann", "")).await.err(), Some(409));
}

#[tokio::test]
async fn a_guild_sleeps_and_wakes_as_it_was() {
    a_guild_wakes_as_it_was(options()).await;
}

#[tokio::test]
async fn a_guild_of_postgresql_sleeps_and_wakes_as_it_was() {
    let Some(postgres) = Postgres::start() else { return };
    a_guild_wakes_as_it_was(options().argument("--database-url").argument(postgres.database("sleep"))).await;
}

#[tokio::test]
async fn a_sleeping_guild_is_woken_by_a_replay_a_relaunch_and_a_look_at_its_agents() {
    let (host, digest) = host().await;
    let mut spec = blueprint::hostile(&digest, &json!({}));
    spec["agents"][0]["id"] = json!("hostile");
    let guild = host.rest().launch_spec(&spec).await;
    let mut chat = chat::join(&host, &guild, "ann").await;
    chat.say("reject it");
    let is_last = |frame: &Value| frame::is_error(frame) && frame["payload"]["dead_lettered"] == true;
    chat.socket.wait_within(PATIENCE, "the message to be given up", is_last).await;
    drop(chat);
    are(&host, 0, 1).await;

    let letters = format!("/api/guilds/{guild}/dead-letters");
    let letter = host.rest().get(&letters).await.expect(&[200])["dead_letters"][0]["id"].clone();
    host.rest().post(&format!("{letters}/{letter}/replay"), &json!({})).await.expect(&[200]);
    eventually(PATIENCE, "another dead letter", async || {
        let found = host.rest().get(&letters).await.expect(&[200])["dead_letters"][0]["id"].clone();
        if found.is_null() || found == letter { Err(found) } else { Ok(()) }
    })
    .await;
    are(&host, 0, 1).await;

    let relaunch = format!("/api/guilds/{guild}/relaunch");
    assert_eq!(host.rest().post(&relaunch, &json!({})).await.expect(&[200])["is_relaunching"], true);
    assert_eq!(counts(&host).await, [1, 0, 0]);
    assert_eq!(host.rest().post(&relaunch, &json!({})).await.expect(&[200])["is_relaunching"], false);
    are(&host, 0, 1).await;

    host.rest().get(&format!("/api/guilds/{guild}/agents/hostile/logs")).await.expect(&[200]);
    assert_eq!(counts(&host).await, [1, 0, 0]);
    let cancel = format!("/api/guilds/{guild}/agents/hostile/cancel");
    are(&host, 0, 1).await;
    assert_eq!(host.rest().post(&cancel, &json!({})).await.expect(&[409])["code"], "agent_idle");
}

#[tokio::test]
async fn sockets_that_wake_a_guild_at_once_wake_it_once() {
    let (host, digest) = host().await;
    let guild = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await;
    are(&host, 0, 1).await;
    let url = |user: usize| chat::user_url(&host, &guild, &format!("user{user}"), "?ack=1");
    let sockets = join_all((0..16).map(async |user| Socket::connect(&url(user)).await)).await;
    let said = sockets.into_iter().enumerate().map(async |(user, mut socket)| {
        let text = format!("n {user}");
        socket.send(&json!({"id": format!("{user}"), "format": "text", "payload": {"text": text}}));
        let answer = format!("ok: {text}");
        socket.wait_within(PATIENCE, &answer, |frame| frame::says(frame, &answer)).await;
        socket
    });
    let sockets = join_all(said).await;
    let text = host.rest().get("/metrics").await.expect(&[200]);
    assert_eq!(gauge(&text, "guildhall_agent_starts_total{reason=\"launch\"}"), 2, "at the launch and at the wake");
    assert_eq!(counts(&host).await, [1, 0, 0]);
    drop(sockets);
    are(&host, 0, 1).await;
}

#[tokio::test]
async fn an_orderly_stop_puts_guilds_to_sleep_except_those_with_messages_that_wait() {
    let options = super::options().set("host.guild_sleep_s", 3_600);
    let (mut host, digest) = host_with(options).await;
    let long = json!({"fuel": 1_000_000_000_000_u64, "timeout_ms": 600_000});
    let (quiet, busy) = (
        host.rest().launch_spec(&blueprint::hostile(&digest, &json!({}))).await,
        host.rest().launch_spec(&blueprint::hostile(&digest, &long)).await,
    );
    let mut ann = chat::join(&host, &quiet, "ann").await;
    ask(&mut ann, "remember tea", "ok: remembered").await;
    let mut bob = chat::join(&host, &busy, "bob").await;
    // Longer than a turn may go on when the host stops.
    bob.say("burn 8000");
    // The message is in the log when its sender receives the next one.
    bob.socket.ping().await;
    host.ask_to_stop().await;
    assert!(host.ended().await.success());
    host.start_again().await;
    assert_eq!(counts(&host).await, [1, 1, 0]);
    eventually(PATIENCE, "the answer of the message that waited", async || {
        let history = host.rest().history(&busy, "bob").await;
        if history.iter().any(|message| frame::says(message, "burnt 8000")) { Ok(()) } else { Err(json!(history)) }
    })
    .await;
    let mut ann = chat::join(&host, &quiet, "ann").await;
    ask(&mut ann, "recall", "recalled: tea").await;
    assert_eq!(counts(&host).await, [2, 0, 0]);
}

#[tokio::test]
async fn agents_that_failed_stay_so_over_a_sleep_and_agents_that_are_kept_keep_their_guild_awake() {
    let (host, digest) = host().await;
    let kept = host.rest().launch_spec(&blueprint::hostile(&digest, &json!({"idle_unload_s": 0}))).await;
    host.rest().guild_is(&kept, "running").await;
    let mut broken = blueprint::hostile(&digest, &json!({}));
    broken["agents"][0]["properties"] = json!({"fail_start": true});
    let guild = host.rest().launch_spec(&broken).await;
    host.rest().guild_is(&guild, "error").await;
    are(&host, 1, 1).await;
    assert_eq!(host.rest().guild(&guild).await["status"], "error");

    let failures = async || {
        let text = host.rest().get("/metrics").await.expect(&[200]);
        gauge(&text, "guildhall_guilds_running")
    };
    let url = chat::system_url(&host, &guild, "ann", "");
    let detail = |frame: &Value| {
        let agents = frame["payload"]["agents"].as_object().cloned().unwrap_or_default();
        agents.values().find_map(|agent| agent["checkmeta"]["detail"].as_str().map(str::to_owned))
    };
    let is_failed = |frame: &Value| frame::is_report(frame) && detail(frame).is_some();
    let mut system = Socket::connect(&url).await;
    let report = system.wait_within(PATIENCE, "a report with the reason", is_failed).await;
    assert_eq!(report["payload"]["guild_health"], "error", "{report}");
    assert!(detail(&report).is_some_and(|detail| detail.contains("configuration")), "{report}");
    assert_eq!(failures().await, 2);
    drop(system);
    are(&host, 1, 1).await;
}

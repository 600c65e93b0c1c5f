//! Faults of the disk and of the clock under a server: users are told, nothing acknowledged is lost, and the server serves
//! again as soon as the fault has ended.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use guildhall_tests::small_disk::SmallDisk;
use guildhall_tests::trouble::{Trouble, Writes};
use guildhall_tests::{Chat, DEADLINE, Host, blueprint, chat, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::said::{Said, check, say_again};

/// How long a request may take while the disk is in trouble. The server promises about 2 s.
const ANSWERED_WITHIN: Duration = Duration::from_secs(4);
/// The files of a server that the library is to fail: all in its data folder.
const DATA: &str = "/data/";
/// How many messages are acknowledged before a fault.
const BEFORE: usize = 50;

/// Starts a fault, looks at the server, ends the fault, and looks whether the server is as before.
async fn survives(mut host: Host, name: &str, begin: impl Fn(), end: impl Fn()) {
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
    let mut said = Said::default();
    for _ in 0..BEFORE {
        said.say(&chat);
    }
    hear_acks(&mut chat, &mut said, BEFORE).await;

    begin();
    is_told(&mut chat, &mut said, name).await;
    for (method, path, body) in [
        (Method::POST, "/catalog/categories/", json!({"name": "c", "description": "d"})),
        (Method::POST, "/api/guilds", json!({"org_id": "o", "spec": blueprint::echo()})),
    ] {
        is_refused(&host, &method, path, &body).await;
    }
    let part = not_ready(&host).await;
    assert!(["store", "journal"].contains(&part.as_str()), "{name}: {part}");
    let began = Instant::now();
    let history = host.rest().get(&format!("/api/guilds/{guild}/ann/messages")).await;
    assert!(
        began.elapsed() < ANSWERED_WITHIN && [200, 503, 507].contains(&history.status),
        "{name}: {}",
        history.status
    );

    end();
    let ready = eventually(DEADLINE, "readiness", async || {
        let answer = host.rest().get("/readyz").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    });
    ready.await;
    say_again(&mut chat, &mut said).await;
    host.rest().launch_spec(&blueprint::echo()).await;
    check(&host, &guild, &said).await;

    host.kill().await;
    host.start_again().await;
    host.rest().guild_is(&guild, "running").await;
    check(&host, &guild, &said).await;
    chat::join(&host, &guild, "ann").await.echo("after").await;
}

async fn hear_acks(chat: &mut Chat, said: &mut Said, acked: usize) {
    while said.acked.len() < acked {
        let frame = chat.socket.next().await;
        said.note(&frame);
    }
}

/// Goes on sending until an error says that the server is busy. What had its place on the disk already may be
/// acknowledged before.
async fn is_told(chat: &mut Chat, said: &mut Said, name: &str) {
    let end = Instant::now() + 2 * DEADLINE;
    loop {
        assert!(Instant::now() < end, "{name}: nobody is told");
        said.say(chat);
        let frames = chat.socket.collect_until_idle(Duration::from_millis(50)).await;
        for frame in &frames {
            said.note(frame);
        }
        if let Some(error) = frames.iter().find(|frame| frame["payload"]["error_type"] == "BUSY") {
            assert!(!error["payload"]["error_message"].to_string().is_empty(), "{error}");
            return;
        }
    }
}

/// Repeats a request until it is refused with words. Each answer comes soon.
async fn is_refused(host: &Host, method: &Method, path: &str, body: &Value) {
    let refused = eventually(2 * DEADLINE, "a refusal", async || {
        let began = Instant::now();
        let answer = host.rest().request(method.clone(), path).json(body).send().await.expect("an answer");
        assert!(began.elapsed() < ANSWERED_WITHIN, "{path}: {:?}", began.elapsed());
        if answer.status().is_success() { Err(answer.status().to_string()) } else { Ok(answer) }
    });
    let refused = refused.await;
    let (status, again) = (refused.status().as_u16(), refused.headers().contains_key("retry-after"));
    let words: Value = refused.json().await.expect("JSON");
    let code = words["code"].as_str().unwrap_or_default();
    let named = ["store_unavailable", "journal_unavailable", "disk_full"].contains(&code);
    assert!([503, 507].contains(&status) && again && named, "{path}: {status}, {words}");
}

async fn not_ready(host: &Host) -> String {
    eventually(DEADLINE, "that the host is not ready", async || {
        let answer = host.rest().get("/readyz").await;
        if answer.status == 503 { Ok(answer.body["context"]["part"].to_string()) } else { Err(answer.body) }
    })
    .await
    .trim_matches('"')
    .to_owned()
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_acknowledged_is_lost() {
    let stopped = Host::stopped(super::options());
    if let Some(disk) = SmallDisk::mount(&stopped.data_dir(), 64) {
        survives(stopped.start().await, "a full disk", || disk.fill(), || disk.clear()).await;
        return;
    }
    let trouble = Trouble::new();
    let host = Host::spawn(trouble.options(super::options())).await;
    let full = || trouble.writes(DATA, Writes::Full);
    survives(host, "a full disk", full, || trouble.writes(DATA, Writes::Succeed)).await;
}

#[tokio::test]
async fn a_disk_that_reports_errors_is_told_and_nothing_acknowledged_is_lost() {
    let trouble = Trouble::new();
    let host = Host::spawn(trouble.options(super::options())).await;
    let fail = || trouble.writes(DATA, Writes::Fail);
    survives(host, "a disk with errors", fail, || trouble.writes(DATA, Writes::Succeed)).await;
}

#[tokio::test]
async fn a_disk_that_hangs_is_told_and_nothing_acknowledged_is_lost() {
    let trouble = Trouble::new();
    let host = Host::spawn(trouble.options(super::options().argument("--durability").argument("disk"))).await;
    let hang = || trouble.writes(DATA, Writes::Hang);
    survives(host, "a disk that hangs", hang, || trouble.writes(DATA, Writes::Succeed)).await;
}

#[tokio::test]
async fn a_disk_that_is_slow_delays_acks_alone() {
    let trouble = Trouble::new();
    let host = Host::spawn(trouble.options(super::options())).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
    trouble.writes(DATA, Writes::Slow(50));
    let mut said = Said::default();
    for _ in 0..BEFORE {
        said.say(&chat);
    }
    say_again(&mut chat, &mut said).await;
    check(&host, &guild, &said).await;
}

const DAY_S: i64 = 24 * 3600;
/// Ids count milliseconds from here on, the begin of 2023 (in milliseconds since 1970), in their upper bits.
const IDS_BEGIN_MS: u64 = 1_672_531_200_000;
const ID_TIME_SHIFT: u32 = 12;

#[tokio::test]
async fn a_clock_that_jumps_removes_nothing_and_spends_no_ids() {
    let trouble = Trouble::new();
    let options = trouble.options(super::options().set("retention.age_s", 30 * DAY_S));
    let mut host = Host::spawn(options).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    let mut said = Said::default();
    for days in [0, 31, 0, -1, 70 * 365, 0] {
        trouble.shift_clock(days * DAY_S);
        let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
        let acked = said.acked.len() + BEFORE;
        for _ in 0..BEFORE {
            said.say(&chat);
        }
        hear_acks(&mut chat, &mut said, acked).await;
        check(&host, &guild, &said).await;
    }
    for days in [-1, 70 * 365, 0] {
        host.kill().await;
        trouble.shift_clock(days * DAY_S);
        host.start_again().await;
        host.rest().guild_is(&guild, "running").await;
        let mut chat = chat::join_with(&host, &guild, "ann", "?ack=1").await;
        said.say(&chat);
        say_again(&mut chat, &mut said).await;
        check(&host, &guild, &said).await;
    }
    let ids: Vec<u64> = said.acked.values().copied().collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let last_ms = IDS_BEGIN_MS + (ids.last().expect("ids") >> ID_TIME_SHIFT);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis();
    assert!(u128::from(last_ms) < now_ms + 3_600_000, "the last id is of {last_ms}, now is {now_ms}");
}

#[tokio::test]
async fn a_host_that_shuts_down_is_alive_and_not_ready() {
    let trouble = Trouble::new();
    let mut host = Host::spawn(trouble.options(super::options())).await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("hello").await;
    // The shutdown cannot end before its writes do.
    trouble.writes(DATA, Writes::Hang);
    host.ask_to_stop().await;
    eventually(DEADLINE, "the host to say that it is not ready", async || {
        let answer = host.rest().get("/readyz").await;
        if answer.body["code"] == "not_ready" { Ok(()) } else { Err(answer.body) }
    })
    .await;
    assert_eq!(host.rest().get("/healthz").await.status, 200);
    assert_eq!(host.rest().get("/api/guilds").await.status, 503);
    trouble.writes(DATA, Writes::Succeed);
    let status = host.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
}

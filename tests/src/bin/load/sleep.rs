//! Measures guilds that sleep: the memory of a host that has many of them, and how fast one wakes.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_tests::{Rest, Socket, blueprint, frame};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::process::Server;
use crate::report::Report;
use crate::{Arguments, micros, user};

/// The number of launches at the same time.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Launches guilds until so many sleep, and measures the server's memory. Then wakes some of them, each with a socket and a
/// message, and measures the time from the connection to the answer. On a host that has been started again it launches
/// nothing.
pub async fn and_wake(arguments: &Arguments, rest: &Rest, server: Server) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mib = |rss: u64| rss as f64 / f64::from(1 << 20);
    let (running, asleep) = counts(rest).await?;
    report.count("running_at_the_begin", running);
    report.count("asleep_at_the_begin", asleep);
    report.number("rss_at_the_begin", mib(server.rss()), "MiB");

    let missing = usize::try_from((arguments.guilds as u64).saturating_sub(running + asleep))?;
    if missing > 0 {
        let blueprint = rest.blueprint(&blueprint::echo()).await;
        let start = Instant::now();
        let launches = stream::iter(0..missing).map(async |_| Ok::<_, anyhow::Error>(rest.launch(&blueprint).await));
        launches.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
        report.number("launched_in", start.elapsed().as_secs_f64(), "s");
    }
    let all_sleep = async {
        while counts(rest).await?.0 > 0 {
            sleep(Duration::from_millis(200)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    timeout(PATIENCE, all_sleep)
        .await
        .context("the guilds do not fall asleep: start the host with host.guild_sleep_s=1")??;
    report.count("asleep", counts(rest).await?.1);
    report.number("rss_asleep", mib(server.settled().await), "MiB");

    let listed = rest.get("/api/guilds").await.expect(&[200]);
    let ids: Vec<&str> =
        listed.as_array().context("no list")?.iter().filter_map(|guild| guild["id"].as_str()).collect();
    ensure!(!ids.is_empty(), "there is no guild");
    let (mut woken, mut awake) = (user::latencies(), user::latencies());
    let step = (ids.len() / arguments.users.max(1)).max(1);
    for guild in ids.iter().step_by(step).take(arguments.users) {
        let url = format!("ws://{}/ws/guilds/{guild}/usercomms/ann/Ann", rest.authority());
        let start = Instant::now();
        let mut socket = Socket::connect(&url).await;
        echo(&mut socket, "one").await;
        woken.saturating_record(micros(start.elapsed()));
        let start = Instant::now();
        echo(&mut socket, "two").await;
        awake.saturating_record(micros(start.elapsed()));
    }
    report.percentiles("wake_to_answer", &woken);
    report.percentiles("next_answer", &awake);
    server.report_memory(&mut report);
    Ok(report)
}

async fn echo(socket: &mut Socket, text: &str) {
    socket.send(&json!({"format": "text", "payload": {"text": text}}));
    let answer = format!("Echo: {text}");
    socket.wait_for(&answer, |frame: &Value| frame::says(frame, &answer)).await;
}

/// Returns how many guilds run and how many sleep.
async fn counts(rest: &Rest) -> anyhow::Result<(u64, u64)> {
    let metrics = rest.get("/metrics").await.expect(&[200]);
    let metrics = metrics.as_str().context("the metrics are no text")?;
    let gauge = |name: &str| {
        let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.with_context(|| format!("the metrics have no {name}"))
    };
    Ok((gauge("guildhall_guilds_running ")?, gauge("guildhall_guilds_asleep ")?))
}

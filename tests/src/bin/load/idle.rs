//! Measures the memory of idle agents, and how fast an unloaded agent answers again.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_tests::{Rest, blueprint};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::chat::join_all;
use crate::process::Server;
use crate::report::Report;
use crate::{Arguments, micros, session, user};

/// The number of launches at the same time.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(600);

/// Launches agents and sends each a message. Measures the server's memory before, with all instances alive, and after they
/// are unloaded.
pub async fn weigh(arguments: &Arguments, rest: &Rest, server: Server) -> anyhow::Result<Report> {
    let blueprint = rest.blueprint(&guild_of(arguments.agents, arguments.idle_unload_s)).await;
    let (before, live_before) = (server.rss(), live(rest).await?);
    let start = Instant::now();
    let guilds: Vec<_> = launched(arguments, rest, &blueprint).try_collect().await?;
    let launched_in = start.elapsed();
    let launched = server.settled().await;
    let live_launched = live(rest).await? - live_before;
    let unanswered: Vec<u64> =
        stream::iter(&guilds).map(|guild| greet(rest, guild, arguments.agents)).buffered(AT_ONCE).try_collect().await?;
    let (served, live_served) = (server.settled().await, live(rest).await? - live_before);

    let agents = (arguments.guilds * arguments.agents) as f64;
    let mut report = Report::default();
    report.count("guilds", arguments.guilds as u64);
    report.count("agents", agents as u64);
    report.number("launched_in", launched_in.as_secs_f64(), "s");
    report.count("unanswered", unanswered.iter().sum());
    let mut weight = |name: &str, rss: u64, live: f64| {
        report.number(&format!("live_{name}"), live, "");
        report.number(&format!("rss_{name}"), rss as f64 / f64::from(1 << 20), "MiB");
        report.number(&format!("per_agent_{name}"), rss.saturating_sub(before) as f64 / 1024.0 / agents, "KiB");
    };
    weight("before", before, 0.0);
    weight("launched", launched, live_launched);
    weight("served", served, live_served);
    if arguments.idle_unload_s > 0 {
        unloaded(rest, live_before).await?;
        weight("unloaded", server.settled().await, 0.0);
    }
    server.report_memory(&mut report);
    Ok(report)
}

/// In each round waits until all agents are unloaded, then sends each of them a message and another one.
pub async fn wake(arguments: &Arguments, rest: &Rest) -> anyhow::Result<Report> {
    if arguments.idle_unload_s == 0 {
        bail!("agents that are never unloaded do not wake: --idle-unload-s");
    }
    let live_before = live(rest).await?;
    let blueprint = rest.blueprint(&guild_of(1, arguments.idle_unload_s)).await;
    let guilds: Vec<_> = launched(arguments, rest, &blueprint).try_collect().await?;
    let mut sessions = join_all(&rest.authority().into(), guilds.into_iter().zip(0..)).await?;
    let (mut woken, mut awake) = (user::latencies(), user::latencies());
    for _ in 0..arguments.rounds {
        unloaded(rest, live_before).await?;
        for session in std::mem::take(&mut sessions) {
            let (session, first) = user::echo_once(session).await?;
            let (session, second) = user::echo_once(session).await?;
            woken.saturating_record(micros(first));
            awake.saturating_record(micros(second));
            sessions.push(session);
        }
    }
    let mut report = Report::default();
    report.count("agents", arguments.guilds as u64);
    report.count("rounds", arguments.rounds as u64);
    report.percentiles("first_echo", &woken);
    report.percentiles("second_echo", &awake);
    Ok(report)
}

/// Returns a guild with this many echo agents, which all receive a user's messages.
fn guild_of(agents: usize, idle_unload_s: u64) -> Value {
    let mut spec = blueprint::echo();
    let mut agent = spec["agents"][0].take();
    agent["listen_to_default_topic"] = json!(true);
    agent["sandbox"] = json!({"idle_unload_s": idle_unload_s});
    let agents = (0..agents).map(|number| {
        let mut agent = agent.clone();
        agent["name"] = json!(format!("Echo {number}"));
        agent
    });
    spec["agents"] = agents.collect();
    spec
}

/// Launches guilds of a blueprint and returns each when it runs.
fn launched(
    arguments: &Arguments,
    rest: &Rest,
    blueprint: &str,
) -> impl futures_util::TryStream<Ok = String, Error = anyhow::Error> {
    let launch = move |_| async move {
        let guild = rest.launch(blueprint).await;
        let running = async {
            while rest.guild(&guild).await["status"] != "running" {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, running).await.with_context(|| format!("guild {guild} does not run"))?;
        Ok(guild)
    };
    stream::iter(0..arguments.guilds).map(launch).buffer_unordered(AT_ONCE)
}

/// Sends one message to all agents of a guild. Returns how many did not answer.
async fn greet(rest: &Rest, guild: &str, agents: usize) -> anyhow::Result<u64> {
    let session = session::join(rest.authority(), guild, "user").await?;
    user::echoes_of_one(session, agents).await
}

/// Returns how many agents have an instance.
async fn live(rest: &Rest) -> anyhow::Result<f64> {
    let metrics = rest.get("/metrics").await.expect(&[200]);
    let metrics = metrics.as_str().context("the metrics are no text")?;
    let live = metrics.lines().find_map(|line| line.strip_prefix("guildhall_agents_live ")?.trim().parse().ok());
    live.context("the metrics do not say how many agents live")
}

/// Waits until the number of instances is back at this number.
async fn unloaded(rest: &Rest, before: f64) -> anyhow::Result<()> {
    let unloading = async {
        while live(rest).await? > before {
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    timeout(PATIENCE, unloading).await.context("the agents are not unloaded")?
}

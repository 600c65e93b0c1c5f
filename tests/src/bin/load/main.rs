//! The load generator: real sockets against a running host, from a process of
//! its own. Each message carries a number, so loss, duplication and order are
//! exact. It shares the machine with the host and therefore does little itself:
//! one thread, one task a user, no JSON tree on the hot path.

mod hog;
mod process;
mod report;
mod session;
mod user;

use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_tests::{Rest, blueprint};
use tokio::time::{Instant, sleep_until};

use process::Server;
use report::Report;
use session::Session;
use user::{Outcome, Plan};

/// Measures a running host.
#[derive(Parser)]
struct Arguments {
    /// Where the host listens.
    #[arg(long, default_value = "http://127.0.0.1:8880")]
    url: String,
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    mode: Mode,
    /// Guilds to launch.
    #[arg(long, default_value_t = 1)]
    guilds: usize,
    /// Users, spread over the guilds.
    #[arg(long, default_value_t = 32)]
    users: usize,
    /// Messages of one user that may be without an answer.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// How long to measure.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How long to chat before measuring.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// The length of a frame that a user sends.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    /// Guilds of agents that loop for ever, beside those that are measured.
    #[arg(long, default_value_t = 0)]
    hogs: usize,
    /// The component of the hostile agent, for `--hogs`.
    #[arg(long)]
    hog_wasm: Option<std::path::PathBuf>,
    /// What the hogs ask of their sandbox.
    #[arg(long, default_value = r#"{"fuel": 1000000000000, "timeout_ms": 600000}"#)]
    hog_sandbox: String,
    /// The process of the host; without it, who listens on the port of the URL.
    #[arg(long)]
    pid: Option<u32>,
    /// Threads of the load generator.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Users chat with echo guilds.
    Echo,
    /// One user, one message at a time.
    Sequential,
    /// Launches guilds one after another.
    Launch,
    /// Launches guilds with one user each and weighs the server.
    Rss,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = match arguments.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        threads => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?,
    };
    let report = runtime.block_on(run(&arguments))?;
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let rest = Rest::new(&arguments.url);
    let server = match arguments.pid {
        Some(pid) => Some(Server::of(pid)),
        None => Server::listening_on(rest.authority()),
    };
    if server.is_none() {
        eprintln!("no process of this machine listens there: no CPU and no memory in the report (see --pid)");
    }
    let blueprint = rest.blueprint(&blueprint::echo()).await;
    match arguments.mode {
        Mode::Echo => chat(arguments, &rest, &blueprint, server, arguments.users, arguments.in_flight).await,
        Mode::Sequential => chat(arguments, &rest, &blueprint, server, 1, 1).await,
        Mode::Launch => launch(arguments, &rest, &blueprint).await,
        Mode::Rss => weigh(arguments, &rest, &blueprint, server).await,
    }
}

async fn chat(
    arguments: &Arguments,
    rest: &Rest,
    blueprint: &str,
    server: Option<Server>,
    users: usize,
    in_flight: usize,
) -> anyhow::Result<Report> {
    let hogs = hog::start(arguments.hogs, arguments.hog_wasm.as_deref(), &arguments.hog_sandbox, rest).await?;
    let guild_count = arguments.guilds.clamp(1, users);
    let mut guilds = Vec::new();
    for _ in 0..guild_count {
        guilds.push(rest.launch(blueprint).await);
    }
    let authority: Arc<str> = rest.authority().into();
    let sessions = join_all(&authority, (0..users).map(|user| (guilds[user % guild_count].clone(), user))).await?;
    let mut joins = user::latencies();
    for session in &sessions {
        joins.saturating_record(micros(session.joined_after));
    }

    let start = Instant::now();
    let measure_from = start + Duration::from_secs_f64(arguments.warm_up);
    let until = measure_from + Duration::from_secs_f64(arguments.seconds);
    let plan = Plan { start, measure_from, until, in_flight, bytes: arguments.bytes };
    let tasks: Vec<_> = sessions.into_iter().map(|session| tokio::spawn(user::chat(session, plan))).collect();
    sleep_until(measure_from).await;
    let cpu_before = server.map(Server::cpu);
    sleep_until(until).await;
    let cpu_after = server.map(Server::cpu);

    let mut total = Outcome::default();
    for task in tasks {
        total.add(&task.await??);
    }
    drop(hogs);

    let mut report = Report::default();
    report.count("guilds", guild_count as u64);
    report.count("users", users as u64);
    report.count("in_flight", in_flight as u64);
    report.count("frame_bytes", arguments.bytes as u64);
    report.count("hogs", arguments.hogs as u64);
    report.number("seconds", arguments.seconds, "s");
    report.number("echoes_per_s", total.echoes as f64 / arguments.seconds, "/s");
    report.percentiles("echo", &total.latencies);
    report.count("sent", total.sent);
    report.count("received", total.received);
    report.count("lost", total.sent - total.received);
    report.count("duplicated", total.duplicated);
    report.count("out_of_order", total.out_of_order);
    report.count("errors", total.errors);
    report.percentiles("join", &joins);
    if let (Some(before), Some(after)) = (cpu_before, cpu_after) {
        let spent = (after - before).as_secs_f64();
        report.number("server_cpu", spent, "s");
        report.number("server_cpu_per_echo", spent * 1e6 / total.echoes.max(1) as f64, "µs");
    }
    if let Some(server) = server {
        server.report_memory(&mut report);
    }
    Ok(report)
}

async fn launch(arguments: &Arguments, rest: &Rest, blueprint: &str) -> anyhow::Result<Report> {
    // With a system socket alone, the report that says `ok` also waits for a user who never comes.
    let names = ["answer", "running", "first_report", "ok_report"];
    let mut histograms = names.map(|name| (name, user::latencies()));
    for _ in 0..arguments.guilds {
        let start = Instant::now();
        let guild = rest.launch(blueprint).await;
        let answered = start.elapsed();
        let running = async {
            while rest.guild(&guild).await["status"] != "running" {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            start.elapsed()
        };
        let reports = session::watch(rest.authority(), &guild, start);
        let (running, reports) = tokio::join!(running, reports);
        let (first_report, ok_report) = reports?;
        for ((_, histogram), time) in histograms.iter_mut().zip([answered, running, first_report, ok_report]) {
            histogram.saturating_record(micros(time));
        }
    }
    let mut report = Report::default();
    report.count("guilds", arguments.guilds as u64);
    for (name, histogram) in &histograms {
        report.percentiles(&format!("launch_to_{name}"), histogram);
    }
    Ok(report)
}

async fn weigh(arguments: &Arguments, rest: &Rest, blueprint: &str, server: Option<Server>) -> anyhow::Result<Report> {
    let server = server.ok_or_else(|| anyhow::anyhow!("the process of the host is needed: --pid"))?;
    let before = server.rss();
    let mut guilds = Vec::new();
    for number in 0..arguments.guilds {
        guilds.push((rest.launch(blueprint).await, number));
    }
    let launched = server.rss();
    let sessions = join_all(&rest.authority().into(), guilds).await?;
    let joined = server.rss();
    let mut chatted = Vec::new();
    for session in sessions {
        chatted.push(user::echo_once(session).await?);
    }
    let after = server.rss();

    let per_guild = |bytes: u64| bytes.saturating_sub(before) as f64 / 1024.0 / arguments.guilds as f64;
    let mut report = Report::default();
    report.count("guilds", arguments.guilds as u64);
    report.number("rss_before", before as f64 / 1024.0, "KiB");
    report.number("rss_launched", launched as f64 / 1024.0, "KiB");
    report.number("rss_joined", joined as f64 / 1024.0, "KiB");
    report.number("rss_after_an_echo", after as f64 / 1024.0, "KiB");
    report.number("per_guild_launched", per_guild(launched), "KiB");
    report.number("per_guild_joined", per_guild(joined), "KiB");
    report.number("per_guild_after_an_echo", per_guild(after), "KiB");
    server.report_memory(&mut report);
    Ok(report)
}

/// Joins users, a few at a time.
async fn join_all(
    authority: &Arc<str>,
    users: impl IntoIterator<Item = (String, usize)>,
) -> anyhow::Result<Vec<Session>> {
    let joins = users.into_iter().map(|(guild, user)| {
        let authority = authority.clone();
        async move { session::join(&authority, &guild, &format!("user{user}")).await }
    });
    stream::iter(joins).buffered(8).try_collect().await
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

//! The load generator: real sockets against a running host, from a process of
//! its own. Each message carries a number, so loss, duplication and order are
//! exact. It shares the machine with the host and therefore does little itself:
//! one thread, one task a user, no JSON tree on the hot path.

mod chat;
mod harm;
mod idle;
mod launch;
mod process;
mod report;
mod session;
mod swap;
mod trap;
mod user;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use guildhall_tests::Rest;

use harm::Harm;
use process::Server;
use report::Report;

/// Measures a running host. Give it one that runs nothing else: some modes read its
/// memory and its metrics.
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
    /// Agents of each guild, in `idle`.
    #[arg(long, default_value_t = 1)]
    agents: usize,
    /// Users, spread over the guilds.
    #[arg(long, default_value_t = 32)]
    users: usize,
    /// Messages of one user that may be without an answer.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// How long a user waits between messages, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// How long to measure, each round.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How long to chat before measuring.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// The length of a frame that a user sends.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    /// Bad neighbours in `harm`, each a guild of its own.
    #[arg(long, default_value_t = 4)]
    hogs: usize,
    /// What they do, one after the other: orders of the hostile guest (`loop`, `eat`,
    /// `trap`, `flood 10000`, …), of the one that reaches (`reach fill own 900 1000`, …),
    /// `upload` (components to compile), `bomb` (those that take long).
    #[arg(long, value_delimiter = ',', default_value = "loop")]
    harm: Vec<Harm>,
    /// Rounds, in `harm` a quiet one and a hostile one each.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Seconds after which the agents of `idle` and `wake` are unloaded; 0: never.
    #[arg(long, default_value_t = 1)]
    idle_unload_s: u64,
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
    /// Users chat with echo guilds, by turns alone and beside bad neighbours.
    Harm,
    /// Users chat with echo guilds whose agents get another component ten times a second.
    Swap,
    /// Launches guilds one after another.
    Launch,
    /// Launches guilds with one user each and weighs the server.
    Rss,
    /// Launches agents that nobody talks to and weighs the server.
    Idle,
    /// One message to each agent that was unloaded: how long its answer takes.
    Wake,
    /// One trap of each guild's agent: how long until the message is served, besides the pause.
    Trap,
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
    let weighed = || server.ok_or_else(|| anyhow::anyhow!("the process of the host is needed: --pid"));
    match arguments.mode {
        Mode::Echo => chat::echo(arguments, &rest, server, arguments.users, arguments.in_flight).await,
        Mode::Sequential => chat::echo(arguments, &rest, server, 1, 1).await,
        Mode::Harm => harm::alternate(arguments, &rest, weighed()?).await,
        Mode::Swap => swap::under_load(arguments, &rest, server).await,
        Mode::Launch => launch::one_by_one(arguments, &rest).await,
        Mode::Rss => launch::weigh(arguments, &rest, weighed()?).await,
        Mode::Idle => idle::weigh(arguments, &rest, weighed()?).await,
        Mode::Wake => idle::wake(arguments, &rest).await,
        Mode::Trap => trap::and_return(arguments, &rest).await,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

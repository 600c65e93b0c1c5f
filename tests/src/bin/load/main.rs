//! The load generator: it uses real sockets of a running server, from a process of its own. Each message has a number, so
//! that lost, repeated and reordered messages are counted exactly. It shares the machine with the server and therefore does
//! little work itself: one thread, one task for each user, no JSON tree on the hot path.

mod chat;
mod harm;
mod idle;
mod launch;
mod process;
mod report;
mod session;
mod sleep;
mod swap;
mod trap;
mod user;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use guildhall_tests::Rest;

use harm::Harm;
use process::Server;
use report::Report;

/// Measures a running server. The server should have no other work, because some modes read its memory and its metrics.
#[derive(Parser)]
struct Arguments {
    /// The URL of the server.
    #[arg(long, default_value = "http://127.0.0.1:8880")]
    url: String,
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    mode: Mode,
    /// The number of guilds to launch.
    #[arg(long, default_value_t = 1)]
    guilds: usize,
    /// The number of agents of each guild, in `idle`.
    #[arg(long, default_value_t = 1)]
    agents: usize,
    /// The number of users, spread over the guilds.
    #[arg(long, default_value_t = 32)]
    users: usize,
    /// The number of messages of one user that may wait for an answer.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// The pause of a user between messages, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// The duration of each measured round.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// The duration of the warm-up.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// The length of a user's frame.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    /// The number of hostile guilds in `harm`.
    #[arg(long, default_value_t = 4)]
    hogs: usize,
    /// The hostile guilds' orders, one after the other: those of the hostile guest (`loop`, `eat`, `trap`, `flood 10000`, …),
    /// those of the guest that uses capabilities (`reach fill own 900 1000`, …), `upload` (components to compile), `bomb`
    /// (components that take long to compile), `slip`, `rule` and `evaluate` (costly expressions in routing slips, in
    /// rules of a guild, and in the turns of an agent), or a flood of a hostile client: `slips`, `forms`, `pings`,
    /// `fragments`, `heads`, `silent`, `joins`, `histories`.
    #[arg(long, value_delimiter = ',', default_value = "loop")]
    harm: Vec<Harm>,
    /// The number of rounds. A round of `harm` has a quiet and a hostile part.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// The seconds after which the agents of `idle` and `wake` are unloaded; 0 means never.
    #[arg(long, default_value_t = 1)]
    idle_unload_s: u64,
    /// The process id of the server. The default is the process that listens on the port of the URL.
    #[arg(long)]
    pid: Option<u32>,
    /// The number of threads of the load generator.
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
    /// Users chat with echo guilds, in alternating quiet and hostile rounds.
    Harm,
    /// Users chat with echo guilds while their agents get another component ten times a second.
    Swap,
    /// Launches guilds one after another.
    Launch,
    /// Launches guilds with one user each and measures the server's memory.
    Rss,
    /// Launches idle agents and measures the server's memory.
    Idle,
    /// Sends a message to each unloaded agent and measures the time until its answer.
    Wake,
    /// Launches guilds until so many sleep, measures the server's memory, and wakes as many as there are users.
    Sleep,
    /// Traps each guild's agent once and measures the time until its message is handled, without the pause.
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
        Mode::Sleep => sleep::and_wake(arguments, &rest, weighed()?).await,
        Mode::Trap => trap::and_return(arguments, &rest).await,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

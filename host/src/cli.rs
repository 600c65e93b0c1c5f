//! The command line: `guildhall serve` runs a host, `guildhall guild chat` talks to a guild of a running host, `guildhall
//! component` tries a component without a host, `guildhall blueprint` checks files, `guildhall db` copies and checks data.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::journal::{Durability, RedisSettings};
use crate::server::Server;
use crate::{blueprint, chat, component, db};
use guildhall_model::dialect::Dialect;
use guildhall_sandbox::CompileBudget;
use guildhall_sandbox::allocator;

/// Hosts agents that are compiled to WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "guildhall", version, after_help = VARIABLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What `--help` says of the variables that no option has.
const VARIABLES: &str = "Variables:
  GUILDHALL_LOG         what is logged: error, warn, info (default), debug, or guildhall=debug
  GUILDHALL_LOG_FORMAT  text (default) or json, one object a line
  GUILDHALL_SET         settings of `serve`, as in --set, with `;` between them";

/// The variable with settings.
const SET_VARIABLE: &str = "GUILDHALL_SET";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host.
    Serve(Serve),
    /// Work with a guild of a running host.
    #[command(subcommand)]
    Guild(Guild),
    /// Work with blueprints and guild specs on disk, in JSON or YAML.
    #[command(subcommand)]
    Blueprint(blueprint::Command),
    /// Inspect and try a component's file, or exchange it with a registry.
    #[command(subcommand)]
    Component(component::Command),
    /// Back up, restore, check and prune the data of a host.
    #[command(subcommand)]
    Db(db::Command),
    /// Compile a component from standard input to standard output; the host starts this.
    #[command(hide = true)]
    Compile(CompileBudget),
}

#[derive(Debug, Args)]
struct Serve {
    /// The address to listen on: an address with a port, `localhost:PORT`, or a port of this machine alone.
    #[arg(long, env = "GUILDHALL_LISTEN", default_value = "127.0.0.1:8880", value_parser = listen_address)]
    listen: SocketAddr,
    /// The directory of all data that lasts.
    #[arg(long, env = "GUILDHALL_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
    /// The database of the catalog and the guilds, `sqlite://path` or `postgres://user:password@host/name`
    /// [default: DATA_DIR/guildhall.db].
    #[arg(long, env = "GUILDHALL_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The Redis server or cluster of the journal, `redis://user:password@host:port/database`, `rediss://…` over TLS;
    /// several addresses of a cluster with commas between them [default: DATA_DIR/journal.db].
    #[arg(long, env = "GUILDHALL_REDIS_URL", hide_env_values = true, value_parser = redis_url)]
    redis_url: Option<String>,
    /// The storage of the guilds' files, `s3://bucket` [default: DATA_DIR/files].
    #[arg(long, env = "GUILDHALL_FILES_URL")]
    files_url: Option<String>,
    /// Register the built-in agents and launch a guild that echoes.
    #[arg(long)]
    demo: bool,
    /// Listen on other addresses than loopback, although clients are not authenticated.
    #[arg(long, env = "GUILDHALL_INSECURE", value_parser = BoolishValueParser::new())]
    insecure: bool,
    /// What a message in the log survives: a crash of the process (process), a crash of the machine (disk), or no crash
    /// for sure (none).
    #[arg(long, env = "GUILDHALL_DURABILITY", default_value = "process")]
    durability: Durability,
    /// The dialect of sockets that do not ask for one: guide, rustic or ui.
    #[arg(long, env = "GUILDHALL_DIALECT", default_value = "guide")]
    dialect: Dialect,
    /// The directory of compiled components [default: DATA_DIR/cache].
    #[arg(long, env = "GUILDHALL_COMPONENT_CACHE")]
    component_cache: Option<PathBuf>,
    /// Change a setting by the name that errors use; may be repeated. A wrong name lists all settings. The variable has
    /// several with `;` between them; the command line is stronger, name by name.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Guild {
    /// Chat with a guild: each line of the input is a message.
    Chat(chat::Chat),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command = match Cli::parse().command {
        Command::Compile(budget) => return guildhall_sandbox::compile(budget),
        command => command,
    };
    if let Err(wrong) = begin_log() {
        let _ = writeln!(std::io::stderr(), "guildhall: {wrong}");
        return ExitCode::from(2);
    }
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the threads of the host cannot be started");
            return ExitCode::FAILURE;
        }
    };
    runtime.spawn(allocator::give_back());
    let done = runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run().await.map(|()| ExitCode::SUCCESS),
            Command::Guild(Guild::Chat(chat)) => chat.run().await.map(|()| ExitCode::SUCCESS),
            Command::Component(command) => Ok(command.run().await),
            Command::Db(command) => command.run().await,
            Command::Blueprint(command) => tokio::task::block_in_place(|| command.run()).map(|()| ExitCode::SUCCESS),
            Command::Compile(_) => unreachable!("compiled above, without a runtime"),
        }
    });
    // A turn that cannot be stopped must not keep the process running.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "guildhall: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Begins to write the log to standard error, as the variables say.
///
/// # Errors
/// A sentence about the first variable that cannot be read.
fn begin_log() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let wanted = variable("GUILDHALL_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| format!("GUILDHALL_LOG is `{wanted}`: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match variable("GUILDHALL_LOG_FORMAT").as_deref() {
        None | Some("text") => log.with_ansi(std::io::stderr().is_terminal()).init(),
        Some("json") => log.json().init(),
        Some(other) => return Err(format!("GUILDHALL_LOG_FORMAT is text or json, not `{other}`")),
    }
    Ok(())
}

/// Reads the address of `--listen`. Without a host it is 127.0.0.1.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    let local = || port.parse().ok().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
    let wrong = || "write an address with a port (127.0.0.1:8880, [::1]:8880), localhost:8880, or a port (8880)";
    text.parse().ok().or_else(local).ok_or_else(|| wrong().to_owned())
}

/// Reads the URL of `--redis-url`.
fn redis_url(text: &str) -> Result<String, String> {
    let settings = RedisSettings { url: text.to_owned(), ..RedisSettings::default() };
    settings.check().map(|()| text.to_owned()).map_err(|error| error.to_string())
}

impl Serve {
    async fn run(self) -> anyhow::Result<()> {
        let mut config = Config {
            listen: self.listen,
            data_dir: self.data_dir,
            database_url: self.database_url,
            redis: RedisSettings { url: self.redis_url.unwrap_or_default(), ..RedisSettings::default() },
            files_url: self.files_url,
            component_cache: self.component_cache,
            insecure: self.insecure,
            durability: self.durability,
            dialect: self.dialect,
            ..Config::default()
        };
        let of_variable = std::env::var(SET_VARIABLE).unwrap_or_default();
        let of_variable = of_variable.split(';').map(str::trim).filter(|setting| !setting.is_empty());
        for setting in of_variable.chain(self.settings.iter().map(String::as_str)) {
            config.set(setting).map_err(anyhow::Error::msg)?;
        }
        let mut stopped = StopSignal::new()?;
        let server = tokio::select! {
            server = Server::start(config) => server?,
            () = stopped.recv() => {
                tracing::info!("stopped while it started");
                return Ok(());
            }
        };
        let demo = if self.demo { Some(server.demo().await?) } else { None };
        print(&welcome(server.addr, demo.as_ref().map(guildhall_model::ids::GuildId::as_str)));
        let failure = tokio::select! {
            () = stopped.recv() => None,
            failure = server.failed() => Some(failure),
        };
        match &failure {
            None => tracing::info!("shutting down; a second signal ends the process at once"),
            Some(failure) => tracing::error!(failure, "the host cannot go on and shuts down"),
        }
        tokio::select! {
            done = server.stop() => done?,
            () = stopped.recv() => anyhow::bail!("ended by a second signal"),
        }
        match failure {
            None => Ok(()),
            Some(failure) => anyhow::bail!("the host could not go on: {failure}"),
        }
    }
}

fn welcome(addr: SocketAddr, demo: Option<&str>) -> String {
    let mut text =
        format!("listening on http://{addr}\nthe console:   http://{addr}/\nthe API:       http://{addr}/docs\n");
    if let Some(guild) = demo {
        text += &format!(
            "guild: {guild}\n\
             system socket: ws://{addr}/ws/guilds/{guild}/syscomms/demo_user\n\
             user socket:   ws://{addr}/ws/guilds/{guild}/usercomms/demo_user/Demo%20User\n\
             chat with it:  guildhall guild chat {guild} --url http://{addr}\n"
        );
    }
    text
}

fn print(text: &str) {
    let mut out = std::io::stdout();
    // The host serves even when its output is closed.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Catches SIGTERM and SIGINT from its creation on.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal. Cancel safe.
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_may_be_a_port() {
        for (text, wanted) in [
            ("127.0.0.1:8880", "127.0.0.1:8880"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:8880", "127.0.0.1:8880"),
            (":8880", "127.0.0.1:8880"),
            ("8880", "127.0.0.1:8880"),
        ] {
            assert_eq!(listen_address(text), Ok(wanted.parse().unwrap()), "{text}");
        }
        for text in ["", "localhost", "host.example:80", "127.0.0.1", "99999", "::1"] {
            assert!(listen_address(text).unwrap_err().contains("localhost:8880"), "{text}");
        }
    }
}

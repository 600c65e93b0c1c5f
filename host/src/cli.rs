//! The command line. `guildhall serve` runs a host; `guild`, `blueprint` and `component` work with a running host or with
//! files; `db` copies and checks data.

mod configuration;
mod guild;
mod log;
mod manual;
mod notify;
mod options;
mod serve;

pub use options::assignment;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::client::HostError;
use crate::config::Settings;
use crate::terminal::{self, Misuse, bad};
use crate::yaml::YamlError;
use crate::{blueprint, component, db};
use guildhall_sandbox::CompileBudget;
use guildhall_sandbox::allocator;

/// Hosts agents that are compiled to WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "guildhall", version, after_help = VARIABLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What `--help` says of exit codes, and of the variables that no option has.
const VARIABLES: &str = "Exit codes: 0 done, 1 failed, 2 used in a wrong way.

Variables:
  GUILDHALL_URL         the host that commands talk to (default http://127.0.0.1:8880)
  GUILDHALL_TOKEN       what they send as `Authorization: Bearer`
  GUILDHALL_PROFILE     a host of guildhall/profiles.toml in the configuration directory
  GUILDHALL_LOG         what is logged: error, warn, info (default), debug, or guildhall=debug
  GUILDHALL_LOG_FORMAT  text (default) or json, one object a line
  GUILDHALL_SET         settings of `serve`, as in --set, with `;` between them
  NO_COLOR              no colours, if it is not empty";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Serve),
    /// Work with the guilds of a running host
    #[command(subcommand)]
    Guild(guild::Command),
    /// Work with blueprints: those of a running host, and files in JSON or YAML
    #[command(subcommand)]
    Blueprint(blueprint::Command),
    /// Work with components: those of a running host, files, and registries
    #[command(subcommand)]
    Component(component::Command),
    /// Back up, restore, check and prune the data of a host
    Db(db::Db),
    /// Show and check the configuration of a host
    #[command(subcommand)]
    Config(configuration::Command),
    /// Write the completions of a shell to standard output
    #[command(
        after_help = "Example:\n  guildhall completion bash > ~/.local/share/bash-completion/completions/guildhall"
    )]
    Completion(manual::Completion),
    /// Write the manual pages
    #[command(after_help = "Example:\n  guildhall man ~/.local/share/man/man1")]
    Man(manual::Man),
    /// Compile a component from standard input to standard output; the host starts this
    #[command(hide = true)]
    Compile(CompileBudget),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let command = match Cli::from_arg_matches(&matches) {
        Ok(Cli { command: Command::Compile(budget) }) => return guildhall_sandbox::compile(budget),
        Ok(cli) => cli.command,
        Err(error) => error.exit(),
    };
    terminal::choose_colours();
    let settings = match &command {
        Command::Serve(serve) => serve.settings(),
        _ => Settings::of_log().map_err(|wrong| Misuse(wrong).into()),
    };
    let begun = settings.and_then(|settings| {
        log::begin(&settings.config.log).map_err(Misuse)?;
        Ok(settings)
    });
    let settings = match begun {
        Ok(settings) => settings,
        Err(error) => return failed(&error, wants_json(&matches)),
    };
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the threads of the host cannot be started");
            return ExitCode::FAILURE;
        }
    };
    runtime.spawn(allocator::give_back());
    let done = runtime.block_on(run(command, settings));
    // A turn that cannot be stopped must not keep the process running.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done.unwrap_or_else(|error| failed(&error, wants_json(&matches)))
}

async fn run(command: Command, settings: Settings) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve.run(settings).await?,
        Command::Guild(command) => command.run().await?,
        Command::Blueprint(command) => return command.run().await,
        Command::Component(command) => return command.run().await,
        Command::Db(command) => return command.run().await,
        Command::Config(command) => return command.run(),
        Command::Completion(completion) => completion.run(Cli::command())?,
        Command::Man(man) => man.run(Cli::command())?,
        Command::Compile(_) => unreachable!("compiled above, without a runtime"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the command that was chosen has `--json`, and it is given.
fn wants_json(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => wants_json(inner),
        None => matches.try_get_one::<bool>("json").ok().flatten().copied().unwrap_or_default(),
    }
}

/// Writes why a command failed, and returns its exit code.
fn failed(error: &anyhow::Error, as_json: bool) -> ExitCode {
    let is_unreadable =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref().is_some_and(YamlError::is_unreadable);
    let is_misuse = error.chain().any(|cause| cause.is::<Misuse>() || is_unreadable(cause));
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        // Whoever read the output has enough of it.
        return ExitCode::SUCCESS;
    }
    let text =
        if as_json { as_object(error, is_misuse).to_string() } else { format!("{} {error:#}", bad("guildhall:")) };
    let _ = writeln!(std::io::stderr(), "{text}");
    if is_misuse { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// The body of the host's error, or an object of the same form.
fn as_object(error: &anyhow::Error, is_misuse: bool) -> Value {
    let of_host = error.downcast_ref::<HostError>().map(|error| error.body.clone()).filter(Value::is_object);
    let code = if is_misuse { "misuse" } else { "failed" };
    of_host.unwrap_or_else(|| json!({"detail": format!("{error:#}"), "code": code}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_and_every_option_a_text() {
        fn look(path: &str, command: &clap::Command, lacking: &mut Vec<String>) {
            let path = format!("{path} {}", command.get_name());
            if command.is_hide_set() || command.get_name() == "help" {
                return;
            }
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if !command.has_subcommands() && !example.contains("Example") {
                lacking.push(format!("{path}: an example"));
            }
            for argument in command.get_arguments().filter(|one| !["help", "version"].contains(&one.get_id().as_str()))
            {
                if argument.get_help().is_none() {
                    lacking.push(format!("{path} {}: a text", argument.get_id()));
                }
            }
            command.get_subcommands().for_each(|inner| look(&path, inner, lacking));
        }
        let mut lacking = Vec::new();
        look("", &Cli::command(), &mut lacking);
        assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    }

    #[test]
    fn an_error_of_the_host_is_written_as_the_host_wrote_it() {
        let body = br#"{"detail":"Guild not found","code":"guild_not_found","trace_id":"a"}"#;
        let error = HostError::new(404, body, String::new()).into();
        assert_eq!(as_object(&error, false)["code"], "guild_not_found");
        assert_eq!(as_object(&anyhow::anyhow!("no"), true), json!({"detail": "no", "code": "misuse"}));
    }
}

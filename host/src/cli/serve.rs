//! `guildhall serve`: starts a host, reads its configuration again on SIGHUP, and stops it in order.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::log;
use super::notify::Systemd;
use super::options::Options;
use crate::config::{Change, Reload, Settings};
use crate::connections::Address;
use crate::server::Server;
use crate::terminal::misuse;

/// Signals to stop that come within this time are one.
const ONE_STOP: Duration = Duration::from_millis(500);

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  guildhall serve --demo
  guildhall serve --config /etc/guildhall.toml --listen 127.0.0.1:8880 --listen unix:/run/guildhall/api.sock
  guildhall serve --set limits.frame_bytes=1000000 --set log.access=true

Every setting may be in the file, in a variable (GUILDHALL__LIMITS__FRAME_BYTES), or in --set. SIGHUP reads them again.";

/// The options of a host.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    options: Options,
    /// Register the built-in agents and launch a guild that echoes
    #[arg(long, env = "GUILDHALL_DEMO", value_parser = BoolishValueParser::new())]
    demo: bool,
}

impl Serve {
    /// Returns the settings of the host.
    ///
    /// # Errors
    /// A line for each mistake.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        Settings::read(&self.options.given()).map_err(misuse)
    }

    /// Runs a host until a signal ends it.
    ///
    /// Dropping the future leaves what is not written.
    ///
    /// # Errors
    /// The host cannot start, or cannot go on.
    pub async fn run(self, settings: Settings) -> anyhow::Result<()> {
        let mut signals = Signals::new()?;
        let mut server = tokio::select! {
            server = Server::start(settings.config.clone(), self.demo) => server?,
            () = signals.stop() => {
                tracing::info!("stopped while it started");
                return Ok(());
            }
        };
        print(&welcome(&server.addresses, server.demo.as_ref().map(guildhall_model::ids::GuildId::as_str)));
        let mut systemd = Systemd::ready();
        let failure = self.serve(&mut server, settings, &mut signals, &mut systemd).await;
        match &failure {
            None => tracing::info!("shutting down; a second signal ends the process at once"),
            Some(failure) => tracing::error!(failure, "the host cannot go on and shuts down"),
        }
        systemd.stopping();
        tokio::select! {
            done = server.stop() => done?,
            () = signals.stop_again() => anyhow::bail!("ended by a second signal"),
        }
        match failure {
            None => Ok(()),
            Some(failure) => anyhow::bail!("the host could not go on: {failure}"),
        }
    }

    /// Serves until a signal or a failure ends it. Returns the failure.
    async fn serve(
        &self,
        server: &mut Server,
        mut settings: Settings,
        signals: &mut Signals,
        systemd: &mut Systemd,
    ) -> Option<String> {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return None,
                _ = signals.interrupt.recv() => return None,
                failure = server.failed() => return Some(failure),
                () = systemd.feed(server) => {}
                _ = signals.hang_up.recv() => {
                    if signals.has_lost_terminal() {
                        return None;
                    }
                    systemd.reloading();
                    match self.settings() {
                        Ok(read) => settings = reload(server, &settings, read),
                        Err(wrong) => tracing::error!("the configuration is not read again, nothing has changed: {wrong:#}"),
                    }
                    systemd.reloaded();
                }
            }
        }
    }
}

/// Applies what can change while the host runs, and tells of each change whether it did. Returns the settings with which
/// the next reload is compared: a change that needs a restart is told again until the restart.
fn reload(server: &mut Server, before: &Settings, read: Settings) -> Settings {
    let changes = read.changes_since(before);
    if changes.is_empty() {
        tracing::info!("the configuration was read again; nothing has changed");
    }
    for Change { name, value, reload } in &changes {
        match reload {
            Reload::Now => tracing::info!(setting = name, value, "a setting has changed"),
            Reload::Restart => tracing::warn!(setting = name, value, "a setting has changed and needs a restart"),
        }
    }
    let settings = read.with_restarts_of(before);
    if let Err(wrong) = log::set_levels(&settings.config.log.level) {
        tracing::error!("{wrong}");
    }
    server.reload(&settings.config);
    settings
}

fn welcome(addresses: &[Address], demo: Option<&str>) -> String {
    let mut text: String = addresses
        .iter()
        .map(|address| match address {
            Address::Tcp(address) => format!("listening on http://{address}\n"),
            Address::Unix(_) => format!("listening on {address}\n"),
        })
        .collect();
    let web = addresses.iter().find_map(|address| match address {
        Address::Tcp(address) => Some(address),
        Address::Unix(_) => None,
    });
    if let Some(address) = web {
        text += &format!("the console:   http://{address}/\nthe API:       http://{address}/docs\n");
    }
    let Some(guild) = demo else { return text };
    let url = match (web, addresses.first()) {
        (Some(address), _) => format!("http://{address}"),
        (None, Some(address)) => address.to_string(),
        (None, None) => String::new(),
    };
    text += &format!("guild: {guild}\n");
    if let Some(address) = web {
        text += &format!(
            "system socket: ws://{address}/ws/guilds/{guild}/syscomms/demo_user\n\
             user socket:   ws://{address}/ws/guilds/{guild}/usercomms/demo_user/Demo%20User\n"
        );
    }
    text + &format!("chat with it:  guildhall guild chat {guild} --url {url}\n")
}

fn print(text: &str) {
    let mut out = std::io::stdout();
    // The host serves even when its output is closed.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Catches the signals of a host from its creation on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Whether the host was started in a terminal.
    had_terminal: bool,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            had_terminal: std::io::stdin().is_terminal(),
        })
    }

    /// Whether the terminal was closed: it sends the signal of a reload, and the host in it ends.
    fn has_lost_terminal(&self) -> bool {
        self.had_terminal && !std::io::stdin().is_terminal()
    }

    /// Waits for the next SIGTERM or SIGINT. Cancel safe.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for a signal after the first one. Some programs send the first one twice. Cancel safe.
    async fn stop_again(&mut self) {
        let first = Instant::now();
        loop {
            self.stop().await;
            if first.elapsed() > ONE_STOP {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_how_to_reach_it() {
        let addresses = ["unix:/g.sock", "127.0.0.1:1"].map(|text| text.parse().unwrap());
        let text = welcome(&addresses, Some("demo"));
        assert!(text.starts_with("listening on unix:/g.sock\nlistening on http://127.0.0.1:1\nthe console:"), "{text}");
        assert!(text.ends_with("guild chat demo --url http://127.0.0.1:1\n"), "{text}");
        let text = welcome(&addresses[..1], Some("demo"));
        assert!(!text.contains("http") && text.ends_with("--url unix:/g.sock\n"), "{text}");
    }
}

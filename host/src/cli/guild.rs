//! `guildhall guild`: lists, launches, stops, removes and watches the guilds of a running host.

mod dead_letters;
mod events;
mod launch;
mod logs;
mod ready;

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::chat;
use crate::client::{self, Client, Remote, encode};
use crate::terminal::{Progress, Table, bold, confirm, dim, note, one_line, print, print_json, status, width};
use guildhall_model::status::GuildStatus;

/// Work with the guilds of a running host.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the guilds of a host
    #[command(visible_alias = "list", after_help = "Example:\n  guildhall guild ls --status running")]
    Ls(List),
    /// Launch a guild from a blueprint, or from a spec on disk, and wait until it is ready
    #[command(after_help = launch::EXAMPLES)]
    Launch(launch::Launch),
    /// Show a guild with its agents, and why it is not well
    #[command(after_help = "Example:\n  guildhall guild show demo")]
    Show(One),
    /// Stop a guild: it keeps its messages, states, files and users, and loses the inboxes of its agents
    #[command(after_help = "Example:\n  guildhall guild stop demo")]
    Stop(Waited),
    /// Start a guild that was stopped, or the agents of a guild that gave up
    #[command(after_help = "Example:\n  guildhall guild start demo")]
    Start(Waited),
    /// Remove guilds that were stopped, with everything that they have
    #[command(visible_alias = "delete", after_help = "Example:\n  guildhall guild rm demo --stop --yes")]
    Rm(Remove),
    /// Chat with a guild: each line of the input is a message
    #[command(after_help = chat::EXAMPLES)]
    Chat(chat::Chat),
    /// Show what the agents of a guild print, and what the host logs about them
    #[command(after_help = "Examples:\n  guildhall guild logs demo\n  guildhall guild logs demo EchoAgent --follow")]
    Logs(logs::Logs),
    /// Show the events of a guild as they happen
    #[command(after_help = "Example:\n  guildhall guild events demo --json")]
    Events(events::Events),
    /// Messages that were given up: list, show, replay, discard
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
}

/// The options of `ls`.
#[derive(Debug, Args)]
pub struct List {
    /// Only guilds of this status
    #[arg(long, value_parser = PossibleValuesParser::new(GuildStatus::ALL.map(GuildStatus::name)))]
    status: Option<String>,
    /// Only guilds of this organisation
    #[arg(long)]
    org: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// A guild that is named.
#[derive(Debug, Args)]
pub struct One {
    /// The guild's id or name
    guild: String,
    #[command(flatten)]
    remote: Remote,
}

/// A guild whose change is waited for.
#[derive(Debug, Args)]
pub struct Waited {
    /// The guild's id or name
    guild: String,
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `rm`.
#[derive(Debug, Args)]
pub struct Remove {
    /// The guilds' ids or names
    #[arg(required = true)]
    guilds: Vec<String>,
    /// Stop a guild that runs first; without it the host refuses to remove one
    #[arg(long)]
    stop: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    remote: Remote,
}

/// How often a guild is asked whether it has stopped.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long a stop is waited for.
const STOPPED_WITHIN: Duration = Duration::from_secs(120);

impl Command {
    /// Runs the command. Dropping the future ends it; what the host has begun goes on.
    ///
    /// # Errors
    /// What the host answers, or why it cannot be reached.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Ls(list) => list.run().await,
            Self::Launch(launch) => launch.run().await,
            Self::Show(one) => one.show().await,
            Self::Stop(one) => one.stop().await,
            Self::Start(one) => one.start().await,
            Self::Rm(remove) => remove.run().await,
            Self::Chat(chat) => chat.run().await,
            Self::Logs(logs) => logs.run().await,
            Self::Events(events) => events.run().await,
            Self::DeadLetters(command) => command.run().await,
        }
    }
}

/// A member that is a text, as one line.
fn text(value: &Value, member: &str) -> String {
    one_line(value[member].as_str().unwrap_or("–"))
}

impl List {
    async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let mut guilds = client.list("/api/guilds").await?;
        let is_wanted = |wanted: &Option<String>, value: &Value| wanted.as_deref().is_none_or(|wanted| value == wanted);
        guilds.retain(|guild| {
            is_wanted(&self.status, &guild["status"]) && is_wanted(&self.org, &guild["organization_id"])
        });
        if self.remote.json {
            return Ok(print_json(&guilds)?);
        }
        let mut table = Table::new(["ID", "NAME", "STATUS", "ORGANISATION", "CREATED (UTC)"]);
        for guild in &guilds {
            let created = text(guild, "created_at");
            table.row([
                text(guild, "id"),
                text(guild, "name"),
                status(guild["status"].as_str().unwrap_or_default()),
                text(guild, "organization_id"),
                created.split('.').next().unwrap_or_default().replace('T', " "),
            ]);
        }
        if guilds.is_empty() {
            let is_filtered = self.status.is_some() || self.org.is_some();
            let launch = "no guilds; `guildhall guild launch` launches one";
            note(if is_filtered { "no guild is of this status and this organisation" } else { launch });
            return Ok(());
        }
        Ok(print(table.fit(width()))?)
    }
}

impl One {
    async fn show(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        if self.remote.json {
            return Ok(print_json(&guild.value)?);
        }
        let shown = &guild.value;
        print(format!("{}  {}", bold(&one_line(&guild.name)), status(shown["status"].as_str().unwrap_or_default())))?;
        print(text(shown, "description"))?;
        print(dim(&format!("id {}", one_line(&guild.id))))?;
        let mut table = Table::new(["AGENT", "ID", "CLASS", "COMPONENT"]);
        for agent in client::agents(shown) {
            let entry = shown["agents"].as_array().into_iter().flatten().find(|entry| entry["id"] == agent.id.as_str());
            let component = entry.map_or_else(|| "–".to_owned(), |entry| text(entry, "component"));
            table.row([one_line(&agent.name), one_line(&agent.id), one_line(&agent.class), component]);
        }
        print(format!("\n{}", table.fit(width())))?;
        if matches!(shown["status"].as_str(), Some("error" | "warning" | "backlogged" | "unknown")) {
            let report = client::report(&client, &guild.id, ready::OPERATOR).await?;
            print("")?;
            for defect in report.defects() {
                print(defect)?;
            }
        }
        Ok(())
    }
}

impl Waited {
    async fn stop(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let answer = client.post(&format!("/api/guilds/{}/stop", encode(&guild.id)), &json!({})).await?;
        if !self.no_wait {
            wait_until_stopped(&client, &guild.id).await?;
        }
        if self.remote.json {
            return Ok(print_json(&answer)?);
        }
        let was = if answer["is_stopping"] == true { "" } else { " already" };
        let what = if self.no_wait && was.is_empty() { "is being stopped" } else { "is stopped" };
        Ok(print(format!("{} {what}{was}", one_line(&guild.name)))?)
    }

    async fn start(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let answer = client.post(&format!("/api/guilds/{}/start", encode(&guild.id)), &json!({})).await?;
        if self.remote.json {
            print_json(&answer)?;
        }
        if !self.no_wait {
            return ready::wait(&client, &guild.id, &guild.name, self.remote.json).await;
        }
        if !self.remote.json {
            print(format!("{} is being started", one_line(&guild.name)))?;
        }
        Ok(())
    }
}

async fn wait_until_stopped(client: &Client, guild: &str) -> anyhow::Result<()> {
    let _progress = Progress::spinner("waiting until the guild has stopped");
    let stopped = async {
        loop {
            let shown = client.get(&format!("/api/guilds/{}", encode(guild))).await?;
            if shown["status"] == "stopped" {
                return Ok(());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let waited = tokio::time::timeout(STOPPED_WITHIN, stopped).await;
    waited.unwrap_or_else(|_| anyhow::bail!("the guild has not stopped within {} s", STOPPED_WITHIN.as_secs()))
}

impl Remove {
    async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        for wanted in &self.guilds {
            let guild = client::guild(&client, wanted).await?;
            let question = format!(
                "Remove the guild {} ({}) with its messages, states and files?",
                one_line(&guild.name),
                one_line(&guild.id)
            );
            let runs = guild.value["status"] != "stopped";
            if runs && !self.stop {
                anyhow::bail!("the guild {} was not stopped; add --stop", one_line(&guild.name));
            }
            confirm(&question, self.yes)?;
            if runs {
                client.post(&format!("/api/guilds/{}/stop", encode(&guild.id)), &json!({})).await?;
                wait_until_stopped(&client, &guild.id).await?;
            }
            client.delete(&format!("/api/guilds/{}", encode(&guild.id))).await?;
            if self.remote.json {
                print(json!({"id": guild.id, "removed": true}))?;
            } else {
                print(format!("{} is removed", one_line(&guild.name)))?;
            }
        }
        Ok(())
    }
}

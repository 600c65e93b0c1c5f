//! `guildhall guild logs`: the lines of one agent, or of all agents of a guild in the order of their times.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{self, AgentOf, Client, Remote, encode};
use crate::terminal::{bad, dim, one_line, print, print_json_line};

/// The levels of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The options of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// The guild's id or name
    guild: String,
    /// The agent's id or name [default: all agents]
    agent: Option<String>,
    /// Go on with what is printed from now on
    #[arg(long, short)]
    follow: bool,
    /// The least important lines that are shown
    #[arg(long, value_enum, default_value = "debug")]
    level: Level,
    /// How many of the last lines of each agent are shown, at most 500
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=500))]
    limit: u64,
    #[command(flatten)]
    remote: Remote,
}

impl Logs {
    /// Runs the command. Dropping the future ends it.
    ///
    /// # Errors
    /// What the host answers, or a connection that breaks.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let agents = match &self.agent {
            Some(agent) => vec![client::agent(&guild.value, agent)?],
            None => client::agents(&guild.value),
        };
        let is_alone = agents.len() == 1;
        if !self.follow {
            for (agent, line) in self.last(&client, &guild.id, &agents).await? {
                self.show(&agent, &line, is_alone)?;
            }
            return Ok(());
        }
        let mut following = JoinSet::new();
        let (sender, mut lines) = tokio::sync::mpsc::channel(64);
        for agent in agents {
            let (client, path, sender) = (client.clone(), self.path(&guild.id, &agent, "&follow=1"), sender.clone());
            following.spawn(async move {
                let mut stream = client.stream(&path).await?;
                while let Some(line) = stream.next().await? {
                    if sender.send((agent.clone(), line)).await.is_err() {
                        break;
                    }
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        drop(sender);
        while let Some((agent, line)) = lines.recv().await {
            self.show(&agent, &line, is_alone)?;
        }
        while let Some(done) = following.join_next().await {
            done??;
        }
        Ok(())
    }

    fn path(&self, guild: &str, agent: &AgentOf, more: &str) -> String {
        let (level, limit) = (self.level.name(), self.limit);
        format!("/api/guilds/{}/agents/{}/logs?level={level}&limit={limit}{more}", encode(guild), encode(&agent.id))
    }

    /// The last lines of some agents, in the order of their times.
    async fn last(&self, client: &Client, guild: &str, agents: &[AgentOf]) -> anyhow::Result<Vec<(AgentOf, Value)>> {
        let mut all = Vec::new();
        for agent in agents {
            let answer = client.get(&self.path(guild, agent, "")).await?;
            let lines = answer["lines"].as_array().cloned().unwrap_or_default();
            all.extend(lines.into_iter().map(|line| (agent.clone(), line)));
        }
        all.sort_by(|(_, one), (_, other)| one["at"].as_str().cmp(&other["at"].as_str()));
        Ok(all)
    }

    fn show(&self, agent: &AgentOf, line: &Value, is_alone: bool) -> anyhow::Result<()> {
        if self.remote.json {
            let mut line = line.clone();
            line["agent"] = json!({"id": agent.id, "name": agent.name});
            return Ok(print_json_line(&line)?);
        }
        Ok(print(shown(agent, line, is_alone))?)
    }
}

/// A line for people.
fn shown(agent: &AgentOf, line: &Value, is_alone: bool) -> String {
    let who = if is_alone { String::new() } else { format!("{} ", one_line(&agent.name)) };
    if let Some(dropped) = line["dropped"].as_u64() {
        return format!("{who}{}", dim(&format!("({dropped} lines are missing: they came too fast)")));
    }
    let member = |name: &str| one_line(line[name].as_str().unwrap_or_default());
    let level = member("level");
    let level = if level == "error" { bad(&level) } else { level };
    let source = if line["source"] == "host" { "(host) " } else { "" };
    format!("{} {who}{level} {source}{}", dim(&member("at")), member("text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_agent_unless_there_is_one() {
        let agent = AgentOf { id: "a".to_owned(), name: "Echo".to_owned(), class: "c".to_owned() };
        let line = json!({"at": "2026-01-01T00:00:00.000Z", "level": "warn", "source": "host", "text": "slow\u{1b}"});
        let plain = |text: String| console::strip_ansi_codes(&text).into_owned();
        assert_eq!(plain(shown(&agent, &line, true)), "2026-01-01T00:00:00.000Z warn (host) slow\u{fffd}");
        assert_eq!(plain(shown(&agent, &line, false)), "2026-01-01T00:00:00.000Z Echo warn (host) slow\u{fffd}");
        assert!(shown(&agent, &json!({"dropped": 3}), true).contains("3 lines"));
    }
}

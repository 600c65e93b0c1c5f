//! `guildhall guild dead-letters`: messages that were given up are listed, shown, replayed and discarded.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::{self, Client, Remote, encode};
use crate::terminal::{Table, confirm, misuse, note, one_line, plain, print, print_json, print_json_line, width};

/// The letters of one page; the host allows 200.
const PAGE: usize = 200;

/// The messages of a guild that were given up.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the dead letters of a guild, oldest first
    #[command(visible_alias = "ls", after_help = "Example:\n  guildhall guild dead-letters list demo")]
    List(List),
    /// Show a dead letter with its fault and its message
    #[command(after_help = "Example:\n  guildhall guild dead-letters show demo 123456789")]
    Show(Show),
    /// Send messages to the same agent again
    #[command(after_help = "Example:\n  guildhall guild dead-letters replay demo --all")]
    Replay(Chosen),
    /// Discard messages
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  guildhall guild dead-letters discard demo 123456789 --yes"
    )]
    Discard(Discard),
}

/// The options of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// The guild's id or name
    guild: String,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The guild's id or name
    guild: String,
    /// The id of the letter
    letter: u64,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `replay`.
#[derive(Debug, Args)]
pub struct Chosen {
    /// The guild's id or name
    guild: String,
    /// The ids of the letters
    #[arg(required_unless_present = "all")]
    letters: Vec<u64>,
    /// All letters that the guild has now
    #[arg(long, conflicts_with = "letters")]
    all: bool,
    #[command(flatten)]
    remote: Remote,
}

/// The options of `discard`.
#[derive(Debug, Args)]
pub struct Discard {
    #[command(flatten)]
    some: Chosen,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Command {
    /// Runs the command. Dropping the future may leave some letters replayed or discarded.
    ///
    /// # Errors
    /// What the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Replay(some) => some.replay().await,
            Self::Discard(discard) => discard.run().await,
        }
    }
}

fn path(guild: &str) -> String {
    format!("/api/guilds/{}/dead-letters", encode(guild))
}

/// All letters of a guild.
async fn all(client: &Client, guild: &str) -> anyhow::Result<Vec<Value>> {
    let (mut letters, mut after) = (Vec::new(), 0);
    loop {
        let page = client.get(&format!("{}?limit={PAGE}&after={after}", path(guild))).await?;
        letters.extend(page["dead_letters"].as_array().cloned().unwrap_or_default());
        match page["next"].as_u64() {
            // A page that does not go on would never end.
            Some(next) if next > after => after = next,
            _ => return Ok(letters),
        }
    }
}

impl List {
    async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let letters = all(&client, &guild.id).await?;
        if self.remote.json {
            return Ok(print_json(&letters)?);
        }
        if letters.is_empty() {
            note("no dead letters");
            return Ok(());
        }
        let mut table = Table::new(["ID", "AT", "AGENT", "ATTEMPTS", "KIND", "WHY"]);
        for letter in &letters {
            let member = |value: &Value| one_line(value.as_str().unwrap_or_default());
            table.row([
                letter["id"].to_string(),
                member(&letter["at"]),
                member(&letter["agent"]["name"]),
                letter["attempts"].to_string(),
                member(&letter["fault"]["kind"]),
                member(&letter["fault"]["message"]),
            ]);
        }
        Ok(print(table.fit(width()))?)
    }
}

impl Show {
    async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let letter = client.get(&format!("{}/{}", path(&guild.id), self.letter)).await?;
        if self.remote.json {
            return Ok(print_json(&letter)?);
        }
        // The order of the host: who, when and why before the message itself.
        Ok(print(plain(&serde_json::to_string_pretty(&letter)?))?)
    }
}

impl Chosen {
    /// The client, the guild's id and name, and the letters that are meant.
    async fn chosen(&self) -> anyhow::Result<(Client, client::Named, Vec<u64>)> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let letters = if self.all {
            all(&client, &guild.id).await?.iter().filter_map(|letter| letter["id"].as_u64()).collect()
        } else {
            self.letters.clone()
        };
        if letters.is_empty() && !self.all {
            return Err(misuse("name the letters, or --all"));
        }
        Ok((client, guild, letters))
    }

    async fn replay(&self) -> anyhow::Result<()> {
        let (client, guild, letters) = self.chosen().await?;
        for letter in &letters {
            let answer = client.post(&format!("{}/{letter}/replay", path(&guild.id)), &json!({})).await?;
            if self.remote.json {
                print_json_line(&json!({"id": letter, "message_id": answer["message_id"]}))?;
            } else {
                print(format!("{letter} is replayed as message {}", answer["message_id"]))?;
            }
        }
        if letters.is_empty() {
            note("no dead letters");
        }
        Ok(())
    }
}

impl Discard {
    async fn run(&self) -> anyhow::Result<()> {
        let (client, guild, letters) = self.some.chosen().await?;
        if letters.is_empty() {
            note("no dead letters");
            return Ok(());
        }
        confirm(&format!("Discard {} of the dead letters of {}?", letters.len(), one_line(&guild.name)), self.yes)?;
        for letter in &letters {
            client.delete(&format!("{}/{letter}", path(&guild.id))).await?;
            if self.some.remote.json {
                print_json_line(&json!({"id": letter, "discarded": true}))?;
            } else {
                print(format!("{letter} is discarded"))?;
            }
        }
        Ok(())
    }
}

//! `guildhall guild chat`: talks to a guild in a terminal or from a pipe, over the same sockets as any other client. When a
//! connection breaks, it comes back and resumes after the last message; nothing is lost or shown twice.

mod ask;
mod conversation;
mod input;
mod line;
mod watch;

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{self, Client, Frames, Remote, Report, encode, is_final};
use crate::terminal::{Progress, dim, one_line, print_json_line};
use ask::{Ask, Taken};
use conversation::{Conversation, Seen};
use input::{Input, Output};

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  guildhall guild chat demo
  echo 'Hello' | guildhall guild chat demo --json";

/// The time to wait for an answer after the input has ended.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The first and the longest pause before a broken connection is opened again.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long a broken connection is opened again before it is given up.
const AGAIN_WITHIN: Duration = Duration::from_secs(300);

/// The options of `guildhall guild chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// The guild's id or name
    guild: String,
    /// Your user id
    #[arg(long, default_value = "demo_user")]
    user: String,
    /// Your name, as others see it
    #[arg(long, default_value = "Demo User")]
    name: String,
    /// Chat although an agent of the guild has failed
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Chat {
    /// Sends each line of the input and prints the answers, until the input ends and all messages are answered.
    ///
    /// Dropping the future drops the connections.
    ///
    /// # Errors
    /// The host cannot be reached or closes the socket for good, the guild is in error, or an answer does not come.
    pub async fn run(self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        if guild.value["status"] == "stopped" {
            let name = one_line(&self.guild);
            bail!("{} is stopped; `guildhall guild start {name}` starts it", one_line(&guild.name));
        }
        let (sender, mut reports) = mpsc::channel(16);
        let watching = watch::Watching::begin(client.clone(), guild.id.clone(), self.user.clone(), sender);
        let first = ready(&mut reports).await?;
        self.refuse_failed(&guild.name, &first)?;
        let mut talk = Talk {
            path: format!("/ws/guilds/{}/usercomms/{}/{}", encode(&guild.id), encode(&self.user), encode(&self.name)),
            client,
            conversation: Conversation::new(&self.user, &self.name),
            ask: None,
            output: Output::Plain,
            is_json: self.remote.json,
        };
        let socket = talk.open().await?;
        let (input, output) = Input::begin();
        talk.output = output;
        if input.is_terminal {
            let text = format!("You are {} in {}. Write a line; Ctrl-D ends.", self.name, one_line(&guild.name));
            talk.output.show(&dim(&text));
            first.defects().iter().for_each(|defect| talk.output.show(&format!("  {defect}")));
        }
        let done = self.converse(&mut talk, socket, input, &mut reports, &guild.name).await;
        input::restore();
        drop(watching);
        done
    }

    /// A guild that failed answers nobody, so nobody waits for it.
    fn refuse_failed(&self, name: &str, report: &Report) -> anyhow::Result<()> {
        if report.health() == "error" && !self.anyway {
            bail!(
                "{} is in error\n  {}\n  hint: `guildhall guild start {}` starts its agents again; --anyway chats with the \
                 others",
                one_line(name),
                report.defects().join("\n  "),
                one_line(&self.guild)
            );
        }
        Ok(())
    }

    async fn converse(
        &self,
        talk: &mut Talk,
        socket: Frames,
        mut input: Input,
        reports: &mut mpsc::Receiver<anyhow::Result<Report>>,
        name: &str,
    ) -> anyhow::Result<()> {
        let mut socket = socket;
        let mut answered_by = None;
        loop {
            if input.has_ended && talk.conversation.is_answered() {
                socket.close().await;
                if talk.conversation.has_failed() && !input.is_terminal {
                    bail!("a message was answered with an error");
                }
                return Ok(());
            }
            if input.has_ended && answered_by.is_none() {
                answered_by = Some(Instant::now() + ANSWER_WITHIN);
            }
            let late = answered_by.unwrap_or_else(|| Instant::now() + ANSWER_WITHIN);
            tokio::select! {
                line = input.next() => if let Some(frame) = line.and_then(|line| talk.read(&line))
                    && let Err(broken) = socket.send(&frame).await {
                    socket = talk.come_back(broken).await?;
                },
                frame = socket.next() => match frame {
                    Ok(frame) => {
                        talk.show(&frame)?;
                        answered_by = None;
                    }
                    Err(broken) => socket = talk.come_back(broken).await?,
                },
                Some(report) = reports.recv() => self.refuse_failed(name, &report?)?,
                () = sleep_until(late), if input.has_ended => {
                    bail!("no answer came within {} s", ANSWER_WITHIN.as_secs())
                }
            }
        }
    }
}

/// Waits until the agents have started. Returns the report that says so.
async fn ready(reports: &mut mpsc::Receiver<anyhow::Result<Report>>) -> anyhow::Result<Report> {
    let _progress = Progress::spinner("waiting until the guild is ready");
    loop {
        match reports.recv().await {
            Some(Ok(report)) if report.is_starting() => {}
            Some(report) => return report,
            None => bail!("the guild does not report its health"),
        }
    }
}

/// The conversation with its connection and what is shown of it.
struct Talk {
    client: Client,
    path: String,
    conversation: Conversation,
    /// The question that waits for an answer.
    ask: Option<Ask>,
    output: Output,
    is_json: bool,
}

impl Talk {
    async fn open(&self) -> anyhow::Result<Frames> {
        let after = self.conversation.after().map(|id| format!("&after={id}")).unwrap_or_default();
        self.client.socket(&format!("{}?dialect=guide&ack=1{after}", self.path)).await
    }

    /// Opens the connection again, and sends what was not confirmed. The host stores a message that comes twice once.
    async fn come_back(&mut self, mut broken: anyhow::Error) -> anyhow::Result<Frames> {
        let (mut pause, until) = (PAUSE, Instant::now() + AGAIN_WITHIN);
        loop {
            if is_final(&broken) || Instant::now() > until {
                return Err(broken);
            }
            self.output.show(&dim(&format!("({broken:#}; connecting again)")));
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.resume().await {
                Ok(socket) => return Ok(socket),
                Err(error) => broken = error,
            }
        }
    }

    async fn resume(&mut self) -> anyhow::Result<Frames> {
        let mut socket = self.open().await?;
        for frame in self.conversation.unconfirmed() {
            socket.send(&frame).await?;
        }
        Ok(socket)
    }

    /// Reads a line of the user. Returns the frame that it is.
    fn read(&mut self, line: &str) -> Option<Value> {
        let Some(ask) = &mut self.ask else {
            return (!line.trim().is_empty()).then(|| self.conversation.say(line));
        };
        match ask.take(line) {
            Taken::Answer { format, payload } => {
                let conversation = ask.conversation().clone();
                self.ask = None;
                Some(self.conversation.send(format, payload, conversation))
            }
            Taken::Next(prompt) => {
                self.output.show(&prompt);
                None
            }
            Taken::Left => {
                self.ask = None;
                self.output.show(&dim("(left without an answer)"));
                None
            }
            Taken::NotMine if line.trim().is_empty() => None,
            Taken::NotMine => Some(self.conversation.say(line)),
        }
    }

    fn show(&mut self, frame: &Value) -> anyhow::Result<()> {
        let seen = self.conversation.take(frame);
        if seen == Seen::Hidden {
            return Ok(());
        }
        if self.is_json {
            print_json_line(frame)?;
        } else if seen == Seen::Progress {
            self.output.show(&dim(&format!("… {}", line::of(frame))));
        } else {
            self.output.show(&line::of(frame));
        }
        if seen == Seen::Message
            && let Some(ask) = Ask::of(frame)
        {
            if !self.is_json {
                self.output.show(&ask.prompt());
            }
            self.ask = Some(ask);
        }
        Ok(())
    }
}

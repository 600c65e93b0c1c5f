//! `guildhall guild chat`: talks to a guild in a terminal, over the same sockets as any other client.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::oci::provide_tls;
use guildhall_model::format;

/// The time to wait for an answer after the input has ended.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The options of `guildhall guild chat`.
#[derive(Debug, clap::Args)]
pub struct Chat {
    /// The guild's id.
    guild: String,
    /// Where the host listens.
    #[arg(long, env = "GUILDHALL_URL", default_value = "http://127.0.0.1:8880")]
    url: String,
    /// Your user id.
    #[arg(long, default_value = "demo_user")]
    user: String,
    /// Your name, as others see it.
    #[arg(long, default_value = "Demo User")]
    name: String,
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

impl Chat {
    /// Sends each line of the input and prints the answers, until the input ends and all messages are answered.
    ///
    /// Dropping the future drops the connections.
    ///
    /// # Errors
    /// When the host cannot be reached or closes a socket.
    pub async fn run(self) -> anyhow::Result<()> {
        provide_tls();
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let base = self.url.replacen("http", "ws", 1);
        let guild = format!("{}/ws/guilds/{}", base.trim_end_matches('/'), encode(&self.guild));
        let mut system = open(&format!("{guild}/syscomms/{}", encode(&self.user))).await?;
        report(&mut system, |_| true).await?;
        let mut user = open(&format!("{guild}/usercomms/{}/{}?ack=1", encode(&self.user), encode(&self.name))).await?;
        // The user socket answers pings only while it is read.
        tokio::select! {
            ready = report(&mut system, |health| health != "starting") => show_defects(&ready?["payload"]),
            ended = drain(&mut user) => return ended,
        }
        if std::io::stdin().is_terminal() {
            show(&format!("You are {} in {}. Write a line; Ctrl-D ends.", self.name, self.guild));
        }
        self.converse(&mut user).await
    }

    async fn converse(&self, socket: &mut Socket) -> anyhow::Result<()> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut input_ended = false;
        let mut unanswered = 0_usize;
        while !(input_ended && unanswered == 0) {
            tokio::select! {
                line = lines.next_line(), if !input_ended => match line? {
                    Some(line) if line.trim().is_empty() => {}
                    Some(line) => {
                        let message = json!({
                            "format": "text",
                            "payload": {"text": line},
                            "sender": {"id": self.user, "name": self.name},
                        });
                        socket.send(Message::text(message.to_string())).await?;
                        unanswered += 1;
                    }
                    None => input_ended = true,
                },
                frame = next(socket) => {
                    let frame = frame?;
                    if frame["format"] != format::ACK {
                        show(&to_line(&frame));
                        unanswered = unanswered.saturating_sub(1);
                    }
                }
                () = tokio::time::sleep(ANSWER_WITHIN), if input_ended => {
                    bail!("no answer came within {} s", ANSWER_WITHIN.as_secs())
                }
            }
        }
        socket.close(None).await?;
        Ok(())
    }
}

async fn open(url: &str) -> anyhow::Result<Socket> {
    match connect_async(url).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(refusal)) => {
            bail!("{url} is refused: {}", refusal_text(refusal.status().as_u16(), refusal.body()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot open {url}")),
    }
}

/// The words of the host in an answer that refuses a socket, or its status.
fn refusal_text(status: u16, body: &Option<Vec<u8>>) -> String {
    let body: Value = body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    match (body["detail"].as_str(), body["hint"].as_str()) {
        (Some(detail), Some(hint)) => format!("{detail} ({status}): {hint}"),
        (Some(detail), None) => format!("{detail} ({status})"),
        (None, _) => format!("HTTP {status}"),
    }
}

/// Waits for the next text frame, as JSON.
async fn next(socket: &mut Socket) -> anyhow::Result<Value> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text)?),
            Some(Ok(Message::Close(frame))) => {
                bail!(
                    "the host closed the socket: {}",
                    frame.map_or_else(String::new, |frame| frame.reason.to_string())
                )
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => bail!("the host closed the socket"),
        }
    }
}

/// Prints frames until the socket ends.
async fn drain(socket: &mut Socket) -> anyhow::Result<()> {
    loop {
        show(&to_line(&next(socket).await?));
    }
}

/// Waits for a health report with a wanted health of the guild.
async fn report(socket: &mut Socket, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Value> {
    loop {
        let frame = next(socket).await?;
        let health = frame["payload"]["guild_health"].as_str().unwrap_or_default();
        if frame["format"] == format::HEALTH_REPORT && wanted(health) {
            return Ok(frame);
        }
    }
}

/// Prints the health of a guild that is not well, and what its agents report.
fn show_defects(report: &Value) {
    let health = report["guild_health"].as_str().unwrap_or_default();
    if health == "ok" {
        return;
    }
    show(&format!("the guild is in state {health}"));
    let agents = report["agents"].as_object().into_iter().flatten();
    for (agent, beat) in agents.filter(|(_, beat)| beat["checkstatus"] != "ok") {
        show(&format!("  {agent}: {} {}", beat["checkstatus"].as_str().unwrap_or_default(), beat["checkmeta"]));
    }
}

/// A frame as a line: the sender, and the text or the payload.
fn to_line(frame: &Value) -> String {
    let who = frame["sender"]["name"].as_str().unwrap_or("?");
    let payload = &frame["payload"];
    let what = payload["text"].as_str().or_else(|| payload["error_message"].as_str());
    what.map_or_else(|| format!("{who}: {payload}"), |what| format!("{who}: {what}"))
}

fn show(line: &str) {
    let mut out = std::io::stdout();
    // When the terminal is closed, the next line of input fails.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

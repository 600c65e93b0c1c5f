//! Joins a guild as the client of the guide does, with raw sockets.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const DEADLINE: Duration = Duration::from_secs(30);

/// A user who has joined.
pub struct Session {
    pub socket: Socket,
    /// The time from the first handshake to the report that is `ok`.
    pub joined_after: Duration,
    system: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.system.abort();
    }
}

/// Joins: system socket, first report, user socket, a report that is `ok`.
pub async fn join(authority: &str, guild: &str, user: &str) -> anyhow::Result<Session> {
    timeout(DEADLINE, join_unbounded(authority, guild, user))
        .await
        .with_context(|| format!("{user} cannot join {guild}"))?
}

async fn join_unbounded(authority: &str, guild: &str, user: &str) -> anyhow::Result<Session> {
    let start = Instant::now();
    let mut system = connect(&system_url(authority, guild, user)).await?;
    let mut ready = loop {
        if let Some(report) = Report::read(&next(&mut system).await?) {
            break report.is_ok;
        }
    };
    let mut socket = connect(&format!("ws://{authority}/ws/guilds/{guild}/usercomms/{user}/{user}")).await?;
    while !ready {
        // The user socket has to be read at the same time, because the server waits for its pong.
        tokio::select! {
            frame = next(&mut system) => ready = Report::read(&frame?).is_some_and(|report| report.is_ok),
            frame = next(&mut socket) => drop(frame?),
        }
    }
    let joined_after = start.elapsed();
    // The task ends when the socket closes or the session is dropped.
    let system = tokio::spawn(async move { while let Some(Ok(_)) = system.next().await {} });
    Ok(Session { socket, joined_after, system })
}

/// Returns how long after `start` a lone system socket receives its first report, and the first that is `ok`.
pub async fn watch(authority: &str, guild: &str, start: Instant) -> anyhow::Result<(Duration, Duration)> {
    let watching = async {
        let mut system = connect(&system_url(authority, guild, "monitor")).await?;
        let mut first = None;
        loop {
            let Some(report) = Report::read(&next(&mut system).await?) else { continue };
            let first = *first.get_or_insert_with(|| start.elapsed());
            if report.is_ok {
                return Ok((first, start.elapsed()));
            }
        }
    };
    timeout(DEADLINE, watching).await.context("no report says ok")?
}

fn system_url(authority: &str, guild: &str, user: &str) -> String {
    format!("ws://{authority}/ws/guilds/{guild}/syscomms/{user}")
}

/// Opens a system socket that also receives events.
pub async fn events(authority: &str, guild: &str) -> anyhow::Result<Socket> {
    connect(&format!("{}?events=1", system_url(authority, guild, "monitor"))).await
}

async fn connect(url: &str) -> anyhow::Result<Socket> {
    let (socket, _) =
        tokio_tungstenite::connect_async_with_config(url, None, true).await.with_context(|| url.to_owned())?;
    Ok(socket)
}

/// Returns the next frame. Cancel safe.
async fn next(socket: &mut Socket) -> anyhow::Result<Message> {
    match socket.next().await {
        Some(message) => Ok(message?),
        None => bail!("the host has closed the socket"),
    }
}

struct Report {
    is_ok: bool,
}

impl Report {
    fn read(frame: &Message) -> Option<Self> {
        let Message::Text(text) = frame else { return None };
        let is_report = text.contains("AgentsHealthReport");
        is_report.then(|| Self { is_ok: text.replace(' ', "").contains(r#""guild_health":"ok""#) })
    }
}

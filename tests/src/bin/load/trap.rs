//! Measures how long a trapped agent needs until its message is handled, without the pause before the next instance.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use guildhall_tests::{Rest, blueprint, component};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::report::Report;
use crate::session::{self, Socket};
use crate::{Arguments, micros, user};

const PATIENCE: Duration = Duration::from_secs(30);
/// The number of guilds that pause at the same time.
const AT_ONCE: usize = 8;

/// Traps each guild's agent once.
pub async fn and_return(arguments: &Arguments, rest: &Rest) -> anyhow::Result<Report> {
    let digest = rest.upload(component::hostile()).await;
    let blueprint = rest.blueprint(&blueprint::hostile(&digest, &json!({}))).await;
    let mut guilds = Vec::new();
    for _ in 0..arguments.guilds {
        guilds.push(rest.launch(&blueprint).await);
    }
    let crashes = guilds.iter().map(|guild| crash(rest.authority(), guild));
    let seen: Vec<_> = stream::iter(crashes).buffer_unordered(AT_ONCE).try_collect().await?;
    let (mut trapped, mut returned) = (user::latencies(), user::latencies());
    for crash in &seen {
        trapped.saturating_record(micros(crash.trapped));
        returned.saturating_record(micros(crash.returned));
    }
    let mut report = Report::default();
    report.count("traps", seen.len() as u64);
    report.percentiles("sent_to_trapped", &trapped);
    report.percentiles("trapped_to_served", &returned);
    Ok(report)
}

struct Crash {
    /// The time from the message to the event that names the pause.
    trapped: Duration,
    /// The time from that event to the answer, without the pause.
    returned: Duration,
}

async fn crash(authority: &str, guild: &str) -> anyhow::Result<Crash> {
    let mut session = session::join(authority, guild, "user").await?;
    let mut events = session::events(authority, guild).await?;
    // Warms up the sockets and the agent.
    say(&mut session.socket, "hello").await?;
    find(&mut session.socket, "ok: hello").await?;
    let start = Instant::now();
    say(&mut session.socket, "crash-once").await?;
    let restarting: Value = serde_json::from_str(&find(&mut events, "agent.restarting").await?)?;
    let trapped = start.elapsed();
    let pause = restarting["payload"]["after_ms"].as_u64().context("the event has no pause")?;
    find(&mut session.socket, "ok: crash-once").await?;
    let returned = start.elapsed().saturating_sub(trapped + Duration::from_millis(pause));
    Ok(Crash { trapped, returned })
}

async fn say(socket: &mut Socket, text: &str) -> anyhow::Result<()> {
    let frame = json!({"format": "text", "payload": {"text": text}});
    Ok(socket.send(Message::text(frame.to_string())).await?)
}

/// Returns the next frame that contains a text.
async fn find(socket: &mut Socket, part: &str) -> anyhow::Result<String> {
    let found = async {
        while let Some(frame) = socket.next().await {
            let frame = frame?;
            if let Ok(text) = frame.to_text()
                && text.contains(part)
            {
                return Ok(text.to_owned());
            }
        }
        bail!("the host has closed a socket")
    };
    timeout(PATIENCE, found).await.with_context(|| format!("waited for {part}"))?
}

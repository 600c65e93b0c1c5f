//! `guildhall guild events`: what happens in a guild. Events are not stored, so what happens while the connection is broken
//! is not shown.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use super::ready;
use crate::client::{self, Client, Remote, encode, is_final};
use crate::terminal::{bad, bold, dim, note, one_line, print, print_json_line};
use guildhall_model::format;

/// The pause before a broken connection is opened again.
const AGAIN: Duration = Duration::from_secs(1);

/// The options of `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// The guild's id or name
    guild: String,
    #[command(flatten)]
    remote: Remote,
}

impl Events {
    /// Prints events until the guild is stopped. Dropping the future ends it.
    ///
    /// # Errors
    /// What the host answers.
    pub async fn run(&self) -> anyhow::Result<()> {
        let client = self.remote.client()?;
        let guild = client::guild(&client, &self.guild).await?;
        let path =
            format!("/ws/guilds/{}/syscomms/{}?dialect=guide&events=1", encode(&guild.id), encode(ready::OPERATOR));
        let mut was_open = false;
        loop {
            let ended = match self.watch(&client, &path, &mut was_open).await {
                Ok(()) => return Ok(()),
                Err(ended) => ended,
            };
            if is_final(&ended) || !was_open {
                return Err(ended);
            }
            note(format!("{}; events are missed until it is open again", ended));
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn watch(&self, client: &Client, path: &str, was_open: &mut bool) -> anyhow::Result<()> {
        let mut socket = client.socket(path).await?;
        if !std::mem::replace(was_open, true) {
            note("events are shown as they happen; Ctrl-C ends");
        }
        loop {
            let frame = socket.next().await?;
            if frame["format"] != format::EVENT {
                continue;
            }
            let payload = &frame["payload"];
            if self.remote.json {
                print_json_line(payload)?
            } else {
                print(shown(payload))?
            }
            if payload["event"] == "guild.stopped" {
                return Ok(());
            }
        }
    }
}

/// An event for people: when, what, who, and the rest.
fn shown(payload: &Value) -> String {
    let nothing = Map::new();
    let members = payload.as_object().unwrap_or(&nothing);
    let event = one_line(members.get("event").and_then(Value::as_str).unwrap_or("?"));
    let at = one_line(members.get("at").and_then(Value::as_str).unwrap_or_default());
    let agent = members.get("agent").and_then(|agent| agent["name"].as_str().or(agent["id"].as_str()));
    let rest = members.iter().filter(|(name, _)| !["event", "at", "agent"].contains(&name.as_str()));
    let rest: Vec<String> = rest
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", one_line(&value))
        })
        .collect();
    let words = ["trapped", "failed", "error", "refused", "limit", "dead"];
    let event = if words.iter().any(|word| event.contains(word)) { bad(&event) } else { bold(&event) };
    let agent = agent.map(|name| format!(" {}", one_line(name))).unwrap_or_default();
    let rest = if rest.is_empty() { String::new() } else { format!(" {}", dim(&rest.join(" "))) };
    format!("{} {event}{agent}{rest}", dim(&at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"event": "agent.trapped", "at": "now", "agent": {"id": "a", "name": "Echo"},
            "fault": {"kind": "trap"}, "attempt": 2});
        let line = console::strip_ansi_codes(&shown(&event)).into_owned();
        assert_eq!(line, "now agent.trapped Echo fault={\"kind\":\"trap\"} attempt=2");
    }
}

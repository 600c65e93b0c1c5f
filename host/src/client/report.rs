//! The health of a guild, as its manager reports it on a system socket.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::http::{Client, encode};
use super::socket::Frames;
use crate::terminal::one_line;
use guildhall_model::format;

/// A guild reports at once when a socket is opened.
const REPORTED: Duration = Duration::from_secs(30);

/// One health report.
#[derive(Clone, Debug)]
pub struct Report(Value);

impl Report {
    /// Reads a frame; `None` when it is no report.
    #[must_use]
    pub fn of(frame: &Value) -> Option<Self> {
        (frame["format"] == format::HEALTH_REPORT).then(|| Self(frame["payload"].clone()))
    }

    /// Returns the health of the guild: `ok`, `starting`, `error`, …
    #[must_use]
    pub fn health(&self) -> &str {
        self.0["guild_health"].as_str().unwrap_or("unknown")
    }

    /// Returns whether the agents are still being started.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.health() == "starting"
    }

    /// Returns a line for each agent that is not well, with its reason.
    #[must_use]
    pub fn defects(&self) -> Vec<String> {
        let agents = self.0["agents"].as_object().into_iter().flatten();
        let unwell = agents.filter(|(_, beat)| beat["checkstatus"] != "ok");
        unwell.map(|(agent, beat)| one_line(&format!("{}: {}", name_of(agent), defect(beat)))).collect()
    }
}

/// An agent's id, without what the host adds for its own agents.
fn name_of(agent: &str) -> &str {
    if agent.ends_with("#manager_agent") { "the manager" } else { agent }
}

/// What is wrong with an agent: its status, and the texts of its report.
fn defect(beat: &Value) -> String {
    let status = beat["checkstatus"].as_str().unwrap_or("unknown");
    let about = beat["checkmeta"].as_object().into_iter().flatten();
    let texts = about.filter(|(key, value)| !value.is_null() && !key.ends_with("latency")).map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if matches!(key.as_str(), "reason" | "error" | "message") { text } else { format!("{key} {text}") }
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { status.to_owned() } else { format!("{status}, {}", texts.join("; ")) }
}

/// Opens a system socket of a guild. `query` begins with `?` or is empty.
pub(super) async fn open(client: &Client, guild: &str, user: &str, query: &str) -> anyhow::Result<Frames> {
    client.socket(&format!("/ws/guilds/{}/syscomms/{}{query}", encode(guild), encode(user))).await
}

/// Returns the first health report of a guild, as the user `user` gets it. Cancel safe.
///
/// # Errors
/// The host cannot be reached or refuses the socket.
pub async fn report(client: &Client, guild: &str, user: &str) -> anyhow::Result<Report> {
    let mut socket = open(client, guild, user, "?dialect=guide").await?;
    let first = async {
        loop {
            if let Some(report) = Report::of(&socket.next().await?) {
                return Ok::<_, anyhow::Error>(report);
            }
        }
    };
    let first = tokio::time::timeout(REPORTED, first).await.context("the guild does not report its health")?;
    socket.close().await;
    first
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_names_each_agent_that_is_not_well_with_its_reason() {
        let frame = json!({"format": format::HEALTH_REPORT, "payload": {"guild_health": "error", "agents": {
            "a": {"checkstatus": "ok", "checkmeta": {}},
            "b": {"checkstatus": "error", "checkmeta": {"reason": "no component\u{7} serves x", "latency": 3}},
            "g#manager_agent": {"checkstatus": "warning", "checkmeta": {"lag": 5}},
        }}});
        let report = Report::of(&frame).unwrap();
        assert_eq!(report.health(), "error");
        assert_eq!(report.defects(), ["b: error, no component\u{fffd} serves x", "the manager: warning, lag 5"]);
        assert!(Report::of(&json!({"format": "text"})).is_none());
    }
}

//! Waits until a guild is ready, and tells what is wrong with one that is not.

use std::time::Duration;

use anyhow::bail;

use crate::client::{self, Client, encode};
use crate::terminal::{Progress, one_line, print, status};

/// The user who asks for the health of a guild.
pub const OPERATOR: &str = "operator";

/// How often a guild is asked for its status.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long the agents of a guild may take to start: a component may have to be compiled.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// Whether a status says that the agents are still being started.
fn is_on_its_way(status: &str) -> bool {
    matches!(status, "requested" | "not_launched" | "starting" | "unknown")
}

/// Waits until the agents of a guild have started, and prints the status unless `is_json`. Cancel safe.
///
/// # Errors
/// An agent fails, with the reasons of all that do, or the time is over.
pub async fn wait(client: &Client, guild: &str, name: &str, is_json: bool) -> anyhow::Result<()> {
    let progress = Progress::spinner(format!("waiting until {} is ready", one_line(name)));
    let settled = async {
        loop {
            let shown = client.get(&format!("/api/guilds/{}", encode(guild))).await?;
            let status = shown["status"].as_str().unwrap_or_default().to_owned();
            if !is_on_its_way(&status) {
                return Ok::<_, anyhow::Error>(status);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let settled = tokio::time::timeout(READY_WITHIN, settled).await;
    drop(progress);
    let Ok(settled) = settled else { bail!("the guild is not ready after {} s", READY_WITHIN.as_secs()) };
    let settled = settled?;
    match settled.as_str() {
        "error" => {
            let report = client::report(client, guild, OPERATOR).await?;
            bail!("{} is in error\n  {}", one_line(name), report.defects().join("\n  "));
        }
        "stopped" | "stopping" => bail!("{} was stopped", one_line(name)),
        _ if is_json => Ok(()),
        _ => Ok(print(format!("{} is {}", one_line(name), status(&settled)))?),
    }
}

#[cfg(test)]
mod tests {
    use guildhall_model::status::GuildStatus;

    use super::*;

    #[test]
    fn a_guild_is_waited_for_until_its_agents_have_started() {
        let waiting: Vec<&str> =
            GuildStatus::ALL.iter().map(|status| status.name()).filter(|status| is_on_its_way(status)).collect();
        assert_eq!(waiting, ["requested", "not_launched", "starting", "unknown"]);
    }
}

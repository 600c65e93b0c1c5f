//! The end of a guild on this host: its agents end, and a guild that was stopped loses its cursors and gets its last status.

use std::time::Duration;

use serde_json::json;

use super::active::ActiveManager;
use crate::store::StoreError;
use guildhall_model::status::{AgentStatus, GuildStatus};
use guildhall_model::{format, topic};

/// How long the agents of a guild may take to end before their tasks are abandoned.
const END_WITHIN: Duration = Duration::from_secs(8);
/// The wait between two tries to store that a guild has stopped.
const STORE_EVERY: Duration = Duration::from_secs(1);

/// Why a manager's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A user stopped the guild.
    Stopped,
    /// The host shuts down.
    HostShutdown {
        /// Whether nothing waits for the guild, so that it may sleep until it is needed.
        may_sleep: bool,
    },
    /// The guild sleeps, and the store has noted it.
    Asleep,
    /// The agents have ended to fall asleep, and the guild does not sleep: something came, or it could not be stored.
    Restless,
}

impl ActiveManager {
    /// Takes no more messages of users, and ends the agents within 8 s.
    pub(super) async fn end_agents(&self) {
        self.log.close_ingress();
        self.agents_stop.cancel();
        self.ends.close();
        let tasks = futures_util::future::join_all(self.members.values().map(|member| member.task.wait()));
        let tasks = async { tokio::join!(tasks, self.ends.wait()) };
        if tokio::time::timeout(END_WITHIN, tasks).await.is_err() {
            tracing::error!(guild = %self.log.guild(), "agents did not end in time; their tasks are abandoned");
        }
    }

    /// Ends a guild that was stopped: its agents, their cursors, and its last status.
    pub(super) async fn stop(mut self) -> Ended {
        self.end_agents().await;
        // A cursor that stays would keep the log from being trimmed.
        if !matches!(tokio::time::timeout(END_WITHIN, self.log.forget_consumers()).await, Ok(Ok(()))) {
            tracing::error!(guild = %self.log.guild(), "the cursors of a guild that was stopped stay until a restart");
            return Ended::Stopped;
        }
        let stored = self.store_end().await;
        self.log.forget(topic::GUILD_STATUS);
        self.log.retain(self.message(topic::ENDING, format::GUILD_ENDED, &json!({"status": "stopped"})));
        if let Err(error) = stored {
            tracing::error!(%error, guild = %self.log.guild(), "the end of a guild cannot be stored; trying again");
            self.store_end_later().await;
        }
        Ended::Stopped
    }

    async fn store_end(&mut self) -> Result<(), StoreError> {
        let rows: Vec<_> = self.members.keys().map(|id| (id.clone(), AgentStatus::Stopped)).collect();
        self.store.set_agent_statuses(self.log.guild(), &rows).await?;
        self.store_status(GuildStatus::Stopped).await
    }

    /// Tries to store the end of the guild until it is stored, or until the host ends: the next start completes it.
    async fn store_end_later(&mut self) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(STORE_EVERY) => {}
            }
            if self.store_end().await.is_ok() {
                return;
            }
        }
    }
}

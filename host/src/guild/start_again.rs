//! Tries again, with growing waits, to start the guilds that could not be started. They are shown with the status `error`
//! meanwhile.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::awake::Wanted;
use super::error::GuildError;
use super::guilds::Guilds;
use super::launch::RESUMED_AT_ONCE;
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::format;
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{AgentId, GuildId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::status::GuildStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

/// The wait before the first try.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait while the store or the journal is away: guilds run soon after it is back.
const LONGEST_OUTAGE: Duration = Duration::from_secs(1);
/// The longest wait for guilds that fail for another reason.
const LONGEST: Duration = Duration::from_secs(30);

impl Guilds {
    /// How many guilds should run here and could not be started.
    #[must_use]
    pub fn not_started(&self) -> usize {
        self.0.not_started.count()
    }

    /// The status of a guild as it is shown: `error` while it cannot be started.
    #[must_use]
    pub fn shown_status(&self, id: &GuildId, stored: GuildStatus) -> GuildStatus {
        if !stored.is_over() && self.0.not_started.contains(id) { GuildStatus::Error } else { stored }
    }

    /// Notes that a guild could not be started, tells its sockets, and has it tried again.
    pub(super) async fn note_not_started(&self, id: &GuildId, reason: String) {
        tracing::error!(guild = %id, reason, "a guild cannot be started; trying again");
        self.0.not_started.add(id, reason.clone());
        self.report_not_started(id, &reason).await;
    }

    /// Keeps a health report with the reason for those who open a system socket. The manager replaces it.
    async fn report_not_started(&self, id: &GuildId, reason: &str) {
        let Ok(log) = self.0.setup.journal.guild(id).await else { return };
        let time = rfc3339_ms(self.0.setup.clock.now_ms());
        let manager = AgentId::manager_of(id);
        let payload = json!({
            "agents": {manager.as_str(): {
                "checktime": time,
                "checkstatus": HealthStatus::Error,
                "responsetime": time,
                "checkmeta": {
                    "qos_latency": null,
                    "observed_latency": 0,
                    "detail": format!("the guild cannot be started: {reason}; the host tries again"),
                },
            }},
            "guild_health": HealthStatus::Error,
        });
        let topics = Topics::Many(vec![topic::GUILD_STATUS.to_owned()]);
        log.retain(Message::draft(AgentTag::manager_of(id), topics, format::HEALTH_REPORT, raw_json(&payload)));
    }

    /// Starts the guilds that could not be started as soon as that works, until the host shuts down. Dropping the
    /// future ends that.
    pub(super) async fn start_again(self) {
        let (mut wait, shutdown) = (FIRST, self.0.shutdown.clone());
        loop {
            let waits = async {
                if self.0.not_started.count() == 0 {
                    self.0.not_started.added.notified().await;
                    return true;
                }
                tokio::time::sleep(wait).await;
                false
            };
            let is_new = tokio::select! {
                () = shutdown.cancelled() => return,
                is_new = waits => is_new,
            };
            if is_new {
                wait = FIRST;
                continue;
            }
            let is_outage = self.try_all().await;
            wait = (wait * 2).min(if is_outage { LONGEST_OUTAGE } else { LONGEST });
        }
    }

    /// Tries each guild once. Returns whether the store or the journal is away.
    async fn try_all(&self) -> bool {
        let tries = stream::iter(self.0.not_started.ids()).map(async |id| (self.start(&id, Wanted::Use).await, id));
        let mut tries = std::pin::pin!(tries.buffer_unordered(RESUMED_AT_ONCE));
        let mut away = false;
        while let Some((started, id)) = tries.next().await {
            match started {
                Ok(_) => {
                    tracing::info!(guild = %id, "a guild that could not be started runs");
                    self.0.not_started.remove(&id);
                }
                Err(GuildError::Unknown | GuildError::Stopped | GuildError::Elsewhere) => {
                    self.0.not_started.remove(&id)
                }
                Err(error) => {
                    away |= error.is_outage();
                    if !away {
                        tracing::warn!(%error, guild = %id, "a guild still cannot be started");
                    }
                }
            }
            if away {
                // The others would wait for the same.
                return true;
            }
        }
        false
    }
}

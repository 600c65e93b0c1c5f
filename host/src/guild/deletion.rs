//! The removal of a guild that was stopped, with everything that is kept of it.

use std::time::Duration;

use super::error::GuildError;
use super::guilds::Guilds;
use super::running::RunningGuard;
use guildhall_model::ids::GuildId;
use guildhall_model::status::GuildStatus;

/// How long a removal waits until the agents of a guild that is being stopped have ended.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

impl Guilds {
    /// Removes a guild that was stopped: its messages, states and snapshots, its users and boards. `others` removes what is
    /// kept elsewhere. What cannot be removed is removed by the next call; until then the guild is there, with a part of its
    /// messages. Cancel safe: a removal that has begun is completed.
    ///
    /// # Errors
    /// `Unknown`, `NotStopped`, `Stopping` if its agents do not end in 10 s, or the store, the journal or `others` fails.
    pub async fn delete(
        &self,
        id: &GuildId,
        others: impl Future<Output = Result<(), String>> + Send + 'static,
    ) -> Result<(), GuildError> {
        match self.0.setup.store.guild_status(id).await? {
            None => return Err(GuildError::Unknown),
            Some(status) if !status.is_over() => return Err(GuildError::NotStopped),
            Some(_) => {}
        }
        let (guilds, id) = (self.clone(), id.clone());
        let removing = self.0.tracker.spawn(async move { guilds.remove(&id, others).await });
        removing.await.map_err(|error| GuildError::Host(error.to_string()))?
    }

    async fn remove(
        &self,
        id: &GuildId,
        others: impl Future<Output = Result<(), String>> + Send,
    ) -> Result<(), GuildError> {
        // Nobody can start it as long as its place is taken.
        let _guard = self.empty_place(id).await?;
        let setup = &self.0.setup;
        match setup.store.guild_status(id).await? {
            None => return Err(GuildError::Unknown),
            Some(GuildStatus::Stopped) => {}
            Some(GuildStatus::Stopping) => self.complete_stop(id).await?,
            Some(_) => return Err(GuildError::NotStopped),
        }
        others.await.map_err(GuildError::Host)?;
        setup.journal.remove(id).await?;
        // Last, so that a removal that was cut short can be repeated.
        setup.store.delete_guild(id).await?;
        self.0.not_started.remove(id);
        tracing::info!(guild = %id, "a guild was removed");
        Ok(())
    }

    /// Takes the place of a guild on this host once its agents have ended.
    async fn empty_place(&self, id: &GuildId) -> Result<RunningGuard, GuildError> {
        let place = async {
            loop {
                if let Some(guard) = self.0.running.add(id) {
                    return guard;
                }
                if let Some(mut stage) = self.0.running.stage(id) {
                    // An error: it has ended.
                    let _ = stage.wait_for(|_| false).await;
                }
            }
        };
        tokio::time::timeout(ENDS_WITHIN, place).await.map_err(|_| GuildError::Stopping)
    }
}

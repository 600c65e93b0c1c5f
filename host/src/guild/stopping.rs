//! Stops of a guild over REST, and the start of a guild that was stopped.

use super::awake::Wanted;
use super::error::GuildError;
use super::guilds::Guilds;
use crate::store::StoreError;
use guildhall_model::ids::GuildId;
use guildhall_model::status::GuildStatus;
use guildhall_model::topic;

impl Guilds {
    /// Stops a guild, and returns whether it was not stopped already. When this returns, the stop is stored; the agents
    /// may still be ending. Cancel safe: a stop that was asked for goes on.
    ///
    /// # Errors
    /// `Unknown`, or the stop could not be stored and the guild goes on.
    pub async fn stop(&self, id: &GuildId) -> Result<bool, GuildError> {
        match self.0.setup.store.guild_status(id).await? {
            None => return Err(GuildError::Unknown),
            Some(status) if status.is_over() => return Ok(false),
            Some(_) => {}
        }
        let _awake = match self.awake(id).await {
            Ok(awake) => awake,
            Err(GuildError::Stopped) => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(stops) = self.0.running.stops(id) else { return self.stop_unstarted(id).await };
        match stops.ask().await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(cause)) => {
                let place = format!("the store (the guild {id} was not stopped and goes on)");
                Err(StoreError::Unreachable { place, cause }.into())
            }
            // Somebody else has stopped it, or its manager has failed.
            Err(_) => match self.0.setup.store.guild_status(id).await? {
                Some(status) if status.is_over() => Ok(true),
                _ => Err(GuildError::Host("the manager of the guild ended before it stopped; try again".to_owned())),
            },
        }
    }

    /// Stops a guild that should run and could not be started.
    async fn stop_unstarted(&self, id: &GuildId) -> Result<bool, GuildError> {
        let setup = &self.0.setup;
        setup.store.set_guild_status(id, GuildStatus::Stopping, setup.clock.now_ms()).await?;
        self.0.not_started.remove(id);
        self.complete_stop(id).await?;
        Ok(true)
    }

    /// Starts a guild that does not run, also one that was stopped, and returns whether it was started now. A guild that
    /// was stopped has its messages, states and users; its agents begin with what comes next. Cancel safe: a start that
    /// has begun is completed.
    ///
    /// # Errors
    /// `Unknown`, `Stopping` if its stop is not complete, or the store or the journal fails.
    pub async fn start_stopped(&self, id: &GuildId) -> Result<bool, GuildError> {
        let setup = &self.0.setup;
        match setup.store.guild_status(id).await? {
            None => return Err(GuildError::Unknown),
            Some(GuildStatus::Stopping) => return Err(GuildError::Stopping),
            Some(GuildStatus::Stopped) => {
                let _hold = self.0.running.hold(id);
                if self.0.running.stage(id).is_some() {
                    return Err(GuildError::Stopping);
                }
                // A socket that comes now is not told that the guild has ended.
                setup.journal.guild(id).await?.forget(topic::ENDING);
                setup.store.reopen_guild(id, setup.clock.now_ms()).await?;
                return self.wake(id, Wanted::Relaunch).await;
            }
            Some(_) => {}
        }
        self.relaunch(id).await
    }
}

//! Guilds that sleep are woken when somebody needs them, and stay awake as long as somebody holds them.

use std::sync::atomic::Ordering;

use super::error::GuildError;
use super::guilds::Guilds;
use super::manager::Failed;
use super::running::{Hold, Stage};
use crate::store::{GuildRow, Sleep};
use guildhall_model::ids::GuildId;

/// Keeps a guild awake as long as it is held.
pub struct Awake(#[expect(dead_code, reason = "keeps the guild awake until it is dropped")] Hold);

/// What a guild is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Somebody uses it. Its agents are as they were before it slept.
    Use,
    /// It is relaunched: agents that had failed try again.
    Relaunch,
}

impl Guilds {
    /// Wakes a guild if it sleeps, and keeps it awake as long as the result is held. When this returns, the guild takes
    /// messages; its agents may still be starting. A guild that cannot be started is tried again, see
    /// [`Self::not_started`]. Cancel safe: a guild that is being woken wakes.
    ///
    /// # Errors
    /// `Unknown`, `Stopped`, or the store or the journal is away.
    pub async fn awake(&self, id: &GuildId) -> Result<Awake, GuildError> {
        let hold = self.0.running.hold(id);
        self.wake(id, Wanted::Use).await?;
        Ok(Awake(hold))
    }

    /// How many guilds sleep.
    pub(super) fn asleep(&self) -> u64 {
        self.0.asleep.load(Ordering::Relaxed)
    }

    /// Sees that a guild runs, and returns whether it was started now. Who wants the same guild meanwhile waits for the
    /// same start. The caller holds the guild. Cancel safe: a start that has begun is completed.
    pub(super) async fn wake(&self, id: &GuildId, wanted: Wanted) -> Result<bool, GuildError> {
        let mut is_started = false;
        loop {
            if let Some(mut stage) = self.0.running.stage(id) {
                // An error: it has ended.
                if stage.wait_for(|stage| *stage == Stage::Open).await.is_ok() {
                    return Ok(is_started);
                }
                continue;
            }
            if is_started || (wanted == Wanted::Use && self.0.not_started.contains(id)) {
                // It has ended at once, or others start it.
                return Ok(is_started);
            }
            let (guilds, guild) = (self.clone(), id.clone());
            let starting = self.0.tracker.spawn(async move { guilds.start(&guild, wanted).await });
            let started = starting.await.map_err(|error| GuildError::Host(error.to_string()))?;
            is_started = match started {
                Err(error) if error.is_of_guild() => {
                    // It is shown with the error, and tried again.
                    self.note_not_started(id, error.to_string()).await;
                    return if wanted == Wanted::Use { Ok(false) } else { Err(error) };
                }
                started => started?,
            };
        }
    }

    /// Notes that a guild is awake from now on, before it takes any message. Returns the agents that do not start.
    pub(super) async fn note_awake(&self, row: &mut GuildRow, wanted: Wanted) -> Result<Failed, GuildError> {
        let Some(Sleep { failed }) = row.sleep.take() else { return Ok(Failed::new()) };
        if self.0.setup.store.wake(&row.id).await? {
            // Another host may have put it to sleep.
            let _ = self.0.asleep.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
        }
        tracing::info!(guild = %row.id, ?wanted, "a guild wakes");
        Ok(if wanted == Wanted::Relaunch { Failed::new() } else { failed })
    }
}

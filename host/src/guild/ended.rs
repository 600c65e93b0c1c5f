//! What happens when the task of a guild's manager has ended: a guild that sleeps gives its memory back, one that could not
//! fall asleep is started again, and one whose manager failed is tried again.

use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::awake::Wanted;
use super::error::GuildError;
use super::guilds::Guilds;
use super::manager::Ended;
use super::running::RunningGuard;
use guildhall_model::ids::GuildId;

impl Guilds {
    /// Ends the guild's place on this host. `ended` is `None` if the manager's task panicked. Dropping the future may leave
    /// the guild's log open for a minute.
    pub(super) async fn after_end(self, guard: RunningGuard, ended: Option<Ended>) {
        let id = guard.id.clone();
        tracing::info!(guild = %id, ?ended, "a guild has ended here");
        match ended {
            Some(Ended::Asleep) => {
                // Counted before anybody can wake it.
                self.0.asleep.fetch_add(1, Ordering::Relaxed);
                drop(guard);
                self.0.shutdown.run_until_cancelled(self.0.setup.journal.let_go(&id)).await;
            }
            Some(Ended::Restless) => {
                drop(guard);
                match self.start_boxed(id.clone()).await {
                    Ok(_) | Err(GuildError::Unknown | GuildError::Stopped | GuildError::Elsewhere) => {}
                    Err(error) => self.note_not_started(&id, error.to_string()).await,
                }
            }
            Some(Ended::HostShutdown { .. }) if !self.0.shutdown.is_cancelled() => {
                // Another host has it. Nobody starts it here meanwhile.
                self.0.setup.journal.forget(&id).await;
                drop(guard);
            }
            Some(Ended::HostShutdown { may_sleep: true }) => self.0.quiet_at_end.lock().push(id),
            Some(Ended::HostShutdown { may_sleep: false } | Ended::Stopped) => {}
            None => {
                drop(guard);
                self.note_not_started(&id, "the task of its manager failed".to_owned()).await;
            }
        }
    }

    /// Starts a guild again. Boxed, because a guild that is started has this in its task.
    fn start_boxed(&self, id: GuildId) -> BoxFuture<'static, Result<bool, GuildError>> {
        let guilds = self.clone();
        async move { guilds.start(&id, Wanted::Use).await }.boxed()
    }
}

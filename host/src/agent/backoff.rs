//! The pause of an agent's task: after a failure, before a retry, or because the agent emits too fast. The inbox is
//! kept meanwhile. The length of a pause is decided elsewhere (`budget`, `retry`, `pace`).

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How late tokio's timers fire: they round up to the next millisecond and have a resolution of one.
const TIMER_LATENESS: Duration = Duration::from_millis(1);

/// What the task waits for before it does anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// The task goes on at once.
    No,
    /// A moment.
    Until(Instant),
    /// The guild is relaunched or the agent's component is swapped.
    UntilRevived,
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PauseEnd {
    /// Its time is over.
    Elapsed,
    /// The guild was relaunched.
    Revived,
}

/// The pause of one agent's task.
pub(super) struct Backoff {
    pause: Pause,
    /// Changes when agents that have given up try again.
    revive: watch::Receiver<()>,
}

impl Backoff {
    /// Creates a backoff without a pause.
    pub(super) const fn new(revive: watch::Receiver<()>) -> Self {
        Self { pause: Pause::No, revive }
    }

    /// The present pause.
    pub(super) const fn pause(&self) -> Pause {
        self.pause
    }

    /// Pauses for a time. The longer of two pauses counts; a pause until the guild is relaunched becomes this one.
    pub(super) fn pause_for(&mut self, wait: Duration) {
        let end = Instant::now() + wait.saturating_sub(TIMER_LATENESS);
        if !matches!(self.pause, Pause::Until(before) if before > end) {
            self.pause = Pause::Until(end);
        }
    }

    /// Pauses until the guild is relaunched.
    pub(super) const fn pause_until_revived(&mut self) {
        self.pause = Pause::UntilRevived;
    }

    /// Ends the pause now.
    pub(super) const fn clear(&mut self) {
        self.pause = Pause::No;
    }

    /// Ignores relaunches up to now: only a later one ends a pause that begins later.
    pub(super) fn ignore_past_revivals(&mut self) {
        self.revive.mark_unchanged();
    }

    /// Waits until the pause is over, and ends it. Cancel safe: a dropped call leaves the pause as it was.
    pub(super) async fn over(&mut self) -> PauseEnd {
        let end = match self.pause {
            Pause::No => PauseEnd::Elapsed,
            Pause::Until(end) => {
                tokio::time::sleep_until(end).await;
                PauseEnd::Elapsed
            }
            Pause::UntilRevived => {
                if self.revive.changed().await.is_err() {
                    // The guild has ended: only a stop of the task is left.
                    std::future::pending::<()>().await;
                }
                PauseEnd::Revived
            }
        };
        self.pause = Pause::No;
        end
    }
}

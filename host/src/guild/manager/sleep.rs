//! The guild falls asleep when nobody has used it for a time and nothing waits: its agents end in order, and the store
//! notes that it sleeps. At the end of the host the same happens to guilds for which nothing waits.

use std::time::Duration;

use super::active::ActiveManager;
use super::end::Ended;
use super::sleeper::Failed;
use crate::agent::Rest;
use crate::journal::{Consumer, GuildLog, Lag};
use crate::store::Sleep;
use guildhall_model::ids::MessageId;

/// How long the journal may take to store what the guild wrote last.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// A guild for which nothing waits.
pub(super) struct Quiet {
    /// The agents that have failed.
    failed: Failed,
    /// The last message of its log.
    last: MessageId,
    /// The inboxes of its agents and of its manager.
    inboxes: Vec<Lag>,
}

impl Quiet {
    /// Whether nothing has come since. What was sent to an agent that had ended by then is in no inbox, but in the log.
    fn is_still(&self, log: &GuildLog) -> bool {
        log.last_appended() == self.last && self.inboxes.iter().all(|inbox| inbox.messages() == 0)
    }
}

impl ActiveManager {
    /// Begins to fall asleep if the guild was not used for long and nothing waits. From then on nobody uses the guild.
    /// Dropping the future leaves statuses unstored.
    ///
    /// # Errors
    /// When to try again.
    pub(super) async fn begin_to_sleep(&mut self, requests: &Consumer) -> Result<Quiet, Duration> {
        let after = self.sleeper.after.unwrap_or(Duration::MAX);
        let last = self.log.last_appended();
        let written = Duration::from_millis(self.clock.now_ms().saturating_sub(last.timestamp_ms()));
        if last > MessageId::default() && written < after {
            return Err(after - written);
        }
        // What the store says of the agents is true while the guild sleeps.
        let measured = self.measure();
        let effects = self.lifecycle.on(measured);
        self.carry_out(effects).await;
        let mut quiet = None;
        self.sleeper.running.fall_asleep(&self.spec.id, after, || {
            quiet = self.quiet(requests).filter(|_| self.log.is_stored() && self.unsaved.is_empty());
            quiet.is_some()
        })?;
        quiet.ok_or(after)
    }

    /// What the guild takes into its sleep; `None`: something waits, or an agent must not be unloaded.
    pub(super) fn quiet(&self, requests: &Consumer) -> Option<Quiet> {
        let last = self.log.last_appended();
        let (mut failed, now_ms) = (Failed::new(), self.clock.now_ms());
        for (id, member) in &self.members {
            match member.handle.gauges().rest() {
                Rest::From(ms) if ms <= now_ms && !member.is_kept => {}
                Rest::Failed(reason) => drop(failed.insert(id.clone(), reason)),
                Rest::No | Rest::From(_) => return None,
            }
        }
        let inboxes = self.members.values().map(|member| member.lag.clone()).chain([requests.lag()]).collect();
        // After the agents: one that rested may have got a message since.
        (self.log.is_quiet() && self.ending.lock().is_empty()).then_some(Quiet { failed, last, inboxes })
    }

    /// Falls asleep: the agents end, and the store notes that the guild sleeps. Dropping the future ends the agents' tasks
    /// and leaves the guild awake for the next start.
    pub(super) async fn fall_asleep(self, quiet: Quiet) -> Ended {
        // Retention trims the log up to where its agents are.
        self.log.settle();
        self.asleep.cancel();
        self.end_agents().await;
        if !self.is_still(&quiet).await {
            return Ended::Restless;
        }
        match self.store.put_to_sleep(&[(self.spec.id.clone(), Sleep { failed: quiet.failed })]).await {
            Ok(_) => Ended::Asleep,
            Err(error) => {
                tracing::error!(%error, guild = %self.spec.id, "a guild cannot fall asleep");
                Ended::Restless
            }
        }
    }

    /// Ends the agents because the host shuts down. A guild for which nothing waits may sleep until it is needed; one with
    /// an agent that has failed tries again at the next start. Dropping the future leaves the guild awake.
    pub(super) async fn shut_down(mut self, requests: &Consumer) -> Ended {
        let quiet = self.sleeper.after.and_then(|_| self.quiet(requests));
        let quiet = quiet.filter(|quiet| quiet.failed.is_empty() && self.unsaved.is_empty());
        if quiet.is_some() {
            self.log.settle();
            let measured = self.measure();
            let effects = self.lifecycle.on(measured);
            self.carry_out(effects).await;
        }
        self.end_agents().await;
        let may_sleep = match &quiet {
            Some(quiet) => self.is_still(quiet).await && self.unsaved.is_empty(),
            None => false,
        };
        Ended::HostShutdown { may_sleep }
    }

    /// Whether nothing has come since and everything is stored.
    async fn is_still(&self, quiet: &Quiet) -> bool {
        let stored = tokio::time::timeout(STORED_WITHIN, self.log.stored()).await;
        stored.is_ok() && self.log.is_stored() && quiet.is_still(&self.log)
    }
}

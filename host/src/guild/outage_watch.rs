//! Watches the store and the journal, and notes which of them is away. Keeps in the store how far the journal has come.

use std::time::Duration;

use super::guilds::Guilds;
use super::outage::{Away, Part, PartState};
use crate::journal::{StorageTrouble, keep_running};
use crate::store::{JournalMark, StoreOutage};

/// How often the parts are tested.
const EVERY: Duration = Duration::from_millis(500);
/// How long the store may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);
/// How long a batch of the journal may take before the journal counts as away.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);
/// How often the mark of the journal is written when the journal has grown.
const MARK_EVERY: Duration = Duration::from_secs(2);
/// How long a request is served before it is given up because of an outage.
const PATIENCE: Duration = Duration::from_millis(1_200);

impl Guilds {
    /// The part that is away, the store first; `None` if none is.
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        self.0.outages.first()
    }

    /// Each part, and since when it serves or is away.
    #[must_use]
    pub fn parts(&self) -> [PartState; 2] {
        self.0.outages.parts()
    }

    /// Is ready when a request that began with this call has waited long and a part is away. Cancel safe.
    pub async fn waits_in_vain(&self) -> Away {
        tokio::time::sleep(PATIENCE).await;
        let mut changes = self.0.outages.subscribe();
        loop {
            if let Some(away) = self.away() {
                return away;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Begins to watch the store and the journal, until the host shuts down.
    pub fn begin_watch(&self) {
        let guilds = self.clone();
        self.0.tracker.spawn(async move { keep_running("watch", || guilds.clone().watch()).await });
    }

    async fn watch(self) {
        let mut marked = tokio::time::Instant::now();
        let (mut last, mut has_failed) = (None, false);
        loop {
            tokio::select! {
                () = self.0.shutdown.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let now_ms = self.0.setup.clock.now_ms();
            self.0.outages.set(Part::Journal, self.journal_away(), now_ms);
            let asked = tokio::time::Instant::now();
            let reached = tokio::time::timeout(ANSWER_WITHIN, self.0.setup.store.probe()).await;
            self.0.setup.metrics.store_answered(asked.elapsed());
            let mut store = match reached {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.outage() == Some(StoreOutage::DiskFull)),
                Err(_) => Some(false),
            };
            let mark = self.mark();
            if store.is_none() && (has_failed || last.as_ref() != Some(&mark) && marked.elapsed() > MARK_EVERY) {
                let written = tokio::time::timeout(ANSWER_WITHIN * 2, self.0.setup.store.set_journal_mark(&mark)).await;
                store = match written {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.outage() == Some(StoreOutage::DiskFull)),
                    Err(_) => Some(false),
                };
                has_failed = store.is_some();
                (last, marked) = (Some(mark), tokio::time::Instant::now());
            }
            let away = store.map(|is_disk_full| Away { part: Part::Store, is_disk_full });
            self.0.outages.set(Part::Store, away, self.0.setup.clock.now_ms());
        }
    }

    fn journal_away(&self) -> Option<Away> {
        let journal = &self.0.setup.journal;
        let away = |is_disk_full| Some(Away { part: Part::Journal, is_disk_full });
        match journal.trouble() {
            Some(trouble) => away(trouble == StorageTrouble::DiskFull),
            None if journal.stalled_for() > WRITTEN_WITHIN => away(false),
            None => None,
        }
    }

    fn mark(&self) -> JournalMark {
        let journal = &self.0.setup.journal;
        JournalMark { identity: journal.identity().to_owned(), last: journal.durable().get() }
    }

    /// Keeps in the store how far the journal has come, once no guild runs any more.
    pub(super) async fn mark_last(&self) {
        let written = tokio::time::timeout(ANSWER_WITHIN * 2, self.0.setup.store.set_journal_mark(&self.mark())).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("the store does not know how far the journal has come");
        }
    }
}

//! Retention: once a minute, or sooner when a log grows fast, consumed messages are removed that are too old or exceed what a guild may keep. A message
//! that an agent has not consumed is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::error::JournalError;
use super::guild_log::GuildLog;
use super::marks::Marks;
use super::open_logs::OpenLogs;
use super::settings::Retention;
use super::step::GuildKey;
use super::storage::Trim;

const EVERY: Duration = Duration::from_secs(60);
/// The shortest time between two trims, also if a log grows fast.
const SOONEST: Duration = Duration::from_secs(5);

/// By how many bytes more than a quarter a log may outgrow what it may keep before it is trimmed sooner.
const MARGIN: u64 = 16 << 20;
/// How many stored guilds are trimmed each time besides those whose logs are open.
const GUILDS: usize = 2_048;

/// Trims the open logs once a minute, by what `kept` says then, until the journal closes, and sooner when one has grown far beyond what it may keep.
/// The logs that are not open do not grow: some of them are trimmed each time, so that all are in turn. Cancel safe.
pub async fn run(logs: Arc<OpenLogs>, kept: watch::Receiver<Retention>) {
    let sooner = async || {
        tokio::time::sleep(SOONEST).await;
        logs.shared.trim_due.notified().await;
    };
    let mut after = GuildKey::default();
    loop {
        let bytes = kept.borrow().guild_bytes;
        logs.shared.trim_at.store(bytes.saturating_add(bytes / 4).saturating_add(MARGIN), Ordering::Relaxed);
        tokio::select! {
            () = logs.shared.closed.cancelled() => return,
            () = sooner() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
        if logs.shared.is_closing() {
            return;
        }
        let retention = *kept.borrow();
        let trimmed = async {
            let open: Vec<GuildKey> = logs.all().iter().map(GuildLog::key).collect();
            trim_guilds(&logs, retention, &open).await?;
            let next = logs.shared.storage.guilds_after(after, GUILDS).await?;
            trim_guilds(&logs, retention, &next).await?;
            after = next.last().copied().filter(|_| next.len() == GUILDS).unwrap_or_default();
            Ok::<(), JournalError>(())
        };
        if let Err(error) = trimmed.await {
            tracing::warn!(%error, "the journal could not be trimmed; trying again in a minute");
        }
    }
}

/// Removes what retention does not keep of all guilds. Returns the number of removed messages. Cancel safe: a later call
/// continues.
pub async fn trim(logs: &OpenLogs, retention: Retention) -> Result<u64, JournalError> {
    let (mut removed, mut after) = (0, GuildKey::default());
    loop {
        let guilds = logs.shared.storage.guilds_after(after, GUILDS).await?;
        removed += trim_guilds(logs, retention, &guilds).await?;
        match guilds.last() {
            Some(last) if guilds.len() == GUILDS => after = *last,
            _ => return Ok(removed),
        }
    }
}

/// Removes what retention does not keep of some guilds. Cancel safe: a later call continues.
async fn trim_guilds(logs: &OpenLogs, retention: Retention, guilds: &[GuildKey]) -> Result<u64, JournalError> {
    let shared = &logs.shared;
    if shared.has_clock_jumped() {
        return Ok(0);
    }
    let too_old = shared.first_id_within(retention.age);
    logs.close_idle().await;
    shared.marks.tidy();
    for log in logs.all() {
        log.settle();
    }
    // Held until the end, so that a log that is opened meanwhile has the same marks.
    let marks: HashMap<GuildKey, Arc<Marks>> = guilds.iter().map(|key| (*key, shared.marks.of(*key))).collect();
    let note = |guild, note: &dyn Fn(&Marks)| marks.get(&guild).into_iter().for_each(|marks| note(marks));
    let trim = Trim {
        guilds,
        too_old,
        guild_bytes: retention.guild_bytes,
        client_ids_before: shared.client_ids_since(),
        on_trim: &|guild, id| note(guild, &|marks| marks.set_trimmed(id)),
        on_sized: &|guild, bytes| note(guild, &|marks| marks.set_bytes(bytes)),
    };
    shared.storage.trim(trim).await
}

//! Retention: once a minute, or sooner when a log grows fast, consumed messages are removed that are too old or exceed what a guild may keep. A message
//! that an agent has not consumed is kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::JournalError;
use super::open_logs::OpenLogs;
use super::settings::Retention;
use super::storage::Trim;

const EVERY: Duration = Duration::from_secs(60);
/// The shortest time between two trims, also if a log grows fast.
const SOONEST: Duration = Duration::from_secs(5);

/// Trims the journal once a minute until it closes, and sooner when a log has grown far beyond what it may keep. Cancel
/// safe.
pub async fn run(logs: Arc<OpenLogs>, retention: Retention) {
    let kept = retention.guild_bytes;
    logs.shared.trim_at.store(kept.saturating_add(kept / 4).saturating_add(MARGIN), Ordering::Relaxed);
    let sooner = async || {
        tokio::time::sleep(SOONEST).await;
        logs.shared.trim_due.notified().await;
    };
    loop {
        tokio::select! {
            () = logs.shared.closed.cancelled() => return,
            () = sooner() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
        if logs.shared.is_closing() {
            return;
        }
        if let Err(error) = trim(&logs, retention).await {
            tracing::warn!(%error, "the journal could not be trimmed; trying again in a minute");
        }
    }
}

/// By how many bytes more than a quarter a log may outgrow what it may keep before it is trimmed sooner.
const MARGIN: u64 = 16 << 20;

/// Removes what retention does not keep. Returns the number of removed messages. Cancel safe: a later call continues.
pub async fn trim(logs: &OpenLogs, retention: Retention) -> Result<u64, JournalError> {
    let shared = &logs.shared;
    if shared.has_clock_jumped() {
        return Ok(0);
    }
    let too_old = shared.first_id_within(retention.age);
    logs.close_idle();
    for log in logs.all() {
        log.settle_idle();
    }
    let trim = Trim {
        guilds: &shared.guild_keys(),
        too_old,
        guild_bytes: retention.guild_bytes,
        client_ids_before: shared.client_ids_since(),
        on_trim: &|guild, id| shared.set_trimmed(guild, id),
        on_sized: &|guild, bytes| shared.log_bytes(guild).store(bytes, Ordering::Relaxed),
    };
    shared.storage.trim(trim).await
}

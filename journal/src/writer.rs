//! The task that hands waiting steps to the storage. It takes what waits, commits it as one batch, delivers the durable
//! messages to the sockets and answers the receipts. It is the only caller of [`Storage::commit`].
//!
//! While the storage is not available, the writer repeats the batch: nothing that was accepted is lost. No function here
//! is cancel safe: a batch that was taken would be lost.
//!
//! [`Storage::commit`]: super::storage::Storage::commit

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::error::{JournalError, StorageTrouble};
use super::pending::Batch;
use super::queued::FollowUp;
use super::shared::Shared;
use super::step::Step;
use super::storage::Refused;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Writes until the journal is being closed and no step waits, or until it fails. Not cancel safe.
pub async fn run(shared: Arc<Shared>) {
    let writing = AssertUnwindSafe(write_all(&shared)).catch_unwind();
    if writing.await.is_err() {
        shared.fail("the task that writes the journal failed".to_owned());
    }
    shared.closed.cancel();
}

async fn write_all(shared: &Shared) {
    while !shared.has_failed() {
        let batch = shared.take_batch();
        if batch.steps.is_empty() {
            if shared.is_closing() {
                break;
            }
            shared.work.notified().await;
            continue;
        }
        write(shared, batch).await;
        shared.has_written();
    }
}

async fn write(shared: &Shared, batch: Batch) {
    let batch = without_failed_parts(batch);
    if batch.steps.is_empty() {
        return;
    }
    match commit(shared, &batch.steps).await {
        Ok(refused) if refused.is_empty() => batch.follow_ups.into_iter().for_each(FollowUp::stored),
        Ok(refused) => {
            for (error, batch) in split(batch, refused) {
                Box::pin(write_apart(shared, batch, error)).await;
            }
        }
        Err(error) => Box::pin(write_apart(shared, batch, error)).await,
    }
}

/// Reports the steps that are stored, and returns those of each refused guild with the reason.
fn split(batch: Batch, refused: Refused) -> Vec<(JournalError, Batch)> {
    let mut batches: Vec<_> = refused.iter().map(|(_, error)| (error.clone(), Batch::default())).collect();
    for (step, follow_up) in batch.steps.into_iter().zip(batch.follow_ups) {
        match refused.iter().position(|(guild, _)| *guild == step.guild) {
            Some(place) => {
                batches[place].1.steps.push(step);
                batches[place].1.follow_ups.push(follow_up);
            }
            None => follow_up.stored(),
        }
    }
    batches
}

/// Refuses the parts of multipart steps of which an earlier part was refused, and returns the other steps.
fn without_failed_parts(batch: Batch) -> Batch {
    if batch.follow_ups.iter().all(|follow_up| follow_up.failure().is_none()) {
        return batch;
    }
    let mut kept = Batch::default();
    for (step, follow_up) in batch.steps.into_iter().zip(batch.follow_ups) {
        match follow_up.failure().cloned() {
            Some(error) => follow_up.refused(error),
            None => {
                kept.steps.push(step);
                kept.follow_ups.push(follow_up);
            }
        }
    }
    kept
}

/// Commits steps, and repeats that while the storage is not available.
async fn commit(shared: &Shared, steps: &[Step]) -> Result<Refused, JournalError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        match shared.storage.commit(steps).await {
            Ok(refused) => {
                shared.has_stored_batch(began.elapsed());
                shared.set_trouble(None);
                return Ok(refused);
            }
            Err(error) if error.is_outage() => {
                tracing::error!(%error, "the journal cannot be written; trying again");
                let is_full = matches!(error, JournalError::DiskFull(_));
                shared.set_trouble(Some(if is_full { StorageTrouble::DiskFull } else { StorageTrouble::Unavailable }));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Writes each step of a refused batch on its own, so that only the steps that cannot be written fail.
async fn write_apart(shared: &Shared, batch: Batch, error: JournalError) {
    // A guild that another host has taken over is refused each step.
    let is_refused = batch.steps.len() == 1 || matches!(error, JournalError::TakenOver);
    for (step, follow_up) in batch.steps.into_iter().zip(batch.follow_ups) {
        if let Some(error) = follow_up.failure().cloned() {
            follow_up.refused(error);
            continue;
        }
        let outcome = if is_refused { Err(error.clone()) } else { commit(shared, std::slice::from_ref(&step)).await };
        let outcome = outcome.and_then(|refused| refused.into_iter().next().map_or(Ok(()), |(_, error)| Err(error)));
        match outcome {
            Ok(()) => follow_up.stored(),
            Err(error) => refuse(shared, &step, follow_up, error).await,
        }
    }
}

/// Reports that a step is not stored, and removes the earlier parts of its multipart step.
async fn refuse(shared: &Shared, step: &Step, follow_up: FollowUp, error: JournalError) {
    tracing::error!(%error, "the journal's storage refused a step");
    let is_taken_over = matches!(error, JournalError::TakenOver);
    if is_taken_over && shared.storage.shared().is_some() {
        // The host goes on without the guild.
        shared.lose(step.guild);
    } else if is_taken_over || matches!(error, JournalError::Broken(_)) {
        // What is in memory is ahead of what is stored, and the next step would be refused as well.
        let hint = if is_taken_over {
            ": hosts that share a journal need `hosts.url`, others a `redis.prefix` each"
        } else {
            ""
        };
        shared.fail(format!("{error}{hint}"));
    }
    if let Some(multipart) = &follow_up.multipart {
        let _ = multipart.failure.set(error.clone());
        if let Err(error) = shared.storage.discard(step.guild, multipart.first, multipart.last).await {
            tracing::error!(%error, "a part of a refused step stays in the journal until it is opened again");
        }
    }
    follow_up.refused(error);
}

//! What an agent saves. The snapshot of an instance (the `save` export of its component) is kept in the journal when
//! the instance ends in order, and every new instance gets the last one. After a trap, or after the end of the host's
//! process, that is the snapshot that was kept before.

use crate::journal::Snapshot;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_sandbox::{Component, Instance, LogLevel};

use super::context::Context;

/// Why an instance was not restored. The instance is gone.
pub(super) enum NotRestored {
    /// The snapshot cannot be used and was removed: the next instance starts without it.
    Removed,
    /// The failure may be the host's: the snapshot is kept for the next instance.
    Kept(Fault),
}

/// Has an instance save itself and keeps the snapshot; it is durable when this returns. An instance of a component
/// without snapshots saves nothing. The instance comes back unless it broke.
///
/// Dropping the future drops the instance.
pub(super) async fn save(
    context: &Context,
    component: Option<&Component>,
    instance: Instance,
) -> (Option<Instance>, Result<(), Fault>) {
    let (instance, saved) = instance.save().await;
    let data = match saved {
        Ok(Some(data)) => data,
        Ok(None) => return (instance, Ok(())),
        Err(fault) => return (instance, Err(fault)),
    };
    let version = component.map_or_else(String::new, |component| component.description.version.clone());
    let kept = context.log.keep_snapshot(&context.spec.id, Snapshot { version, data }).await;
    (instance, kept.map_err(|error| Fault::new(FaultKind::HostError, error.to_string())))
}

/// Gives a new instance of the agent's component the last snapshot. An instance is passed on as it is if there is none,
/// or if the journal cannot be read.
///
/// Dropping the future drops the instance.
pub(super) async fn restore(
    context: &Context,
    component: &Component,
    instance: Instance,
) -> Result<Instance, NotRestored> {
    if !component.keeps_snapshots() {
        return Ok(instance);
    }
    let agent = &context.spec.id;
    let snapshot = match context.log.snapshot(agent).await {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => return Ok(instance),
        Err(error) => {
            tracing::error!(%error, %agent, "the snapshot of an agent cannot be read");
            return Ok(instance);
        }
    };
    let fault = match instance.restore(snapshot.version, snapshot.data).await {
        (Some(instance), Ok(())) => return Ok(instance),
        (_, restored) => restored.err().unwrap_or_else(instance_is_gone),
    };
    context.report_fault(&fault, None);
    if !matches!(fault.kind, FaultKind::Rejected | FaultKind::Trap | FaultKind::Panic) {
        context.write_log(LogLevel::Error, &format!("its snapshot cannot be restored now: {fault}"));
        return Err(NotRestored::Kept(fault));
    }
    context.write_log(LogLevel::Error, &format!("its snapshot cannot be restored and is deleted: {fault}"));
    match context.log.forget_snapshot(agent).await {
        Ok(()) => Err(NotRestored::Removed),
        Err(error) => {
            tracing::error!(%error, %agent, "the snapshot of an agent cannot be removed");
            Err(NotRestored::Kept(fault))
        }
    }
}

/// Gives an instance of another component the last snapshot.
///
/// Dropping the future drops the instance.
///
/// # Errors
/// The journal cannot be read, or the instance does not take the snapshot.
pub(super) async fn restore_successor(context: &Context, instance: Instance) -> Result<Instance, Fault> {
    let snapshot = match context.log.snapshot(&context.spec.id).await {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => return Ok(instance),
        Err(error) => return Err(Fault::new(FaultKind::HostError, error.to_string())),
    };
    let (instance, restored) = instance.restore(snapshot.version, snapshot.data).await;
    restored?;
    instance.ok_or_else(instance_is_gone)
}

/// The fault of an instance that did not come back and gave no fault.
pub(super) fn instance_is_gone() -> Fault {
    Fault::new(FaultKind::HostError, "the instance is gone")
}

//! The memory for bodies of requests: all bodies that are read at the same time share one bound.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// The setting of the bound, in bytes.
pub const BODY_ROOM: &str = "limits.bodies_bytes";

/// The memory that the bodies of all connections may use together. Cheap to clone.
#[derive(Clone)]
pub struct BodyRoom {
    kib: Arc<Semaphore>,
    limit: usize,
}

impl BodyRoom {
    /// A bound of `limit` bytes, rounded down to KiB.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { kib: Arc::new(Semaphore::new((limit >> 10).min(Semaphore::MAX_PERMITS))), limit }
    }

    /// Takes room for this many bytes more. It is returned when `held` is dropped.
    ///
    /// # Errors
    /// `NoRoom` when other bodies use too much of it.
    pub(super) fn take(&self, bytes: usize, held: &mut Option<OwnedSemaphorePermit>) -> Result<(), ApiError> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let more = self.kib.clone().try_acquire_many_owned(kib);
        let more = more.map_err(|_| ApiError::NoRoom { limit: self.limit, setting: BODY_ROOM })?;
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

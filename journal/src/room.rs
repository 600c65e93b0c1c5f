//! One bound on the bytes that clients make the host keep: bodies of requests, parts of forms, unfinished frames of
//! sockets, frames that are not written to the log yet, and frames and long answers that a client is slow to take.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The setting of the bound, in bytes.
pub const SETTING: &str = "limits.bodies_bytes";

/// The memory that all connections may use together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ByteRoom(Arc<Room>);

#[derive(Debug)]
struct Room {
    used: AtomicUsize,
    limit: usize,
    refused: AtomicU64,
}

/// Room that was taken. It is returned when this is dropped.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// All room is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("everything that clients send and have not taken may have {limit} bytes together ({SETTING}); try again later")]
pub struct NoRoom {
    /// The bound in bytes.
    pub limit: usize,
}

impl ByteRoom {
    /// Returns a bound of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Room { used: AtomicUsize::new(0), limit, refused: AtomicU64::new(0) }))
    }

    /// Returns the error of a full room.
    #[must_use]
    pub fn no_room(&self) -> NoRoom {
        NoRoom { limit: self.0.limit }
    }

    /// Takes room for this many bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when others use too much of it.
    pub fn take(&self, bytes: usize) -> Result<Held, NoRoom> {
        let room = &self.0;
        let within = |used: usize| used.checked_add(bytes).filter(|used| *used <= room.limit);
        match room.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(Held { room: room.clone(), bytes }),
            Err(_) => {
                room.refused.fetch_add(1, Ordering::Relaxed);
                Err(self.no_room())
            }
        }
    }

    /// Takes room for this many bytes more.
    ///
    /// # Errors
    /// [`NoRoom`] when others use too much of it; `held` stays as it was.
    pub fn take_more(&self, bytes: usize, held: &mut Option<Held>) -> Result<(), NoRoom> {
        let mut more = self.take(bytes)?;
        match held {
            Some(held) => held.bytes += mem::take(&mut more.bytes),
            None => *held = Some(more),
        }
        Ok(())
    }

    /// Returns the bytes that are taken.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns how often there was no room since the host started.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_up_to_the_bound_and_returned() {
        let room = ByteRoom::new(10 << 10);
        let mut held = None;
        room.take_more(1 << 10, &mut held).unwrap();
        room.take_more(8 << 10, &mut held).unwrap();
        assert_eq!(room.used_bytes(), 9 << 10);
        let refused = room.take_more(2 << 10, &mut held).unwrap_err();
        assert!(refused.to_string().contains("10240 bytes together (limits.bodies_bytes)"), "{refused}");
        assert_eq!((room.refused(), room.used_bytes()), (1, 9 << 10));
        drop(held);
        assert_eq!(room.used_bytes(), 0);
    }
}

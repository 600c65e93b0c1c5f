//! The memory and the time that JSON documents of clients need. Their values are larger than their text, so they use room
//! of their own (`limits.bodies_bytes`); long documents are parsed away from the server's threads.

use axum::body::Bytes;
use serde_json::Value;

use super::error::ApiError;
use super::state::ApiState;
use crate::room::{ByteRoom, Held};
use guildhall_model::expression::MAX_DOCUMENT;
use guildhall_model::json::{self, JsonError, Memory};

/// The bytes of values that need no room: most documents have less.
const FREE_BYTES: usize = 64 << 10;
/// The longest text that is parsed on the server's threads, in bytes. It takes less than a millisecond.
const SHORT_BYTES: usize = 32 << 10;
/// Who pays for parsing: all clients together.
const SHARE: &str = "bodies";

/// The room of one document's values. It grows while the document is read.
pub struct ValueRoom<'r> {
    room: &'r ByteRoom,
    memory: Memory,
    taken: usize,
}

impl<'r> ValueRoom<'r> {
    pub fn new(room: &'r ByteRoom) -> Self {
        Self { room, memory: Memory::default(), taken: FREE_BYTES }
    }

    /// Takes room for the values of a further part of the document.
    ///
    /// # Errors
    /// `TooManyValues` when the document needs more than half of all room, `NoRoom` when documents would leave less than
    /// a quarter of it, which is for the frames of sockets.
    pub fn add(&mut self, part: &[u8], held: &mut Option<Held>) -> Result<(), ApiError> {
        self.memory.add(part);
        let (bytes, all) = (self.memory.bytes(), self.room.no_room().limit);
        let limit = all / 2;
        if bytes > limit {
            return Err(ApiError::TooManyValues { limit });
        }
        if bytes > self.taken {
            if self.room.used_bytes() + bytes - self.taken > all / 4 * 3 {
                return Err(ApiError::NoRoom(self.room.no_room()));
            }
            self.room.take_more(bytes - self.taken, held)?;
            self.taken = bytes;
        }
        Ok(())
    }
}

/// Parses a document whose values have room.
///
/// Dropping the future may lose the result; parsing that has begun runs to its end.
///
/// # Errors
/// `Internal` when the host shuts down. The inner error is that of the document.
pub async fn parse(api: &ApiState, text: Bytes) -> Result<Result<Value, JsonError>, ApiError> {
    if text.len() <= SHORT_BYTES {
        return Ok(json::parse(&text));
    }
    let parsed = api.evaluations.run_now(SHARE, MAX_DOCUMENT, move |_| json::parse(&text)).await;
    parsed.map_err(|error| ApiError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_use_room_while_their_document_is_read() {
        let room = ByteRoom::new(1 << 20);
        let (mut values, mut held) = (ValueRoom::new(&room), None);
        values.add(b"[0,0,0,0", &mut held).unwrap();
        assert_eq!(room.used_bytes(), 0, "short documents need none");
        let part = ",0".repeat(2_000);
        values.add(part.as_bytes(), &mut held).unwrap();
        assert!(room.used_bytes() > 2_000 * size_of::<Value>());
        let refused = (0..10).find_map(|_| values.add(part.as_bytes(), &mut held).err());
        assert!(matches!(refused, Some(ApiError::TooManyValues { limit: 524_288 })), "{refused:?}");
        drop(held);
        assert_eq!(room.used_bytes(), 0);
    }
}

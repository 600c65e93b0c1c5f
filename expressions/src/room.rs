//! Bounds the result of an expression while it is built.

use crate::bindings::Fault;

/// The largest result, in bytes of JSON, about.
const MAX_RESULT_BYTES: usize = 1 << 20;
/// How deeply a result may be nested.
const MAX_RESULT_DEPTH: usize = 64;

/// How much more of a result may be built.
pub(crate) struct Room {
    bytes: usize,
}

impl Room {
    /// Returns the room of one result.
    pub(crate) const fn new() -> Self {
        Self { bytes: MAX_RESULT_BYTES }
    }

    /// Counts a part of the result: its bytes and how deeply it is nested.
    ///
    /// # Errors
    /// The result is too large or nested too deeply.
    pub(crate) fn take(&mut self, bytes: usize, depth: usize) -> Result<(), Fault> {
        if depth > MAX_RESULT_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.bytes = self
            .bytes
            .checked_sub(bytes + 2)
            .ok_or_else(|| Fault::TooLarge(format!("its result has more than {MAX_RESULT_BYTES} bytes")))?;
        Ok(())
    }
}

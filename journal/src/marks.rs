//! What memory knows of a log beside its messages: its bytes, and how far retention has trimmed it. It is shared between
//! the log and the trim that is under way, so a log that is opened during a trim learns of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use guildhall_model::ids::MessageId;

use super::step::GuildKey;

/// The marks of one log.
#[derive(Debug, Default)]
pub struct Marks {
    trimmed: AtomicU64,
    bytes: AtomicU64,
}

impl Marks {
    /// Returns the id below which retention has removed messages.
    pub fn trimmed(&self) -> MessageId {
        MessageId::new(self.trimmed.load(Ordering::SeqCst))
    }

    /// Records the id below which retention removes messages. It never goes back.
    pub fn set_trimmed(&self, id: MessageId) {
        self.trimmed.fetch_max(id.get(), Ordering::SeqCst);
    }

    /// Returns the bytes of the messages. The number is exact when the log is opened and after each trim, and an estimate
    /// in between.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts the bytes of new messages and returns the sum.
    pub fn add_bytes(&self, bytes: u64) -> u64 {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Records the bytes of all messages.
    pub fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// The marks of all logs that are open or being trimmed.
#[derive(Debug, Default)]
pub struct AllMarks(Mutex<HashMap<GuildKey, Weak<Marks>>>);

impl AllMarks {
    /// Returns the marks of a log, which are created if nobody holds them. They exist as long as somebody holds them.
    pub fn of(&self, key: GuildKey) -> Arc<Marks> {
        let mut all = self.0.lock();
        if let Some(marks) = all.get(&key).and_then(Weak::upgrade) {
            return marks;
        }
        let marks = Arc::<Marks>::default();
        all.insert(key, Arc::downgrade(&marks));
        marks
    }

    /// Removes the places of marks that nobody holds.
    pub fn tidy(&self) {
        let mut all = self.0.lock();
        all.retain(|_, marks| marks.strong_count() > 0);
        all.shrink_to_fit();
    }
}

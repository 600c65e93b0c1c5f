//! What all logs and the writer share: the sequence of ids, the waiting steps, the storage and the keys of the guilds.
//! It knows no log and no subscription.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use guildhall_model::clock::Clock;
use guildhall_model::ids::{GuildId, IdGenerator, MessageId};

use super::error::StorageTrouble;
use super::pending::{Batch, Pending};
use super::queued::QueuedStep;
use super::settings::JournalLimits;
use super::states::Most;
use super::step::GuildKey;
use super::storage::{Recovered, Storage};
use super::time::PlausibleTime;

/// How long the journal knows the client id of a message.
const CLIENT_IDS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What the logs, the writer and the retention share.
#[derive(Debug)]
pub struct Shared {
    pub limits: JournalLimits,
    pub storage: Arc<dyn Storage>,
    /// Notified when a step waits or the journal closes.
    pub work: Notify,
    /// Notified when a log has more bytes than `trim_at`.
    pub trim_due: Notify,
    /// The bytes of a log above which it is trimmed soon.
    pub trim_at: AtomicU64,
    /// A permit for each page of a history that is read.
    pub histories: Semaphore,
    /// Cancelled when the writer has ended.
    pub closed: CancellationToken,
    /// The random id that the journal was created with.
    pub identity: String,
    time: PlausibleTime,
    sequence: Mutex<Sequence>,
    keys: Mutex<Keys>,
    /// All messages up to this id are stored.
    durable: AtomicU64,
    closing: AtomicBool,
    trouble: Mutex<Option<StorageTrouble>>,
    /// Whether the batch that was taken last is not stored yet.
    is_writing: AtomicBool,
    /// When that batch was taken.
    writing_since: Mutex<Option<Instant>>,
    /// Why nothing can be written any more.
    failure: OnceLock<String>,
    /// Cancelled when there is a failure.
    pub failed: CancellationToken,
    /// The number of ids that were given to ephemeral messages.
    ephemeral: AtomicU64,
}

/// The source of ids and the steps that the writer has not taken yet. One lock for both keeps each guild's steps in the
/// order of their ids.
#[derive(Debug)]
pub struct Sequence {
    ids: IdGenerator,
    last_logged: MessageId,
    pub pending: Pending,
}

impl Sequence {
    /// Returns the id of the next message of a log.
    pub fn next_logged(&mut self, now_ms: u64) -> MessageId {
        self.last_logged = self.ids.next(now_ms);
        self.last_logged
    }
}

/// The keys of the guilds, and up to where retention has trimmed each log.
#[derive(Debug, Default)]
struct Keys {
    by_guild: HashMap<GuildId, GuildKey>,
    trimmed: HashMap<GuildKey, MessageId>,
    /// About how many bytes the messages of each log have.
    bytes: HashMap<GuildKey, Arc<AtomicU64>>,
    last: i64,
}

impl Shared {
    /// Continues after what the storage has recovered.
    pub fn new(storage: Arc<dyn Storage>, recovered: Recovered, limits: JournalLimits, clock: Clock) -> Self {
        let mut keys = Keys::default();
        for guild in recovered.guilds {
            keys.by_guild.insert(guild.id, guild.key);
            keys.trimmed.insert(guild.key, guild.trimmed);
            keys.last = keys.last.max(guild.key.0);
        }
        let last = recovered.last;
        Self {
            limits,
            storage,
            work: Notify::new(),
            trim_due: Notify::new(),
            trim_at: AtomicU64::new(u64::MAX),
            histories: Semaphore::new(limits.histories),
            closed: CancellationToken::new(),
            identity: recovered.identity,
            time: PlausibleTime::new(clock, if last.get() == 0 { 0 } else { last.timestamp_ms() }),
            sequence: Mutex::new(Sequence {
                ids: IdGenerator::after(0, last),
                last_logged: last,
                pending: Pending::default(),
            }),
            keys: Mutex::new(keys),
            durable: AtomicU64::new(last.get()),
            closing: AtomicBool::new(false),
            trouble: Mutex::default(),
            is_writing: AtomicBool::new(false),
            writing_since: Mutex::default(),
            failure: OnceLock::new(),
            failed: CancellationToken::new(),
            ephemeral: AtomicU64::new(0),
        }
    }

    /// Locks the sequence.
    pub fn sequence(&self) -> MutexGuard<'_, Sequence> {
        self.sequence.lock()
    }

    /// Returns the time in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    /// Returns whether the clock of the machine has jumped ahead, so that nothing may be removed by age.
    pub fn has_clock_jumped(&self) -> bool {
        self.time.has_jumped()
    }

    /// Returns the time of a change of a state, and how large the state may be.
    pub fn most(&self) -> Most {
        Most { now_ms: self.now_ms(), state_bytes: self.limits.state_bytes }
    }

    /// Hands a step without messages to the writer.
    pub fn enqueue(&self, queued: QueuedStep) {
        self.sequence().pending.push(queued);
        self.work.notify_one();
    }

    /// Returns an id for an ephemeral message. It is smaller than the id of every message that is not delivered yet, so
    /// a client that resumes after the largest id it has seen misses nothing.
    pub fn next_ephemeral_id(&self) -> MessageId {
        let number = self.ephemeral.fetch_add(1, Ordering::Relaxed);
        MessageId::new(self.durable.load(Ordering::Relaxed)).before(number)
    }

    /// Returns the largest id that a message of any log has.
    pub fn last_logged(&self) -> MessageId {
        self.sequence().last_logged
    }

    /// Returns the smallest id that a message may have so that its client id is still known.
    pub fn client_ids_since(&self) -> MessageId {
        self.first_id_within(CLIENT_IDS_KEPT)
    }

    /// Returns the smallest id of a message that is not older than `age`.
    pub fn first_id_within(&self, age: Duration) -> MessageId {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        MessageId::first_at(self.time.now_ms().saturating_sub(age))
    }

    /// Asks the writer to end once no step waits.
    pub fn start_closing(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.work.notify_one();
    }

    /// Returns whether the journal is being closed.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Returns why the last attempt to write failed; `None` if it succeeded.
    pub fn trouble(&self) -> Option<StorageTrouble> {
        *self.trouble.lock()
    }

    /// Records whether the storage takes writes.
    pub fn set_trouble(&self, trouble: Option<StorageTrouble>) {
        *self.trouble.lock() = trouble;
    }

    /// Returns for how long the batch that is being written has not been stored.
    pub fn stalled_for(&self) -> Duration {
        self.writing_since.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the id up to which all messages are stored.
    pub fn durable(&self) -> MessageId {
        MessageId::new(self.durable.load(Ordering::Relaxed))
    }

    /// Lets the next ids be larger than `last`. Called before the first message is published.
    pub fn continue_after(&self, last: MessageId) {
        let mut sequence = self.sequence();
        if last > sequence.last_logged {
            (sequence.ids, sequence.last_logged) = (IdGenerator::after(0, last), last);
            self.durable.store(last.get(), Ordering::Relaxed);
        }
    }

    /// Records that nothing can be written any more. The receipts of the steps that wait fail.
    pub fn fail(&self, reason: String) {
        tracing::error!(reason, "the journal has failed");
        let _ = self.failure.set(reason);
        self.sequence().pending.end();
        self.failed.cancel();
    }

    /// Returns whether nothing can be written any more.
    pub fn has_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Returns why nothing can be written any more.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Takes the batch that is written next.
    pub fn take_batch(&self) -> Batch {
        let mut sequence = self.sequence();
        let batch = sequence.pending.take();
        let is_writing = !batch.steps.is_empty();
        self.is_writing.store(is_writing, Ordering::SeqCst);
        *self.writing_since.lock() = is_writing.then(Instant::now);
        batch
    }

    /// Records that the batch that was taken last is stored or refused.
    pub fn has_written(&self) {
        *self.writing_since.lock() = None;
        let sequence = self.sequence();
        let durable = match sequence.pending.first_id() {
            Some(first) => first.get().saturating_sub(1),
            None => sequence.last_logged.get(),
        };
        self.durable.store(durable, Ordering::Relaxed);
    }

    /// Returns whether every step is stored.
    pub fn is_settled(&self) -> bool {
        // Under the lock, because a batch counts as being written from the moment it is taken.
        self.sequence().pending.is_empty() && !self.is_writing.load(Ordering::SeqCst)
    }

    /// Returns the key of a guild, and whether it was created just now.
    pub fn key_of(&self, id: &GuildId) -> (GuildKey, bool) {
        let mut keys = self.keys.lock();
        if let Some(key) = keys.by_guild.get(id) {
            return (*key, false);
        }
        keys.last += 1;
        let key = GuildKey(keys.last);
        keys.by_guild.insert(id.clone(), key);
        (key, true)
    }

    /// Returns the keys of all guilds.
    pub fn guild_keys(&self) -> Vec<GuildKey> {
        self.keys.lock().by_guild.values().copied().collect()
    }

    /// Returns the id below which retention has removed messages of a guild.
    pub fn trimmed_to(&self, key: GuildKey) -> MessageId {
        self.keys.lock().trimmed.get(&key).copied().unwrap_or_default()
    }

    /// Returns the counter of the bytes of a log. It is exact when the log is opened and after each trim, and an estimate
    /// in between.
    pub fn log_bytes(&self, key: GuildKey) -> Arc<AtomicU64> {
        self.keys.lock().bytes.entry(key).or_default().clone()
    }

    /// Returns the bytes of the steps that wait for the writer.
    pub fn unwritten_bytes(&self) -> usize {
        self.sequence().pending.bytes()
    }

    /// Records the id below which retention removes messages of a guild.
    pub fn set_trimmed(&self, key: GuildKey, id: MessageId) {
        self.keys.lock().trimmed.insert(key, id);
    }
}

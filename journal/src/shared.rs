//! What all logs and the writer share: the sequence of ids, the waiting steps, the storage and the keys of new guilds.
//! It knows no log and no subscription.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use guildhall_model::clock::Clock;
use guildhall_model::ids::{IdGenerator, MessageId};

use super::error::StorageTrouble;
use super::marks::AllMarks;
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
    /// The marks of the logs that are open or being trimmed.
    pub marks: AllMarks,
    /// The largest key of a guild that exists or was created here.
    last_key: AtomicI64,
    /// Whether any guild is stored or was created.
    has_guilds: AtomicBool,
    /// All messages up to this id are stored.
    durable: AtomicU64,
    closing: AtomicBool,
    trouble: Mutex<Option<StorageTrouble>>,
    /// Notified when a batch is stored or refused.
    written: Notify,
    /// When the batch was taken that is not stored yet.
    writing_since: Mutex<Option<Instant>>,
    /// Batches that were stored, and the nanoseconds that this took.
    stored: [AtomicU64; 2],
    /// Why nothing can be written any more.
    failure: OnceLock<String>,
    /// Cancelled when there is a failure.
    pub failed: CancellationToken,
    /// The number of ids that were given to ephemeral messages.
    ephemeral: AtomicU64,
    /// Takes the guilds that another host has taken over.
    lost: mpsc::UnboundedSender<GuildKey>,
}

/// The source of ids and the steps that the writer has not taken yet. One lock for both keeps each guild's steps in the
/// order of their ids.
#[derive(Debug)]
pub struct Sequence {
    ids: IdGenerator,
    last_logged: MessageId,
    pub pending: Pending,
    /// The guilds of the batch that was taken last and is not stored yet. A guild may be here several times.
    writing: Vec<GuildKey>,
}

impl Sequence {
    /// Returns the id of the next message of a log.
    pub fn next_logged(&mut self, now_ms: u64) -> MessageId {
        self.last_logged = self.ids.next(now_ms);
        self.last_logged
    }
}

impl Shared {
    /// Continues after what the storage has recovered.
    ///
    /// `lost` takes the guilds that another host has taken over, each once.
    pub fn new(
        storage: Arc<dyn Storage>,
        recovered: Recovered,
        limits: JournalLimits,
        clock: Clock,
        lost: mpsc::UnboundedSender<GuildKey>,
    ) -> Self {
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
                writing: Vec::new(),
            }),
            marks: AllMarks::default(),
            last_key: AtomicI64::new(recovered.last_key.0),
            has_guilds: AtomicBool::new(recovered.has_guilds),
            durable: AtomicU64::new(last.get()),
            closing: AtomicBool::new(false),
            trouble: Mutex::default(),
            written: Notify::new(),
            writing_since: Mutex::default(),
            stored: Default::default(),
            failure: OnceLock::new(),
            failed: CancellationToken::new(),
            ephemeral: AtomicU64::new(0),
            lost,
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

    /// Counts a batch that was stored.
    pub fn has_stored_batch(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        for (count, more) in self.stored.iter().zip([1, nanoseconds]) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Returns how many batches were stored, and how long that took together.
    pub fn stored_batches(&self) -> (u64, Duration) {
        let [count, nanoseconds] = [0, 1].map(|index: usize| self.stored[index].load(Ordering::Relaxed));
        (count, Duration::from_nanos(nanoseconds))
    }

    /// Returns for how long the batch that is being written has not been stored.
    pub fn stalled_for(&self) -> Duration {
        self.writing_since.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the id up to which all messages are stored.
    pub fn durable(&self) -> MessageId {
        MessageId::new(self.durable.load(Ordering::Relaxed))
    }

    /// Lets the next ids be larger than `last`.
    pub fn continue_after(&self, last: MessageId) {
        let mut sequence = self.sequence();
        if last > sequence.last_logged {
            (sequence.ids, sequence.last_logged) = (IdGenerator::after(0, last), last);
            if sequence.pending.is_empty() && sequence.writing.is_empty() {
                self.durable.store(last.get(), Ordering::Relaxed);
            }
        }
    }

    /// Records that nothing can be written any more. The receipts of the steps that wait fail.
    pub fn fail(&self, reason: String) {
        tracing::error!(reason, "the journal has failed");
        let _ = self.failure.set(reason);
        self.sequence().pending.end();
        self.failed.cancel();
    }

    /// Records that another host has taken a guild over.
    pub fn lose(&self, key: GuildKey) {
        // Nobody takes it any more when the journal is dropped.
        let _ = self.lost.send(key);
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
        sequence.writing.extend(batch.steps.iter().map(|step| step.guild));
        sequence.writing.dedup();
        *self.writing_since.lock() = (!batch.steps.is_empty()).then(Instant::now);
        batch
    }

    /// Records that the batch that was taken last is stored or refused.
    pub fn has_written(&self) {
        *self.writing_since.lock() = None;
        let mut sequence = self.sequence();
        sequence.writing.clear();
        let durable = match sequence.pending.first_id() {
            Some(first) => first.get().saturating_sub(1),
            None => sequence.last_logged.get(),
        };
        self.durable.store(durable, Ordering::Relaxed);
        drop(sequence);
        self.written.notify_waiters();
    }

    /// Returns whether every step is stored.
    pub fn is_settled(&self) -> bool {
        let sequence = self.sequence();
        sequence.pending.is_empty() && sequence.writing.is_empty()
    }

    /// Returns whether every step of a guild is stored.
    pub fn has_stored(&self, key: GuildKey) -> bool {
        let sequence = self.sequence();
        !sequence.pending.has(key) && !sequence.writing.contains(&key)
    }

    /// Waits until every step of a guild is stored, or the writer has ended. Cancel safe.
    pub async fn stored(&self, key: GuildKey) {
        loop {
            let written = self.written.notified();
            // It is notified from here on.
            if self.has_stored(key) {
                return;
            }
            tokio::select! {
                () = written => {}
                () = self.closed.cancelled() => return,
            }
        }
    }

    /// Returns a key that no guild has.
    pub fn new_key(&self) -> GuildKey {
        self.has_guilds.store(true, Ordering::SeqCst);
        GuildKey(self.last_key.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Returns whether the log of any guild is stored or was created.
    pub fn has_guilds(&self) -> bool {
        self.has_guilds.load(Ordering::SeqCst)
    }

    /// Returns the bytes of the steps that wait for the writer.
    pub fn unwritten_bytes(&self) -> usize {
        self.sequence().pending.bytes()
    }
}

//! The log of one guild: it gives messages their ids, hands them to the agents and queues them for the writer. The
//! files of this folder add what is built on that: commits of turns, subscriptions, users' messages, ephemeral messages
//! and snapshots.
//!
//! The log's lock is held while messages get their ids and are handed to the agents, so every subscription receives
//! them in the order of the log. The lock of a queue is taken under the log's lock, never the other way around.

pub(super) mod commit;
pub(super) mod consumer;
mod ephemeral;
mod snapshots;
pub(super) mod tail;
mod user_messages;
mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::message::Message;
use guildhall_model::values::Values;

use super::client_ids::ClientIds;
use super::cursors::Position;
use super::error::JournalError;
use super::ingress::Ingress;
use super::marks::Marks;
use super::queued::{FollowUp, QueuedStep};
use super::receipt::Receipt;
use super::shared::{Sequence, Shared};
use super::states::States;
use super::step::{CursorWrite, GuildKey, SideWrite, Step};
use super::storage::{Page, PageSize, Range, Restored};
use super::subscriber::{Kind, Subscriber};
use super::subscribers::Subscribers;
use crate::room::Held;

/// A handle on one guild's log; cheap to clone.
#[derive(Clone, Debug)]
pub struct GuildLog(Arc<Log>);

#[derive(Debug)]
struct Log {
    id: GuildId,
    key: GuildKey,
    shared: Arc<Shared>,
    /// The committed values. Changed under the lock of `state`, so that the storage keeps the same last value.
    values: Values,
    marks: Arc<Marks>,
    /// The last message that was appended since the log was opened; the default: none.
    last: AtomicU64,
    state: Mutex<LogState>,
    /// A permit for each page of a history that is read.
    histories: Semaphore,
    /// Cancelled when another host has taken the guild over. Nothing is written from then on.
    taken_over: CancellationToken,
}

/// The bytes after which a page of a history ends.
const HISTORY_BYTES: usize = 256 << 10;

/// No message takes fewer bytes in the storage.
const LEAST_STORED_BYTES: u64 = 100;

#[derive(Default)]
struct LogState {
    subscribers: Subscribers,
    /// The last message of each topic that is kept for those who subscribe next.
    retained: HashMap<String, Arc<Message>>,
    states: States,
    /// The positions of the consumers, as of when the log was opened or the consumer last unsubscribed.
    positions: HashMap<Arc<str>, Position>,
    client_ids: ClientIds,
    ingress: Option<Arc<dyn Ingress>>,
    /// Whether the ingress is open.
    is_open: watch::Sender<bool>,
}

impl std::fmt::Debug for LogState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogState").field("subscribers", &self.subscribers).finish_non_exhaustive()
    }
}

impl GuildLog {
    /// Returns the log of a guild of which nothing is stored.
    pub(super) fn new(id: GuildId, key: GuildKey, shared: Arc<Shared>) -> Self {
        let (marks, last) = (shared.marks.of(key), AtomicU64::new(0));
        let histories = Semaphore::new(shared.limits.guild_histories);
        let (values, state) = (Values::default(), Mutex::default());
        let taken_over = CancellationToken::new();
        Self(Arc::new(Log { id, key, shared, values, marks, last, state, histories, taken_over }))
    }

    /// Takes what is stored of the guild.
    pub(super) fn restore(&self, restored: Restored) -> Result<(), JournalError> {
        let mut state = self.lock();
        self.0.marks.set_bytes(restored.bytes);
        self.0.marks.set_trimmed(restored.trimmed);
        for (consumer, position) in restored.consumers {
            state.positions.insert(consumer.into(), position);
        }
        for (owner, versioned) in restored.states {
            state.states.restore(owner, versioned)?;
        }
        let since = self.0.shared.client_ids_since();
        let last = self.0.shared.last_logged();
        state.client_ids.restore(restored.client_ids, since, (!restored.has_all_client_ids).then_some(last));
        for (owner, key, value) in restored.values {
            self.0.values.restore(owner, key, value.into());
        }
        Ok(())
    }

    /// Returns whether the journal may close this log: nobody else holds it, and all of it is stored.
    pub(super) fn may_close(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.shared.has_stored(self.0.key)
    }

    /// Returns the key of the guild.
    pub(super) fn key(&self) -> GuildKey {
        self.0.key
    }

    /// Returns whether no message waits for any agent, in its inbox or in its hands.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let state = self.lock();
        let waits = |subscriber: &&Arc<Subscriber>| {
            matches!(subscriber.kind, Kind::Consumer { .. }) && subscriber.waiting() > 0
        };
        !state.subscribers.all().iter().any(waits)
    }

    /// Returns whether everything that was published or committed here is stored.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.0.shared.has_stored(self.0.key)
    }

    /// Waits until everything that was published or committed here is stored, or the journal is closed. Cancel safe.
    pub async fn stored(&self) {
        self.0.shared.stored(self.0.key).await;
    }

    /// Returns the id of the last message that was appended since the log was opened; the default: none.
    #[must_use]
    pub fn last_appended(&self) -> MessageId {
        MessageId::new(self.0.last.load(Ordering::SeqCst))
    }

    /// Returns for how long what is being written of any guild has not been stored.
    #[must_use]
    pub fn stalled_for(&self) -> Duration {
        self.0.shared.stalled_for()
    }

    /// Returns the id of the guild.
    #[must_use]
    pub fn guild(&self) -> &GuildId {
        &self.0.id
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.0.state.lock()
    }

    /// Appends messages to the log in one step.
    pub fn publish(&self, messages: Vec<Message>) -> Receipt {
        self.append(&self.lock(), messages, None, Vec::new()).1
    }

    /// Removes a message from the log and appends others, in one step. Returns the id of the first one that is
    /// appended, or the default id. The caller makes sure that the removed message is stored.
    pub fn replace(&self, erased: MessageId, messages: Vec<Message>) -> (MessageId, Receipt) {
        self.append(&self.lock(), messages, None, vec![SideWrite::Erase { id: erased }])
    }

    /// Gives messages their ids, hands them to the agents and queues them for the writer. Returns the id of the first
    /// message. A later message that answers the default id answers the first message, in its thread.
    fn append(
        &self,
        state: &LogState,
        messages: Vec<Message>,
        cursor: Option<CursorWrite>,
        side_writes: Vec<SideWrite>,
    ) -> (MessageId, Receipt) {
        self.append_holding(state, messages, cursor, side_writes, None)
    }

    /// As [`Self::append`]; `held` is returned when the messages are stored or refused.
    fn append_holding(
        &self,
        state: &LogState,
        messages: Vec<Message>,
        cursor: Option<CursorWrite>,
        mut side_writes: Vec<SideWrite>,
        held: Option<Held>,
    ) -> (MessageId, Receipt) {
        let (reply, receipt) = Receipt::pair();
        // Before the lock that all guilds share: a guild may have thousands of sockets.
        let receivers: Vec<_> = messages.iter().map(|message| state.subscribers.receivers(message)).collect();
        let mut first = MessageId::default();
        let mut step = Step { guild: self.0.key, cursor, ..Step::default() };
        let mut follow_up = FollowUp { reply: Some(reply), held, ..FollowUp::default() };
        let (mut eager, mut bytes) = (Vec::new(), 0);
        {
            let mut sequence = self.0.shared.sequence();
            for (number, mut message) in messages.into_iter().enumerate() {
                message.id = sequence.next_logged(self.0.shared.now_ms());
                if number == 0 {
                    first = message.id;
                } else if message.in_response_to == Some(MessageId::default()) {
                    message.in_response_to = Some(first);
                    message.thread = vec![first];
                }
                bytes += message.stored_bytes() as u64;
                step.rows.push(Arc::new(message));
            }
            for side_write in &mut side_writes {
                if let SideWrite::ClientId { id, .. } = side_write {
                    *id = first;
                }
            }
            step.side_writes = side_writes;
            for (message, receivers) in step.rows.iter().zip(receivers) {
                for subscriber in receivers {
                    match subscriber.kind {
                        Kind::Consumer { .. } => eager.push((subscriber, message.clone())),
                        Kind::Tail => follow_up.deliveries.push((subscriber, message.clone())),
                    }
                }
            }
            if let Some(last) = step.rows.last() {
                self.0.last.store(last.id.get(), Ordering::SeqCst);
            }
            self.queue(&mut sequence, QueuedStep { step, follow_up });
        }
        self.0.shared.work.notify_one();
        if self.0.marks.add_bytes(bytes) > self.0.shared.trim_at.load(Ordering::Relaxed) {
            self.0.shared.trim_due.notify_one();
        }
        for (subscriber, message) in eager {
            subscriber.push(&message);
        }
        (first, receipt)
    }

    /// Checks that the log may grow.
    ///
    /// # Errors
    /// `busy` with the limit, the value and the setting when the log has too many bytes. It has room again when agents
    /// have read their messages and retention has removed them.
    pub fn check_room(&self) -> Result<(), Fault> {
        let (value, most) = (self.0.marks.bytes(), self.0.shared.limits.log_bytes as u64);
        if value <= most {
            return Ok(());
        }
        let (value, most) = (value >> 20, most >> 20);
        let text = format!(
            "the log of this guild has {value} MiB, most of which wait for its agents, and the limit is {most} \
             (`guild.log_mib`); try again later"
        );
        Err(Fault::new(FaultKind::Busy, text).over(most, Some(value), "guild.log_mib"))
    }

    /// Queues a step without messages.
    fn enqueue(&self, cursor: Option<CursorWrite>, side_writes: Vec<SideWrite>) {
        let step = Step { guild: self.0.key, cursor, side_writes, ..Step::default() };
        self.enqueue_step(QueuedStep { step, ..QueuedStep::default() });
    }

    fn enqueue_step(&self, queued: QueuedStep) {
        self.queue(&mut self.0.shared.sequence(), queued);
        self.0.shared.work.notify_one();
    }

    /// Hands a step to the writer. One of a guild that another host has is refused.
    fn queue(&self, sequence: &mut Sequence, queued: QueuedStep) {
        match self.check_owned() {
            Ok(()) => sequence.pending.push(queued),
            Err(error) => queued.follow_up.refused(error),
        }
    }

    /// Ends the log, because another host has taken the guild over: nothing is written any more, and its tails end.
    pub(super) fn end(&self) {
        self.0.taken_over.cancel();
        // What is queued under this lock was queued before.
        drop(self.0.shared.sequence());
        self.close_ingress();
        for subscriber in self.lock().subscribers.all() {
            subscriber.wake();
        }
    }

    /// Checks that no other host has taken the guild over.
    ///
    /// # Errors
    /// `TakenOver`.
    fn check_owned(&self) -> Result<(), JournalError> {
        if self.0.taken_over.is_cancelled() { Err(JournalError::TakenOver) } else { Ok(()) }
    }

    /// Queues a step without messages and returns its receipt.
    fn enqueue_with_receipt(&self, side_writes: Vec<SideWrite>) -> Receipt {
        let (reply, receipt) = Receipt::pair();
        let step = Step { guild: self.0.key, side_writes, ..Step::default() };
        let follow_up = FollowUp { reply: Some(reply), ..FollowUp::default() };
        self.enqueue_step(QueuedStep { step, follow_up });
        receipt
    }

    /// Returns the first messages of some topics after an id, in the order of the log, and whether more may follow. At
    /// most `limit` messages; the last one reaches 256 KiB. It waits while others read as many histories of this guild,
    /// or of all guilds, as the limits allow. Cancel safe: a read that is dropped ends.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn history(
        &self,
        topics: &[String],
        after: MessageId,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), JournalError> {
        let (_, Page { messages, more }) = self.read_history(topics, after, limit).await?;
        Ok((messages, more))
    }

    /// Returns the last messages of some topics before an id, newest first, and whether more may follow. Otherwise as
    /// [`Self::history`]. Cancel safe.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn history_back(
        &self,
        topics: &[String],
        before: MessageId,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), JournalError> {
        let _turn = self.history_turn().await?;
        let shared = &self.0.shared;
        let until = self.wait_for_all().await.min(MessageId::new(before.get().saturating_sub(1)));
        let most = PageSize { messages: limit, bytes: shared.limits.window_bytes.min(HISTORY_BYTES) };
        let range = Range { guild: self.0.key, topics, after: MessageId::default(), until };
        let Page { messages, more } = shared.storage.read_back(range, most).await?;
        Ok((messages, more))
    }

    /// Returns the id of the last of the first `most` messages of some topics after an id, if there are more than these. Cancel
    /// safe.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn end_of_first(
        &self,
        topics: &[String],
        after: MessageId,
        most: usize,
    ) -> Result<Option<MessageId>, JournalError> {
        // No message is smaller, so most logs need not be looked at.
        if self.0.marks.bytes() / LEAST_STORED_BYTES <= most as u64 {
            return Ok(None);
        }
        let _turn = self.history_turn().await?;
        let until = self.wait_for_all().await;
        let range = Range { guild: self.0.key, topics, after, until };
        let counted = self.0.shared.storage.count(range, most).await?;
        let rest = Range { after: counted.last, ..range };
        let has_more = counted.messages == most && self.0.shared.storage.count(rest, 1).await?.messages > 0;
        Ok(has_more.then_some(counted.last))
    }

    /// Waits until a page of a history may be read. Cancel safe.
    async fn history_turn(&self) -> Result<[SemaphorePermit<'_>; 2], JournalError> {
        // The guild's own turn first, so that many readers of one guild take one place among all guilds.
        let of_guild = self.0.histories.acquire().await.map_err(|_| JournalError::Closed)?;
        let of_all = self.0.shared.histories.acquire().await.map_err(|_| JournalError::Closed)?;
        Ok([of_guild, of_all])
    }

    /// Reads messages by their ids, in the order of the log. An id without a message is skipped. Cancel safe.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn by_ids(&self, ids: &[MessageId]) -> Result<Vec<Message>, JournalError> {
        self.wait_for_all().await;
        self.0.shared.storage.by_ids(self.0.key, ids).await
    }

    /// Returns whether retention has removed a message after this id.
    #[must_use]
    pub fn has_gap_after(&self, id: MessageId) -> bool {
        self.0.marks.trimmed() > id
    }

    /// Reads a page of a history or for a socket, as [`Self::history`]. Returns also the id up to which it was read.
    /// Cancel safe.
    async fn read_history(
        &self,
        topics: &[String],
        after: MessageId,
        limit: usize,
    ) -> Result<(MessageId, Page), JournalError> {
        let _turn = self.history_turn().await?;
        let shared = &self.0.shared;
        let until = self.wait_for_all().await;
        let most = PageSize { messages: limit, bytes: shared.limits.window_bytes.min(HISTORY_BYTES) };
        let range = Range { guild: self.0.key, topics, after, until };
        Ok((until, shared.storage.read(range, None, most).await?))
    }

    /// Reads a page of one lane for an agent: at most `limit` messages and about `window_bytes` of the limits. Returns
    /// also the id up to which it was read. Cancel safe.
    async fn read_lane(
        &self,
        topics: &[String],
        after: MessageId,
        lane: usize,
        limit: usize,
    ) -> Result<(MessageId, Page), JournalError> {
        let until = self.wait_for_all().await;
        let shared = &self.0.shared;
        let most = PageSize { messages: limit, bytes: shared.limits.window_bytes };
        let range = Range { guild: self.0.key, topics, after, until };
        Ok((until, shared.storage.read(range, Some(lane), most).await?))
    }

    /// Waits until everything that was published here is durable. Returns the id up to which that is so. Cancel safe.
    pub(super) async fn wait_for_all(&self) -> MessageId {
        let shared = &self.0.shared;
        let last = shared.last_logged();
        if !shared.is_settled() {
            // The steps of a guild are written in their order, so an empty step is written after the others.
            let receipt = self.enqueue_with_receipt(Vec::new());
            tokio::select! {
                _ = receipt => {}
                () = shared.closed.cancelled() => {}
            }
        }
        last
    }
}

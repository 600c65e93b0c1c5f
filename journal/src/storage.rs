//! The seam between the journal and what keeps its data. Everything above gives messages their ids and delivers them;
//! everything below stores steps and answers reads. [`crate::sqlite`] is the storage of a host that is alone,
//! [`crate::redis`] that of hosts which share a Redis server.
//!
//! `conformance` tests every guarantee that is written here, for each storage.

#[cfg(test)]
pub(super) mod conformance;
#[cfg(test)]
pub(super) mod memory;

use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::watch;

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::state::{StateOwner, VersionedState};

use super::cursors::Position;
use super::error::{JournalError, StorageTrouble};
use super::hosts::{Hosts, Owner};
use super::step::{GuildKey, Snapshot, Step};

/// The guilds whose steps were refused, with the reasons.
pub type Refused = Vec<(GuildKey, JournalError)>;

/// The result of an operation of a storage.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, JournalError>>;

/// Keeps the journal's data.
///
/// What every storage guarantees:
///
/// - **A guild is named first.** The first step of a guild has [`SideWrite::NewGuild`](super::step::SideWrite::NewGuild),
///   unless [`find`](Self::find) finds the guild.
/// - **A commit is atomic for each guild.** [`commit`](Self::commit) stores all steps of a guild or none. A message whose
///   id is stored already makes all steps of its guild fail; a storage may refuse the other guilds of the batch as well.
/// - **A commit may be repeated.** After an outage nobody knows whether a part of the batch is stored. The caller repeats
///   the same batch until there is another answer, and nothing is stored twice.
/// - **Order within a batch.** The side writes of all steps of a guild take effect in the order of the batch. A consumer that is
///   forgotten keeps only a position that a later step, or the same one, gives it. `Erase` names a message of an
///   earlier batch.
/// - **What is committed is read.** An operation that begins after a commit has returned sees all of that commit.
/// - **A multipart step is stored completely or not at all.** A large step arrives as several steps, in several
///   batches. The first has [`SideWrite::Begin`](super::step::SideWrite::Begin), the last has
///   [`SideWrite::Complete`](super::step::SideWrite::Complete). When the process ends before the last part is
///   committed, the next [`recover`](Self::recover) removes the messages of the other parts.
/// - **Order of reads.** Reads return messages in the order of their ids.
/// - **Durability.** A committed batch survives what the [`Durability`](super::settings::Durability) promises with
///   which the storage was opened.
/// - **Errors.** [`JournalError::Unavailable`] and `DiskFull` mean that the same call may succeed later. After any other
///   error, repeating the call does not help, and nothing of a batch is stored.
///
/// All reads are cancel safe, and several may run at the same time, also beside a commit. Only the journal's writer
/// calls [`commit`](Self::commit) and [`discard`](Self::discard), one call at a time.
pub trait Storage: std::fmt::Debug + Send + Sync {
    /// Removes incomplete multipart steps and returns where the journal goes on. Called once, before anything else. It
    /// takes about the same time however many guilds are stored. Cancel safe: a second call completes the work.
    fn recover(&self) -> Stored<'_, Recovered>;

    /// Returns the key of a guild; `None` if it is not stored. Cancel safe.
    fn find<'a>(&'a self, guild: &'a GuildId) -> Stored<'a, Option<GuildKey>>;

    /// Returns the smallest keys of stored guilds that are larger than `after`, in order, at most `most`. Cancel safe.
    fn guilds_after(&self, after: GuildKey, most: usize) -> Stored<'_, Vec<GuildKey>>;

    /// Reads what the log of a guild needs when it is opened. Cancel safe.
    fn restore(&self, guild: GuildKey) -> Stored<'_, Restored>;

    /// Stores a batch of steps. Returns the guilds whose steps are refused, each once; those of all others are stored.
    /// Not cancel safe: the caller awaits the end.
    fn commit<'a>(&'a self, batch: &'a [Step]) -> Stored<'a, Refused>;

    /// Removes the parts of a multipart step that were committed, after a later part was refused. Not cancel safe.
    fn discard(&self, guild: GuildKey, first: MessageId, last: MessageId) -> Stored<'_, ()>;

    /// Reads the first messages of a range, at most `most.messages`. The page ends with the message that reaches
    /// `most.bytes`. With a `lane`, only messages of that priority are read. Cancel safe.
    fn read<'a>(&'a self, range: Range<'a>, lane: Option<usize>, most: PageSize) -> Stored<'a, Page>;

    /// Reads the last messages of a range, newest first, at most `most.messages`. The page ends with the message that
    /// reaches `most.bytes`. Cancel safe.
    fn read_back<'a>(&'a self, range: Range<'a>, most: PageSize) -> Stored<'a, Page>;

    /// Counts the first messages of a range, at most `most`. Cancel safe.
    fn count<'a>(&'a self, range: Range<'a>, most: usize) -> Stored<'a, Counted>;

    /// Reads messages by their ids. An id without a message is skipped. Cancel safe.
    fn by_ids<'a>(&'a self, guild: GuildKey, ids: &'a [MessageId]) -> Stored<'a, Vec<Message>>;

    /// Returns the id of the message that a user sent under a client id, if it is not smaller than `since`. Cancel
    /// safe.
    fn find_client_id<'a>(
        &'a self,
        guild: GuildKey,
        user: &'a UserId,
        client_id: &'a str,
        since: MessageId,
    ) -> Stored<'a, Option<MessageId>>;

    /// Reads the snapshot of an agent. Cancel safe.
    fn snapshot<'a>(&'a self, guild: GuildKey, agent: &'a AgentId) -> Stored<'a, Option<Snapshot>>;

    /// Removes messages that retention does not keep, and returns how many. A message that a consumer of the guild has
    /// not consumed is kept. A commit never waits long for it. Cancel safe: a later call continues the work.
    fn trim<'a>(&'a self, trim: Trim<'a>) -> Stored<'a, u64>;

    /// Removes everything that is stored of a guild; the guild itself last. Nobody commits steps of it meanwhile. Its key and
    /// the ids of its messages are given to no other. A commit never waits long for it. Cancel safe: a later call removes
    /// the rest.
    fn remove(&self, guild: GuildKey) -> Stored<'_, ()>;

    /// Returns why the storage cannot be used, if it looks for that itself, also while nothing is written.
    fn trouble(&self) -> Option<StorageTrouble> {
        None
    }

    /// Returns what several hosts need to share the storage; `None`: this host has it alone.
    fn shared(&self) -> Option<&dyn SharedStorage> {
        None
    }

    /// Closes the storage. Every later operation fails with [`JournalError::Closed`]. A second call does nothing. Cancel
    /// safe: a second call completes the work.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A storage that several hosts share. Each guild has one owner at a time. An operation on a guild takes it over if it has no
/// owner that is alive, and fails with [`JournalError::Elsewhere`] if it has another one. A host that is not the owner any
/// more is refused with [`JournalError::TakenOver`], until it has [released](Self::release) the guild.
pub trait SharedStorage: Send + Sync {
    /// Returns the hosts that are alive. It is notified when one comes or goes.
    fn hosts(&self) -> watch::Receiver<Arc<Hosts>>;

    /// Tells the other hosts how many guilds run here.
    fn set_guilds(&self, guilds: u64);

    /// Returns the owners of guilds, in their order. Cancel safe.
    fn owners<'a>(&'a self, guilds: &'a [GuildId]) -> Stored<'a, Vec<Owner>>;

    /// Returns whether another host has taken a guild over that this one has not released.
    fn is_lost(&self, guild: GuildKey) -> bool;

    /// Gives a guild up, so that any host may take it over. Nobody commits steps of it meanwhile. Cancel safe: it may be given
    /// up.
    fn release(&self, guild: GuildKey) -> Stored<'_, ()>;
}

/// What a storage knows when it is opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// No guild has a larger key, and no other host gives one to a guild.
    pub last_key: GuildKey,
    /// Whether any guild is stored.
    pub has_guilds: bool,
    /// The random id that the storage was created with.
    pub identity: String,
    /// The largest id that a message of the log has had, as far as it is known. New ids are larger.
    pub last: MessageId,
}

/// What is stored of a guild besides its messages.
#[derive(Debug, Default)]
pub struct Restored {
    /// The id of each consumer, with its position.
    pub consumers: Vec<(String, Position)>,
    pub states: Vec<(StateOwner, VersionedState)>,
    /// Owner, key and value.
    pub values: Vec<(StateOwner, String, Vec<u8>)>,
    /// The bytes of the messages as they are stored.
    pub bytes: u64,
    /// Retention has removed messages below this id. The default: none.
    pub trimmed: MessageId,
    /// The largest id of a message of the guild, if the storage tells it; the default: `recover` has told it.
    pub last: MessageId,
    /// User, client id and message of at most [`CLIENT_IDS_RESTORED`] client ids.
    pub client_ids: Vec<(UserId, String, MessageId)>,
    /// Whether the guild has no other client ids.
    pub has_all_client_ids: bool,
}

/// The most client ids that [`Storage::restore`] returns.
pub const CLIENT_IDS_RESTORED: usize = 4_096;

/// The messages of some topics of a guild, from one id (exclusive) to another (inclusive).
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    pub guild: GuildKey,
    /// A message belongs to the range if it has one of these topics.
    pub topics: &'a [String],
    pub after: MessageId,
    pub until: MessageId,
}

/// How large a page may be.
#[derive(Clone, Copy, Debug)]
pub struct PageSize {
    pub messages: usize,
    /// Bytes of the messages as they are stored.
    pub bytes: usize,
}

/// A part of the messages of a range.
#[derive(Debug, Default)]
pub struct Page {
    pub messages: Vec<Message>,
    /// Whether the range may have further messages.
    pub more: bool,
}

/// The first messages of a range, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub messages: usize,
    /// The id of the last one that was counted; the default: none.
    pub last: MessageId,
}

/// What a trim removes.
#[derive(Clone, Copy)]
pub struct Trim<'a> {
    pub guilds: &'a [GuildKey],
    /// Messages below this id are too old.
    pub too_old: MessageId,
    /// The oldest messages of a guild that has more bytes than this are removed.
    pub guild_bytes: u64,
    /// Client ids of messages below this id are removed.
    pub client_ids_before: MessageId,
    /// Called for a guild before messages below an id are removed. The id is stored in the step that removes them. A
    /// reader that resumes never misses a message without notice.
    pub on_trim: &'a (dyn Fn(GuildKey, MessageId) + Send + Sync),
    /// Called for each guild with the bytes that its messages have after the trim.
    pub on_sized: &'a (dyn Fn(GuildKey, u64) + Send + Sync),
}

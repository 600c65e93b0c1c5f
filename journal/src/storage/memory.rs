//! A storage in memory, for tests. It shows that nothing above the seam depends on SQLite.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::state::{StateOwner, VersionedState};

use super::{CLIENT_IDS_RESTORED, Page, PageSize, Range, Recovered, Refused, Restored, Storage, Stored, Trim};
use crate::cursors::Position;
use crate::error::JournalError;
use crate::step::{GuildKey, SideWrite, Snapshot, Step};

/// The data of a storage in memory. It outlives the storage, as a file does.
#[derive(Clone, Debug, Default)]
pub struct Tables(Arc<Mutex<Data>>);

/// Keeps the journal's data in memory.
#[derive(Debug)]
pub struct MemoryStorage {
    tables: Tables,
    closed: AtomicBool,
}

#[derive(Clone, Debug)]
struct StoredGuild {
    id: GuildId,
    trimmed: MessageId,
}

#[derive(Clone, Debug, Default)]
struct Data {
    guilds: BTreeMap<GuildKey, StoredGuild>,
    /// The largest key of a guild that was removed, or of one beside it.
    last_key: GuildKey,
    last: MessageId,
    log: BTreeMap<MessageId, (GuildKey, Arc<Message>)>,
    positions: HashMap<(GuildKey, String), Position>,
    states: HashMap<(GuildKey, StateOwner), VersionedState>,
    values: HashMap<(GuildKey, StateOwner), BTreeMap<String, Vec<u8>>>,
    client_ids: HashMap<(GuildKey, UserId, String), MessageId>,
    snapshots: HashMap<(GuildKey, AgentId), Snapshot>,
    unfinished: BTreeMap<MessageId, (GuildKey, MessageId)>,
    /// Whether the next commit panics.
    panics: bool,
}

impl Tables {
    /// Lets the next commit panic.
    pub fn panic_at_next_commit(&self) {
        self.0.lock().panics = true;
    }
}

impl Data {
    fn commit(&mut self, batch: &[Step]) -> Result<(), JournalError> {
        for step in batch {
            for write in &step.side_writes {
                self.side_write(step.guild, write);
            }
            if let Some(cursor) = &step.cursor {
                self.positions.insert((step.guild, cursor.consumer.to_string()), cursor.position);
            }
            for row in &step.rows {
                if self.log.insert(row.id, (step.guild, row.clone())).is_some() {
                    let text = format!("message {} is stored already", row.id);
                    return Err(JournalError::Storage(Arc::new(std::io::Error::other(text))));
                }
                self.last = self.last.max(row.id);
            }
        }
        Ok(())
    }

    fn side_write(&mut self, guild: GuildKey, write: &SideWrite) {
        match write.clone() {
            SideWrite::NewGuild { id } => {
                self.guilds.insert(guild, StoredGuild { id, trimmed: MessageId::default() });
            }
            SideWrite::State { owner, state } => drop(self.states.insert((guild, owner), state)),
            SideWrite::Values(values) => {
                for written in values {
                    let bucket = self.values.entry((guild, written.owner)).or_default();
                    match written.value {
                        Some(value) => drop(bucket.insert(written.key, value.to_vec())),
                        None => drop(bucket.remove(&written.key)),
                    }
                }
            }
            SideWrite::ClientId { user, client_id, id } => {
                self.client_ids.insert((guild, user, client_id), id);
            }
            SideWrite::ForgetConsumer { agent } => {
                self.positions.remove(&(guild, agent.as_str().to_owned()));
                self.snapshots.remove(&(guild, agent.clone()));
                let owner = StateOwner::Agent(agent);
                self.states.remove(&(guild, owner.clone()));
                self.values.remove(&(guild, owner));
            }
            SideWrite::Snapshot { agent, snapshot } => drop(self.snapshots.insert((guild, agent), snapshot)),
            SideWrite::ForgetSnapshot { agent } => drop(self.snapshots.remove(&(guild, agent))),
            SideWrite::Erase { id } => drop(self.log.remove(&id)),
            SideWrite::Begin { first, last } => drop(self.unfinished.insert(first, (guild, last))),
            SideWrite::Complete { first } => drop(self.unfinished.remove(&first)),
        }
    }

    fn discard(&mut self, guild: GuildKey, first: MessageId, last: MessageId) {
        self.log.retain(|id, (of, _)| *of != guild || *id < first || *id > last);
        self.unfinished.remove(&first);
    }

    fn recover(&mut self) -> Recovered {
        for (first, (guild, last)) in self.unfinished.clone() {
            self.discard(guild, first, last);
        }
        let last_key = self.guilds.last_key_value().map(|(key, _)| *key).unwrap_or_default().max(self.last_key);
        Recovered { last_key, has_guilds: !self.guilds.is_empty(), identity: "memory".to_owned(), last: self.last }
    }

    fn of_guild(&self, guild: GuildKey) -> impl Iterator<Item = &Arc<Message>> {
        self.log.values().filter(move |(of, _)| *of == guild).map(|(_, message)| message)
    }

    fn range<'a>(&'a self, range: Range<'a>) -> impl Iterator<Item = &'a Arc<Message>> {
        self.of_guild(range.guild).filter(move |message| {
            let mut topics = message.topics.as_slice().iter().chain(&message.also);
            message.id > range.after && message.id <= range.until && topics.any(|topic| range.topics.contains(topic))
        })
    }

    fn page(&self, range: Range<'_>, lane: Option<usize>, most: PageSize) -> Page {
        let (mut page, mut bytes) = (Page::default(), 0);
        for message in self.range(range).filter(|message| lane.is_none_or(|lane| message.priority.lane() == lane)) {
            bytes += serde_json::to_string(&**message).map_or(0, |text| text.len());
            page.messages.push(Message::clone(message));
            if bytes >= most.bytes || page.messages.len() == most.messages {
                page.more = true;
                break;
            }
        }
        page
    }

    fn page_back(&self, range: Range<'_>, most: PageSize) -> Page {
        let (mut page, mut bytes) = (Page::default(), 0);
        let all: Vec<_> = self.range(range).collect();
        for message in all.into_iter().rev() {
            bytes += serde_json::to_string(&**message).map_or(0, |text| text.len());
            page.messages.push(Message::clone(message));
            if bytes >= most.bytes || page.messages.len() == most.messages {
                page.more = true;
                break;
            }
        }
        page
    }

    fn remove(&mut self, guild: GuildKey) {
        let last_key = self.guilds.last_key_value().map(|(key, _)| *key).unwrap_or_default();
        self.last_key = self.last_key.max(last_key);
        self.log.retain(|_, (of, _)| *of != guild);
        self.positions.retain(|(of, _), _| *of != guild);
        self.states.retain(|(of, _), _| *of != guild);
        self.values.retain(|(of, _), _| *of != guild);
        self.client_ids.retain(|(of, ..), _| *of != guild);
        self.snapshots.retain(|(of, _), _| *of != guild);
        self.unfinished.retain(|_, (of, _)| *of != guild);
        self.guilds.remove(&guild);
    }

    fn restore(&self, guild: GuildKey) -> Restored {
        let positions = self.positions.iter().filter(|((of, _), _)| *of == guild);
        let states = self.states.iter().filter(|((of, _), _)| *of == guild);
        let buckets = self.values.iter().filter(|((of, _), _)| *of == guild);
        let ids = self.client_ids.iter().filter(|((of, ..), _)| *of == guild);
        let mut client_ids: Vec<_> =
            ids.map(|((_, user, client_id), id)| (user.clone(), client_id.clone(), *id)).collect();
        let has_all_client_ids = client_ids.len() <= CLIENT_IDS_RESTORED;
        client_ids.truncate(CLIENT_IDS_RESTORED);
        Restored {
            client_ids,
            has_all_client_ids,
            bytes: self.bytes_of(guild),
            last: MessageId::default(),
            trimmed: self.guilds.get(&guild).map(|stored| stored.trimmed).unwrap_or_default(),
            consumers: positions.map(|((_, name), position)| (name.clone(), *position)).collect(),
            states: states.map(|((_, owner), state)| (owner.clone(), state.clone())).collect(),
            values: buckets
                .flat_map(|((_, owner), bucket)| {
                    bucket.iter().map(|(key, value)| (owner.clone(), key.clone(), value.clone()))
                })
                .collect(),
        }
    }

    fn trim(&mut self, trim: Trim<'_>) -> u64 {
        let before = self.log.len();
        for guild in trim.guilds {
            let mut end = trim.too_old.max(self.first_to_keep(*guild, trim.guild_bytes));
            for ((of, _), position) in &self.positions {
                if of == guild {
                    end = end.min(position.cursors.into_iter().min().unwrap_or_default());
                }
            }
            if self.of_guild(*guild).next().is_some_and(|oldest| oldest.id < end) {
                if let Some(stored) = self.guilds.get_mut(guild) {
                    stored.trimmed = end;
                }
                (trim.on_trim)(*guild, end);
                self.log.retain(|id, (of, _)| of != guild || *id >= end);
            }
            (trim.on_sized)(*guild, self.bytes_of(*guild));
        }
        self.client_ids.retain(|_, id| *id >= trim.client_ids_before);
        (before - self.log.len()) as u64
    }

    fn bytes_of(&self, guild: GuildKey) -> u64 {
        self.of_guild(guild).map(|message| serde_json::to_string(&**message).map_or(0, |text| text.len()) as u64).sum()
    }

    fn first_to_keep(&self, guild: GuildKey, bytes: u64) -> MessageId {
        let mut kept = 0;
        let newest_first: Vec<_> = self.of_guild(guild).collect();
        for message in newest_first.into_iter().rev() {
            kept += serde_json::to_string(&**message).map_or(0, |text| text.len()) as u64;
            if kept > bytes {
                return MessageId::new(message.id.get() + 1);
            }
        }
        MessageId::default()
    }
}

impl MemoryStorage {
    /// Opens the data.
    pub fn open(tables: &Tables) -> Self {
        Self { tables: tables.clone(), closed: AtomicBool::new(false) }
    }

    fn run<'a, T: Send + 'a>(&self, operation: impl FnOnce(&mut Data) -> Result<T, JournalError>) -> Stored<'a, T> {
        let is_closed = self.closed.load(Ordering::SeqCst);
        let outcome = if is_closed { Err(JournalError::Closed) } else { operation(&mut self.tables.0.lock()) };
        ready(outcome).boxed()
    }
}

impl Storage for MemoryStorage {
    fn recover(&self) -> Stored<'_, Recovered> {
        self.run(|data| Ok(data.recover()))
    }

    fn find<'a>(&'a self, guild: &'a GuildId) -> Stored<'a, Option<GuildKey>> {
        self.run(|data| Ok(data.guilds.iter().find(|(_, stored)| stored.id == *guild).map(|(key, _)| *key)))
    }

    fn guilds_after(&self, after: GuildKey, most: usize) -> Stored<'_, Vec<GuildKey>> {
        self.run(|data| Ok(data.guilds.keys().copied().filter(|key| *key > after).take(most).collect()))
    }

    fn restore(&self, guild: GuildKey) -> Stored<'_, Restored> {
        self.run(|data| Ok(data.restore(guild)))
    }

    fn commit<'a>(&'a self, batch: &'a [Step]) -> Stored<'a, Refused> {
        self.run(|data| {
            assert!(!std::mem::take(&mut data.panics), "told to panic");
            let mut changed = data.clone();
            changed.commit(batch)?;
            *data = changed;
            Ok(Refused::new())
        })
    }

    fn discard(&self, guild: GuildKey, first: MessageId, last: MessageId) -> Stored<'_, ()> {
        self.run(|data| {
            data.discard(guild, first, last);
            Ok(())
        })
    }

    fn read<'a>(&'a self, range: Range<'a>, lane: Option<usize>, most: PageSize) -> Stored<'a, Page> {
        self.run(|data| Ok(data.page(range, lane, most)))
    }

    fn read_back<'a>(&'a self, range: Range<'a>, most: PageSize) -> Stored<'a, Page> {
        self.run(|data| Ok(data.page_back(range, most)))
    }

    fn remove(&self, guild: GuildKey) -> Stored<'_, ()> {
        self.run(|data| {
            data.remove(guild);
            Ok(())
        })
    }

    fn count<'a>(&'a self, range: Range<'a>) -> Stored<'a, usize> {
        self.run(|data| Ok(data.range(range).count()))
    }

    fn by_ids<'a>(&'a self, guild: GuildKey, ids: &'a [MessageId]) -> Stored<'a, Vec<Message>> {
        self.run(|data| {
            Ok(data.of_guild(guild).filter(|message| ids.contains(&message.id)).map(|m| Message::clone(m)).collect())
        })
    }

    fn find_client_id<'a>(
        &'a self,
        guild: GuildKey,
        user: &'a UserId,
        client_id: &'a str,
        since: MessageId,
    ) -> Stored<'a, Option<MessageId>> {
        let key = (guild, user.clone(), client_id.to_owned());
        self.run(|data| Ok(data.client_ids.get(&key).copied().filter(|id| *id >= since)))
    }

    fn snapshot<'a>(&'a self, guild: GuildKey, agent: &'a AgentId) -> Stored<'a, Option<Snapshot>> {
        self.run(|data| Ok(data.snapshots.get(&(guild, agent.clone())).cloned()))
    }

    fn trim<'a>(&'a self, trim: Trim<'a>) -> Stored<'a, u64> {
        self.run(|data| Ok(data.trim(trim)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Ordering::SeqCst);
        ready(()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{Bench, conformance_tests};
    use super::*;

    #[derive(Default)]
    struct InMemory(Tables);

    impl Bench for InMemory {
        async fn open(&self) -> Arc<dyn Storage> {
            Arc::new(MemoryStorage::open(&self.0))
        }
    }

    conformance_tests!(InMemory);
}

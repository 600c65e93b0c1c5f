//! The reads of the storage. A script looks at a bounded part of a log at once, so that no commit waits long for it.
//! Every function here is cancel safe.

use redis::{Value, cmd};

use guildhall_model::ids::{AgentId, MessageId, UserId};
use guildhall_model::message::Message;

use super::error::unexpected;
use super::guilds::Held;
use super::link::{Link, read_value};
use super::scripts::{BY_IDS, READ, READ_BACK};
use super::texts::{read_position, read_score, read_snapshot, read_state, read_user_key, user_key};
use crate::columns::{read_owner, topic_pattern};
use crate::error::JournalError;
use crate::step::Snapshot;
use crate::storage::{CLIENT_IDS_RESTORED, Page, PageSize, Range, Restored};

/// Messages that one run of a script looks at.
const LOOKS: usize = 512;
/// Bytes of messages after which a run of a script ends.
const LOOK_BYTES: usize = 1 << 20;
/// Messages that one script reads by their ids.
const IDS: usize = 32;

/// Reads the positions, states, values and client ids of a guild, and the bytes of its log.
pub async fn restore(link: &Link, guild: &Held) -> Result<Restored, JournalError> {
    let of = |command: &str, name: &str| cmd(command).arg(format!("{}:{name}", guild.base)).to_owned();
    let consumers: Vec<(String, String)> = link.send(&of("HGETALL", "cursors")).await?;
    let states: Vec<(String, String)> = link.send(&of("HGETALL", "states")).await?;
    let owners: Vec<String> = link.send(&of("SMEMBERS", "owners")).await?;
    let mut values = Vec::new();
    for owner in owners {
        let stored: Vec<(String, Vec<u8>)> = link.send(&of("HGETALL", &format!("values:{owner}"))).await?;
        values.extend(stored.into_iter().map(|(key, value)| (read_owner(&owner), key, value)));
    }
    let marks: [Option<u64>; 3] = link.send(of("HMGET", "meta").arg(&["bytes", "trimmed", "last"])).await?;
    let [bytes, trimmed, last] = marks.map(Option::unwrap_or_default);
    let newest = of("ZREVRANGE", "clients").arg(0).arg(CLIENT_IDS_RESTORED).arg("WITHSCORES").to_owned();
    let mut client_ids: Vec<(String, String)> = link.send(&newest).await?;
    let has_all_client_ids = client_ids.len() <= CLIENT_IDS_RESTORED;
    client_ids.truncate(CLIENT_IDS_RESTORED);
    let client_id = |(text, id): (String, String)| {
        let (user, client_id) = read_user_key(&text).ok_or_else(|| unexpected("a client id"))?;
        Ok((user, client_id, MessageId::new(read_score(&id)?)))
    };
    let consumer = |(name, text): (String, String)| Ok((name, read_position(&text)?));
    let state = |(owner, text): (String, String)| Ok((read_owner(&owner), read_state(&text)?));
    Ok(Restored {
        consumers: consumers.into_iter().map(consumer).collect::<Result<_, JournalError>>()?,
        states: states.into_iter().map(state).collect::<Result<_, JournalError>>()?,
        values,
        bytes,
        trimmed: MessageId::new(trimmed),
        last: MessageId::new(last),
        client_ids: client_ids.into_iter().map(client_id).collect::<Result<_, JournalError>>()?,
        has_all_client_ids,
    })
}

/// Reads the first messages of a range.
pub async fn page(
    link: &Link,
    guild: &Held,
    range: Range<'_>,
    lane: Option<usize>,
    most: PageSize,
) -> Result<Page, JournalError> {
    let mut page = Page::default();
    let mut search = Search::new(range, lane);
    let mut bytes = 0;
    while !search.is_over {
        let size = PageSize { messages: most.messages - page.messages.len(), bytes: most.bytes - bytes };
        let found = search.next(link, guild, Some(size)).await?;
        let mut found = found.into_iter();
        while let (Some(id), Some(body)) = (found.next(), found.next()) {
            let body: Vec<u8> = read_value(body)?;
            bytes += body.len();
            page.messages.push(message(read_value(id)?, &body)?);
        }
        if page.messages.len() >= most.messages || bytes >= most.bytes {
            page.more = true;
            break;
        }
    }
    Ok(page)
}

/// Reads the last messages of a range, newest first.
pub async fn page_back(link: &Link, guild: &Held, range: Range<'_>, most: PageSize) -> Result<Page, JournalError> {
    let (mut page, mut bytes) = (Page::default(), 0);
    let mut before = range.until.get().saturating_add(1);
    while !range.topics.is_empty() && before > range.after.get() + 1 {
        let missing = most.messages - page.messages.len();
        let mut command = READ_BACK.on(&guild.base);
        command.arg(before).arg(range.after.get()).arg(missing).arg((most.bytes - bytes).min(1 << 50));
        command.arg(LOOKS).arg(LOOK_BYTES);
        for topic in range.topics {
            command.arg(topic_pattern(topic));
        }
        let mut answer: Vec<Value> = link.run(&READ_BACK, &command).await?;
        let found = answer.split_off(answer.len().min(2));
        let mut head = answer.into_iter();
        let mut take = || read_value::<u64>(head.next().unwrap_or_default());
        let state = take()?;
        before = take()?;
        let mut found = found.into_iter();
        while let (Some(id), Some(body)) = (found.next(), found.next()) {
            let body: Vec<u8> = read_value(body)?;
            bytes += body.len();
            page.messages.push(message(read_value(id)?, &body)?);
        }
        if page.messages.len() >= most.messages || bytes >= most.bytes {
            page.more = true;
            break;
        }
        if state == 1 {
            break;
        }
    }
    Ok(page)
}

/// Counts the messages of a range.
pub async fn count(link: &Link, guild: &Held, range: Range<'_>) -> Result<usize, JournalError> {
    let mut search = Search::new(range, None);
    while !search.is_over {
        search.next(link, guild, None).await?;
    }
    Ok(search.count)
}

/// Looks through a range, a part at a time.
struct Search<'r> {
    range: Range<'r>,
    lane: Option<usize>,
    /// The range is looked at up to here.
    after: u64,
    /// The messages found so far.
    count: usize,
    is_over: bool,
}

impl<'r> Search<'r> {
    fn new(range: Range<'r>, lane: Option<usize>) -> Self {
        let is_over = range.topics.is_empty() || range.after >= range.until;
        Self { range, lane, after: range.after.get(), count: 0, is_over }
    }

    /// Looks at the next part. With a size, returns ids and bodies in turn.
    async fn next(&mut self, link: &Link, guild: &Held, most: Option<PageSize>) -> Result<Vec<Value>, JournalError> {
        let mut command = READ.on(&guild.base);
        let size = most.unwrap_or(PageSize { messages: 0, bytes: 0 });
        command.arg(self.after).arg(self.range.until.get());
        command.arg(self.lane.map_or_else(String::new, |lane| lane.to_string()));
        // Lua counts in floating point.
        command
            .arg(size.messages)
            .arg(size.bytes.min(1 << 50))
            .arg(LOOKS)
            .arg(LOOK_BYTES)
            .arg(u8::from(most.is_none()));
        for topic in self.range.topics {
            command.arg(topic_pattern(topic));
        }
        let mut answer: Vec<Value> = link.run(&READ, &command).await?;
        let found = answer.split_off(answer.len().min(3));
        let mut head = answer.into_iter();
        let mut take = || read_value::<u64>(head.next().unwrap_or_default());
        let (state, after, count) = (take()?, take()?, take()?);
        self.is_over = state == 1;
        self.after = after;
        self.count += usize::try_from(count).unwrap_or(0);
        Ok(found)
    }
}

/// Reads messages by their ids.
pub async fn by_ids(link: &Link, guild: &Held, ids: &[MessageId]) -> Result<Vec<Message>, JournalError> {
    let mut wanted: Vec<u64> = ids.iter().map(|id| id.get()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut messages = Vec::new();
    for part in wanted.chunks(IDS) {
        let mut command = BY_IDS.on(&guild.base);
        command.arg(part);
        let found: Vec<(u64, Vec<u8>)> = link.run(&BY_IDS, &command).await?;
        for (id, body) in found {
            messages.push(message(id, &body)?);
        }
    }
    Ok(messages)
}

/// Returns the id of the message with a client id, unless it is smaller than `since`.
pub async fn find_client_id(
    link: &Link,
    guild: &Held,
    user: &UserId,
    client_id: &str,
    since: MessageId,
) -> Result<Option<MessageId>, JournalError> {
    let find = cmd("ZSCORE").arg(format!("{}:clients", guild.base)).arg(user_key(user, client_id)).to_owned();
    let id: Option<String> = link.send(&find).await?;
    let id = id.map(|id| read_score(&id)).transpose()?;
    Ok(id.map(MessageId::new).filter(|id| *id >= since))
}

/// Reads the snapshot of an agent.
pub async fn snapshot(link: &Link, guild: &Held, agent: &AgentId) -> Result<Option<Snapshot>, JournalError> {
    let get = cmd("HGET").arg(format!("{}:snapshots", guild.base)).arg(agent.as_str()).to_owned();
    let stored: Option<Vec<u8>> = link.send(&get).await?;
    stored.map(|bytes| read_snapshot(&bytes)).transpose()
}

fn message(id: u64, body: &[u8]) -> Result<Message, JournalError> {
    let read = serde_json::from_slice(body);
    let mut message: Message = read.map_err(|error| JournalError::Corrupt(format!("message {id}: {error}")))?;
    message.id = MessageId::new(id);
    Ok(message)
}

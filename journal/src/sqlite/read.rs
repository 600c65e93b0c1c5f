//! The reads of the storage, on the pools of read-only connections. Every function here is cancel safe.

use futures_util::TryStreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite};

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;
use guildhall_model::state::VersionedState;

use super::stretches::{Part, Parts, PartsBack, any_topic};
use crate::columns::{read_cursors, read_owner, topic_pattern};
use crate::cursors::{Attempts, FailedAttempts, Position};
use crate::error::JournalError;
use crate::step::{GuildKey, Snapshot};
use crate::storage::{CLIENT_IDS_RESTORED, Page, PageSize, Range, Restored};

/// Returns the key of a guild. Cancel safe.
pub async fn find(readers: &SqlitePool, guild: &GuildId) -> Result<Option<GuildKey>, JournalError> {
    let key: Option<i64> = sqlx::query_scalar("SELECT key FROM guilds WHERE guild = ?")
        .bind(guild.as_str())
        .fetch_optional(readers)
        .await?;
    Ok(key.map(GuildKey))
}

/// Returns the keys of the guilds after a key. Cancel safe.
pub async fn guilds_after(readers: &SqlitePool, after: GuildKey, most: usize) -> Result<Vec<GuildKey>, JournalError> {
    let keys: Vec<i64> = sqlx::query_scalar("SELECT key FROM guilds WHERE key > ? ORDER BY key LIMIT ?")
        .bind(after.0)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await?;
    Ok(keys.into_iter().map(GuildKey).collect())
}

/// Reads the positions, states, values and client ids of a guild, and what is left of its log. Cancel safe.
pub async fn restore(readers: &SqlitePool, guild: GuildKey) -> Result<Restored, JournalError> {
    let consumers = sqlx::query("SELECT consumer, lanes, attempt_id, attempts, declined FROM cursors WHERE guild = ?")
        .bind(guild.0)
        .fetch_all(readers)
        .await?;
    let states: Vec<(String, i64, i64, String)> =
        sqlx::query_as("SELECT owner, version, updated_ms, state FROM states WHERE guild = ?")
            .bind(guild.0)
            .fetch_all(readers)
            .await?;
    let values: Vec<(String, String, Vec<u8>)> =
        sqlx::query_as("SELECT owner, key, value FROM keyvalues WHERE guild = ?")
            .bind(guild.0)
            .fetch_all(readers)
            .await?;
    let sizes: Option<(i64, i64)> = sqlx::query_as(
        "SELECT bytes + (SELECT COALESCE(SUM(octet_length(body) + octet_length(topics)), 0) FROM log
         WHERE guild = key AND id > sized_to), trimmed FROM guilds WHERE key = ?",
    )
    .bind(guild.0)
    .fetch_optional(readers)
    .await?;
    let mut client_ids: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT user, client_id, id FROM client_ids WHERE guild = ? LIMIT ?")
            .bind(guild.0)
            .bind(i64::try_from(CLIENT_IDS_RESTORED + 1).unwrap_or(i64::MAX))
            .fetch_all(readers)
            .await?;
    let has_all_client_ids = client_ids.len() <= CLIENT_IDS_RESTORED;
    client_ids.truncate(CLIENT_IDS_RESTORED);
    let client_id = |(user, client_id, id): (String, String, i64)| (user.into(), client_id, MessageId::from_i64(id));
    let state = |(owner, version, updated_ms, text): (String, i64, i64, String)| {
        let updated_ms = u64::try_from(updated_ms).unwrap_or(0);
        (read_owner(&owner), VersionedState { version, updated_ms, text: text.into() })
    };
    let (bytes, trimmed) = sizes.unwrap_or_default();
    Ok(Restored {
        consumers: consumers.iter().map(read_consumer).collect::<Result<_, _>>()?,
        states: states.into_iter().map(state).collect(),
        bytes: u64::try_from(bytes).unwrap_or(0),
        trimmed: MessageId::from_i64(trimmed),
        last: MessageId::default(),
        values: values.into_iter().map(|(owner, key, value)| (read_owner(&owner), key, value)).collect(),
        client_ids: client_ids.into_iter().map(client_id).collect(),
        has_all_client_ids,
    })
}

fn read_consumer(row: &SqliteRow) -> Result<(String, Position), JournalError> {
    let (consumer, lanes): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let cursors =
        read_cursors(&lanes).ok_or_else(|| JournalError::Corrupt(format!("the cursor of {consumer} is `{lanes}`")))?;
    let count = |column: usize| Ok::<_, sqlx::Error>(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0));
    let attempts = Attempts { broken: count(3)?, declined: count(4)? };
    let failed = FailedAttempts { message: MessageId::from_i64(row.try_get(2)?), attempts };
    Ok((consumer, Position { cursors, failed }))
}

/// Reads the first messages of a range. Cancel safe.
pub async fn page(
    readers: &SqlitePool,
    range: Range<'_>,
    lane: Option<usize>,
    most: PageSize,
) -> Result<Page, JournalError> {
    if range.topics.is_empty() {
        return Ok(Page::default());
    }
    let mut page = Page::default();
    let mut bytes = 0;
    let mut parts = Parts::new(readers, range);
    while let Some(some) = parts.next().await? {
        for part in some {
            let missing = most.messages - page.messages.len();
            let query = query_of(&range, part, lane, "id, body", "ORDER BY id LIMIT ?");
            let mut rows = query.bind(i64::try_from(missing).unwrap_or(i64::MAX)).fetch(readers);
            while let Some(row) = rows.try_next().await? {
                bytes += row.try_get::<&str, _>(1)?.len();
                page.messages.push(read_message(&row)?);
                if bytes >= most.bytes || page.messages.len() == most.messages {
                    page.more = true;
                    return Ok(page);
                }
            }
        }
    }
    Ok(page)
}

/// Reads the last messages of a range, newest first. Cancel safe.
pub async fn page_back(readers: &SqlitePool, range: Range<'_>, most: PageSize) -> Result<Page, JournalError> {
    let mut page = Page::default();
    if range.topics.is_empty() {
        return Ok(page);
    }
    let mut bytes = 0;
    let mut parts = PartsBack::new(readers, range);
    while let Some(some) = parts.next().await? {
        for part in some {
            let missing = most.messages - page.messages.len();
            let query = query_of(&range, part, None, "id, body", "ORDER BY id DESC LIMIT ?");
            let mut rows = query.bind(i64::try_from(missing).unwrap_or(i64::MAX)).fetch(readers);
            while let Some(row) = rows.try_next().await? {
                bytes += row.try_get::<&str, _>(1)?.len();
                page.messages.push(read_message(&row)?);
                if bytes >= most.bytes || page.messages.len() == most.messages {
                    page.more = true;
                    return Ok(page);
                }
            }
        }
    }
    Ok(page)
}

/// Counts the messages of a range. Cancel safe.
pub async fn count(readers: &SqlitePool, range: Range<'_>) -> Result<usize, JournalError> {
    if range.topics.is_empty() {
        return Ok(0);
    }
    let mut count = 0;
    let mut parts = Parts::new(readers, range);
    while let Some(some) = parts.next().await? {
        for part in some {
            let found: i64 = query_of(&range, part, None, "COUNT(*)", "").fetch_one(readers).await?.try_get(0)?;
            count += usize::try_from(found).unwrap_or(0);
        }
    }
    Ok(count)
}

/// Returns a query of the messages of a part that have a topic of the range; `end` is the end of its text.
fn query_of(
    range: &Range<'_>,
    part: Part,
    lane: Option<usize>,
    columns: &str,
    end: &str,
) -> Query<'static, Sqlite, SqliteArguments> {
    let lane_is = if lane.is_some() { "AND lane = ?" } else { "" };
    let topics = any_topic(range.topics.len());
    let sql = format!("SELECT {columns} FROM log WHERE guild = ? AND id > ? AND id <= ? {lane_is} AND {topics} {end}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(range.guild.0).bind(part.after).bind(part.until);
    if let Some(lane) = lane {
        query = query.bind(i64::try_from(lane).unwrap_or(0));
    }
    range.topics.iter().fold(query, |query, topic| query.bind(topic_pattern(topic)))
}

/// Reads messages by their ids. Cancel safe.
pub async fn by_ids(readers: &SqlitePool, guild: GuildKey, ids: &[MessageId]) -> Result<Vec<Message>, JournalError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places = vec!["?"; ids.len()].join(",");
    let sql = format!("SELECT id, body FROM log WHERE guild = ? AND id IN ({places}) ORDER BY id");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(guild.0);
    for id in ids {
        query = query.bind(id.as_i64());
    }
    query.fetch_all(readers).await?.iter().map(read_message).collect()
}

/// Returns the id of the message with a client id, unless it is smaller than `since`. Cancel safe.
pub async fn find_client_id(
    readers: &SqlitePool,
    guild: GuildKey,
    user: &UserId,
    client_id: &str,
    since: MessageId,
) -> Result<Option<MessageId>, JournalError> {
    let id: Option<i64> =
        sqlx::query_scalar("SELECT id FROM client_ids WHERE guild = ? AND user = ? AND client_id = ? AND id >= ?")
            .bind(guild.0)
            .bind(user.as_str())
            .bind(client_id)
            .bind(since.as_i64())
            .fetch_optional(readers)
            .await?;
    Ok(id.map(MessageId::from_i64))
}

/// Reads the snapshot of an agent. Cancel safe.
pub async fn snapshot(
    readers: &SqlitePool,
    guild: GuildKey,
    agent: &AgentId,
) -> Result<Option<Snapshot>, JournalError> {
    let row: Option<(String, Vec<u8>)> =
        sqlx::query_as("SELECT version, data FROM snapshots WHERE guild = ? AND consumer = ?")
            .bind(guild.0)
            .bind(agent.as_str())
            .fetch_optional(readers)
            .await?;
    Ok(row.map(|(version, data)| Snapshot { version, data }))
}

fn read_message(row: &SqliteRow) -> Result<Message, JournalError> {
    let id = MessageId::from_i64(row.try_get(0)?);
    let mut message: Message = serde_json::from_str(row.try_get(1)?)
        .map_err(|error| JournalError::Corrupt(format!("message {id}: {error}")))?;
    message.id = id;
    Ok(message)
}

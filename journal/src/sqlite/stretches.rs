//! Which topics the stretches of a log have, so that a read skips those that have none of its topics.
//!
//! A stretch is some hundred messages that follow one another in the log of a guild. One row has its topics. A row for each
//! message and topic would find them as well, and would cost more than the message itself. What no row describes is read:
//! the newest messages, and some around each start of the host.

use std::collections::{BTreeSet, HashMap};

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use guildhall_model::message::Message;

use crate::columns::{topic_pattern, topics_of};
use crate::error::JournalError;
use crate::step::GuildKey;
use crate::storage::Range;

/// A stretch ends with so many messages,
const MESSAGES: usize = 512;
/// with so many different topics,
const TOPICS: usize = 64;
/// or with topics of so many bytes together.
const TOPIC_BYTES: usize = 4 << 10;
/// The most guilds whose newest stretch is in memory.
const GUILDS: usize = 4_096;
/// Rows that one step of a read looks at, and messages that one step of a migration reads.
const STEP: usize = 256;

/// A stretch of a log. It has all messages of its guild from `first` to `last`, and maybe topics that no message has any
/// more.
#[derive(Debug)]
pub struct Stretch {
    guild: GuildKey,
    first: i64,
    last: i64,
    messages: usize,
    topics: BTreeSet<String>,
    topic_bytes: usize,
}

/// The newest stretch of each guild. It has no row yet.
#[derive(Debug, Default)]
pub struct OpenStretches(HashMap<GuildKey, Stretch>);

impl OpenStretches {
    /// Adds a message, which is newer than those of its guild before it. Returns the stretch that it ends.
    pub fn add(&mut self, guild: GuildKey, message: &Message) -> Option<Stretch> {
        self.add_topics(guild, message.id.as_i64(), topics_of(message))
    }

    fn add_topics<T: AsRef<str> + Into<String>>(
        &mut self,
        guild: GuildKey,
        id: i64,
        topics: impl Iterator<Item = T>,
    ) -> Option<Stretch> {
        if self.0.len() >= GUILDS && !self.0.contains_key(&guild) {
            self.0.clear();
        }
        let stretch = self.0.entry(guild).or_insert_with(|| Stretch {
            guild,
            first: id,
            last: id,
            messages: 0,
            topics: BTreeSet::new(),
            topic_bytes: 0,
        });
        stretch.last = id;
        stretch.messages += 1;
        for topic in topics {
            if !stretch.topics.contains(topic.as_ref()) {
                stretch.topic_bytes += topic.as_ref().len();
                stretch.topics.insert(topic.into());
            }
        }
        let ends = stretch.messages >= MESSAGES || stretch.topics.len() >= TOPICS || stretch.topic_bytes >= TOPIC_BYTES;
        if ends { self.0.remove(&guild) } else { None }
    }

    /// Forgets what was added, after a batch was not stored.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Writes the row of a stretch.
pub async fn write(db: &mut SqliteConnection, stretch: Stretch) -> Result<(), sqlx::Error> {
    let topics: String = stretch.topics.iter().flat_map(|topic| ["\n", topic]).chain(["\n"]).collect();
    sqlx::query("INSERT OR REPLACE INTO stretches (guild, first, last, topics) VALUES (?, ?, ?, ?)")
        .bind(stretch.guild.0)
        .bind(stretch.first)
        .bind(stretch.last)
        .bind(topics)
        .execute(db)
        .await?;
    Ok(())
}

/// Writes the rows of a file that has none. The caller has begun a transaction.
pub async fn fill(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let (mut open, mut after) = (OpenStretches::default(), (i64::MIN, i64::MIN));
    loop {
        let rows: Vec<(i64, i64, String)> =
            sqlx::query_as("SELECT guild, id, topics FROM log WHERE (guild, id) > (?, ?) ORDER BY guild, id LIMIT ?")
                .bind(after.0)
                .bind(after.1)
                .bind(signed(STEP))
                .fetch_all(&mut *db)
                .await?;
        let Some((guild, id, _)) = rows.last() else { return Ok(()) };
        after = (*guild, *id);
        for (guild, id, topics) in rows {
            let topics = topics.split('\n').filter(|topic| !topic.is_empty());
            if let Some(stretch) = open.add_topics(GuildKey(guild), id, topics) {
                write(db, stretch).await?;
            }
        }
    }
}

/// A part of a log: ids from `after` (exclusive) to `until` (inclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub after: i64,
    pub until: i64,
}

/// The parts of a range that may have messages of its topics, in order. Cancel safe.
#[derive(Debug)]
pub struct Parts<'r> {
    readers: &'r SqlitePool,
    range: Range<'r>,
    /// The range is looked at up to here.
    after: i64,
}

impl<'r> Parts<'r> {
    pub fn new(readers: &'r SqlitePool, range: Range<'r>) -> Self {
        Self { readers, range, after: range.after.as_i64() }
    }

    /// Returns the next parts; `None` at the end of the range.
    pub async fn next(&mut self) -> Result<Option<Vec<Part>>, JournalError> {
        let until = self.range.until.as_i64();
        if self.after >= until {
            return Ok(None);
        }
        let sql = format!(
            "SELECT first, last FROM stretches WHERE guild = ? AND first > ? AND first <= ? AND NOT {}
             ORDER BY first LIMIT ?",
            any_topic(self.range.topics.len())
        );
        // A stretch that begins before the range may be read in vain.
        let mut query = sqlx::query(AssertSqlSafe(sql).into_sql_str());
        query = query.bind(self.range.guild.0).bind(self.after).bind(until);
        for topic in self.range.topics {
            query = query.bind(topic_pattern(topic));
        }
        let rows = query.bind(signed(STEP)).fetch_all(self.readers).await?;
        let mut parts = Vec::with_capacity(rows.len() + 1);
        for row in &rows {
            let (first, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            parts.extend(Some(Part { after: self.after, until: first - 1 }).filter(|part| part.after < part.until));
            self.after = last;
        }
        if rows.len() < STEP {
            parts.extend(Some(Part { after: self.after, until }).filter(|part| part.after < part.until));
            self.after = until;
        }
        Ok(Some(parts))
    }
}

/// The parts of a range that may have messages of its topics, from its end to its begin. Cancel safe.
#[derive(Debug)]
pub struct PartsBack<'r> {
    readers: &'r SqlitePool,
    range: Range<'r>,
    /// The range is looked at down to here.
    until: i64,
}

impl<'r> PartsBack<'r> {
    pub fn new(readers: &'r SqlitePool, range: Range<'r>) -> Self {
        Self { readers, range, until: range.until.as_i64() }
    }

    /// Returns the next parts; `None` at the begin of the range.
    pub async fn next(&mut self) -> Result<Option<Vec<Part>>, JournalError> {
        let after = self.range.after.as_i64();
        if self.until <= after {
            return Ok(None);
        }
        let sql = format!(
            "SELECT first, last FROM stretches WHERE guild = ? AND first > ? AND first <= ? AND NOT {}
             ORDER BY first DESC LIMIT ?",
            any_topic(self.range.topics.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql).into_sql_str());
        query = query.bind(self.range.guild.0).bind(after).bind(self.until);
        for topic in self.range.topics {
            query = query.bind(topic_pattern(topic));
        }
        let rows = query.bind(signed(STEP)).fetch_all(self.readers).await?;
        let mut parts = Vec::with_capacity(rows.len() + 1);
        for row in &rows {
            let (first, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            parts.extend(Some(Part { after: last, until: self.until }).filter(|part| part.after < part.until));
            self.until = first - 1;
        }
        if rows.len() < STEP {
            parts.extend(Some(Part { after, until: self.until }).filter(|part| part.after < part.until));
            self.until = after;
        }
        Ok(Some(parts))
    }
}

/// Returns a condition that holds if a column of topics has one of so many patterns.
pub fn any_topic(topics: usize) -> String {
    format!("({})", vec!["instr(topics, ?) > 0"; topics].join(" OR "))
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUILD: GuildKey = GuildKey(1);

    fn add(open: &mut OpenStretches, id: i64, topic: &str) -> Option<(i64, i64, usize)> {
        let ended = open.add_topics(GUILD, id, [topic].into_iter());
        ended.map(|stretch| (stretch.first, stretch.last, stretch.topics.len()))
    }

    #[test]
    fn a_stretch_ends_by_its_messages_its_topics_or_their_bytes() {
        let mut open = OpenStretches::default();
        let messages = i64::try_from(MESSAGES).unwrap();
        for id in 1..messages {
            assert_eq!(add(&mut open, id, "t"), None);
        }
        assert_eq!(add(&mut open, messages, "t"), Some((1, messages, 1)));
        let ended = (1..).find_map(|id| add(&mut open, id, &id.to_string())).unwrap();
        assert_eq!(ended.2, TOPICS);
        assert_eq!(add(&mut open, 7, &"x".repeat(TOPIC_BYTES)), Some((7, 7, 1)));
        assert_eq!(add(&mut open, 8, "t"), None);
        open.forget();
        assert!(open.0.is_empty());
    }

    #[test]
    fn the_guilds_in_memory_are_bounded() {
        let mut open = OpenStretches::default();
        for guild in 0..10_000 {
            open.add_topics(GuildKey(guild), 1, ["t"].into_iter());
            assert!(open.0.len() <= GUILDS);
        }
    }
}

//! The table that finds the messages of a topic. Each message has a row for each of its topics. A row is written and
//! removed in the transaction of its message.

use std::collections::HashSet;

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Row};

use guildhall_model::ids::MessageId;
use guildhall_model::message::Message;

use super::arguments::{add, add_padding};
use super::columns::topics_of;
use crate::journal::step::GuildKey;

/// The columns of a row.
pub const COLUMNS: usize = 4;

/// Ids of so many topics are merged in the order of their index. With more topics they are sorted.
const MERGED: usize = 16;

/// Messages whose topics one step of a migration writes.
const STEP: i64 = 10_000;

/// One row of the table.
pub struct TopicRow {
    guild: GuildKey,
    topic: String,
    id: MessageId,
    lane: u8,
}

/// Returns the rows of a message.
pub fn rows_of(guild: GuildKey, message: &Message) -> impl Iterator<Item = TopicRow> {
    let topics: HashSet<String> = topics_of(message).map(Into::into).collect();
    let (id, lane) = (message.id, message.priority.get());
    topics.into_iter().map(move |topic| TopicRow { guild, topic, id, lane })
}

/// Binds rows and their padding.
pub fn bind(arguments: &mut SqliteArguments, rows: &[TopicRow]) -> Result<(), sqlx::Error> {
    for row in rows {
        add(arguments, Some(row.guild.0))?;
        add(arguments, row.topic.clone())?;
        add(arguments, Some(row.id.as_i64()))?;
        add(arguments, Some(i64::from(row.lane)))?;
    }
    add_padding(arguments, COLUMNS, rows.len())
}

/// Returns the statement that writes rows; `rows` is a padded number and not 0.
pub fn insert_sql(rows: usize) -> String {
    let values = vec!["(?,?,?,?)"; rows].join(",");
    format!("INSERT INTO topics (guild, topic, id, lane) SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL;")
}

/// Removes the rows of a guild's messages from `first` to `last`, before these messages are removed. The arguments are
/// the guild, `first` and `last`, twice.
pub const REMOVE: &str = "
WITH RECURSIVE split(topic, rest) AS (
    SELECT NULL, substr(topics, 2) FROM log WHERE guild = ? AND id >= ? AND id <= ?
    UNION ALL
    SELECT substr(rest, 1, instr(rest, char(10)) - 1), substr(rest, instr(rest, char(10)) + 1) FROM split
    WHERE rest <> '')
DELETE FROM topics WHERE guild = ? AND topic IN (SELECT topic FROM split WHERE topic IS NOT NULL)
    AND id >= ? AND id <= ?;";

/// Returns a query of the ids of the messages that have one of some topics, each once. Its arguments are the guild, the
/// ids between which the messages are (the first exclusive, the last inclusive), the lane if there is one, and the topics.
pub fn ids_sql(topics: usize, has_lane: bool) -> String {
    let (lane, first) = if has_lane { (" AND lane = ?4", 5) } else { ("", 4) };
    let of = |topic: &str| format!("SELECT id FROM topics WHERE guild = ?1 AND {topic} AND id > ?2 AND id <= ?3{lane}");
    let places = (first..first + topics).map(|place| format!("?{place}"));
    if topics <= MERGED {
        places.map(|place| of(&format!("topic = {place}"))).collect::<Vec<_>>().join(" UNION ")
    } else {
        of(&format!("topic IN ({})", places.collect::<Vec<_>>().join(","))).replacen("SELECT", "SELECT DISTINCT", 1)
    }
}

/// Writes the rows of all messages of a file that has none. The caller has begun a transaction.
pub async fn fill(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut after = -1_i64;
    loop {
        let step = sqlx::query("SELECT MAX(id) FROM (SELECT id FROM log WHERE id > ? ORDER BY id LIMIT ?)");
        let last: Option<i64> = step.bind(after).bind(STEP).fetch_one(&mut *db).await?.get(0);
        let Some(last) = last else { return Ok(()) };
        sqlx::query(AssertSqlSafe(FILL)).bind(after).bind(last).execute(&mut *db).await?;
        after = last;
    }
}

const FILL: &str = "
INSERT OR IGNORE INTO topics (guild, topic, id, lane)
WITH RECURSIVE split(guild, id, lane, topic, rest) AS (
    SELECT guild, id, lane, NULL, substr(topics, 2) FROM log WHERE id > ? AND id <= ?
    UNION ALL
    SELECT guild, id, lane, substr(rest, 1, instr(rest, char(10)) - 1), substr(rest, instr(rest, char(10)) + 1)
    FROM split WHERE rest <> '')
SELECT guild, topic, id, lane FROM split WHERE topic IS NOT NULL";

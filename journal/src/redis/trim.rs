//! Removes what retention does not keep, in steps that are bounded in rows and bytes. The journal decides when.

use std::time::Duration;

use redis::cmd;
use tokio::time::Instant;

use guildhall_model::ids::MessageId;

use super::guilds::Held;
use super::link::Link;
use super::scripts::{OLDEST, TRIM};
use super::texts::read_position;
use crate::error::JournalError;
use crate::step::GuildKey;
use crate::storage::Trim;

/// Messages that one step removes at most, and bytes after which it ends.
const STEP: (usize, usize) = (500, 1 << 20);
/// Client ids that one step removes.
const CLIENT_IDS: usize = 1_000;
/// The longest pause between two steps. A pause is as long as the step before it.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// No message has this id: the ids have 53 bits.
const END: u64 = 1 << 53;

/// Trims a guild and returns the number of removed messages. Cancel safe: a later call continues.
pub async fn trim(link: &Link, key: GuildKey, guild: &Held, trim: Trim<'_>) -> Result<u64, JournalError> {
    forget_client_ids(link, guild, trim.client_ids_before).await?;
    let consumed = consumed(link, guild).await?;
    let mut removed = 0;
    loop {
        let began = Instant::now();
        let mut look = OLDEST.on(&guild.base);
        look.arg(consumed).arg(trim.too_old.get()).arg(trim.guild_bytes.min(END)).arg(STEP.0).arg(STEP.1);
        let (bytes, ends): (u64, u64) = link.run(&OLDEST, &look).await?;
        if ends == 0 {
            (trim.on_sized)(key, bytes);
            return Ok(removed);
        }
        // Before the first message is removed: a reader that resumes must learn that messages are missing.
        (trim.on_trim)(key, MessageId::new(ends));
        let mut remove = TRIM.on(&guild.base);
        remove.arg(guild.token).arg(ends);
        let rows: i64 = link.run(&TRIM, &remove).await?;
        // Negative: another host has taken over the guild.
        let Ok(rows) = u64::try_from(rows) else { return Ok(removed) };
        removed += rows;
        tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE)).await;
    }
}

/// Returns the id after the last message that all consumers of a guild have consumed.
async fn consumed(link: &Link, guild: &Held) -> Result<u64, JournalError> {
    let positions: Vec<String> = link.send(cmd("HVALS").arg(format!("{}:cursors", guild.base))).await?;
    let mut end = END;
    for text in positions {
        let position = read_position(&text)?;
        end = end.min(position.cursors.iter().map(|id| id.get()).min().unwrap_or(0));
    }
    Ok(end)
}

/// Removes the client ids of messages before an id.
async fn forget_client_ids(link: &Link, guild: &Held, before: MessageId) -> Result<(), JournalError> {
    let name = format!("{}:clients", guild.base);
    loop {
        let began = Instant::now();
        let mut old = cmd("ZRANGEBYSCORE");
        old.arg(&name).arg("-inf").arg(format!("({}", before.get())).arg("LIMIT").arg(0).arg(CLIENT_IDS);
        let old: Vec<String> = link.send(&old).await?;
        if old.is_empty() {
            return Ok(());
        }
        let _: u64 = link.send(cmd("ZREM").arg(&name).arg(&old)).await?;
        if old.len() < CLIENT_IDS {
            return Ok(());
        }
        tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE)).await;
    }
}

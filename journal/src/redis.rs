//! The storage in a Redis server or cluster, which several hosts may share. The only part of the journal that names the
//! library `redis`. It gives no ids and knows no subscriptions.
//!
//! All keys of a guild are in one slot: `PREFIX:{GUILD}:…`. `meta` has the token that the guild is held with, the number
//! of the last commit, the last id, the bytes of the log and up to where it is trimmed; `log` is a stream whose ids are
//! those of the messages; the others are hashes and sets of what their names say.
//!
//! The steps of a guild are one run of a script: one round trip, atomic. The script refuses a token that is older than
//! the one in `meta`. Each commit has the next number of its guild. A repeat has the same number, so a commit whose
//! answer was lost is not stored twice; and a server that has lost commits is noticed, because a number is missing.

mod commit;
mod error;
mod guilds;
mod link;
mod members;
mod promise;
mod read;
mod scripts;
pub mod settings;
mod sharing;
#[cfg(test)]
mod tests;
mod texts;
mod trim;
mod watch;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join, join_all};
use redis::cmd;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use guildhall_model::ids::{AgentId, GuildId, MessageId, UserId};
use guildhall_model::message::Message;

use super::error::{JournalError, StorageTrouble};
use super::hosts::Owner;
use super::settings::Durability;
use super::step::{GuildKey, Snapshot, Step};
use super::storage::{
    Counted, Page, PageSize, Range, Recovered, Refused, Restored, SharedStorage, Storage, Stored, Trim,
};
use super::supervise::keep_running;
use error::{unavailable, words};
use guilds::{Held, HeldGuilds};
use link::{Link, Server};
use members::Members;
use scripts::{CLAIM, COMMIT, DISCARD, REMOVE};
use settings::RedisSettings;
use texts::read_score;
use watch::Watch;

/// Each token has so many bits of keys for new guilds. A sorted set keeps 53 bits of a key.
const KEYS_OF_TOKEN_BITS: u32 = 30;

/// A journal in Redis.
#[derive(Debug)]
pub struct RedisStorage {
    /// Commits have a connection of their own, so that no large answer delays them.
    writer: Arc<Link>,
    /// For agents and lookups.
    inboxes: Link,
    /// For histories and retention.
    histories: Link,
    guilds: HeldGuilds,
    /// The key with the largest id of all guilds.
    last_key: String,
    /// Whether that key may be on another node than a guild.
    is_cluster: bool,
    claiming: Mutex<()>,
    /// This host among those that share the server; `None`: it is alone.
    members: Option<Arc<Members>>,
    watch: Arc<Watch>,
    closed: CancellationToken,
}

impl RedisStorage {
    /// Connects to the server and checks that it can promise the durability. Cancel safe.
    ///
    /// # Errors
    /// The address is wrong, the server cannot be reached, or it cannot promise the durability.
    pub async fn open(settings: RedisSettings, durability: Durability) -> Result<Self, JournalError> {
        let (prefix, place, host) = (settings.prefix.clone(), settings.place(), settings.host.clone());
        let server = Arc::new(Server::new(settings, durability)?);
        let is_cluster = server.is_cluster();
        let writer = Arc::new(Link::new(server.clone()));
        for facts in writer.facts().await? {
            tracing::info!(
                place,
                version = facts.version,
                appendonly = facts.appendonly,
                appendfsync = facts.appendfsync.as_deref().unwrap_or("not told"),
                maxmemory = facts.maxmemory,
                maxmemory_policy = facts.maxmemory_policy,
                promises = ?facts.promised(),
                wanted = ?durability,
                "the journal is in Redis"
            );
            if let Some(caveat) = facts.caveat(durability) {
                tracing::warn!(place, "{caveat}");
            }
        }
        let (watch, closed) = (Arc::new(Watch::default()), CancellationToken::new());
        let (watched, link, ends) = (watch.clone(), writer.clone(), closed.clone());
        tokio::spawn(async move {
            keep_running("watch of Redis", || watch::run(watched.clone(), link.clone(), ends.clone())).await;
        });
        // A lease must not wait for anything else.
        let members = host.map(|host| Arc::new(Members::new(Link::new(server.clone()), &prefix, host, random_id())));
        Ok(Self {
            writer,
            inboxes: Link::new(server.clone()),
            histories: Link::new(server),
            last_key: format!("{prefix}:last"),
            is_cluster,
            guilds: HeldGuilds::new(prefix),
            claiming: Mutex::default(),
            members,
            watch,
            closed,
        })
    }

    fn check_open(&self) -> Result<(), JournalError> {
        if self.closed.is_cancelled() { Err(JournalError::Closed) } else { Ok(()) }
    }

    async fn recover(&self) -> Result<Recovered, JournalError> {
        self.check_open()?;
        let name = self.guilds.common("identity");
        let _: Option<String> = self.writer.send(cmd("SET").arg(&name).arg(random_id()).arg("NX")).await?;
        let identity: Option<String> = self.writer.send(cmd("GET").arg(&name)).await?;
        let identity = identity.ok_or_else(|| unavailable("Redis has forgotten what was just written"))?;
        if let Some(members) = &self.members {
            members.renew().await?;
            let (members, ends) = (members.clone(), self.closed.clone());
            tokio::spawn(async move {
                keep_running("lease of this host", || members::run(members.clone(), ends.clone())).await;
            });
        }
        // A host that has held the guilds has a smaller token and is refused from now on.
        let token: u64 = self.writer.send(cmd("INCR").arg(self.guilds.common("token"))).await?;
        self.guilds.begin(token);
        let last = self.largest_id().await?;
        let guilds: u64 = self.writer.send(cmd("ZCARD").arg(self.guilds.common("guilds"))).await?;
        Ok(Recovered {
            // Each token has keys of its own, so hosts that share the server give no key twice.
            last_key: GuildKey(i64::try_from(token << KEYS_OF_TOKEN_BITS).unwrap_or(i64::MAX)),
            has_guilds: guilds > 0,
            identity,
            last,
        })
    }

    /// Returns the largest id of all guilds.
    async fn largest_id(&self) -> Result<MessageId, JournalError> {
        let last: Option<String> = self.inboxes.send(cmd("ZSCORE").arg(&self.last_key).arg("last")).await?;
        Ok(last.map(|last| read_score(&last)).transpose()?.map(MessageId::new).unwrap_or_default())
    }

    async fn find(&self, id: &GuildId) -> Result<Option<GuildKey>, JournalError> {
        self.check_open()?;
        let score: Option<String> =
            self.inboxes.send(cmd("ZSCORE").arg(self.guilds.common("guilds")).arg(id.as_str())).await?;
        let Some(score) = score else { return Ok(None) };
        let key = GuildKey(i64::try_from(read_score(&score)?).unwrap_or(i64::MAX));
        self.claim(key, id).await?;
        Ok(Some(key))
    }

    async fn guilds_after(&self, after: GuildKey, most: usize) -> Result<Vec<GuildKey>, JournalError> {
        self.check_open()?;
        let mut list = cmd("ZRANGEBYSCORE");
        list.arg(self.guilds.common("guilds")).arg(format!("({}", after.0)).arg("+inf").arg("WITHSCORES");
        list.arg("LIMIT").arg(0).arg(most);
        let listed: Vec<(String, String)> = self.histories.send(&list).await?;
        let key = |(_, score): (String, String)| Ok(GuildKey(i64::try_from(read_score(&score)?).unwrap_or(i64::MAX)));
        listed.into_iter().map(key).collect()
    }

    /// Takes a guild over, unless this storage holds it. It removes the incomplete steps.
    async fn claim(&self, key: GuildKey, id: &GuildId) -> Result<Held, JournalError> {
        // One at a time: a second claim would begin the numbers of the commits again.
        let _claiming = self.claiming.lock().await;
        if self.guilds.is_lost(key) {
            return Err(JournalError::TakenOver);
        }
        if let Some(held) = self.guilds.get(key) {
            return Ok(held);
        }
        let base = self.guilds.base_of(id);
        let mut claim = CLAIM.on(&base);
        let token = match &self.members {
            None => {
                claim.arg(self.guilds.token());
                self.guilds.token()
            }
            Some(members) => {
                let (known, owner) = self.held_by(&base).await?;
                if let Owner::Other(host) = self.owner_of(owner.as_deref()) {
                    return Err(JournalError::Elsewhere(host.url));
                }
                // Each take-over has a larger token than the one before it.
                let token: u64 = self.inboxes.send(cmd("INCR").arg(self.guilds.common("token"))).await?;
                claim.arg(token).arg(known.unwrap_or_else(|| "0".to_owned())).arg(members.id());
                token
            }
        };
        match self.inboxes.run::<String>(&CLAIM, &claim).await?.as_str() {
            "OK" => Ok(self.guilds.hold(key, id, token)),
            _ => Err(JournalError::TakenOver),
        }
    }

    /// Returns a guild, which is taken over if this storage does not hold it.
    async fn guild(&self, key: GuildKey) -> Result<Held, JournalError> {
        self.check_open()?;
        if self.guilds.is_lost(key) {
            return Err(JournalError::TakenOver);
        }
        if let Some(held) = self.guilds.get(key) {
            return Ok(held);
        }
        let mut named = cmd("ZRANGEBYSCORE");
        named.arg(self.guilds.common("guilds")).arg(key.0).arg(key.0);
        let ids: Vec<String> = self.inboxes.send(&named).await?;
        match ids.into_iter().next() {
            Some(id) => self.claim(key, &id.into()).await,
            None => Err(JournalError::Storage(words(format!("no guild has the key {}", key.0)))),
        }
    }

    async fn commit(&self, batch: &[Step]) -> Result<Refused, JournalError> {
        self.check_open()?;
        let mut order: Vec<GuildKey> = Vec::new();
        let mut steps: HashMap<GuildKey, Vec<&Step>> = HashMap::new();
        for step in batch {
            let of_guild = steps.entry(step.guild).or_default();
            if of_guild.is_empty() {
                order.push(step.guild);
            }
            of_guild.push(step);
        }
        self.name_new(&steps).await?;
        let commits = order.iter().map(|guild| self.commit_guild(*guild, &steps[guild]));
        let rows = batch.iter().flat_map(|step| &step.rows);
        // In the same round trip; a larger id than is stored does no harm.
        let (outcomes, noted) = join(join_all(commits), self.note_last(rows.map(|row| row.id).max())).await;
        match noted {
            Err(error) if error.is_outage() => return Err(error),
            // What is stored is stored: it must not be told as refused.
            Err(error) => tracing::error!(%error, "the largest id cannot be noted"),
            Ok(()) => {}
        }
        let (mut stored, mut refused) = (Vec::new(), Refused::new());
        for (guild, outcome) in order.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => stored.push(guild),
                // No number is counted: the repeat of the whole batch has the same ones.
                Err(error) if error.is_outage() => return Err(error),
                Err(error) => refused.push((guild, error)),
            }
        }
        self.guilds.count(stored);
        Ok(refused)
    }

    /// Notes the largest id of all guilds, after which a later start goes on.
    async fn note_last(&self, last: Option<MessageId>) -> Result<(), JournalError> {
        // On one server the commits note it themselves.
        let Some(last) = last.filter(|_| self.is_cluster) else { return Ok(()) };
        let mut note = cmd("ZADD");
        note.arg(&self.last_key).arg("GT").arg(last.get()).arg("last");
        self.writer.send(&note).await
    }

    /// Lists the guilds that a batch creates. A guild is listed before it has data, so that none is forgotten.
    async fn name_new(&self, steps: &HashMap<GuildKey, Vec<&Step>>) -> Result<(), JournalError> {
        let created = steps.iter().filter_map(|(key, steps)| Some((*key, commit::created(steps)?)));
        let new: Vec<(GuildKey, &GuildId)> = created.filter(|(key, _)| self.guilds.get(*key).is_none()).collect();
        if new.is_empty() {
            return Ok(());
        }
        let listed: Vec<(i64, &str)> = new.iter().map(|(key, id)| (key.0, id.as_str())).collect();
        let mut list = cmd("ZADD");
        list.arg(self.guilds.common("guilds")).arg("NX").arg(listed);
        let _: u64 = self.writer.send(&list).await?;
        for (key, id) in new {
            self.guilds.hold(key, id, self.guilds.token());
        }
        Ok(())
    }

    async fn commit_guild(&self, key: GuildKey, steps: &[&Step]) -> Result<(), JournalError> {
        let guild = match &self.members {
            None => self.guild(key).await?,
            // A guild that was given up meanwhile may have been changed by another host: what is in memory is stale.
            Some(_) => self.guilds.get(key).filter(|_| !self.guilds.is_lost(key)).ok_or_else(|| self.lost(key))?,
        };
        let last_key = if self.is_cluster { "" } else { &self.last_key };
        let host = self.members.as_ref().map_or("", |members| members.id());
        let command = commit::command(&guild, last_key, host, steps)?;
        let answer: String = self.writer.run(&COMMIT, &command).await?;
        match self.answered(&guild, &answer, steps) {
            Err(JournalError::TakenOver) if self.members.is_some() => Err(self.lost(key)),
            answered => answered,
        }
    }

    fn answered(&self, guild: &Held, answer: &str, steps: &[&Step]) -> Result<(), JournalError> {
        match answer {
            "OK" => Ok(()),
            "FENCED" => Err(JournalError::TakenOver),
            "STORED" => {
                let first = steps.iter().filter_map(|step| step.rows.first()).next();
                Err(commit::stored_already(first.map_or_else(MessageId::default, |row| row.id)))
            }
            _ => Err(JournalError::Broken(words(format!(
                "Redis has lost commits that it had confirmed, of {}: it was flushed, or is an older copy",
                guild.base
            )))),
        }
    }

    async fn trim(&self, trim: Trim<'_>) -> Result<u64, JournalError> {
        let mut removed = 0;
        self.check_open()?;
        for key in trim.guilds {
            // A guild that nobody uses does not grow.
            if self.members.is_some() && self.guilds.get(*key).is_none() {
                continue;
            }
            match self.guild(*key).await {
                Ok(guild) => removed += trim::trim(&self.histories, *key, &guild, trim).await?,
                // It is not ours to trim.
                Err(JournalError::TakenOver) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    async fn remove(&self, key: GuildKey) -> Result<(), JournalError> {
        let guild = self.guild(key).await?;
        let mut remove = REMOVE.on(&guild.base);
        remove.arg(guild.token);
        if self.writer.run::<String>(&REMOVE, &remove).await? != "OK" {
            return Err(JournalError::TakenOver);
        }
        // Last, so that a removal that was cut short can be repeated.
        let mut unlist = cmd("ZREMRANGEBYSCORE");
        unlist.arg(self.guilds.common("guilds")).arg(key.0).arg(key.0);
        let _: u64 = self.writer.send(&unlist).await?;
        self.guilds.release(key);
        Ok(())
    }

    async fn discard(&self, guild: GuildKey, first: MessageId, last: MessageId) -> Result<(), JournalError> {
        let guild = self.guild(guild).await?;
        let mut discard = DISCARD.on(&guild.base);
        discard.arg(guild.token).arg(first.get()).arg(last.get());
        match self.writer.run::<String>(&DISCARD, &discard).await?.as_str() {
            "OK" => Ok(()),
            _ => Err(JournalError::TakenOver),
        }
    }
}

/// A random id of 128 bits.
fn random_id() -> String {
    let half = || RandomState::new().hash_one(std::time::SystemTime::now());
    format!("{:016x}{:016x}", half(), half())
}

impl Drop for RedisStorage {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl Storage for RedisStorage {
    fn recover(&self) -> Stored<'_, Recovered> {
        self.recover().boxed()
    }

    fn find<'a>(&'a self, guild: &'a GuildId) -> Stored<'a, Option<GuildKey>> {
        self.find(guild).boxed()
    }

    fn guilds_after(&self, after: GuildKey, most: usize) -> Stored<'_, Vec<GuildKey>> {
        self.guilds_after(after, most).boxed()
    }

    fn restore(&self, guild: GuildKey) -> Stored<'_, Restored> {
        async move {
            let mut restored = read::restore(&self.inboxes, &self.guild(guild).await?).await?;
            if self.members.is_some() {
                // Clients may have seen ids of other guilds of the host that had it before.
                restored.last = restored.last.max(self.largest_id().await?);
            }
            Ok(restored)
        }
        .boxed()
    }

    fn commit<'a>(&'a self, batch: &'a [Step]) -> Stored<'a, Refused> {
        self.commit(batch).boxed()
    }

    fn discard(&self, guild: GuildKey, first: MessageId, last: MessageId) -> Stored<'_, ()> {
        self.discard(guild, first, last).boxed()
    }

    fn read<'a>(&'a self, range: Range<'a>, lane: Option<usize>, most: PageSize) -> Stored<'a, Page> {
        // Only consumers read single lanes.
        let link = if lane.is_some() { &self.inboxes } else { &self.histories };
        async move { read::page(link, &self.guild(range.guild).await?, range, lane, most).await }.boxed()
    }

    fn read_back<'a>(&'a self, range: Range<'a>, most: PageSize) -> Stored<'a, Page> {
        async move { read::page_back(&self.histories, &self.guild(range.guild).await?, range, most).await }.boxed()
    }

    fn remove(&self, guild: GuildKey) -> Stored<'_, ()> {
        self.remove(guild).boxed()
    }

    fn count<'a>(&'a self, range: Range<'a>, most: usize) -> Stored<'a, Counted> {
        async move { read::count(&self.inboxes, &self.guild(range.guild).await?, range, most).await }.boxed()
    }

    fn by_ids<'a>(&'a self, guild: GuildKey, ids: &'a [MessageId]) -> Stored<'a, Vec<Message>> {
        async move { read::by_ids(&self.inboxes, &self.guild(guild).await?, ids).await }.boxed()
    }

    fn find_client_id<'a>(
        &'a self,
        guild: GuildKey,
        user: &'a UserId,
        client_id: &'a str,
        since: MessageId,
    ) -> Stored<'a, Option<MessageId>> {
        async move { read::find_client_id(&self.inboxes, &self.guild(guild).await?, user, client_id, since).await }
            .boxed()
    }

    fn snapshot<'a>(&'a self, guild: GuildKey, agent: &'a AgentId) -> Stored<'a, Option<Snapshot>> {
        async move { read::snapshot(&self.inboxes, &self.guild(guild).await?, agent).await }.boxed()
    }

    fn trim<'a>(&'a self, trim: Trim<'a>) -> Stored<'a, u64> {
        self.trim(trim).boxed()
    }

    fn trouble(&self) -> Option<StorageTrouble> {
        self.watch.trouble()
    }

    fn shared(&self) -> Option<&dyn SharedStorage> {
        self.members.as_ref().map(|_| self as &dyn SharedStorage)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let is_first = !self.closed.is_cancelled();
        self.closed.cancel();
        async move {
            if let Some(members) = self.members.as_ref().filter(|_| is_first) {
                members.leave().await;
            }
        }
        .boxed()
    }
}

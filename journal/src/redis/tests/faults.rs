//! Answers that are lost, a server that is killed, full, a replica, flushed or has other settings, and another host.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use guildhall_model::clock::Clock;
use guildhall_model::message::raw_json;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;

use super::proxy::Proxy;
use super::*;
use crate::step::SideWrite;
use crate::{GuildLog, Journal, JournalLimits, Retention};

const G: GuildKey = GuildKey(1);

async fn opened(url: &str) -> Arc<RedisStorage> {
    let storage = open(url).await;
    storage.recover().await.unwrap();
    storage
}

/// Opens a storage with the guild `g`.
async fn with_guild(url: &str) -> Arc<RedisStorage> {
    let storage = opened(url).await;
    let new = SideWrite::NewGuild { id: "g".into() };
    let step = Step { guild: G, side_writes: vec![new], ..Step::default() };
    assert!(storage.commit(&[step]).await.unwrap().is_empty());
    storage
}

fn message(n: u64) -> Message {
    Message::draft(AgentTag::default(), Topics::One("t".into()), "test", raw_json(&json!({"n": n})))
}

fn row(id: u64) -> Step {
    let message = Message { id: MessageId::new(id), ..message(id) };
    Step { guild: G, rows: vec![Arc::new(message)], ..Step::default() }
}

async fn stored(storage: &RedisStorage) -> Vec<u64> {
    let topics = ["t".to_owned()];
    let range = Range { guild: G, topics: &topics, after: MessageId::default(), until: MessageId::new(u64::MAX >> 11) };
    let page = storage.read(range, None, PageSize { messages: 100_000, bytes: usize::MAX }).await.unwrap();
    page.messages.iter().map(|message| message.id.get()).collect()
}

/// Repeats a commit until its outcome is known.
async fn commit_surely(storage: &RedisStorage, step: &Step) -> Result<(), JournalError> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        match storage.commit(std::slice::from_ref(step)).await {
            Ok(refused) => return refused.into_iter().next().map_or(Ok(()), |(_, error)| Err(error)),
            Err(error) if error.is_outage() => assert!(tokio::time::Instant::now() < deadline, "{error}"),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_stored_once() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let proxy = Proxy::to(redis.port()).await;
    let storage = with_guild(&proxy.url()).await;
    for id in 1..=20 {
        proxy.lose_one();
        let first = storage.commit(&[row(id)]).await;
        assert!(first.is_err_and(|error| error.is_outage()) && proxy.has_lost(), "the answer {id} was lost");
        commit_surely(&storage, &row(id)).await.unwrap();
    }
    assert_eq!(stored(&storage).await, (1..=20).collect::<Vec<_>>());
}

/// Publishes messages and waits for their receipts, one after the other, until it is told to end. It counts those that are
/// confirmed; all of them must be.
async fn publish(log: GuildLog, confirmed: Arc<AtomicU64>, ends: Arc<AtomicBool>) {
    while !ends.load(Ordering::SeqCst) {
        let sent = log.publish(vec![message(confirmed.load(Ordering::SeqCst))]);
        let receipt = tokio::time::timeout(Duration::from_secs(60), sent).await;
        receipt.expect("the journal goes on").expect("an outage is no refusal");
        confirmed.fetch_add(1, Ordering::SeqCst);
    }
}

async fn numbers(log: &GuildLog) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), MessageId::default());
    loop {
        let (messages, more) = log.history(&["t".to_owned()], after, 1_000).await.unwrap();
        let number =
            |message: &Message| serde_json::from_str::<serde_json::Value>(message.payload.get()).unwrap()["n"].as_u64();
        all.extend(messages.iter().filter_map(number));
        after = messages.last().map_or(after, |message| message.id);
        if !more {
            return all;
        }
    }
}

async fn journal(url: &str) -> Journal {
    let limits = JournalLimits::default();
    Journal::open_redis(settings(url), Durability::Process, limits, Retention::default(), Clock::system())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_is_there_once_and_in_order_after_kills_and_lost_answers() {
    if !Redis::is_installed() {
        return;
    }
    let mut redis = Redis::durable();
    let proxy = Proxy::to(redis.port()).await;
    let journal_of_test = journal(&proxy.url()).await;
    let log = journal_of_test.guild(&"g".into()).await.unwrap();
    let (confirmed, ends) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let publishing = tokio::spawn(publish(log.clone(), confirmed.clone(), ends.clone()));
    let progress = async || {
        let before = confirmed.load(Ordering::SeqCst);
        until("messages are confirmed again", || confirmed.load(Ordering::SeqCst) > before + 20).await;
    };
    for _ in 0..6 {
        for _ in 0..5 {
            progress().await;
            proxy.lose_one();
            until("an answer is lost", || proxy.has_lost()).await;
        }
        redis.kill();
        redis.start_again();
    }
    progress().await;
    ends.store(true, Ordering::SeqCst);
    publishing.await.unwrap();
    let confirmed = confirmed.load(Ordering::SeqCst);
    journal_of_test.close().await;
    drop(log);
    redis.kill();
    redis.start_again();
    let journal_of_test = journal(&redis.url()).await;
    let log = journal_of_test.guild(&"g".into()).await.unwrap();
    assert_eq!(numbers(&log).await, (0..confirmed).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_host_that_was_followed_by_another_is_refused_by_redis() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let old = with_guild(&redis.url()).await;
    assert!(old.commit(&[row(1)]).await.unwrap().is_empty());
    let new = opened(&redis.url()).await;
    assert_eq!(new.find(&"g".into()).await.unwrap(), Some(G));
    assert!(matches!(commit_surely(&old, &row(2)).await, Err(JournalError::TakenOver)));
    assert!(matches!(old.discard(G, MessageId::new(1), MessageId::new(1)).await, Err(JournalError::TakenOver)));
    let all = Trim {
        guilds: &[G],
        too_old: MessageId::new(9),
        guild_bytes: 0,
        client_ids_before: MessageId::default(),
        on_trim: &|_, _| (),
        on_sized: &|_, _| (),
    };
    assert_eq!(old.trim(all).await.unwrap(), 0, "an old host removes nothing");
    commit_surely(&new, &row(3)).await.unwrap();
    assert_eq!(stored(&new).await, [1, 3]);
}

#[tokio::test]
async fn a_server_that_was_flushed_is_noticed() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let storage = open(&redis.url()).await;
    let identity = storage.recover().await.unwrap().identity;
    let storage = with_guild(&redis.url()).await;
    assert_eq!(redis.command(&["FLUSHALL"]), "OK");
    assert!(matches!(commit_surely(&storage, &row(1)).await, Err(JournalError::Broken(_))));
    assert_ne!(opened(&redis.url()).await.recover().await.unwrap().identity, identity);
}

#[tokio::test]
async fn a_server_without_memory_is_as_a_full_disk_and_goes_on_when_it_has_some() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let storage = with_guild(&redis.url()).await;
    commit_surely(&storage, &row(1)).await.unwrap();
    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let full = storage.commit(&[row(2)]).await.unwrap_err();
    assert!(matches!(full, JournalError::DiskFull(_)), "{full}");
    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    commit_surely(&storage, &row(2)).await.unwrap();
    assert_eq!(stored(&storage).await, [1, 2]);
}

#[tokio::test]
async fn a_replica_is_an_outage_with_words() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let storage = with_guild(&redis.url()).await;
    assert_eq!(redis.command(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
    let refused = storage.commit(&[row(1)]).await.unwrap_err();
    assert!(matches!(refused, JournalError::Unavailable(_)) && refused.to_string().contains("replica"), "{refused}");
    assert_eq!(redis.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    commit_surely(&storage, &row(1)).await.unwrap();
    assert_eq!(stored(&storage).await, [1]);
}

#[tokio::test]
async fn a_server_that_comes_back_with_other_settings_is_not_used() {
    if !Redis::is_installed() {
        return;
    }
    let mut redis = Redis::durable();
    let storage = with_guild(&redis.url()).await;
    commit_surely(&storage, &row(1)).await.unwrap();
    redis.kill();
    redis.start_again_with(&["--appendonly", "no"]);
    let outage = loop {
        let error = storage.commit(&[row(2)]).await.unwrap_err();
        if error.to_string().contains("appendonly") {
            break error;
        }
        assert!(error.is_outage(), "{error}");
    };
    assert!(outage.is_outage() && outage.to_string().contains("`--durability process`"), "{outage}");
    redis.kill();
    redis.start_again();
    commit_surely(&storage, &row(2)).await.unwrap();
    assert_eq!(stored(&storage).await, [1, 2]);
}

#[tokio::test]
async fn a_durability_that_the_server_cannot_promise_is_refused() {
    if !Redis::is_installed() {
        return;
    }
    let redis = Redis::durable();
    let refused = RedisStorage::open(settings(&redis.url()), Durability::Disk).await.unwrap_err().to_string();
    assert!(refused.contains("`appendfsync always`") && refused.contains("`appendfsync no`"), "{refused}");
    let redis = Redis::start(&[]);
    let refused = RedisStorage::open(settings(&redis.url()), Durability::Process).await.unwrap_err().to_string();
    assert!(refused.contains("`appendonly yes`"), "{refused}");
    RedisStorage::open(settings(&redis.url()), Durability::None).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_noticed_while_nothing_is_written() {
    if !Redis::is_installed() {
        return;
    }
    let mut redis = Redis::durable();
    let storage = with_guild(&redis.url()).await;
    assert_eq!(storage.trouble(), None);
    redis.kill();
    until("the outage is noticed", || storage.trouble() == Some(StorageTrouble::Unavailable)).await;
    redis.start_again();
    until("the return is noticed", || storage.trouble().is_none()).await;
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! The journal on a storage other than SQLite.

use super::*;
use crate::storage::memory::{MemoryStorage, Tables};

async fn on(tables: &Tables) -> Journal {
    let storage = std::sync::Arc::new(MemoryStorage::open(tables));
    Journal::with_storage(storage, JournalLimits::default(), Retention::default(), Clock::system()).await.unwrap()
}

#[tokio::test]
async fn a_journal_in_memory_continues_where_it_stopped() {
    let tables = Tables::default();
    let journal = on(&tables).await;
    let log = journal.guild(&GuildId::from("g")).await.unwrap();
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let mut tail = log.tail(vec!["t".into()], None);
    for n in 0..100 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    for n in 0..40 {
        let delivery = take(&mut consumer).await;
        assert_eq!((number(&delivery.message), number(&*see(&mut tail).await)), (n, n));
        let changes = vec![(StateOwner::Guild, StateChange::merge(json!({"n": n})))];
        consumer.commit(&delivery.message, Commit { changes, ..Commit::default() });
    }
    drop((consumer, tail, log));
    journal.close().await;
    let journal = on(&tables).await;
    let log = journal.guild(&GuildId::from("g")).await.unwrap();
    assert_eq!(&*log.state(&StateOwner::Guild), r#"{"n":39}"#);
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    assert_eq!(consumer.lag().messages(), 60);
    assert_eq!(number(&take(&mut consumer).await.message), 40);
    assert_eq!(journal.trim(Retention { guild_bytes: 0, ..Retention::default() }).await.unwrap(), 39);
}

#[tokio::test]
async fn a_writer_that_panics_ends_the_journal_with_its_reason() {
    let tables = Tables::default();
    let journal = on(&tables).await;
    let log = journal.guild(&GuildId::from("g")).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]).await.unwrap();
    tables.panic_at_next_commit();
    let (lost, after) =
        (log.publish(vec![message("t", json!({"n": 1}))]), log.publish(vec![message("t", json!({"n": 2}))]));
    let failed = tokio::time::timeout(Duration::from_secs(10), journal.failed()).await.expect("it is told");
    assert!(failed.contains("the task that writes the journal failed"), "{failed}");
    assert!(lost.await.is_err() && after.await.is_err(), "nothing is confirmed that is not stored");
    let late = tokio::time::timeout(Duration::from_secs(10), log.publish(vec![message("t", json!({"n": 3}))]));
    assert!(late.await.expect("it does not hang").is_err());
    drop(log);
    tokio::time::timeout(Duration::from_secs(10), journal.close()).await.expect("a journal that has failed is closed");
    let log = on(&tables).await.guild(&GuildId::from("g")).await.unwrap();
    let (found, _) = log.history(&["t".into()], MessageId::default(), 9).await.unwrap();
    assert_eq!(found.iter().map(number).collect::<Vec<_>>(), [0]);
}

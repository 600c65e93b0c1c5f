//! Retention and logs that nobody holds.

use super::*;

#[tokio::test]
async fn retention_removes_consumed_messages_and_the_file_shrinks() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let filler = "x".repeat(4_000);
    for n in 0..500 {
        log.publish(vec![message("t", json!({"n": n, "filler": filler}))]);
    }
    let mut last = None;
    for _ in 0..400 {
        let delivery = take(&mut consumer).await;
        consumer.commit(&delivery.message, Commit::default());
        last = Some(delivery.message.id);
    }
    let file = bench.dir.path().join("journal.db");
    log.wait_for_all().await;
    assert_eq!(bench.journal.trim(Retention::default()).await.unwrap(), 0);
    let kept = Retention { guild_bytes: 100_000, ..Retention::default() };
    assert_eq!(bench.journal.trim(kept).await.unwrap(), 399);
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 1_000_000, "2 MB were written, 101 messages of 4 kB are left, the file has {size}");
    let oldest = log.history(&["t".into()], MessageId::default(), 1_000).await.unwrap().0[0].id;
    assert_eq!(Some(oldest), last, "the last consumed message stays, so that a cursor still points at a message");
    assert!(log.has_gap_after(MessageId::new(1)));
    assert_eq!(number(&take(&mut consumer).await.message), 400);
}

#[tokio::test]
async fn a_log_that_nobody_holds_is_closed_and_restored() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    for n in 0..3 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    let delivery = take(&mut consumer).await;
    consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    drop((consumer, log, delivery));
    bench.journal.trim(Retention::default()).await.unwrap();
    let mut consumer = bench.log().await.consume(&agent(), vec!["t".into()]).await.unwrap();
    assert_eq!(number(&take(&mut consumer).await.message), 1);
}

#[tokio::test]
async fn a_log_that_is_let_go_takes_no_memory_and_goes_on_under_its_key() {
    let bench = Bench::new(JournalLimits::default()).await;
    let open = || bench.journal.logs.all().len();
    let id = GuildId::from("g");
    let log = bench.log().await;
    log.publish(vec![message("t", json!({"n": 0}))]);
    bench.journal.let_go(&id).await;
    assert_eq!(open(), 1, "it is held");
    let (other, key) = (bench.journal.guild(&"h".into()).await.unwrap(), log.key());
    drop(log);
    bench.journal.let_go(&id).await;
    assert_eq!(open(), 1, "only the other log is open");
    let (one, two) = tokio::join!(bench.journal.guild(&id), bench.journal.guild(&id));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.key(), two.key(), other.key() == key), (key, key, false));
    assert_eq!(one.last_appended(), MessageId::default());
    two.publish(vec![message("t", json!({"n": 1}))]).await.unwrap();
    assert!(one.last_appended() > MessageId::default(), "both are one log");
    assert_eq!(one.history(&["t".into()], MessageId::default(), 9).await.unwrap().0.len(), 2);
}

#[tokio::test]
async fn a_new_guild_that_two_ask_for_at_once_has_one_key() {
    let bench = Bench::new(JournalLimits::default()).await;
    let asked = (0..8).map(async |_| bench.log().await.key());
    let keys = futures_util::future::join_all(asked).await;
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let bench = bench.reopen(JournalLimits::default()).await;
    assert_eq!(bench.log().await.key(), keys[0]);
    assert_ne!(bench.journal.guild(&"h".into()).await.unwrap().key(), keys[0]);
}

#[tokio::test]
async fn a_guild_is_quiet_once_its_agents_have_consumed_everything() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.wait_for_all().await;
    log.stored().await;
    assert!(log.is_quiet() && log.is_stored());
    log.publish(vec![message("t", json!({"n": 0}))]).await.unwrap();
    let delivery = take(&mut consumer).await;
    assert!(!log.is_quiet(), "the agent works on it");
    consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    log.stored().await;
    assert!(log.is_quiet() && log.is_stored());
}

#[tokio::test]
async fn retention_trims_logs_that_are_not_open() {
    let bench = Bench::new(JournalLimits::default()).await;
    for name in ["g", "h"] {
        let log = bench.journal.guild(&name.into()).await.unwrap();
        log.publish((0..10).map(|n| message("t", json!({"n": n}))).collect()).await.unwrap();
    }
    let bench = bench.reopen(JournalLimits::default()).await;
    assert_eq!(bench.journal.trim(Retention { guild_bytes: 0, ..Retention::default() }).await.unwrap(), 20);
    assert!(bench.log().await.has_gap_after(MessageId::new(1)));
    assert!(bench.journal.durable() > MessageId::default(), "no id is given again");
}

#[tokio::test]
async fn an_idle_agent_does_not_keep_the_log_from_being_trimmed() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let _idle = log.consume(&agent(), vec!["elsewhere".into()]).await.unwrap();
    for n in 0..100 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    log.wait_for_all().await;
    let kept = Retention { guild_bytes: 0, ..Retention::default() };
    let first = bench.journal.trim(kept).await.unwrap();
    // The writer works in order: when this message is written, so is the position.
    log.publish(vec![message("t", json!({"n": 100}))]).await.unwrap();
    let second = bench.journal.trim(kept).await.unwrap();
    assert!(first + second >= 99, "the idle agent's position has moved: {first} and {second} removed");
}

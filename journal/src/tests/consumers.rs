//! Agents: their positions, attempts and lag.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn a_consumer_continues_where_it_stopped() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    for n in 0..10 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    for n in 0..4 {
        let delivery = take(&mut consumer).await;
        assert_eq!(number(&delivery.message), n);
        consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    }
    let uncommitted = take(&mut consumer).await;
    assert_eq!(number(&uncommitted.message), 4);
    consumer.record_attempts(uncommitted.message.id, Attempts { broken: 1, declined: 2 });
    drop((consumer, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let mut consumer = bench.log().await.consume(&agent(), vec!["t".into()]).await.unwrap();
    assert_eq!(consumer.lag().messages(), 6);
    for n in 4..10 {
        let delivery = take(&mut consumer).await;
        assert_eq!((number(&delivery.message), delivery.attempt()), (n, if n == 4 { 4 } else { 1 }));
    }
}

#[tokio::test]
async fn failed_attempts_are_counted_on_when_a_consumer_returns() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]);
    let poison = take(&mut consumer).await;
    let attempts = Attempts { broken: 2, declined: 1 };
    consumer.record_attempts(poison.message.id, attempts);
    drop(consumer);
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let again = take(&mut consumer).await;
    assert_eq!((again.message.id, again.attempts), (poison.message.id, attempts));
    consumer.commit(&again.message, Commit::default()).await.unwrap();
    drop(consumer);
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 1}))]);
    assert_eq!(take(&mut consumer).await.attempts, Attempts::default());
}

#[tokio::test]
async fn an_urgent_message_does_not_reset_the_attempts_of_another() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]);
    let poison = take(&mut consumer).await;
    let attempts = Attempts { broken: 2, declined: 0 };
    consumer.record_attempts(poison.message.id, attempts);
    let urgent = Message { priority: Priority::new(0).unwrap(), ..message("t", json!({"n": 1})) };
    log.publish(vec![urgent]).await.unwrap();
    drop((consumer, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let urgent = take(&mut consumer).await;
    assert_eq!((number(&urgent.message), urgent.attempts), (1, Attempts::default()));
    consumer.commit(&urgent.message, Commit::default()).await.unwrap();
    drop((consumer, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let mut consumer = bench.log().await.consume(&agent(), vec!["t".into()]).await.unwrap();
    let poison = take(&mut consumer).await;
    assert_eq!((number(&poison.message), poison.attempts), (0, attempts));
}

#[tokio::test]
async fn a_consumer_that_lags_holds_a_window_and_misses_nothing() {
    let limits = JournalLimits { window: 8, ..JournalLimits::default() };
    let bench = Bench::new(limits).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let publisher = log.clone();
    let publishing = tokio::spawn(async move {
        for n in 0..3_000u64 {
            let topic = if n % 3 == 0 { "other" } else { "t" };
            let mut draft = message(topic, json!({"n": n}));
            draft.priority = if n % 7 == 0 { Priority::URGENT } else { Priority::NORMAL };
            let receipt = publisher.publish(vec![draft]);
            if n % 100 == 0 {
                receipt.await.unwrap();
            }
        }
    });
    let expected: BTreeSet<u64> = (0..3_000).filter(|n| n % 3 != 0).collect();
    let mut seen = BTreeSet::new();
    let mut last = [None; 8];
    while seen.len() < expected.len() {
        let delivery = take(&mut consumer).await;
        let lane = delivery.message.priority.lane();
        assert!(last[lane] < Some(delivery.message.id), "each lane in order");
        last[lane] = Some(delivery.message.id);
        assert!(seen.insert(number(&delivery.message)), "each message once");
        consumer.commit(&delivery.message, Commit::default());
    }
    publishing.await.unwrap();
    assert_eq!(seen, expected);
    assert_eq!(consumer.lag().messages(), 0);
}

#[tokio::test]
async fn an_agent_does_not_receive_its_own_messages() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&AgentId::from("somebody"), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 1}))]);
    let mut other = message("t", json!({"n": 2}));
    other.sender = AgentTag::new("x", "X");
    log.publish(vec![other]);
    assert_eq!(number(&take(&mut consumer).await.message), 2);
}

#[tokio::test]
async fn attempts_are_recorded_while_others_publish() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]);
    let delivery = take(&mut consumer).await;
    let publisher = log.clone();
    let publishing = std::thread::spawn(move || {
        for n in 0..20_000 {
            drop(publisher.publish(vec![message("t", json!({"n": n}))]));
        }
    });
    for declined in 1..20_000 {
        consumer.record_attempts(delivery.message.id, Attempts { broken: 0, declined });
    }
    let joined = tokio::task::spawn_blocking(move || publishing.join());
    tokio::time::timeout(Duration::from_secs(30), joined)
        .await
        .expect("no lock is taken out of order")
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_agent_hears_itself_on_its_own_inbox_whatever_the_order_of_the_topics() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let own = topic::agent_self_inbox(&agent());
    let mut consumer = log.consume(&agent(), vec!["t".into(), own.clone()]).await.unwrap();
    let to_both = |sender: &str, topics: [&str; 2], n: u64| Message {
        sender: AgentTag::new(sender, "A"),
        topics: Topics::Many(topics.map(str::to_owned).to_vec()),
        ..message("t", json!({"n": n}))
    };
    log.publish(vec![
        to_both(agent().as_str(), ["t", &own], 0),
        to_both(agent().as_str(), [&own, "t"], 1),
        to_both(agent().as_str(), ["t", "t"], 2),
        to_both("other", [&own, "t"], 3),
        to_both("other", [&own, &own], 4),
        to_both("other", ["t", &own], 5),
    ]);
    for (n, topic) in [(0, own.as_str()), (1, &own), (3, "t"), (5, "t")] {
        let delivery = take(&mut consumer).await;
        assert_eq!((number(&delivery.message), delivery.topic.as_str()), (n, topic));
        consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    }
}

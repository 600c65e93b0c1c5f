//! Sockets: resuming, retained and ephemeral messages.

use super::*;

#[tokio::test]
async fn a_tail_resumes_after_an_id_without_gap_or_duplicate() {
    let bench = Bench::new(JournalLimits { window: 16, ..JournalLimits::default() }).await;
    let log = bench.log().await;
    let first = log.publish(vec![message("t", json!({"n": 0}))]);
    first.await.unwrap();
    let after = log.history(&["t".into()], MessageId::default(), 1).await.unwrap().0[0].id;
    let publisher = log.clone();
    let publishing = tokio::spawn(async move {
        for n in 1..2_000u64 {
            publisher.publish(vec![message("t", json!({"n": n}))]);
            if n % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut tail = log.tail(vec!["t".into()], Some(after));
    for n in 1..2_000 {
        assert_eq!(number(&*see(&mut tail).await), n);
    }
    publishing.await.unwrap();
    log.publish(vec![message("t", json!({"n": 2_000}))]);
    assert_eq!(number(&*see(&mut tail).await), 2_000, "no message comes twice");
}

#[tokio::test]
async fn retained_messages_come_first_and_ephemeral_messages_are_not_stored() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.retain(message("t", json!({"n": 1})));
    log.retain(message("t", json!({"n": 2})));
    let mut tail = log.tail(vec!["t".into()], None);
    log.signal(message("t", json!({"n": 3})));
    assert_eq!((number(&*see(&mut tail).await), number(&*see(&mut tail).await)), (2, 3));
    assert!(log.history(&["t".into()], MessageId::default(), 10).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn an_id_is_announced_after_every_message_before_it() {
    let bench = Bench::new(JournalLimits { window: 16, ..JournalLimits::default() }).await;
    let log = bench.log().await;
    log.publish((0..100).map(|n| message("t", json!({"n": n}))).collect()).await.unwrap();
    let mut tail = log.tail(vec!["t".into()], Some(MessageId::new(1)));
    let (own, receipt) = log.replace(MessageId::default(), vec![message("other", json!({}))]);
    receipt.await.unwrap();
    tail.announce(own);
    for n in 0..100 {
        assert_eq!(number(&*see(&mut tail).await), n);
    }
    let passed = tokio::time::timeout(Duration::from_secs(10), tail.next()).await.unwrap().unwrap();
    assert!(matches!(passed, TailEvent::Passed), "the message of another topic is the end of what was read");
    tail.announce(own);
    assert!(matches!(tail.try_next(), Some(TailEvent::Passed)), "nothing waits for a tail that is live");
}

#[tokio::test]
async fn a_tail_that_is_dropped_ends_its_read_and_gives_its_turn_to_the_next() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.publish((0..1_000).map(|n| message("t", json!({"n": n}))).collect()).await.unwrap();
    for _ in 0..200 {
        let mut gone = log.tail(vec!["t".into()], Some(MessageId::new(1)));
        assert!(futures_util::FutureExt::now_or_never(gone.next()).is_none(), "its read has begun");
    }
    let mut tail = log.tail(vec!["t".into()], Some(MessageId::new(1)));
    assert_eq!(number(&*see(&mut tail).await), 0);
}

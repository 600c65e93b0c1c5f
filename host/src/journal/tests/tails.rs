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

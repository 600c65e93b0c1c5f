//! Users' messages and the ingress.

use std::future::ready;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::*;
use guildhall_model::ids::ClientId;

/// Publishes two messages, or none for the format `nowhere`.
struct TestIngress;

impl Ingress for TestIngress {
    fn route(&self, draft: UserDraft, _: Arc<str>) -> BoxFuture<'_, Result<Routed, Fault>> {
        if draft.format == "nowhere" {
            return Box::pin(ready(Err(Fault::new(FaultKind::NoRecipient, "no recipient"))));
        }
        let first = Message { client_id: draft.client_id, ..message("in", json!({"n": 1})) };
        let mut other = message("in", json!({"n": 2}));
        other.in_response_to = Some(MessageId::default());
        Box::pin(ready(Ok(Routed { first, others: vec![other], changes: Vec::new(), lost: None })))
    }

    fn refused(&self, _: &Fault) {}
}

fn draft(format: &str, client_id: Option<&str>) -> UserDraft {
    UserDraft {
        user: "u".into(),
        user_name: "U".into(),
        socket: 1,
        format: format.into(),
        payload: raw_json(&json!({"n": 1})),
        topics: None,
        recipients: Vec::new(),
        priority: Priority::NORMAL,
        conversation_id: None,
        session_state: None,
        traceparent: None,
        ttl: None,
        routing_slip: None,
        client_id: client_id.map(|id| ClientId::Text(id.to_owned())),
        full_names: false,
    }
}

#[tokio::test]
async fn a_message_sent_twice_with_one_client_id_is_stored_once_even_after_a_restart() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    assert!(matches!(log.publish_from_user(draft("x", None)).await, Err(IngressError::Absent)));
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.opened().await }
    });
    log.open_ingress(std::sync::Arc::new(TestIngress));
    waiting.await.unwrap();
    let first = log.publish_from_user(draft("x", Some("c1"))).await.unwrap();
    first.receipt.expect("new").await.unwrap();
    let again = log.publish_from_user(draft("x", Some("c1"))).await.unwrap();
    assert!(again.receipt.is_none());
    assert_eq!(again.id, first.id);
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    log.open_ingress(std::sync::Arc::new(TestIngress));
    let later = log.publish_from_user(draft("x", Some("c1"))).await.unwrap();
    assert_eq!((later.id, later.receipt.is_none()), (first.id, true));
    let history = log.history(&["in".into()], MessageId::default(), 10).await.unwrap().0;
    assert_eq!(history.len(), 2, "the two messages of the first publication");
    assert_eq!(history[1].thread, [first.id]);
    assert_eq!(history[1].in_response_to, Some(first.id));
}

#[tokio::test]
async fn a_user_is_refused_when_there_is_no_recipient_or_an_agent_lags() {
    let bench = Bench::new(JournalLimits { agent_lag: 3, ..JournalLimits::default() }).await;
    let log = bench.log().await;
    log.open_ingress(std::sync::Arc::new(TestIngress));
    let Err(IngressError::Refused(fault)) = log.publish_from_user(draft("nowhere", None)).await else {
        panic!("refused")
    };
    assert_eq!(fault.kind, FaultKind::NoRecipient);
    let mut consumer = log.consume(&agent(), vec!["in".into()]).await.unwrap();
    log.publish_from_user(draft("x", None)).await.unwrap();
    log.publish_from_user(draft("x", None)).await.unwrap();
    let Err(IngressError::Refused(fault)) = log.publish_from_user(draft("x", None)).await else { panic!("busy") };
    assert_eq!((fault.kind, fault.limit, fault.value), (FaultKind::Busy, Some(3), Some(4)));
    for _ in 0..2 {
        let delivery = take(&mut consumer).await;
        consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    }
    log.publish_from_user(draft("x", None)).await.expect("room again");
}

#[tokio::test]
async fn a_user_is_refused_while_the_log_is_full_and_taken_again_when_it_was_read_and_trimmed() {
    let bench = Bench::new(JournalLimits { log_bytes: 100_000, ..JournalLimits::default() }).await;
    let log = bench.log().await;
    log.open_ingress(std::sync::Arc::new(TestIngress));
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish_from_user(draft("x", None)).await.expect("there is room");
    let filler = "x".repeat(10_000);
    for n in 0..11 {
        log.publish(vec![message("t", json!({"n": n, "filler": filler}))]);
    }
    let Err(IngressError::Refused(fault)) = log.publish_from_user(draft("x", None)).await else { panic!("full") };
    assert_eq!((fault.kind, fault.setting.as_deref()), (FaultKind::Busy, Some("guild.log_mib")));
    assert!(log.check_room().is_err(), "turns that emit learn it too");
    log.wait_for_all().await;
    let kept = Retention { guild_bytes: 50_000, ..Retention::default() };
    assert_eq!(bench.journal.trim(kept).await.unwrap(), 0, "what the agent has not read stays");
    assert!(log.check_room().is_err());
    for n in 0..11 {
        let delivery = take(&mut consumer).await;
        assert_eq!(number(&delivery.message), n, "nothing is lost");
        consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    }
    assert!(bench.journal.trim(kept).await.unwrap() > 0);
    log.publish_from_user(draft("x", None)).await.expect("room again");
    drop((log, consumer));
    let bench = bench.reopen(JournalLimits { log_bytes: 10_000, ..JournalLimits::default() }).await;
    let fault = bench.log().await.check_room().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Busy, "the bytes are known after a restart");
}

#[tokio::test]
async fn users_are_refused_while_too_much_waits_for_the_disk_and_a_client_id_stays_unique() {
    let bench = Bench::new(JournalLimits { unwritten_bytes: 4 << 20, ..JournalLimits::default() }).await;
    let log = bench.log().await;
    log.open_ingress(std::sync::Arc::new(TestIngress));
    let mut lock = file::other_connection(&bench.dir).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let first = log.publish_from_user(draft("x", Some("0"))).await.unwrap();
    let mut sent = 1;
    let fault = loop {
        match log.publish_from_user(draft("x", Some(&sent.to_string()))).await {
            Ok(_) => sent += 1,
            Err(IngressError::Refused(fault)) => break fault,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((fault.kind, fault.setting.as_deref()), (FaultKind::Busy, Some("limits.unwritten_mib")));
    assert!(sent > 4_096, "{sent}");
    let again = tokio::spawn({
        let log = log.clone();
        async move { log.publish_from_user(draft("x", Some("0"))).await }
    });
    tokio::task::yield_now().await;
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    let again = again.await.unwrap().unwrap();
    assert_eq!((again.id, again.receipt.is_none()), (first.id, true));
    log.wait_for_all().await;
    let messages: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log").fetch_one(&mut lock).await.unwrap();
    assert_eq!(messages, 2 * sent, "two messages for each client id");
}

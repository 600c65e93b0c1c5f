//! Turns, states, values and snapshots.

use super::*;

#[tokio::test]
async fn a_snapshot_is_kept_until_its_consumer_is_forgotten() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let snapshot = |data: &[u8]| Snapshot { version: "1".into(), data: data.to_vec() };
    assert_eq!(log.snapshot(&agent()).await.unwrap(), None);
    log.keep_snapshot(&agent(), snapshot(b"old")).await.unwrap();
    log.keep_snapshot(&agent(), snapshot(b"new")).await.unwrap();
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    assert_eq!(log.snapshot(&agent()).await.unwrap(), Some(snapshot(b"new")));
    log.forget_consumer(&agent());
    log.publish(vec![message("t", json!({"n": 0}))]).await.unwrap();
    assert_eq!(log.snapshot(&agent()).await.unwrap(), None);
}

#[tokio::test]
async fn a_forgotten_agent_leaves_no_state_and_no_values() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]);
    let delivery = take(&mut consumer).await;
    let owner = StateOwner::Agent(agent());
    let turn = Commit {
        changes: [&owner, &StateOwner::Guild].map(|owner| (owner.clone(), StateChange::merge(json!({"x": 1})))).into(),
        values: vec![keep("k", "1"), ValueWrite { owner: owner.clone(), ..keep("k", "2") }],
        ..Commit::default()
    };
    consumer.commit(&delivery.message, turn).await.unwrap();
    drop(consumer);
    log.forget_consumer(&agent());
    let left = |log: &GuildLog| {
        let of = |owner: &StateOwner| (log.state(owner).to_string(), log.values().keys(owner).len());
        (of(&owner), of(&StateOwner::Guild))
    };
    let wanted = (("{}".to_owned(), 0), (r#"{"x":1}"#.to_owned(), 1));
    assert_eq!(left(&log), wanted);
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    assert_eq!(left(&bench.log().await), wanted, "nor in the storage");
}

#[tokio::test]
async fn a_message_is_replaced_in_one_step() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.publish(vec![message("t", json!({"n": 1}))]).await.unwrap();
    let (first, _) = log.history(&["t".into()], MessageId::default(), 10).await.unwrap();
    log.replace(first[0].id, vec![message("t", json!({"n": 2}))]).1.await.unwrap();
    let (now, _) = log.history(&["t".into()], MessageId::default(), 10).await.unwrap();
    assert_eq!(now.iter().map(number).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn changed_states_are_announced_to_subscribers() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["in".into()]).await.unwrap();
    let mut everything = log.tail(vec![topic::STATE.into(), "out".into()], None);
    let change = |announces| Commit {
        emits: vec![message("out", json!({"n": 7}))],
        changes: vec![(StateOwner::Guild, StateChange::merge(json!({"x": 1}))); 2],
        announces,
        ..Commit::default()
    };
    for announces in [false, true] {
        log.publish(vec![message("in", json!({"n": 1}))]).await.unwrap();
        let delivery = take(&mut consumer).await;
        consumer.commit(&delivery.message, change(announces)).await.unwrap();
        assert_eq!(number(&*see(&mut everything).await), 7);
    }
    let announcement = see(&mut everything).await;
    let payload: serde_json::Value = serde_json::from_str(announcement.payload.get()).unwrap();
    assert_eq!(
        (&payload["state"], &payload["version"]),
        (&json!({"x": 1}), &json!(4)),
        "one announcement, with the state after both changes"
    );
    assert_eq!(announcement.sender, AgentTag::manager_of(log.guild()));
    assert!(announcement.in_response_to.is_some() && announcement.hops == 1);
}

#[tokio::test]
async fn a_turn_is_one_step() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["in".into()]).await.unwrap();
    let mut tail = log.tail(vec!["out".into()], None);
    log.publish(vec![message("in", json!({"n": 1}))]).await.unwrap();
    let delivery = take(&mut consumer).await;
    let turn = Commit {
        emits: vec![message("out", json!({"n": 2})), message("out", json!({"n": 3}))],
        changes: vec![
            (StateOwner::Agent(agent()), StateChange::merge(json!({"count": 1}))),
            (StateOwner::Guild, StateChange::merge(json!({"x": {"y": 1}}))),
        ],
        values: vec![keep("a", "1"), keep("b", "2"), ValueWrite { change: ValueChange::Delete, ..keep("a", "") }],
        announces: true,
    };
    consumer.commit(&delivery.message, turn).await.unwrap();
    assert_eq!((number(&*see(&mut tail).await), number(&*see(&mut tail).await)), (2, 3));
    drop((consumer, tail, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    assert_eq!(&*log.state(&StateOwner::Agent(agent())), r#"{"count":1}"#);
    assert_eq!(&*log.state(&StateOwner::Guild), r#"{"x":{"y":1}}"#);
    assert_eq!(log.values().keys(&StateOwner::Guild), ["b"]);
    assert_eq!(log.values().get(&StateOwner::Guild, "b").as_deref(), Some(&b"2"[..]));
    let history = log.history(&["out".into()], MessageId::default(), 100).await.unwrap().0;
    assert_eq!(history.iter().map(number).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test]
async fn many_values_are_written_and_removed_in_one_turn() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    for n in 0..4 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    let removed = |key: &str| ValueWrite { change: ValueChange::Delete, ..keep(key, "") };
    // More than one statement takes, and a value of another owner between them.
    let many: Vec<_> = (0..1_500).map(|n| keep(&format!("many {n}"), "1")).collect();
    let own = ValueWrite { owner: StateOwner::Agent(agent()), ..keep("own", "1") };
    let mut receipts = Vec::new();
    for values in [
        [many.clone(), vec![keep("a", "1"), keep("b", "1"), own]].concat(),
        many[..1_400].iter().map(|write| removed(&write.key)).collect(),
        vec![removed("a"), keep("b", "2"), removed("never there")],
        vec![keep("a", "3"), keep("many 7", "3")],
    ] {
        let delivery = take(&mut consumer).await;
        receipts.push(consumer.commit(&delivery.message, Commit { values, ..Commit::default() }));
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    drop(consumer);
    log.forget_consumer(&agent());
    log.publish(vec![message("t", json!({}))]).await.unwrap();
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    let values = log.values();
    let mut wanted: Vec<_> = (1_400..1_500).map(|n| format!("many {n}")).collect();
    wanted.extend(["a", "b", "many 7"].map(str::to_owned));
    wanted.sort();
    assert_eq!(values.keys(&StateOwner::Guild), wanted);
    let held = |key| values.get(&StateOwner::Guild, key).map(|value| value.to_vec());
    assert_eq!((held("a"), held("b")), (Some(b"3".to_vec()), Some(b"2".to_vec())));
    assert!(values.keys(&StateOwner::Agent(agent())).is_empty());
}

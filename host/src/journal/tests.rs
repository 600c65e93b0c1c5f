//! What the journal promises, tried on files.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use guildhall_model::clock::Clock;
use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{AgentId, GuildId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::routing::Routed;
use guildhall_model::state::{StateChange, StateOwner};
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_model::values::{ValueChange, ValueWrite};

fn message(topic: &str, payload: Value) -> Message {
    Message::draft(AgentTag::new("somebody", "Somebody"), Topics::One(topic.into()), "test", raw_json(&payload))
}

fn number(message: &Message) -> u64 {
    serde_json::from_str::<Value>(message.payload.get()).unwrap()["n"].as_u64().unwrap()
}

struct Bench {
    dir: TempDir,
    journal: Journal,
}

impl Bench {
    async fn new(limits: JournalLimits) -> Self {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir, limits).await;
        Self { dir, journal }
    }

    async fn log(&self) -> GuildLog {
        self.journal.guild(&GuildId::from("g")).await.unwrap()
    }

    /// Closes and opens again.
    async fn reopen(self, limits: JournalLimits) -> Self {
        self.journal.close().await;
        let journal = open(&self.dir, limits).await;
        Self { dir: self.dir, journal }
    }
}

async fn open(dir: &TempDir, limits: JournalLimits) -> Journal {
    let file = dir.path().join("journal.db");
    Journal::open(&file, Durability::Process, limits, Retention::default(), Clock::system()).await.unwrap()
}

fn agent() -> AgentId {
    AgentId::from("a")
}

async fn take(consumer: &mut Consumer) -> Delivery {
    tokio::time::timeout(Duration::from_secs(10), consumer.next()).await.expect("a message waits").unwrap()
}

async fn see(tail: &mut Tail) -> std::sync::Arc<Message> {
    match tokio::time::timeout(Duration::from_secs(10), tail.next()).await.expect("a message waits").unwrap() {
        TailEvent::Message { message, .. } => message,
        TailEvent::Lagged => panic!("lagged"),
    }
}

#[tokio::test]
async fn a_consumer_goes_on_where_it_stopped() {
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
    consumer.record_tries(uncommitted.message.id, Tries { broken: 1, declined: 2 });
    drop((consumer, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let mut consumer = bench.log().await.consume(&agent(), vec!["t".into()]).await.unwrap();
    assert_eq!(consumer.waiting(), 6);
    for n in 4..10 {
        let delivery = take(&mut consumer).await;
        assert_eq!((number(&delivery.message), delivery.attempt()), (n, if n == 4 { 4 } else { 1 }));
    }
}

#[tokio::test]
async fn tries_go_on_when_a_consumer_comes_back() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]);
    let poison = take(&mut consumer).await;
    let tries = Tries { broken: 2, declined: 1 };
    consumer.record_tries(poison.message.id, tries);
    drop(consumer);
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let again = take(&mut consumer).await;
    assert_eq!((again.message.id, again.tries), (poison.message.id, tries));
    consumer.commit(&again.message, Commit::default()).await.unwrap();
    drop(consumer);
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 1}))]);
    assert_eq!(take(&mut consumer).await.tries, Tries::default());
}

fn keep(key: &str, value: &str) -> ValueWrite {
    ValueWrite { owner: StateOwner::Guild, key: key.into(), change: ValueChange::Set(value.as_bytes().into()) }
}

#[tokio::test]
async fn an_urgent_message_in_between_does_not_make_tries_forgotten() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(vec![message("t", json!({"n": 0}))]);
    let poison = take(&mut consumer).await;
    let tries = Tries { broken: 2, declined: 0 };
    consumer.record_tries(poison.message.id, tries);
    let urgent = Message { priority: Priority::new(0).unwrap(), ..message("t", json!({"n": 1})) };
    log.publish(vec![urgent]).await.unwrap();
    drop((consumer, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    let urgent = take(&mut consumer).await;
    assert_eq!((number(&urgent.message), urgent.tries), (1, Tries::default()));
    consumer.commit(&urgent.message, Commit::default()).await.unwrap();
    drop((consumer, log));
    let bench = bench.reopen(JournalLimits::default()).await;
    let mut consumer = bench.log().await.consume(&agent(), vec!["t".into()]).await.unwrap();
    let poison = take(&mut consumer).await;
    assert_eq!((number(&poison.message), poison.tries), (0, tries));
}

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
async fn who_is_forgotten_leaves_no_state_and_no_values() {
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
    assert_eq!(left(&bench.log().await), wanted, "nor in the database");
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

/// A connection of somebody else to the journal's file.
async fn meddler(dir: &TempDir) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("journal.db"));
    options.busy_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

async fn numbers(log: &GuildLog) -> Vec<u64> {
    let (found, _) = log.history(&["t".into()], MessageId::default(), 1_000).await.unwrap();
    found.iter().map(number).collect()
}

#[tokio::test]
async fn a_step_in_parts_is_there_whole_or_not_at_all() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut tail = log.tail(vec!["t".into()], None);
    let words = |numbers: std::ops::Range<u64>| numbers.map(|n| message("t", json!({"n": n}))).collect::<Vec<_>>();
    let mut other =
        bench.journal.guild(&GuildId::from("h")).await.unwrap().consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(words(0..200)).await.unwrap();
    for n in 0..200 {
        assert_eq!(number(&*see(&mut tail).await), n);
    }
    let mut db = meddler(&bench.dir).await;
    let refusing = "CREATE TRIGGER refusing BEFORE INSERT ON log WHEN instr(new.body, '\"n\":290')
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::raw_sql(refusing).execute(&mut db).await.unwrap();
    let refused = log.publish(words(200..400));
    let after = log.publish(words(400..401));
    let of_other = bench.journal.guild(&GuildId::from("h")).await.unwrap().publish(words(0..40));
    assert!(refused.await.is_err(), "its fourth part is refused");
    after.await.unwrap();
    of_other.await.unwrap();
    assert_eq!(number(&*see(&mut tail).await), 400, "nobody is shown the other parts");
    assert_eq!(numbers(&log).await, (0..200).chain([400]).collect::<Vec<_>>());
    assert_eq!(number(&take(&mut other).await.message), 0);
    let unfinished: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM unfinished").fetch_one(&mut db).await.unwrap();
    assert_eq!(unfinished, 0);
}

#[tokio::test]
async fn what_a_crash_left_of_a_step_is_removed() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.publish((0..3).map(|n| message("t", json!({"n": n}))).collect()).await.unwrap();
    let mut db = meddler(&bench.dir).await;
    let crash = "INSERT INTO unfinished SELECT id, guild, id + 900 FROM log ORDER BY id LIMIT 1 OFFSET 1";
    sqlx::raw_sql(crash).execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    assert_eq!(numbers(&log).await, [0]);
    log.publish(vec![message("t", json!({"n": 9}))]).await.unwrap();
    assert_eq!(numbers(&log).await, [0, 9]);
}

#[tokio::test]
async fn a_journal_of_version_1_is_brought_up_to_date() {
    use sqlx::ConnectOptions;
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("journal.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut old = options.connect().await.unwrap();
    let tables = "CREATE TABLE guilds (key INTEGER PRIMARY KEY, guild TEXT NOT NULL UNIQUE, trimmed BIGINT NOT NULL DEFAULT 0);
        CREATE TABLE cursors (guild BIGINT NOT NULL, consumer TEXT NOT NULL, lanes TEXT NOT NULL, attempt_id BIGINT NOT NULL,
            attempts BIGINT NOT NULL, PRIMARY KEY (guild, consumer)) WITHOUT ROWID;
        INSERT INTO guilds (key, guild) VALUES (1, 'g');
        INSERT INTO cursors VALUES (1, 'a', '5', 0, 0); PRAGMA user_version = 1;";
    sqlx::raw_sql(tables).execute(&mut old).await.unwrap();
    sqlx::Connection::close(old).await.unwrap();
    let journal = open(&dir, JournalLimits::default()).await;
    let mut consumer =
        journal.guild(&GuildId::from("g")).await.unwrap().consume(&agent(), vec!["t".into()]).await.unwrap();
    journal.guild(&GuildId::from("g")).await.unwrap().publish(vec![message("t", json!({"n": 7}))]).await.unwrap();
    assert_eq!(number(&take(&mut consumer).await.message), 7);
}

#[tokio::test]
async fn changed_states_are_announced_to_whoever_listens() {
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
    let news = see(&mut everything).await;
    let payload: serde_json::Value = serde_json::from_str(news.payload.get()).unwrap();
    assert_eq!((&payload["state"], &payload["version"]), (&json!({"x": 1}), &json!(4)), "once, with the last of both");
    assert_eq!(news.sender, AgentTag::manager_of(log.guild()));
    assert!(news.in_response_to.is_some() && news.hops == 1);
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
async fn many_values_are_written_and_removed_at_once() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    for n in 0..4 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    let gone = |key: &str| ValueWrite { change: ValueChange::Delete, ..keep(key, "") };
    // More than one statement takes, with what belongs to another owner in between.
    let many: Vec<_> = (0..1_500).map(|n| keep(&format!("many {n}"), "1")).collect();
    let own = ValueWrite { owner: StateOwner::Agent(agent()), ..keep("own", "1") };
    let mut receipts = Vec::new();
    for values in [
        [many.clone(), vec![keep("a", "1"), keep("b", "1"), own]].concat(),
        many[..1_400].iter().map(|write| gone(&write.key)).collect(),
        vec![gone("a"), keep("b", "2"), gone("never there")],
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
    assert_eq!(consumer.waiting(), 0);
}

#[tokio::test]
async fn a_tail_resumes_after_an_id_without_gap_or_double() {
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
    assert_eq!(number(&*see(&mut tail).await), 2_000, "nothing comes twice");
}

#[tokio::test]
async fn what_is_retained_comes_first_and_ephemeral_messages_are_not_stored() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.retain(message("t", json!({"n": 1})));
    log.retain(message("t", json!({"n": 2})));
    let mut tail = log.tail(vec!["t".into()], None);
    log.signal(message("t", json!({"n": 3})));
    assert_eq!((number(&*see(&mut tail).await), number(&*see(&mut tail).await)), (2, 3));
    assert!(log.history(&["t".into()], MessageId::default(), 10).await.unwrap().0.is_empty());
}

struct Way;

impl Ingress for Way {
    fn route(&self, draft: UserDraft, _: &str) -> Result<Routed, Fault> {
        if draft.format == "nowhere" {
            return Err(Fault::new(FaultKind::NoRecipient, "nobody listens"));
        }
        let first = Message { client_id: draft.client_id, ..message("in", json!({"n": 1})) };
        let mut other = message("in", json!({"n": 2}));
        other.in_response_to = Some(MessageId::default());
        Ok(Routed { first, others: vec![other], changes: Vec::new() })
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
        client_id: client_id.map(str::to_owned),
        full_names: false,
    }
}

#[tokio::test]
async fn a_client_id_said_twice_is_said_once_even_after_a_restart() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    assert!(matches!(log.publish_from_user(draft("x", None)).await, Err(IngressError::Absent)));
    log.open_ingress(std::sync::Arc::new(Way));
    let first = log.publish_from_user(draft("x", Some("c1"))).await.unwrap();
    first.receipt.expect("new").await.unwrap();
    let again = log.publish_from_user(draft("x", Some("c1"))).await.unwrap();
    assert!(again.receipt.is_none());
    assert_eq!(again.id, first.id);
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    log.open_ingress(std::sync::Arc::new(Way));
    let later = log.publish_from_user(draft("x", Some("c1"))).await.unwrap();
    assert_eq!((later.id, later.receipt.is_none()), (first.id, true));
    let history = log.history(&["in".into()], MessageId::default(), 10).await.unwrap().0;
    assert_eq!(history.len(), 2, "the two messages of the first time");
    assert_eq!(history[1].thread, [first.id]);
    assert_eq!(history[1].in_response_to, Some(first.id));
}

#[tokio::test]
async fn a_user_is_refused_when_nobody_listens_or_an_agent_lags() {
    let bench = Bench::new(JournalLimits { agent_lag: 3, ..JournalLimits::default() }).await;
    let log = bench.log().await;
    log.open_ingress(std::sync::Arc::new(Way));
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
async fn an_agent_does_not_hear_itself() {
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
async fn retention_removes_what_was_consumed_and_the_file_shrinks() {
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
    assert_eq!(bench.journal.trim(&file, Retention::default()).await.unwrap(), 0);
    let kept = Retention { guild_bytes: 100_000, ..Retention::default() };
    assert_eq!(bench.journal.trim(&file, kept).await.unwrap(), 399);
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 1_000_000, "2 MB were written, 101 messages of 4 kB are left, the file has {size}");
    let oldest = log.history(&["t".into()], MessageId::default(), 1_000).await.unwrap().0[0].id;
    assert_eq!(Some(oldest), last, "the last consumed stays, so that a cursor still points at something");
    assert!(log.has_gap_after(MessageId::new(1)));
    assert_eq!(number(&take(&mut consumer).await.message), 400);
}

#[tokio::test]
async fn a_log_that_nobody_holds_is_forgotten_and_found_again() {
    let bench = Bench::new(JournalLimits::default()).await;
    let file = bench.dir.path().join("journal.db");
    let log = bench.log().await;
    let mut consumer = log.consume(&agent(), vec!["t".into()]).await.unwrap();
    for n in 0..3 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    let delivery = take(&mut consumer).await;
    consumer.commit(&delivery.message, Commit::default()).await.unwrap();
    drop((consumer, log, delivery));
    bench.journal.trim(&file, Retention::default()).await.unwrap();
    let mut consumer = bench.log().await.consume(&agent(), vec!["t".into()]).await.unwrap();
    assert_eq!(number(&take(&mut consumer).await.message), 1);
}

#[tokio::test]
async fn an_idle_agent_does_not_keep_the_log_from_being_trimmed() {
    let bench = Bench::new(JournalLimits::default()).await;
    let file = bench.dir.path().join("journal.db");
    let log = bench.log().await;
    let _idle = log.consume(&agent(), vec!["elsewhere".into()]).await.unwrap();
    for n in 0..100 {
        log.publish(vec![message("t", json!({"n": n}))]);
    }
    log.wait_for_all().await;
    let kept = Retention { guild_bytes: 0, ..Retention::default() };
    let first = bench.journal.trim(&file, kept).await.unwrap();
    // The writer works in order: when this is written, the position is.
    log.publish(vec![message("t", json!({"n": 100}))]).await.unwrap();
    let second = bench.journal.trim(&file, kept).await.unwrap();
    assert!(first + second >= 99, "the idle agent's position has moved: {first} and {second} removed");
}

#[tokio::test]
async fn a_retry_is_noted_while_others_publish() {
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
        consumer.record_tries(delivery.message.id, Tries { broken: 0, declined });
    }
    let joined = tokio::task::spawn_blocking(move || publishing.join());
    tokio::time::timeout(Duration::from_secs(30), joined)
        .await
        .expect("no lock is taken out of order")
        .unwrap()
        .unwrap();
}

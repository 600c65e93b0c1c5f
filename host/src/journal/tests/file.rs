//! The journal on its SQLite file: refused parts, crashes and old versions. Other connections change the file.

use super::*;

/// Opens another connection to the journal's file.
pub(super) async fn other_connection(dir: &TempDir) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("journal.db"));
    options.busy_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

async fn numbers(log: &GuildLog) -> Vec<u64> {
    let (found, _) = log.history(&["t".into()], MessageId::default(), 1_000).await.unwrap();
    found.iter().map(number).collect()
}

#[tokio::test]
async fn a_multipart_step_is_stored_completely_or_not_at_all() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let mut tail = log.tail(vec!["t".into()], None);
    let messages = |numbers: std::ops::Range<u64>| numbers.map(|n| message("t", json!({"n": n}))).collect::<Vec<_>>();
    let mut other =
        bench.journal.guild(&GuildId::from("h")).await.unwrap().consume(&agent(), vec!["t".into()]).await.unwrap();
    log.publish(messages(0..200)).await.unwrap();
    for n in 0..200 {
        assert_eq!(number(&*see(&mut tail).await), n);
    }
    let mut db = other_connection(&bench.dir).await;
    let refusing = "CREATE TRIGGER refusing BEFORE INSERT ON log WHEN instr(new.body, '\"n\":290')
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::raw_sql(refusing).execute(&mut db).await.unwrap();
    let refused = log.publish(messages(200..400));
    let after = log.publish(messages(400..401));
    let of_other = bench.journal.guild(&GuildId::from("h")).await.unwrap().publish(messages(0..40));
    assert!(refused.await.is_err(), "its fourth part is refused");
    after.await.unwrap();
    of_other.await.unwrap();
    assert_eq!(number(&*see(&mut tail).await), 400, "no message of the other parts is shown");
    assert_eq!(numbers(&log).await, (0..200).chain([400]).collect::<Vec<_>>());
    assert_eq!(number(&take(&mut other).await.message), 0);
    let unfinished: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM unfinished").fetch_one(&mut db).await.unwrap();
    assert_eq!(unfinished, 0);
}

#[tokio::test]
async fn an_incomplete_step_is_removed_after_a_crash() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.publish((0..3).map(|n| message("t", json!({"n": n}))).collect()).await.unwrap();
    let mut db = other_connection(&bench.dir).await;
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
async fn a_journal_of_version_1_is_opened() {
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

/// Topics and lanes in the table of topics.
async fn topic_rows(dir: &TempDir) -> Vec<(String, i64)> {
    let mut db = other_connection(dir).await;
    sqlx::query_as("SELECT topic, lane FROM topics ORDER BY topic, id").fetch_all(&mut db).await.unwrap()
}

#[tokio::test]
async fn a_journal_of_version_4_finds_its_messages_by_topic() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let two = Message { also: vec!["a \"quoted\\n\" one".into()], ..message("t", json!({"n": 1})) };
    log.publish(vec![message("t", json!({"n": 0})), two, message("line\nbreak", json!({"n": 2}))]).await.unwrap();
    let rows = topic_rows(&bench.dir).await;
    let topics: Vec<_> = rows.iter().map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(topics, ["a \"quoted\\n\" one", "line\u{fffd}break", "t", "t"]);
    let mut db = other_connection(&bench.dir).await;
    sqlx::raw_sql("DROP TABLE topics; PRAGMA user_version = 4").execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    assert_eq!(topic_rows(&bench.dir).await, rows);
    assert_eq!(numbers(&bench.log().await).await, [0, 1]);
}

#[tokio::test]
async fn the_topics_of_a_removed_message_are_removed() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    let many = |n: u64| Message { also: (0..100).map(|t| format!("t {t}")).collect(), ..message("t", json!({"n": n})) };
    log.publish((0..30).map(many).collect()).await.unwrap();
    assert_eq!(topic_rows(&bench.dir).await.len(), 30 * 101);
    let all: Vec<String> = (0..100).map(|t| format!("t {t}")).collect();
    for topics in [&all[..1], &all[..3], &all] {
        let (found, _) = log.history(topics, MessageId::default(), 1_000).await.unwrap();
        assert_eq!(found.iter().map(number).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    }
    let first = log.history(&all, MessageId::default(), 1).await.unwrap().0[0].id;
    log.replace(first, Vec::new()).1.await.unwrap();
    assert_eq!(topic_rows(&bench.dir).await.len(), 29 * 101);
    bench.journal.trim(Retention { guild_bytes: 0, ..Retention::default() }).await.unwrap();
    assert_eq!((numbers(&log).await.len(), topic_rows(&bench.dir).await.len()), (0, 0));
}

#[tokio::test]
async fn after_an_orderly_stop_the_file_is_complete_alone() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    for n in 0..50 {
        log.publish(vec![message("t", json!({"n": n}))]).await.unwrap();
    }
    drop(log);
    bench.journal.close().await;
    let wal = bench.dir.path().join("journal.db-wal");
    assert_eq!(std::fs::metadata(wal).map_or(0, |file| file.len()), 0);
    let copy = TempDir::new().unwrap();
    std::fs::copy(bench.dir.path().join("journal.db"), copy.path().join("journal.db")).unwrap();
    let journal = open(&copy, JournalLimits::default()).await;
    let log = journal.guild(&GuildId::from("g")).await.unwrap();
    assert_eq!(numbers(&log).await, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_journal_keeps_its_identity_and_continues_after_what_it_has_lost() {
    let (bench, other) = (Bench::new(JournalLimits::default()).await, Bench::new(JournalLimits::default()).await);
    let identity = bench.journal.identity().to_owned();
    assert_ne!(identity, other.journal.identity());
    let bench = bench.reopen(JournalLimits::default()).await;
    assert_eq!(bench.journal.identity(), identity);
    let lost = MessageId::first_at(Clock::system().now_ms() + 10_000);
    bench.journal.continue_after(lost);
    let log = bench.log().await;
    log.publish(vec![message("t", json!({"n": 1}))]).await.unwrap();
    let (found, _) = log.history(&["t".into()], MessageId::default(), 10).await.unwrap();
    assert!(found[0].id > lost, "an id is never given again");
    assert!(bench.journal.durable() >= found[0].id);
}

#[tokio::test]
async fn a_storage_that_does_not_work_any_more_fails_every_receipt_and_ends_the_journal() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.publish(vec![message("t", json!({"n": 1}))]).await.unwrap();
    let mut db = other_connection(&bench.dir).await;
    sqlx::raw_sql("DROP TABLE log").execute(&mut db).await.unwrap();
    let receipts = [log.publish(vec![message("t", json!({"n": 2}))]), log.publish(vec![message("t", json!({"n": 3}))])];
    for receipt in receipts {
        let refused = tokio::time::timeout(Duration::from_secs(10), receipt).await.expect("the receipt is ready");
        assert!(refused.is_err());
    }
    let reason = tokio::time::timeout(Duration::from_secs(10), bench.journal.failed()).await.expect("it has failed");
    assert!(reason.contains("no such table"), "{reason}");
    assert!(log.publish(vec![message("t", json!({"n": 4}))]).await.is_err(), "nothing is taken any more");
    bench.journal.close().await;
}

#[tokio::test]
async fn a_batch_that_is_not_stored_is_seen_as_a_stall() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    log.publish(vec![message("t", json!({"n": 1}))]).await.unwrap();
    let mut db = other_connection(&bench.dir).await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut db).await.unwrap();
    let receipt = log.publish(vec![message("t", json!({"n": 2}))]);
    let stalls = async {
        while bench.journal.stalled_for() < Duration::from_millis(50) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stalls).await.expect("the stall is seen");
    sqlx::raw_sql("ROLLBACK").execute(&mut db).await.unwrap();
    receipt.await.unwrap();
    let over = async {
        while bench.journal.stalled_for() > Duration::ZERO {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), over).await.expect("the stall is over");
}

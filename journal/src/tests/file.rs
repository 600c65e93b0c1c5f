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
    let kept = dir.path().join("journal.db.v1");
    let mut kept = sqlx::sqlite::SqliteConnectOptions::new().filename(kept).connect().await.unwrap();
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut kept).await.unwrap();
    let guilds: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM guilds").fetch_one(&mut kept).await.unwrap();
    assert_eq!((version, guilds), (1, 1), "the old file is kept as it was");
}

#[tokio::test]
async fn a_newer_journal_is_refused_and_told() {
    let bench = Bench::new(JournalLimits::default()).await;
    bench.journal.close().await;
    let mut db = other_connection(&bench.dir).await;
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    let file = bench.dir.path().join("journal.db");
    let (limits, retention) = (JournalLimits::default(), Retention::default());
    let refused = Journal::open(&file, Durability::Process, limits, retention, Clock::system()).await.unwrap_err();
    assert!(refused.to_string().contains("version 99"), "{refused}");
    assert!(check(&file).await.defects[0].contains("version 99"));
}

/// The first and last messages of the stretches that are stored, and how many topics each has.
async fn stretches(dir: &TempDir) -> Vec<(i64, i64, usize)> {
    let mut db = other_connection(dir).await;
    let sql = "SELECT first, last, topics FROM stretches ORDER BY guild, first";
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(sql).fetch_all(&mut db).await.unwrap();
    rows.into_iter().map(|(first, last, topics)| (first, last, topics.trim().lines().count())).collect()
}

/// Publishes messages in groups of 600 whose topics are `a`, `b`, `a`, and one more with a topic of two lines.
async fn publish_groups(log: &GuildLog) {
    for (group, topic) in ["a", "b", "a"].into_iter().enumerate() {
        for part in 0..6 {
            let n = |n: u64| group as u64 * 600 + part * 100 + n;
            log.publish((0..100).map(|i| message(topic, json!({"n": n(i)}))).collect()).await.unwrap();
        }
    }
    log.publish(vec![message("line\nbreak", json!({"n": 1_800}))]).await.unwrap();
}

async fn numbers_of(log: &GuildLog, topic: &str) -> Vec<u64> {
    let (found, _) = log.history(&[topic.to_owned()], MessageId::default(), 10_000).await.unwrap();
    found.iter().map(number).collect()
}

#[tokio::test]
async fn messages_are_found_by_topic_in_stretches_and_outside_of_them() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    publish_groups(&log).await;
    let found = stretches(&bench.dir).await;
    assert_eq!(found.iter().map(|stretch| stretch.2).collect::<Vec<_>>(), [1, 2, 2]);
    let of_a: Vec<u64> = (0..600).chain(1_200..1_800).collect();
    assert_eq!(numbers_of(&log, "a").await, of_a);
    assert_eq!(numbers_of(&log, "b").await, (600..1_200).collect::<Vec<_>>());
    assert_eq!(numbers_of(&log, "line\nbreak").await, [1_800]);
    assert_eq!(numbers_of(&log, "line").await, [0_u64; 0]);
    let (page, more) = log.history(&["b".to_owned()], MessageId::from_i64(found[0].0), 10).await.unwrap();
    assert_eq!((page.iter().map(number).collect::<Vec<_>>(), more), ((600..610).collect(), true));
    drop(log);
    // After a start nothing is known of the newest messages.
    let bench = bench.reopen(JournalLimits::default()).await;
    let log = bench.log().await;
    publish_groups(&log).await;
    assert_eq!(numbers_of(&log, "a").await.len(), 2 * of_a.len());
    assert_eq!(numbers_of(&log, "b").await.len(), 1_200);
}

#[tokio::test]
async fn an_older_journal_gets_its_stretches_and_retention_removes_them() {
    let bench = Bench::new(JournalLimits::default()).await;
    let log = bench.log().await;
    publish_groups(&log).await;
    let found = stretches(&bench.dir).await;
    let mut db = other_connection(&bench.dir).await;
    sqlx::raw_sql("DROP TABLE stretches; PRAGMA user_version = 4").execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    drop(log);
    let bench = bench.reopen(JournalLimits::default()).await;
    assert_eq!(stretches(&bench.dir).await, found);
    let log = bench.log().await;
    assert_eq!(numbers_of(&log, "b").await, (600..1_200).collect::<Vec<_>>());
    bench.journal.trim(Retention { guild_bytes: 0, ..Retention::default() }).await.unwrap();
    assert_eq!((numbers_of(&log, "a").await.len(), stretches(&bench.dir).await.len()), (0, 0));
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

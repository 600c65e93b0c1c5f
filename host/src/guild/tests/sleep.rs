//! Guilds that fall asleep while others use them.

use super::*;

const AFTER: Duration = Duration::from_millis(3);

impl Bench {
    async fn sleeping() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let guilds = guilds_with(&dir, Some(AFTER)).await;
        guilds.resume().await.unwrap();
        Self { dir, guilds }
    }

    async fn falls_asleep(&self) {
        eventually("sleep", async || self.guilds.asleep() == 1 && self.guilds.0.running.count() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_while_the_guild_falls_asleep_is_answered_once() {
    const REQUESTS: usize = 200;
    let bench = Bench::sleeping().await;
    let id = bench.launch().await;
    let mut sleeps = 0;
    for number in 0..REQUESTS {
        // Around the time after which it falls asleep.
        tokio::time::sleep(AFTER * u32::try_from(number % 5).unwrap() / 2).await;
        sleeps += usize::from(bench.guilds.asleep() == 1);
        let _awake = bench.guilds.awake(&id).await.unwrap();
        assert!(bench.log(&id).await.is_open(), "it takes messages of users");
        let payload = json!({"guild_id": "g", "number": number});
        bench.request(&id, format::AGENT_LIST_REQUEST, payload).await;
    }
    let answered = async || {
        let (found, _) =
            bench.log(&id).await.history(&[topic::SYSTEM.to_owned()], MessageId::default(), 1_000).await.unwrap();
        found.iter().filter(|message| message.format.ends_with("AgentListResponse")).count()
    };
    eventually("answers", async || answered().await >= REQUESTS).await;
    bench.falls_asleep().await;
    assert_eq!(answered().await, REQUESTS);
    assert!(sleeps > REQUESTS / 20, "it slept {sleeps} times");
    bench.end().await;
}

#[tokio::test]
async fn an_agent_that_has_failed_stays_so_until_the_guild_is_relaunched() {
    let bench = Bench::sleeping().await;
    let id = bench.launch().await;
    bench.falls_asleep().await;
    let asleep = bench.guilds.0.setup.store.guild(&id).await.unwrap();
    let failed = asleep.sleep.unwrap().failed;
    assert!(failed[&AgentId::from("a")].contains("no component serves the class"), "{failed:?}");
    assert_eq!(asleep.status, GuildStatus::Error);

    let mut other = bench.other().await;
    sqlx::query("ALTER TABLE agent_classes RENAME TO away").execute(&mut other).await.unwrap();
    let health = async || {
        let awake = bench.guilds.awake(&id).await.unwrap();
        let roster = bench.guilds.0.running.roster(&id).unwrap();
        let handle = roster.lock()[&AgentId::from("a")].clone();
        eventually("failure", async || handle.gauges().health().status == HealthStatus::Error).await;
        drop(awake);
        handle.gauges().health().detail.unwrap()
    };
    assert!(health().await.contains("no component serves the class"), "it did not look again");
    bench.falls_asleep().await;
    assert!(bench.guilds.relaunch(&id).await.unwrap());
    assert!(health().await.contains("the catalog cannot be read"), "it looked again");
    sqlx::query("ALTER TABLE away RENAME TO agent_classes").execute(&mut other).await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn a_guild_whose_sleep_cannot_be_stored_goes_on() {
    let bench = Bench::sleeping().await;
    let mut other = bench.other().await;
    let refusing = "CREATE TRIGGER refusing BEFORE UPDATE OF sleep ON guilds BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::raw_sql(refusing).execute(&mut other).await.unwrap();
    let id = bench.launch().await;
    bench.is(&id, GuildStatus::Error).await;
    for _ in 0..3 {
        let _awake = bench.guilds.awake(&id).await.unwrap();
        bench.request(&id, format::AGENT_LIST_REQUEST, json!({"guild_id": "g"})).await;
    }
    assert_eq!((bench.guilds.asleep(), bench.guilds.not_started()), (0, 0));
    sqlx::raw_sql("DROP TRIGGER refusing").execute(&mut other).await.unwrap();
    bench.falls_asleep().await;
    bench.end().await;
}

#[tokio::test]
async fn a_guild_that_sleeps_and_cannot_be_woken_is_shown_with_an_error_and_tried_again() {
    let bench = Bench::sleeping().await;
    let id = bench.launch().await;
    bench.falls_asleep().await;
    let mut other = bench.other().await;
    sqlx::query("ALTER TABLE guild_agents RENAME TO away").execute(&mut other).await.unwrap();
    let _awake = bench.guilds.awake(&id).await.unwrap();
    assert_eq!(bench.guilds.shown_status(&id, GuildStatus::Running), GuildStatus::Error);
    sqlx::query("ALTER TABLE away RENAME TO guild_agents").execute(&mut other).await.unwrap();
    eventually("guild", async || bench.guilds.not_started() == 0 && bench.log(&id).await.is_open()).await;
    assert_eq!(bench.guilds.asleep(), 0, "it is awake as long as it is held");
    bench.end().await;
}

#[tokio::test]
async fn guilds_that_do_not_exist_or_were_stopped_do_not_wake() {
    let bench = Bench::sleeping().await;
    let id = bench.launch().await;
    bench.falls_asleep().await;
    let unknown = bench.guilds.awake(&"nowhere".into()).await;
    assert!(matches!(unknown.err(), Some(GuildError::Unknown)));
    let awake = bench.guilds.awake(&id).await.unwrap();
    bench.stop(&id).await;
    bench.is(&id, GuildStatus::Stopped).await;
    drop(awake);
    assert!(matches!(bench.guilds.awake(&id).await.err(), Some(GuildError::Stopped)));
    assert!(matches!(bench.guilds.relaunch(&id).await, Err(GuildError::Stopped)));
    assert_eq!((bench.guilds.asleep(), bench.guilds.0.running.count()), (0, 0));
    bench.end().await;
}

//! Guilds that sleep.

use super::*;

#[tokio::test]
async fn a_guild_that_sleeps_is_not_awake_until_it_is_woken() {
    let (store, _dir) = store().await;
    let (one, two) = (launched(&store).await, launched(&store).await);
    let is_awake = async |id: &GuildId| store.guilds_awake().await.unwrap().contains(id);
    let sleep = Sleep { failed: [(AgentId::from("a1"), "it failed".to_owned())].into() };
    let both = [(one.clone(), sleep.clone()), (two.clone(), Sleep::default())];
    assert_eq!(store.put_to_sleep(&both).await.unwrap(), 2);
    assert_eq!(store.put_to_sleep(&both[1..]).await.unwrap(), 0, "it sleeps already");
    assert!(store.count_asleep().await.unwrap() >= 2);
    assert!(!is_awake(&one).await && !is_awake(&two).await);
    let row = store.guild(&one).await.unwrap();
    assert_eq!((row.status, row.sleep), (GuildStatus::Requested, Some(sleep)));
    assert!(store.guilds(&ALL).await.unwrap().items.iter().any(|guild| guild.id == one), "it is listed");

    assert!(store.wake(&one).await.unwrap());
    assert!(!store.wake(&one).await.unwrap());
    assert!(is_awake(&one).await && !is_awake(&two).await);
    assert_eq!(store.guild(&one).await.unwrap().sleep, None);
}

#[tokio::test]
async fn a_guild_that_stops_does_not_fall_asleep() {
    let (store, _dir) = store().await;
    let id = launched(&store).await;
    let asleep = [(id.clone(), Sleep::default())];
    assert!(!store.guilds_stopping().await.unwrap().contains(&id));
    for status in [GuildStatus::Stopping, GuildStatus::Stopped] {
        store.set_guild_status(&id, status, 8).await.unwrap();
        assert_eq!(store.put_to_sleep(&asleep).await.unwrap(), 0);
        assert!(!store.guilds_awake().await.unwrap().contains(&id));
        assert_eq!(store.guilds_stopping().await.unwrap().contains(&id), status == GuildStatus::Stopping);
    }
}

#[tokio::test]
async fn a_start_reads_an_index_of_the_guilds_that_are_awake() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite://{}/store.db", dir.path().display())).await.unwrap();
    let plans = [
        (
            "SELECT id FROM guilds WHERE sleep IS NULL AND status <> 'stopped' AND status <> 'stopping' ORDER BY position, id",
            "guilds_awake",
        ),
        ("SELECT COUNT(*) FROM guilds WHERE sleep IS NOT NULL", "guilds_asleep"),
    ];
    for (query, index) in plans {
        let query = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(query).fetch_all(&store.readers).await.unwrap();
        assert!(rows.len() == 1 && rows[0].3.contains(index), "{rows:?}");
    }
    launched(&store).await;
    let id = launched(&store).await;
    store.put_to_sleep(&[(id, Sleep::default())]).await.unwrap();
    assert!(store.has_guilds().await.unwrap());
    assert_eq!((store.guilds_awake().await.unwrap().len(), store.wake_all().await.unwrap()), (1, 1));
    assert_eq!((store.guilds_awake().await.unwrap().len(), store.count_asleep().await.unwrap()), (2, 0));
}

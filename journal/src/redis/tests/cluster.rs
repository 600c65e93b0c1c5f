//! The storage in a cluster of two nodes.

use std::time::Duration;

use super::*;
use crate::step::SideWrite;

/// Starts two nodes, each with half of the slots.
fn cluster() -> [Redis; 2] {
    let node = || Redis::start(&["--appendonly", "yes", "--cluster-enabled", "yes"]);
    let nodes = [node(), node()];
    assert_eq!(nodes[0].command(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]), "OK");
    assert_eq!(nodes[1].command(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]), "OK");
    assert_eq!(nodes[1].command(&["CLUSTER", "SET-CONFIG-EPOCH", "2"]), "OK");
    let port = nodes[1].port().to_string();
    let bus = (u32::from(nodes[1].port()) + 10_000).to_string();
    assert_eq!(nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]), "OK");
    nodes
}

#[tokio::test]
async fn guilds_of_all_slots_are_committed_and_read() {
    if !Redis::is_installed() {
        return;
    }
    let nodes = cluster();
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while !nodes.iter().all(|node| node.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok")) {
        assert!(tokio::time::Instant::now() < end, "the cluster is there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let alone = RedisStorage::open(settings(&nodes[0].url()), Durability::Process).await.unwrap_err().to_string();
    assert!(alone.contains("node of a cluster"), "{alone}");
    let url = format!("redis://127.0.0.1:{},127.0.0.1:{}", nodes[0].port(), nodes[1].port());
    let storage = open(&url).await;
    storage.recover().await.unwrap();
    let new = |key: i64| Step {
        guild: GuildKey(key),
        side_writes: vec![SideWrite::NewGuild { id: format!("guild {key}").as_str().into() }],
        ..Step::default()
    };
    assert!(storage.commit(&(1..=40).map(new).collect::<Vec<_>>()).await.unwrap().is_empty());
    storage.close().await;
    let storage = open(&url).await;
    storage.recover().await.unwrap();
    assert_eq!(storage.guilds_after(GuildKey(0), 100).await.unwrap(), (1..=40).map(GuildKey).collect::<Vec<_>>());
    for key in 1..=40 {
        let id = format!("guild {key}").as_str().into();
        assert_eq!(storage.find(&id).await.unwrap(), Some(GuildKey(key)));
    }
    for node in &nodes {
        let keys: u32 = node.command(&["DBSIZE"]).parse().unwrap();
        assert!(keys > 5, "each node has some guilds: {keys}");
    }
}

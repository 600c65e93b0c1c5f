//! A guild that was stopped leaves nothing behind in the journal.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::agent::Components;
use crate::journal::{Durability, Journal, JournalLimits, Retention};
use crate::metrics::Metrics;
use crate::oci::Registries;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::expression::Expressions;
use guildhall_model::format;
use guildhall_model::message::{Message, raw_json};
use guildhall_model::read::document;
use guildhall_model::read::spec::{SpecContext, guild};
use guildhall_model::status::GuildStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_sandbox::{Sandbox, SandboxConfig};

#[tokio::test]
async fn a_stopped_guild_leaves_no_cursor_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, file) = (Clock::system(), dir.path().join("journal.db"));
    let sandbox = Sandbox::new(SandboxConfig { max_agents: 1, ..SandboxConfig::default() }).unwrap();
    let ceilings = sandbox.ceilings().ceilings();
    let durability = Durability::None;
    let guilds = Guilds::new(Setup {
        store: Store::open("sqlite::memory:").await.unwrap(),
        journal: Journal::open(&file, durability, JournalLimits::default(), Retention::default(), clock.clone())
            .await
            .unwrap(),
        components: Components::new(sandbox, dir.path().join("components")),
        registries: Registries::default(),
        clock,
        hop_limit: 10,
        guild_memory_bytes: 1 << 30,
        dialect: Dialect::Guide,
        idle_unload: None,
        metrics: Metrics::new().unwrap(),
    });
    // No component serves the class, but the agent has an inbox.
    let agent = json!({"id": "a", "name": "A", "description": "d", "class_name": "x.A"});
    let spec = json!({"id": "g", "name": "G", "description": "d", "agents": [agent]});
    let parsed = document(
        &spec,
        &[],
        guild(SpecContext { ceilings: &ceilings, expressions: &Expressions::none(), random: rand::random }),
    )
    .unwrap();
    let launch = Launch { spec: parsed, document: spec, org: "o".into(), user: None, blueprint: None };
    let id = guilds.launch(launch).await.unwrap();
    let log = guilds.0.setup.journal.guild(&id).await.unwrap();
    let stop = raw_json(&json!({"guild_id": "g", "user_id": "u"}));
    let topics = Topics::One(topic::SYSTEM.to_owned());
    log.publish(vec![Message::draft(AgentTag::new("u", "U"), topics, format::STOP_GUILD_REQUEST, stop)]).await.unwrap();
    let is_over = async {
        while guilds.0.setup.store.guild_status(&id).await.unwrap() != Some(GuildStatus::Stopped) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_over).await.expect("the guild ends");
    drop(log);
    guilds.shutdown().await;
    guilds.0.setup.journal.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut database = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let (left,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM cursors").fetch_one(&mut database).await.unwrap();
    assert_eq!(left, 0, "a cursor that stays keeps the log from being trimmed");
}

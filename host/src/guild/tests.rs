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
use guildhall_model::ids::GuildId;
use guildhall_model::message::{Message, raw_json};
use guildhall_model::read::document;
use guildhall_model::read::spec::{SpecContext, guild};
use guildhall_model::status::GuildStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_sandbox::{Sandbox, SandboxConfig};

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bench {
    async fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), store: Store::open("sqlite::memory:").await.unwrap() }
    }

    /// The guilds of a host that starts now.
    async fn start(&self) -> Guilds {
        let clock = Clock::system();
        let sandbox = Sandbox::new(SandboxConfig { max_agents: 1, ..SandboxConfig::default() }).unwrap();
        let (limits, retention) = (JournalLimits::default(), Retention::default());
        let file = self.dir.path().join("journal.db");
        Guilds::new(Setup {
            store: self.store.clone(),
            journal: Journal::open(&file, Durability::None, limits, retention, clock.clone()).await.unwrap(),
            components: Components::new(sandbox, self.dir.path().join("components")),
            registries: Registries::default(),
            clock,
            hop_limit: 10,
            bounds: Default::default(),
            guild_memory_bytes: 1 << 30,
            dialect: Dialect::Guide,
            idle_unload: None,
            metrics: Metrics::new().unwrap(),
        })
    }

    /// Ends the guilds as a host does that shuts down, and returns how many cursors are stored.
    async fn end(&self, guilds: Guilds) -> i64 {
        guilds.shutdown().await;
        guilds.0.setup.journal.close().await;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.dir.path().join("journal.db"));
        let mut database = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::query_scalar("SELECT COUNT(*) FROM cursors").fetch_one(&mut database).await.unwrap()
    }
}

/// Launches a guild. No component serves the class of its agent, but the agent has an inbox.
async fn launched(guilds: &Guilds) -> GuildId {
    let ceilings = guilds.0.setup.components.sandbox().ceilings().ceilings();
    let agent = json!({"id": "a", "name": "A", "description": "d", "class_name": "x.A"});
    let spec = json!({"id": "g", "name": "G", "description": "d", "agents": [agent]});
    let parsed = document(
        &spec,
        &[],
        guild(SpecContext { ceilings: &ceilings, expressions: &Expressions::none(), random: rand::random }),
    )
    .unwrap();
    let launch = Launch { spec: parsed, document: spec, org: "o".into(), user: None, blueprint: None };
    guilds.launch(launch).await.unwrap()
}

#[tokio::test]
async fn a_stopped_guild_leaves_no_cursor_in_the_journal() {
    let bench = Bench::new().await;
    let guilds = bench.start().await;
    let id = launched(&guilds).await;
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
    assert_eq!(bench.end(guilds).await, 0, "a cursor that stays keeps the log from being trimmed");
}

#[tokio::test]
async fn a_stop_that_the_end_of_the_host_cut_short_is_completed_at_the_next_start() {
    let bench = Bench::new().await;
    let guilds = bench.start().await;
    let id = launched(&guilds).await;
    bench.store.set_guild_status(&id, GuildStatus::Stopping, 1).await.unwrap();
    assert_eq!(bench.end(guilds).await, 2, "the agent's and the manager's");
    let guilds = bench.start().await;
    assert_eq!(guilds.resume().await.unwrap(), 0);
    assert_eq!(bench.store.guild_status(&id).await.unwrap(), Some(GuildStatus::Stopped));
    assert_eq!(bench.end(guilds).await, 0);
}

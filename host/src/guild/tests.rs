//! Guilds that stop, that cannot be started, and whose store is away.

mod sleep;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::agent::Components;
use crate::journal::{Durability, GuildLog, Journal, JournalLimits, Retention, Tail, TailEvent};
use crate::metrics::Metrics;
use crate::oci::Registries;
use crate::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::expression::Expressions;
use guildhall_model::format;
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{AgentId, GuildId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::read::document;
use guildhall_model::read::spec::{SpecContext, guild};
use guildhall_model::status::GuildStatus;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_sandbox::{Sandbox, SandboxConfig};

/// A host without its server: guilds with a store and a journal in files.
struct Bench {
    dir: tempfile::TempDir,
    guilds: Guilds,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let guilds = guilds(&dir).await;
        Self { dir, guilds }
    }

    /// Ends all guilds and begins again with the same data.
    async fn restart(&mut self) {
        self.end().await;
        self.guilds = guilds(&self.dir).await;
    }

    async fn end(&self) {
        self.guilds.shutdown().await;
        self.guilds.0.setup.journal.close().await;
        self.guilds.0.setup.store.close().await;
    }

    /// Launches the guild `g` with one agent that no component serves. The agent has an inbox.
    async fn launch(&self) -> GuildId {
        let agent = json!({"id": "a", "name": "A", "description": "d", "class_name": "x.A"});
        let spec = json!({"id": "g", "name": "G", "description": "d", "agents": [agent]});
        let ceilings = self.guilds.0.setup.components.sandbox().ceilings().ceilings();
        let context = SpecContext { ceilings: &ceilings, expressions: &Expressions::none(), random: rand::random };
        let parsed = document(&spec, &[], guild(context)).unwrap();
        let launch =
            Launch { spec: parsed, document: spec, org: "o".into(), user: None, blueprint: None, request: None };
        self.guilds.launch(launch).await.unwrap()
    }

    async fn status(&self, id: &GuildId) -> GuildStatus {
        self.guilds.0.setup.store.guild_status(id).await.unwrap().unwrap()
    }

    /// Waits for a stored status.
    async fn is(&self, id: &GuildId, status: GuildStatus) {
        eventually(&format!("the status {status:?}"), async || self.status(id).await == status).await;
    }

    async fn log(&self, id: &GuildId) -> GuildLog {
        self.guilds.0.setup.journal.guild(id).await.unwrap()
    }

    /// Sends a request to the manager of the guild `g`.
    async fn request(&self, id: &GuildId, format: &str, payload: serde_json::Value) {
        let topics = Topics::One(topic::SYSTEM.to_owned());
        let message = Message::draft(AgentTag::new("u", "U"), topics, format, raw_json(&payload));
        self.log(id).await.publish(vec![message]).await.unwrap();
    }

    async fn stop(&self, id: &GuildId) {
        self.request(id, format::STOP_GUILD_REQUEST, json!({"guild_id": "g", "user_id": "u"})).await;
    }

    /// Opens another connection to the database of the store.
    async fn other(&self) -> sqlx::SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.dir.path().join("guildhall.db"));
        sqlx::ConnectOptions::connect(&options.busy_timeout(Duration::from_secs(5))).await.unwrap()
    }
}

async fn guilds(dir: &tempfile::TempDir) -> Guilds {
    guilds_with(dir, None).await
}

async fn guilds_with(dir: &tempfile::TempDir, guild_sleep: Option<Duration>) -> Guilds {
    let clock = Clock::system();
    let sandbox = Sandbox::new(SandboxConfig { max_agents: 1, ..SandboxConfig::default() }).unwrap();
    let (file, limits) = (dir.path().join("journal.db"), JournalLimits::default());
    let journal = Journal::open(&file, Durability::None, limits, Retention::default(), clock.clone()).await.unwrap();
    Guilds::new(Setup {
        store: Store::open(&format!("sqlite://{}/guildhall.db", dir.path().display())).await.unwrap(),
        journal,
        components: Components::new(sandbox, dir.path().join("components")),
        registries: Registries::default(),
        clock,
        hop_limit: 10,
        bounds: Default::default(),
        guild_memory_bytes: 1 << 30,
        dialect: Dialect::Guide,
        idle_unload: None,
        guild_sleep,
        metrics: Metrics::new().unwrap(),
    })
}

async fn eventually(what: &str, is: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("no {what}"));
}

/// Waits for a message of a format on a tail and returns its payload.
async fn hear(tail: &mut Tail, format: &str) -> serde_json::Value {
    let hearing = async {
        loop {
            if let TailEvent::Message { message, .. } = tail.next().await.unwrap()
                && message.format == format
            {
                return serde_json::from_str(message.payload.get()).unwrap();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), hearing).await.unwrap_or_else(|_| panic!("no {format}"))
}

#[tokio::test]
async fn a_stopped_guild_leaves_no_cursor_in_the_journal() {
    let bench = Bench::new().await;
    let id = bench.launch().await;
    bench.stop(&id).await;
    bench.is(&id, GuildStatus::Stopped).await;
    bench.end().await;
    assert_eq!(cursors(&bench.dir).await, 0, "a cursor that stays keeps the log from being trimmed");
}

async fn cursors(dir: &tempfile::TempDir) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("journal.db"));
    let mut database = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM cursors").fetch_one(&mut database).await.unwrap()
}

#[tokio::test]
async fn a_stop_that_was_cut_short_is_completed_and_leaves_no_cursor() {
    let mut bench = Bench::new().await;
    let id = bench.launch().await;
    bench.is(&id, GuildStatus::Error).await;
    bench.guilds.0.setup.store.set_guild_status(&id, GuildStatus::Stopping, 1).await.unwrap();
    bench.restart().await;
    bench.guilds.resume().await.unwrap();
    assert_eq!(bench.status(&id).await, GuildStatus::Stopped);
    bench.end().await;
    assert_eq!(cursors(&bench.dir).await, 0);
}

#[tokio::test]
async fn a_request_that_cannot_be_stored_is_refused_and_the_guild_goes_on() {
    let bench = Bench::new().await;
    let id = bench.launch().await;
    bench.is(&id, GuildStatus::Error).await;
    let topics = [topic::ERRORS.to_owned(), topic::SYSTEM.to_owned(), topic::user_system_notification(&"u".into())];
    let mut tail = bench.log(&id).await.tail(topics.to_vec(), None);
    let mut confirmed = bench.log(&id).await.tail(vec![topic::GUILD_STATUS.to_owned()], None);
    let mut other = bench.other().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();

    bench.stop(&id).await;
    let refused = hear(&mut tail, format::ERROR_MESSAGE).await;
    assert_eq!(refused["error_type"], "STORE_UNAVAILABLE", "{refused}");
    let agent = json!({"guild_id": "g", "agent_id": "a"});
    bench.request(&id, format::REMOVE_AGENT_REQUEST, agent.clone()).await;
    let refused = hear(&mut tail, format::ERROR_MESSAGE).await;
    assert_eq!(refused["error_type"], "STORE_UNAVAILABLE", "{refused}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();

    assert_eq!(bench.status(&id).await, GuildStatus::Error);
    bench.request(&id, format::REMOVE_AGENT_REQUEST, agent).await;
    hear(&mut tail, "rustic_ai.core.agents.system.models.AgentRemovalResponse").await;
    bench.stop(&id).await;
    hear(&mut confirmed, format::STOP_GUILD_RESPONSE).await;
    assert!(bench.status(&id).await.is_over(), "what is confirmed is stored");
    bench.is(&id, GuildStatus::Stopped).await;
    bench.end().await;
}

#[tokio::test]
async fn a_guild_that_cannot_be_started_is_shown_with_an_error_and_tried_again() {
    let mut bench = Bench::new().await;
    let id = bench.launch().await;
    bench.is(&id, GuildStatus::Error).await;
    bench.guilds.0.setup.store.set_guild_status(&id, GuildStatus::Running, 1).await.unwrap();
    bench.restart().await;
    let mut other = bench.other().await;
    sqlx::query("ALTER TABLE guild_agents RENAME TO away").execute(&mut other).await.unwrap();
    assert_eq!(bench.guilds.resume().await.unwrap(), 0);
    assert_eq!(bench.guilds.not_started(), 1);
    assert_eq!(bench.guilds.shown_status(&id, GuildStatus::Running), GuildStatus::Error);
    assert!(bench.guilds.metrics().unwrap().contains("guildhall_guilds_not_started 1"));
    let mut tail = bench.log(&id).await.tail(vec![topic::GUILD_STATUS.to_owned()], None);
    let report = hear(&mut tail, format::HEALTH_REPORT).await;
    assert_eq!(report["guild_health"], "error", "{report}");

    sqlx::query("ALTER TABLE away RENAME TO guild_agents").execute(&mut other).await.unwrap();
    eventually("guild", async || bench.guilds.not_started() == 0).await;
    assert!(bench.log(&id).await.is_open());
    bench.end().await;
}

#[tokio::test]
async fn an_outage_of_the_store_is_noticed_and_ends() {
    let bench = Bench::new().await;
    bench.guilds.resume().await.unwrap();
    bench.guilds.begin_watch();
    eventually("readiness", async || bench.guilds.is_ready()).await;
    let mut other = bench.other().await;
    sqlx::query("ALTER TABLE journal_mark RENAME TO away").execute(&mut other).await.unwrap();
    let began = std::time::Instant::now();
    let away = bench.guilds.waits_in_vain().await;
    assert_eq!((away.part, away.is_disk_full), (Part::Store, false));
    assert!(!bench.guilds.is_ready() && began.elapsed() < Duration::from_secs(10));
    sqlx::query("ALTER TABLE away RENAME TO journal_mark").execute(&mut other).await.unwrap();
    eventually("readiness", async || bench.guilds.is_ready()).await;
    bench.end().await;
}

#[tokio::test]
async fn a_request_that_makes_the_manager_panic_is_tried_once_and_the_guild_goes_on() {
    let bench = Bench::new().await;
    bench.guilds.resume().await.unwrap();
    let id = bench.launch().await;
    bench.is(&id, GuildStatus::Error).await;
    let topics = [topic::ERRORS.to_owned(), topic::SYSTEM.to_owned()];
    let mut tail = bench.log(&id).await.tail(topics.to_vec(), None);
    bench.request(&id, super::manager::requests::PANICS, json!({"guild_id": "g"})).await;
    bench.request(&id, format::AGENT_LIST_REQUEST, json!({"guild_id": "g"})).await;
    let refused = hear(&mut tail, format::ERROR_MESSAGE).await;
    assert!(refused["error_message"].as_str().unwrap().contains("error of the host"), "{refused}");
    hear(&mut tail, "rustic_ai.core.agents.system.models.AgentListResponse").await;
    eventually("guild", async || bench.guilds.not_started() == 0 && bench.log(&id).await.is_open()).await;
    bench.stop(&id).await;
    bench.is(&id, GuildStatus::Stopped).await;
    bench.end().await;
}

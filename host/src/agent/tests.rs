//! An agent's task with what it may meet of the host's own mistakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handle::Handle;
use super::logs::LogWriter;
use super::runner::{Agent, Find, Life, Rest, Runner};
use super::*;
use crate::journal::{Durability, GuildLog, Journal, Limits as JournalLimits, Retention};
use crate::metrics::Metrics;
use crate::model::clock::Clock;
use crate::model::health::HealthStatus;
use crate::model::ids::{GuildId, MessageId};
use crate::model::message::{AgentTag, Message, Topics, raw_json};
use crate::model::read::document;
use crate::model::read::spec::agent;
use crate::model::spec::RoutingSlip;
use crate::model::topic;
use crate::routing::{GuildView, subscriptions};
use crate::sandbox::{Component, Limits, MemoryBudget, Sandbox, SandboxConfig, digest_of};

struct Bench {
    sandbox: Sandbox,
    log: GuildLog,
    revive: watch::Sender<()>,
    stop: CancellationToken,
    _dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("journal.db");
        let limits = JournalLimits::default();
        let journal =
            Journal::open(&file, Durability::None, limits, Retention::default(), Clock::system()).await.unwrap();
        let sandbox = Sandbox::new(SandboxConfig { max_agents: 2, ..SandboxConfig::default() }).unwrap();
        let log = journal.guild(&GuildId::from("g")).await.unwrap();
        Self { sandbox, log, revive: watch::Sender::default(), stop: CancellationToken::new(), _dir: dir }
    }

    async fn echo(&self) -> Arc<Component> {
        let (_, bytes) = crate::server::built_in::BUILT_IN.iter().find(|(name, _)| *name == "echo").unwrap();
        let bytes: Arc<[u8]> = (*bytes).into();
        self.sandbox.prepare(&digest_of(&bytes), async { Ok(bytes) }).await.unwrap()
    }

    async fn agent(&self, find: Find) -> Agent {
        let spec = json!({"id": "a", "name": "A", "description": "d", "class_name": "c.C", "additional_topics": ["t"]});
        let ceilings = Limits::default().ceilings();
        let spec = document(&spec, &[], |value, mistakes| agent(value, mistakes, &ceilings)).unwrap();
        let view = GuildView {
            id: GuildId::from("g"),
            name: "G".to_owned(),
            routes: Arc::new(RoutingSlip::default()),
            agents: vec![spec.clone()],
            users: Vec::new(),
            hop_limit: 10,
            conversation_history: 0,
        };
        Agent {
            log: self.log.clone(),
            consumer: self.log.consume(&spec.id, subscriptions(&spec)).await.unwrap(),
            find,
            sandbox: self.sandbox.clone(),
            limits: Limits::default(),
            guild_memory: MemoryBudget::new(1 << 30),
            view: watch::channel(Arc::new(view)).1,
            reports: mpsc::unbounded_channel().0,
            idle_unload: None,
            metrics: Metrics::new().unwrap(),
            revive: self.revive.subscribe(),
            stop: self.stop.clone(),
            shutdown: CancellationToken::new(),
            clock: Clock::system(),
            spec,
        }
    }
}

async fn until(handle: &Handle, status: HealthStatus) {
    let is_it = async {
        while handle.pulse().sign().status != status {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_it)
        .await
        .unwrap_or_else(|_| panic!("{:?}", handle.pulse().sign()));
}

#[tokio::test]
async fn an_agent_whose_task_panics_is_restarted_and_one_that_finds_nothing_asks_again_when_revived() {
    let bench = Bench::new().await;
    let (echo, asked) = (bench.echo().await, Arc::new(AtomicUsize::new(0)));
    let find: Find = Arc::new(move |_| {
        let (echo, asked) = (echo.clone(), asked.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move {
            match asked {
                0 => panic!("a mistake"),
                1 => Err("not here".to_owned()),
                _ => Ok(echo),
            }
        })
    });
    let tasks = TaskTracker::new();
    let handle = spawn(bench.agent(find).await, &tasks);
    until(&handle, HealthStatus::Error).await;
    assert_eq!(handle.pulse().sign().detail.as_deref(), Some("not here"), "the second time, after a restart");
    bench.revive.send_replace(());
    until(&handle, HealthStatus::Ok).await;
    bench.stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_message_in_whose_turn_the_task_panics_three_times_is_a_dead_letter() {
    let bench = Bench::new().await;
    let agent = bench.agent(Arc::new(|_| panic!("it is not asked"))).await;
    let (writer, reader) = LogWriter::new(Clock::system());
    let (handle, commands) = Handle::new(reader);
    let mut runner = Runner::new(agent, commands, handle.pulse.clone(), writer);
    let said = Message::draft(AgentTag::new("s", "S"), Topics::One("t".into()), "text", raw_json(&json!(Map::new())));
    bench.log.publish(vec![said]).await.unwrap();
    let mut delivery = runner.agent.consumer.next().await.unwrap();
    for broken in 1..=2 {
        runner.at_work = Some(delivery);
        runner.panicked(&"a mistake");
        delivery = runner.trying.take().expect("it is tried again");
        assert_eq!(delivery.tries.broken, broken);
        assert!(
            matches!((runner.rest, &runner.life), (Rest::Until(_), Life::Due(_))),
            "after a pause, with a new instance"
        );
    }
    runner.at_work = Some(delivery);
    runner.panicked(&"a mistake");
    assert!(runner.trying.is_none());
    let letters = [topic::DEAD_LETTERS.to_owned()];
    let (letters, _) = bench.log.history(&letters, MessageId::default(), 10).await.unwrap();
    assert!(letters[0].payload.get().contains("host_error"), "{}", letters[0].payload);
    assert!(!letters[0].payload.get().contains("a mistake\""), "the words are for the host's log");
}

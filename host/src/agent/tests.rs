//! An agent's task when the host itself fails, and the cases that no test over REST reaches.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Pause;
use super::current::CurrentAttempt;
use super::life::{Stage, StartReason};
use super::logs::LogWriter;
use super::runner::Runner;
use super::worker::Worker;
use super::*;
use crate::journal::{Attempts, Delivery, Durability, GuildLog, Journal, JournalLimits, Retention};
use crate::metrics::Metrics;
use guildhall_model::clock::Clock;
use guildhall_model::expression::Expressions;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{GuildId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::read::document;
use guildhall_model::read::spec::{SpecContext, agent};
use guildhall_model::routing::{Bounds, GuildView, subscriptions};
use guildhall_model::spec::RoutingSlip;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;
use guildhall_sandbox::{Component, Limits, MemoryBudget, Sandbox, SandboxConfig, digest_of};

struct Bench {
    sandbox: Sandbox,
    log: GuildLog,
    clock: Clock,
    revive: watch::Sender<()>,
    stop: CancellationToken,
    _dir: TempDir,
}

/// The worker of a runner that has no task.
struct Held {
    worker: Worker,
    _handle: Handle,
}

impl Bench {
    async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    async fn at(clock: Clock) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("journal.db");
        let limits = JournalLimits::default();
        let journal =
            Journal::open(&file, Durability::None, limits, Retention::default(), clock.clone()).await.unwrap();
        let sandbox = Sandbox::new(SandboxConfig { max_agents: 2, ..SandboxConfig::default() }).unwrap();
        let log = journal.guild(&GuildId::from("g")).await.unwrap();
        Self { sandbox, log, clock, revive: watch::Sender::default(), stop: CancellationToken::new(), _dir: dir }
    }

    async fn worker(&self, find: FindComponent) -> Held {
        let (writer, reader) = LogWriter::new(self.clock.clone());
        let (handle, commands) = Handle::new(reader);
        let runner = Runner::new(self.agent(find).await, commands, handle.gauges.clone(), writer);
        Held { worker: runner.worker, _handle: handle }
    }

    /// Publishes a message to the agent and takes it from the inbox.
    async fn deliver(&self, worker: &mut Worker, ttl: Option<i64>) -> Delivery {
        let (sender, topics) = (AgentTag::new("s", "S"), Topics::One("t".into()));
        let message = Message { ttl, ..Message::draft(sender, topics, "text", raw_json(&json!({}))) };
        self.log.publish(vec![message]).await.unwrap();
        worker.inbox.next().await.unwrap()
    }

    /// The only dead letter.
    async fn letter(&self) -> String {
        let letters = [topic::DEAD_LETTERS.to_owned()];
        let (letters, _) = self.log.history(&letters, MessageId::default(), 10).await.unwrap();
        assert_eq!(letters.len(), 1);
        letters[0].payload.get().to_owned()
    }

    async fn echo(&self) -> Arc<Component> {
        let (_, bytes) = crate::server::built_in::BUILT_IN.iter().find(|(name, _)| *name == "echo").unwrap();
        let bytes = Bytes::from_static(bytes);
        self.sandbox.prepare(&digest_of(&bytes), async { Ok(bytes) }).await.unwrap()
    }

    async fn agent(&self, find: FindComponent) -> Agent {
        let spec = json!({"id": "a", "name": "A", "description": "d", "class_name": "c.C", "additional_topics": ["t"]});
        let ceilings = Limits::default().ceilings();
        let expressions = Expressions::none();
        let context = SpecContext { ceilings: &ceilings, expressions: &expressions, random: rand::random };
        let spec = document(&spec, &[], |value, errors| agent(value, errors, context)).unwrap();
        let view = GuildView {
            id: GuildId::from("g"),
            name: "G".to_owned(),
            routes: Arc::new(RoutingSlip::default()),
            agents: vec![spec.clone()],
            users: Vec::new(),
            hop_limit: 10,
            bounds: Bounds::default(),
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
            notices: Arc::new(Notices::new(10)),
            metrics: Metrics::new().unwrap(),
            revive: self.revive.subscribe(),
            stop: self.stop.clone(),
            shutdown: CancellationToken::new(),
            asleep: CancellationToken::new(),
            failed: None,
            clock: self.clock.clone(),
            spec,
        }
    }
}

async fn until(handle: &Handle, status: HealthStatus) {
    let is_it = async {
        while handle.gauges().health().status != status {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_it)
        .await
        .unwrap_or_else(|_| panic!("{:?}", handle.gauges().health()));
}

/// Finds no component.
fn no_component() -> FindComponent {
    Arc::new(|_| Box::pin(std::future::ready(Err("none".to_owned()))))
}

#[tokio::test]
async fn an_agent_whose_task_panics_is_restarted_and_looks_for_its_component_again_when_revived() {
    let bench = Bench::new().await;
    let (echo, asked) = (bench.echo().await, Arc::new(AtomicUsize::new(0)));
    let find: FindComponent = Arc::new(move |_| {
        let (echo, asked) = (echo.clone(), asked.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move {
            match asked {
                0 => panic!("an error"),
                1 => Err("not here".to_owned()),
                _ => Ok(echo),
            }
        })
    });
    let tasks = TaskTracker::new();
    let handle = spawn(bench.agent(find).await, &tasks);
    until(&handle, HealthStatus::Error).await;
    assert_eq!(handle.gauges().health().detail.as_deref(), Some("not here"), "the second time, after a restart");
    bench.revive.send_replace(());
    until(&handle, HealthStatus::Ok).await;
    bench.stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_message_in_whose_turn_the_task_panics_three_times_is_a_dead_letter() {
    let bench = Bench::new().await;
    let Held { mut worker, _handle } = bench.worker(no_component()).await;
    let mut delivery = bench.deliver(&mut worker, None).await;
    for broken in 1..=2 {
        worker.current = CurrentAttempt::Running(delivery);
        worker.panicked("the panic's text".to_owned()).await;
        delivery = worker.current.begin().expect("it is attempted again");
        assert_eq!(delivery.attempts.broken, broken);
        assert!(
            matches!((worker.backoff.pause(), &worker.life.stage), (Pause::Until(_), Stage::Due(_))),
            "after a pause, with a new instance"
        );
    }
    worker.current = CurrentAttempt::Running(delivery);
    worker.panicked("the panic's text".to_owned()).await;
    assert!(matches!(worker.current, CurrentAttempt::Idle));
    let letter = bench.letter().await;
    assert!(
        letter.contains("host_error") && !letter.contains("the panic's text"),
        "the panic's text is for the host's log alone: {letter}"
    );
}

#[tokio::test]
async fn nothing_is_committed_of_an_agent_that_was_stopped_for_good() {
    let bench = Bench::new().await;
    let echo = bench.echo().await;
    let find: FindComponent = Arc::new(move |_| Box::pin(std::future::ready(Ok(echo.clone()))));
    let Held { mut worker, _handle } = bench.worker(find).await;
    worker.start(StartReason::Restart).await;
    let delivery = bench.deliver(&mut worker, None).await;
    let topics = delivery.message.topics.as_slice().to_vec();
    worker.current.wait(delivery);
    bench.stop.cancel();
    assert!(worker.attempt().await == ControlFlow::Break(()));
    let (stored, _) = bench.log.history(&topics, MessageId::default(), 10).await.unwrap();
    assert_eq!(stored.len(), 1, "the question alone");
}

#[tokio::test]
async fn a_message_that_expires_before_another_attempt_is_a_dead_letter() {
    let bench = Bench::at(Clock::fixed(1_800_000_000_000)).await;
    let Held { mut worker, _handle } = bench.worker(no_component()).await;
    let delivery = bench.deliver(&mut worker, Some(5)).await;
    let again = Delivery { attempts: Attempts { broken: 0, declined: 1 }, ..delivery };
    bench.clock.set(1_800_000_006_000);
    worker.current.wait(again);
    assert!(worker.attempt().await == ControlFlow::Continue(()));
    let letter = bench.letter().await;
    assert!(letter.contains("expired") && letter.contains("5000"), "{letter}");
}

#[tokio::test]
async fn only_a_full_host_asks_for_room() {
    let bench = Bench::new().await;
    let Held { mut worker, _handle } = bench.worker(no_component()).await;
    let is_asked = async || tokio::time::timeout(Duration::from_millis(20), bench.sandbox.wants_room()).await.is_ok();
    worker.life.wait_for_host(&Fault::new(FaultKind::HostError, "out of order"), &mut worker.backoff);
    assert!(!is_asked().await);
    worker.life.wait_for_host(&Fault::new(FaultKind::HostFull, "full"), &mut worker.backoff);
    assert!(is_asked().await);
}

#[tokio::test]
async fn a_swap_whose_caller_no_longer_waits_does_not_happen() {
    let bench = Bench::new().await;
    let Held { mut worker, _handle } = bench.worker(no_component()).await;
    let (answer, answered) = oneshot::channel();
    drop(answered);
    worker.swap(bench.echo().await, answer).await;
    assert!(worker.life.component.is_none() && matches!(worker.life.stage, Stage::Due(_)));
    let (answer, answered) = oneshot::channel();
    worker.swap(bench.echo().await, answer).await;
    drop(answered);
    assert!(worker.life.component.is_some() && matches!(worker.life.stage, Stage::Live(_)));
}

#[tokio::test]
async fn an_agent_that_returns_from_being_idle_was_healthy_in_the_meantime() {
    let bench = Bench::at(Clock::fixed(1_800_000_000_000)).await;
    let echo = bench.echo().await;
    let find: FindComponent = Arc::new(move |_| Box::pin(std::future::ready(Ok(echo.clone()))));
    let Held { mut worker, _handle } = bench.worker(find).await;
    for _ in 0..3 {
        worker.life.restarts.charge(bench.clock.now_ms(), 0.5);
    }
    worker.start(StartReason::Restart).await;
    bench.clock.set(1_800_000_059_000);
    worker.unload().await;
    assert!(matches!(worker.life.stage, Stage::Unloaded));
    worker.start(StartReason::Message).await;
    bench.clock.set(1_800_000_061_000);
    assert_eq!(
        worker.life.restarts.charge(bench.clock.now_ms(), 0.5),
        Some(Duration::from_secs(1)),
        "it is full again"
    );
}

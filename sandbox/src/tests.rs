//! Tests of the sandbox with agents that are a few lines of WebAssembly text each, built into components with the real
//! contract. Zeroed memory is the contract's `ok`, so an agent that does nothing returns an address of zeroed memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

mod expressions;
mod hostile;
mod walk;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use bytes::Bytes;
use guildhall_model::fault::Fault;
use parking_lot::Mutex;

use crate::*;

/// What an agent does in each export. At their ends `start` and `receive` return `ok`.
#[derive(Default)]
pub(crate) struct Script {
    describe: &'static str,
    start: &'static str,
    receive: &'static str,
    heartbeat: &'static str,
    stop: &'static str,
    functions: &'static str,
    /// What it does when the host asks it for memory.
    realloc: &'static str,
}

fn receive(receive: &'static str) -> Script {
    Script { receive, ..Script::default() }
}

const EMIT: &str = "(call $emit (i32.const 3072) (i32.const 2560))";
const PROGRESS: &str = "(call $progress (i32.const 520) (i32.const 4) (i32.const 530) (i32.const 2) (i32.const 2560))";
const LOOP: &str = "(loop $again (br $again))";

pub(crate) fn build(script: &Script) -> Bytes {
    let Script { describe, start, receive, heartbeat, stop, functions, realloc } = script;
    let module = format!(
        r#"(module
            (import "guildhall:agent/messaging@0.1.0" "emit" (func $emit (param i32 i32)))
            (import "guildhall:agent/messaging@0.1.0" "progress" (func $progress (param i32 i32 i32 i32 i32)))
            (import "guildhall:agent/context@0.1.0" "update-agent-state" (func $patch (param i32 i32 i32)))
            (memory (export "memory") 1)
            (global $free (mut i32) (i32.const 8192))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                {realloc}
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func (export "guildhall:agent/agent@0.1.0#describe") (result i32) {describe} (i32.const 1024))
            (func (export "guildhall:agent/agent@0.1.0#start") (param i32 i32) (result i32) {start} (i32.const 2048))
            (func (export "guildhall:agent/agent@0.1.0#receive") (param i32) (result i32)
                (global.set $free (i32.const 8192))
                {receive}
                (i32.const 2048))
            (func (export "guildhall:agent/agent@0.1.0#heartbeat") (result i32) {heartbeat} (i32.const 2048))
            (func (export "guildhall:agent/agent@0.1.0#stop") (param i32) {stop})
            {functions}
            (data (i32.const 512) "Script  text      {{}}        {{\22a\22:1}}")
            ;; A description: the class name, and nothing else.
            (data (i32.const 1024) "\00\02\00\00\06\00\00\00")
            ;; A message: the format, the payload, and nothing else.
            (data (i32.const 3072) "\08\02\00\00\04\00\00\00\1c\02\00\00\07\00\00\00"))"#
    );
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_path(wit).unwrap();
    let world =
        resolve.select_world(&[package], Some(if functions.contains("#save") { "stateful" } else { "base" })).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap().into()
}

/// The wall time of `describe` is not what these tests measure, so it is long enough for a busy machine.
fn config(max_agents: u32) -> SandboxConfig {
    let ceilings = Limits::allowed().with(Limit::StopTimeout, 60_000);
    SandboxConfig { max_agents, ceilings, ..SandboxConfig::default() }
}

fn sandbox() -> Sandbox {
    Sandbox::new(config(20)).unwrap()
}

async fn prepare(sandbox: &Sandbox, bytes: Bytes) -> Result<Arc<Component>, Refusal> {
    sandbox.prepare(&digest_of(&bytes), async { Ok(bytes) }).await
}

fn setup(limits: Limits) -> Setup {
    Setup {
        identity: Identity { agent_id: "me".into(), ..Identity::default() },
        properties: "{}".into(),
        limits,
        asked: guildhall_model::spec::SandboxSpec::default(),
        values: guildhall_model::values::Values::default(),
        guild_memory: MemoryBudget::new(1 << 30),
        progress: None,
        log: Arc::new(|_| {}),
        agent_state: "{}".into(),
        guild_state: "{}".into(),
    }
}

fn turn_input() -> TurnInput {
    let message = GuestMessage {
        id: 1,
        format: "text".into(),
        payload: r#"{"text":"hi"}"#.into(),
        sender: GuestTag { id: Some("ada".into()), name: None },
        topic: "work".into(),
        recipients: Vec::new(),
        thread: vec![1],
        in_response_to: None,
        conversation_id: None,
        priority: 4,
        timestamp_ms: 0,
        is_error: false,
        session_state: None,
        traceparent: None,
        attempt: 1,
        budget_ms: 1_000,
    };
    TurnInput { message, agent_state: "{}".into(), guild_state: "{}".into() }
}

async fn started(sandbox: &Sandbox, script: Script, limits: Limits) -> Instance {
    let component = prepare(sandbox, build(&script)).await.unwrap();
    sandbox.start(&component, setup(limits)).await.unwrap()
}

/// Returns the fault of an agent whose first turn breaks.
async fn fault(script: Script, limits: Limits) -> Fault {
    let sandbox = sandbox();
    let instance = started(&sandbox, script, limits).await;
    let (instance, turn) = instance.receive(turn_input()).await;
    assert!(instance.is_none(), "a broken store came back");
    assert_eq!(sandbox.live(), 0);
    match turn.end {
        TurnEnd::Broken(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn named(fault: &Fault) -> (&str, Option<&str>) {
    (fault.kind.name(), fault.setting.as_deref())
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_turn_returns_what_it_staged_and_the_instance() {
    let sandbox = sandbox();
    let mut instance = started(&sandbox, receive(EMIT), Limits::default()).await;
    for _ in 0..100 {
        let (back, turn) = instance.receive(turn_input()).await;
        instance = back.unwrap();
        let TurnEnd::Done { emits, .. } = turn.end else { panic!("{turn:?}") };
        assert_eq!(emits.len(), 1);
        assert_eq!((emits[0].format.as_str(), emits[0].payload.get()), ("text", r#"{"a":1}"#));
        assert!(turn.usage.fuel_used > 0 && turn.usage.peak_memory_bytes == 65_536);
    }
    let (instance, health) = instance.heartbeat().await;
    assert_eq!(health.unwrap().status, guildhall_model::health::HealthStatus::Ok);
    instance.unwrap().stop(StopReason::Requested).await;
    assert_eq!(sandbox.live(), 0);
}

#[tokio::test]
async fn a_declined_message_leaves_the_agent_alive_and_nothing_staged() {
    let sandbox = sandbox();
    // The result is `err(reject(""))`: its first byte is 1 and the rest is zero.
    let decline = "(call $emit (i32.const 3072) (i32.const 2560)) (i32.store8 (i32.const 2200) (i32.const 1))
        (return (i32.const 2200))";
    let instance = started(&sandbox, receive(decline), Limits::default()).await;
    let (instance, turn) = instance.receive(turn_input()).await;
    assert!(matches!(turn.end, TurnEnd::Declined(Failure::Reject(_))), "{turn:?}");
    assert!(instance.is_some());
}

#[tokio::test]
async fn each_limit_that_is_crossed_is_named() {
    let fuel = fault(receive(LOOP), Limits::default().with(Limit::Fuel, 3_000_000)).await;
    assert_eq!(named(&fuel), ("fuel", Some("sandbox.fuel")));
    assert_eq!((fuel.limit, fuel.fuel_used), (Some(3_000_000), Some(3_000_000)));

    let slow = Limits::default().with(Limit::Fuel, u64::MAX).with(Limit::Timeout, 30);
    assert_eq!(named(&fault(receive(LOOP), slow).await), ("deadline", Some("sandbox.timeout_ms")));

    let greedy = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let memory = fault(receive(greedy), Limits::default().with(Limit::Memory, 8)).await;
    assert_eq!(named(&memory), ("memory", Some("sandbox.memory_mib")));
    assert_eq!((memory.limit, memory.value), (Some(8), Some(9)));

    let deep = Script { receive: "(call $deep)", functions: "(func $deep (call $deep))", ..Script::default() };
    let deep = fault(deep, Limits::default()).await;
    assert_eq!(named(&deep), ("stack", Some("host.stack_kib")));
    assert!(!deep.backtrace.is_empty());

    // A payload of 5 MiB.
    let large = "(drop (memory.grow (i32.const 100))) (i32.store (i32.const 3084) (i32.const 5242880))
        (call $emit (i32.const 3072) (i32.const 2560))";
    assert_eq!(named(&fault(receive(large), Limits::default()).await), ("copy_limit", Some("host.copy_bytes")));
}

#[tokio::test]
async fn a_trap_and_a_panic_are_different_faults() {
    let trap = fault(receive("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), Limits::default()).await;
    assert_eq!((trap.kind.name(), trap.message.contains("divide by zero")), ("trap", true), "{trap}");
    assert_eq!(fault(receive("unreachable"), Limits::default()).await.kind.name(), "panic");
}

#[tokio::test]
async fn a_pointer_outside_of_the_memory_is_the_guests_fault() {
    let sandbox = sandbox();
    // `describe` returns a class name, and then `receive` an error, that are outside of the memory.
    let describe = "(i32.store (i32.const 1024) (i32.const -8))";
    let refused = prepare(&sandbox, build(&Script { describe, ..Script::default() })).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), "cannot_describe", "{refused}");
    let fails = "(i32.store8 (i32.const 2300) (i32.const 1)) (i32.store (i32.const 2308) (i32.const -8))
        (i32.store (i32.const 2312) (i32.const 6)) (return (i32.const 2300))";
    let answer = fault(receive(fails), Limits::default()).await;
    assert_eq!((answer.kind.name(), answer.message.is_empty()), ("trap", false), "{answer}");
    let unknown = fault(receive("(i32.store8 (i32.const 2048) (i32.const 9))"), Limits::default()).await;
    assert_eq!(unknown.kind.name(), "trap", "{unknown}");
    let script = receive("(global.set $free (i32.const -8))");
    let instance = started(&sandbox, script, Limits::default()).await;
    let (instance, _) = instance.receive(turn_input()).await;
    let (_, turn) = instance.unwrap().receive(turn_input()).await;
    assert!(matches!(&turn.end, TurnEnd::Broken(fault) if fault.kind.name() == "trap"), "{turn:?}");
}

#[tokio::test]
async fn a_slow_turn_moves_to_the_low_priority_pool() {
    let sandbox = sandbox();
    let script = receive(
        "(loop $spin
            (call $progress (i32.const 520) (i32.const 4) (i32.const 530) (i32.const 2) (i32.const 2560))
            (br_if $spin (i32.eqz (i32.load8_u (i32.const 2560)))))",
    );
    let component = prepare(&sandbox, build(&script)).await.unwrap();
    let threads = Arc::new(Mutex::new(Vec::new()));
    let seen = threads.clone();
    let mut setup = setup(Limits::default().with(Limit::Progress, 500));
    setup.progress = Some(Arc::new(move |_| {
        std::thread::sleep(Duration::from_micros(1));
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let mut seen = seen.lock();
        if seen.last() != Some(&name) {
            seen.push(name);
        }
    }));
    let instance = sandbox.start(&component, setup).await.unwrap();
    let (instance, turn) = instance.receive(turn_input()).await;
    assert!(matches!(turn.end, TurnEnd::Done { .. }) && turn.usage.ended_slow, "{turn:?}");
    instance.unwrap().receive(turn_input()).await;
    let threads = threads.lock();
    assert_ne!(threads[0], "low-priority", "a turn begins on the thread that awaits it");
    assert!(threads[1..].iter().all(|name| name == "low-priority"), "{threads:?}");
}

#[tokio::test]
async fn a_cancelled_turn_ends_with_its_instance() {
    let sandbox = sandbox();
    let instance = started(&sandbox, receive(LOOP), Limits::default().with(Limit::Fuel, u64::MAX)).await;
    let canceller = instance.canceller();
    canceller.cancel();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        canceller.cancel();
    };
    let began = Instant::now();
    let ((instance, turn), ()) = tokio::join!(instance.receive(turn_input()), cancel);
    assert!(instance.is_none() && matches!(turn.end, TurnEnd::Cancelled), "{turn:?}");
    assert!(began.elapsed() >= Duration::from_millis(10), "a cancel before the turn has no effect");
    assert_eq!(sandbox.live(), 0);
}

#[tokio::test]
async fn a_cancel_counts_while_a_turn_waits_for_a_thread() {
    let sandbox = sandbox();
    // The first turn is slow, so that the next one begins in the low-priority pool. The next one never ends.
    let script = receive(
        "(if (i32.load8_u (i32.const 4000)) (then (loop $ever (br $ever))))
        (i32.store8 (i32.const 4000) (i32.const 1))
        (loop $spin
            (call $progress (i32.const 520) (i32.const 4) (i32.const 530) (i32.const 2) (i32.const 2560))
            (br_if $spin (i32.eqz (i32.load8_u (i32.const 2560)))))",
    );
    let component = prepare(&sandbox, build(&script)).await.unwrap();
    let mut setup = setup(Limits::default().with(Limit::Progress, 500).with(Limit::Fuel, u64::MAX));
    setup.progress = Some(Arc::new(|_| std::thread::sleep(Duration::from_micros(100))));
    let instance = sandbox.start(&component, setup).await.unwrap();
    let (instance, turn) = instance.receive(turn_input()).await;
    assert!(turn.usage.ended_slow, "{turn:?}");
    let instance = instance.unwrap();
    let canceller = instance.canceller();
    // The cancel comes before a thread of the pool runs the turn.
    let (_, turn) = tokio::join!(instance.receive(turn_input()), async { canceller.cancel() }).0;
    assert!(matches!(turn.end, TurnEnd::Cancelled), "{turn:?}");
}

#[tokio::test]
async fn a_dropped_turn_gives_back_its_room_and_its_memory() {
    let sandbox = sandbox();
    let component = prepare(&sandbox, build(&receive(LOOP))).await.unwrap();
    let setup = setup(Limits::default().with(Limit::Fuel, u64::MAX));
    let guild = setup.guild_memory.clone();
    let instance = sandbox.start(&component, setup).await.unwrap();
    assert_eq!(guild.used(), 65_536);
    assert!(tokio::time::timeout(Duration::from_millis(20), instance.receive(turn_input())).await.is_err());
    until(|| sandbox.live() == 0 && guild.used() == 0).await;
}

#[tokio::test]
async fn an_agent_emits_only_in_a_turn() {
    let sandbox = sandbox();
    // Traps unless `emit` was refused in `start`.
    let start = "(call $emit (i32.const 3072) (i32.const 2560))
        (if (i32.eqz (i32.load8_u (i32.const 2560))) (then unreachable))";
    let instance = started(&sandbox, Script { start, ..receive(EMIT) }, Limits::default()).await;
    let (_, turn) = instance.receive(turn_input()).await;
    assert!(matches!(turn.end, TurnEnd::Done { emits, .. } if emits.len() == 1));

    let talks = prepare(&sandbox, build(&Script { describe: PROGRESS, ..Script::default() })).await;
    let refusal = talks.map(|_| ()).unwrap_err();
    assert!(refusal.to_string().contains("`describe` called `messaging.progress`"), "{refusal}");
    let loops = prepare(&sandbox, build(&Script { describe: LOOP, ..Script::default() })).await;
    let loops = loops.map(|_| ()).unwrap_err();
    assert_eq!(
        (loops.code(), &loops.context()["setting"]),
        ("cannot_describe", &"host.describe_fuel".into()),
        "{loops}"
    );
}

#[tokio::test]
async fn an_agent_that_does_not_start_reports_why() {
    let sandbox = sandbox();
    let start = "(i32.store8 (i32.const 2300) (i32.const 1)) (i32.store (i32.const 2304) (i32.const 512))
        (i32.store (i32.const 2308) (i32.const 6)) (return (i32.const 2300))";
    let component = prepare(&sandbox, build(&Script { start, ..Script::default() })).await.unwrap();
    let refused = sandbox.start(&component, setup(Limits::default())).await.err().unwrap();
    assert!(matches!(refused, StartFault::Refused(reason) if reason == "Script"));

    let component = prepare(&sandbox, build(&Script { start: LOOP, ..Script::default() })).await.unwrap();
    let limits = Limits::default().with(Limit::StartFuel, 1_000_000);
    let broken = sandbox.start(&component, setup(limits)).await.err().unwrap();
    let StartFault::Broken(fault) = broken else { panic!("{broken:?}") };
    assert_eq!(named(&fault), ("fuel", Some("host.start_fuel")));
    assert_eq!(sandbox.live(), 0);
}

#[tokio::test]
async fn a_full_host_refuses_agents_until_it_has_room() {
    let sandbox = Sandbox::new(config(2)).unwrap();
    let one = started(&sandbox, receive(EMIT), Limits::default()).await;
    let component = sandbox.get(&digest_of(&build(&receive(EMIT)))).unwrap();
    let _two = sandbox.start(&component, setup(Limits::default())).await.unwrap();
    let full = sandbox.start(&component, setup(Limits::default())).await.err().unwrap();
    assert!(matches!(full, StartFault::Broken(fault) if named(&fault) == ("host_full", Some("host.max_agents"))));
    let makes_room = async {
        sandbox.wants_room().await;
        drop(one);
    };
    let (third, ()) = tokio::join!(sandbox.start(&component, setup(Limits::default())), makes_room);
    assert!(third.is_ok(), "it waits until an idle agent makes room");
}

#[tokio::test]
async fn a_component_is_prepared_once() {
    let sandbox = sandbox();
    let bytes = build(&receive(EMIT));
    let (one, two) = tokio::join!(prepare(&sandbox, bytes.clone()), prepare(&sandbox, bytes.clone()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    assert_eq!((one.description.class_name.as_str(), one.size), ("Script", bytes.len()));
    assert!(prepare(&sandbox, Bytes::from_static(b"(component)")).await.is_err());
    let swapped = sandbox.prepare(&"sha256:00".into(), async { Ok(bytes) }).await.map(|_| ()).unwrap_err();
    assert!(swapped.to_string().contains("were changed"), "{swapped}");
}

#[tokio::test]
async fn a_component_that_needs_more_than_an_instance_may_have_is_refused_with_the_setting() {
    let sandbox = sandbox();
    let instances = |module: &str, count: usize| {
        format!("(core module $m {module}) {}", "(core instance (instantiate $m))".repeat(count))
    };
    for (items, setting, limit, value) in [
        (instances("(memory 20000)", 1), "sandbox.memory_mib", 1_024, 1_250),
        (instances("(memory 1)", 5), "host.memories", 4, 5),
        (instances("(table 1 funcref)", 17), "host.tables", 16, 17),
        (instances("", 65), "host.instances", 64, 65),
        (instances("(table 200000 funcref)", 1), "host.table_elements", 100_000, 200_000),
    ] {
        let agent = r#"(instance $agent) (export "guildhall:agent/agent@0.1.0" (instance $agent))"#;
        let bytes = wat::parse_str(format!("(component {items} {agent})")).unwrap();
        let refused = prepare(&sandbox, bytes.into()).await.map(|_| ()).unwrap_err();
        let Refusal::TooLarge { setting: named, limit: most, value: given, .. } = &refused else { panic!("{refused}") };
        assert_eq!((named.as_str(), *most, *given), (setting, limit, value), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_instances_run_turns_at_the_same_time() {
    let sandbox = Sandbox::new(config(300)).unwrap();
    let component = prepare(&sandbox, build(&receive(EMIT))).await.unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let (sandbox, component, done) = (sandbox.clone(), component.clone(), done.clone());
        tasks.spawn(async move {
            let mut instance = sandbox.start(&component, setup(Limits::default())).await.unwrap();
            for _ in 0..10 {
                let (back, turn) = instance.receive(turn_input()).await;
                assert!(matches!(turn.end, TurnEnd::Done { .. }));
                instance = back.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert_eq!((done.load(Ordering::Relaxed), sandbox.live()), (3_000, 0));
}

//! Walks the table of limits: for each row something crosses the limit, and the resulting error names it.

use guildhall_model::fault::FaultKind;
use guildhall_model::values::ValueChange;

use super::*;
use crate::bindings::keyvalue::store::{Error, Host};
use crate::buckets::Bucket;
use crate::classify::{Broken, Circumstances, classify};
use crate::guest::Guest;
use crate::phase::Phase;
use crate::requests;
use crate::runtime::HostServices;

/// How crossing a limit ends.
enum Crossed {
    /// The agent's call broke.
    Broke(Fault),
    /// The component was refused.
    Refused(Refusal),
    /// One call was refused with this text, and the agent lives on.
    CallRefused(String),
    /// The agent declined its message.
    Declined,
    /// `tests/tests/host/limits.rs` and `uploads.rs` cross it from outside.
    Elsewhere,
}

/// Declines the message when the last call of an import was refused.
const DECLINE_IF_REFUSED: &str = "(if (i32.load8_u (i32.const 2560))
    (then (i32.store8 (i32.const 2200) (i32.const 1)) (return (i32.const 2200))))";

async fn cross(limit: Limit) -> Crossed {
    let fewer = |most| Limits::default().with(limit, most);
    let slow = || Limits::default().with(Limit::Fuel, u64::MAX).with(Limit::StartFuel, u64::MAX);
    match limit {
        Limit::Fuel => Crossed::Broke(fault(receive(LOOP), fewer(3_000_000)).await),
        Limit::StartFuel => start_fault(Script { start: LOOP, ..Script::default() }, fewer(3_000_000)).await,
        Limit::DescribeFuel => refused(build(&Script { describe: LOOP, ..Script::default() })).await,
        Limit::Timeout => Crossed::Broke(fault(receive(LOOP), slow().with(limit, 30)).await),
        Limit::StartTimeout => start_fault(Script { start: LOOP, ..Script::default() }, slow().with(limit, 30)).await,
        Limit::StopTimeout => {
            let script = Script { heartbeat: LOOP, ..Script::default() };
            let instance = started(&sandbox(), script, slow().with(limit, 30)).await;
            Crossed::Broke(instance.heartbeat().await.1.unwrap_err())
        }
        Limit::Memory => Crossed::Broke(fault(receive(GREEDY), fewer(4)).await),
        Limit::GuildMemory => {
            let sandbox = sandbox();
            let component = prepare(&sandbox, build(&receive(GREEDY))).await.unwrap();
            let setup = Setup { guild_memory: MemoryBudget::new(2 << 20), ..setup(Limits::default()) };
            let instance = sandbox.start(&component, setup).await.unwrap();
            broke(instance.receive(turn_input()).await.1)
        }
        Limit::TableElements => {
            let receive = "(drop (table.grow $t (ref.null func) (i32.const 200000))) unreachable";
            let script = Script { receive, functions: "(table $t 1 funcref)", ..Script::default() };
            Crossed::Broke(fault(script, Limits::default()).await)
        }
        Limit::Memories => refused(parts("(memory 1)", 5)).await,
        Limit::Tables => refused(parts("(table 1 funcref)", 17)).await,
        Limit::Instances => refused(parts("", 65)).await,
        Limit::Handles => {
            let mut guest = guest(fewer(8));
            let error = loop {
                if let Err(error) = guest.open(String::new()) {
                    break error;
                }
            };
            Crossed::Broke(classified(&error, &guest.limits))
        }
        Limit::Stack => {
            let functions = "(func $deep (call $deep))";
            Crossed::Broke(
                fault(Script { receive: "(call $deep)", functions, ..Script::default() }, Limits::default()).await,
            )
        }
        Limit::CopyBytes => {
            let large = "(drop (memory.grow (i32.const 100))) (i32.store (i32.const 3084) (i32.const 5242880))
                (call $emit (i32.const 3072) (i32.const 2560))";
            Crossed::Broke(fault(receive(large), Limits::default()).await)
        }
        Limit::Emits => declined(&[EMIT, EMIT, DECLINE_IF_REFUSED], fewer(1)).await,
        Limit::PayloadBytes => {
            let large = "(drop (memory.grow (i32.const 20))) (i32.store (i32.const 3080) (i32.const 65536))
                (i32.store (i32.const 3084) (i32.const 1200000))";
            declined(&[large, EMIT, DECLINE_IF_REFUSED], Limits::default()).await
        }
        Limit::StagedBytes => declined(&[EMIT, EMIT, DECLINE_IF_REFUSED], fewer(8)).await,
        Limit::Progress => declined(&[PROGRESS, PROGRESS, DECLINE_IF_REFUSED], fewer(1)).await,
        Limit::StatePatches => declined(&[PATCH, PATCH, DECLINE_IF_REFUSED], fewer(1)).await,
        Limit::LogLines => log_output(fewer(2), "1\n2\n3"),
        Limit::LogLineBytes => log_output(fewer(4), "12345"),
        Limit::LogBytes => log_output(fewer(4), "123\n456"),
        Limit::HttpCalls | Limit::HttpRequest | Limit::HttpResponse => {
            requests::tests::cross(limit).await;
            Crossed::Declined
        }
        Limit::ValueKeys => write_values(fewer(1), &["a", "b"], 1),
        Limit::ValueBytes => write_values(fewer(1), &["a"], 1 << 10),
        Limit::GuildValues => {
            write_values(fewer(1).with(Limit::ValueBytes, 65_536), &["a", "b", "c", "d", "e"], 256 << 10)
        }
        Limit::Component | Limit::Nesting | Limit::Parts | Limit::Functions | Limit::FunctionSize | Limit::Items => {
            Crossed::Refused(Outline::read(&build(&receive(EMIT)), &fewer(0)).unwrap_err())
        }
        Limit::Description => {
            let describe = "(drop (memory.grow (i32.const 2))) (i32.store (i32.const 1024) (i32.const 65536))
                (i32.store (i32.const 1028) (i32.const 70000))";
            refused(build(&Script { describe, ..Script::default() })).await
        }
        Limit::Snapshot => {
            let instance = started(&sandbox(), Script { functions: SAVE, ..Script::default() }, fewer(99)).await;
            let (instance, saved) = instance.save().await;
            assert!(instance.is_some(), "an agent that cannot be saved lives on");
            Crossed::Broke(saved.unwrap_err())
        }
        Limit::CompileCpu
        | Limit::CompileTime
        | Limit::CompileMemory
        | Limit::CompiledSize
        | Limit::CompileQueue
        | Limit::AgentLag
        | Limit::EmitRate
        | Limit::Notices
        | Limit::RoutedBytes
        | Limit::StateBytes
        | Limit::SlipRules
        | Limit::SlipBytes
        | Limit::GuildLog
        | Limit::Unwritten
        | Limit::Evaluations
        | Limit::FailedExpressions
        | Limit::SchemaPattern
        | Limit::SchemaPatterns
        | Limit::Hops => Crossed::Elsewhere,
    }
}

const GREEDY: &str = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
/// Saves a hundred bytes.
const SAVE: &str = r#"(func (export "guildhall:agent/snapshot@0.1.0#save") (result i32)
        (i32.store8 (i32.const 2304) (i32.const 0))
        (i32.store (i32.const 2308) (i32.const 8192))
        (i32.store (i32.const 2312) (i32.const 100))
        (i32.const 2304))
    (func (export "guildhall:agent/snapshot@0.1.0#restore") (param i32 i32 i32 i32) (result i32) (i32.const 2048))"#;
const PATCH: &str = "(call $patch (i32.const 530) (i32.const 2) (i32.const 2560))";

#[tokio::test]
async fn each_limit_is_crossed_and_named_in_the_error() {
    for row in &TABLE {
        let before = row.met();
        let setting = row.setting;
        match cross(row.limit).await {
            Crossed::Elsewhere => continue,
            Crossed::Broke(fault) => {
                assert_eq!((fault.kind, fault.setting.as_deref()), (row.kind, Some(setting)), "{fault}");
                assert!(fault.limit.is_some() && !fault.message.is_empty(), "{fault:?}");
            }
            Crossed::Refused(refusal) => assert!(refusal.to_string().contains(setting), "`{setting}`: {refusal}"),
            Crossed::CallRefused(text) => assert!(text.contains(setting), "`{setting}`: {text}"),
            Crossed::Declined => {}
        }
        assert!(row.met() > before, "`{}` counts how often `{setting}` is met", row.metric());
    }
}

#[test]
fn every_row_has_a_counter_of_its_own() {
    let names: std::collections::HashSet<_> = TABLE.iter().map(Row::metric).collect();
    assert_eq!(names.len(), TABLE.len());
    assert!(names.contains("guildhall_limits_met_total{setting=\"sandbox.fuel\"}"));
}

fn broke(turn: TurnOutcome) -> Crossed {
    match turn.end {
        TurnEnd::Broken(fault) => Crossed::Broke(fault),
        other => panic!("{other:?}"),
    }
}

async fn start_fault(script: Script, limits: Limits) -> Crossed {
    let sandbox = sandbox();
    let component = prepare(&sandbox, build(&script)).await.unwrap();
    match sandbox.start(&component, setup(limits)).await.err().unwrap() {
        StartFault::Broken(fault) => Crossed::Broke(fault),
        other => panic!("{other:?}"),
    }
}

async fn refused(bytes: Bytes) -> Crossed {
    match prepare(&sandbox(), bytes).await.map(|_| ()).unwrap_err() {
        Refusal::Undescribed(fault) => Crossed::Broke(*fault),
        refusal => Crossed::Refused(refusal),
    }
}

/// A component with `count` instances of a module.
fn parts(module: &str, count: usize) -> Bytes {
    let instances = "(core instance (instantiate $m))".repeat(count);
    let text = format!(
        r#"(component (core module $m {module}) {instances} (instance $i)
            (export "guildhall:agent/agent@0.1.0" (instance $i)))"#
    );
    wat::parse_str(text).unwrap().into()
}

/// Runs the steps in a turn, which the agent then declines.
async fn declined(steps: &[&str], limits: Limits) -> Crossed {
    let instance = started(&sandbox(), receive(steps.concat().leak()), limits).await;
    let (instance, turn) = instance.receive(turn_input()).await;
    assert!(instance.is_some() && matches!(turn.end, TurnEnd::Declined(_)), "{turn:?}");
    Crossed::Declined
}

fn guest(limits: Limits) -> Guest {
    Guest::new(Phase::Turn, &"sha256:00".into(), setup(limits), services())
}

fn log_output(limits: Limits, text: &str) -> Crossed {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = lines.clone();
    let setup = Setup { log: Arc::new(move |line| sink.lock().push(line.text)), ..setup(limits) };
    let guest = Guest::new(Phase::Turn, &"sha256:00".into(), setup, services());
    guest.console().log(LogLevel::Info, text);
    guest.console().end_turn();
    let lines = lines.lock().join("\n");
    Crossed::CallRefused(lines)
}

/// Writes a value of `bytes` bytes under each key until a write is refused.
fn write_values(limits: Limits, keys: &[&str], bytes: usize) -> Crossed {
    let mut guest = guest(limits);
    let change = || ValueChange::Set(vec![b'x'; bytes].into());
    let refused = keys.iter().find_map(|key| guest.write_value(Bucket::Guild, (*key).to_owned(), change()).err());
    match refused {
        Some(Error::Other(text)) => Crossed::CallRefused(text),
        other => panic!("{other:?}"),
    }
}

fn classified(error: &wasmtime::Error, limits: &Limits) -> Fault {
    let about = Circumstances {
        limits,
        fuel: Limit::Fuel,
        timeout: Limit::Timeout,
        fuel_used: 0,
        peak_memory_bytes: 0,
        denied_memory: None,
        stderr: None,
        entered: true,
    };
    match classify(error, about) {
        Broken::Fault(fault) => fault,
        Broken::Cancelled => panic!("cancelled"),
    }
}

#[test]
fn a_turn_reads_its_own_writes_and_commits_all_of_them() {
    let mut guest = guest(Limits::default());
    let set = |value: &str| ValueChange::Set(value.as_bytes().into());
    guest.write_value(Bucket::Agent, "n".into(), set("4")).unwrap();
    guest.write_value(Bucket::Agent, "n".into(), ValueChange::Add(2)).unwrap();
    guest.write_value(Bucket::Guild, "n".into(), ValueChange::Add(1)).unwrap();
    guest.write_value(Bucket::Guild, "n".into(), ValueChange::Add(1)).unwrap();
    guest.write_value(Bucket::Guild, "deleted".into(), ValueChange::Delete).unwrap();
    assert!(matches!(guest.write_value(Bucket::Agent, String::new(), set("")), Err(Error::Other(_))));
    let staged = std::mem::take(&mut guest.staged.values);
    let writes: Vec<_> = guest.buckets.writes(staged).into_iter().map(|write| (write.key, write.change)).collect();
    let wanted = [("n", set("6")), ("deleted", ValueChange::Delete), ("n", ValueChange::Add(2))];
    assert_eq!(writes, wanted.map(|(key, change)| (key.to_owned(), change)));
    guest.phase = Phase::Between;
    assert!(matches!(guest.write_value(Bucket::Agent, "n".into(), set("")), Err(Error::Other(_))));
}

#[tokio::test]
async fn a_guest_that_loops_in_calls_of_the_host_meets_its_deadline() {
    let calls = "(loop $again (call $progress (i32.const 520) (i32.const 4) (i32.const 530) (i32.const 2)
        (i32.const 2560)) (br $again))";
    let slow = Limits::default().with(Limit::Fuel, u64::MAX).with(Limit::Timeout, 50);
    let began = Instant::now();
    assert_eq!(fault(receive(calls), slow).await.kind, FaultKind::Deadline);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_agent_whose_stop_never_returns_is_stopped() {
    let sandbox = sandbox();
    let limits = Limits::default().with(Limit::Fuel, u64::MAX).with(Limit::StopTimeout, 50);
    let instance = started(&sandbox, Script { stop: LOOP, ..Script::default() }, limits).await;
    tokio::time::timeout(Duration::from_secs(5), instance.stop(StopReason::Requested)).await.unwrap();
    assert_eq!(sandbox.live(), 0);
}

fn services() -> HostServices {
    HostServices { policy: Arc::default(), evaluations: sandbox().evaluations() }
}

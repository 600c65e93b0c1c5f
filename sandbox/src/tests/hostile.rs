//! Components that no SDK builds: each misuses what the canonical ABI, the linker or the compiler leaves to the guest.
//! The result is a fault or a refusal with a name, and the host and its other agents go on.

use std::io::Write as _;

use super::*;

/// Runs a turn of `harm`, then one of an agent of another component in the same sandbox. Returns the fault of `harm`.
async fn fault_beside_a_neighbour(harm: Script, limits: Limits) -> Fault {
    let sandbox = sandbox();
    let neighbour = started(&sandbox, receive(EMIT), Limits::default()).await;
    let instance = started(&sandbox, harm, limits).await;
    let (instance, turn) = instance.receive(turn_input()).await;
    assert!(instance.is_none(), "a broken store came back");
    let (neighbour, served) = neighbour.receive(turn_input()).await;
    assert!(matches!(served.end, TurnEnd::Done { emits, .. } if emits.len() == 1));
    assert!(neighbour.is_some() && sandbox.live() == 1);
    match turn.end {
        TurnEnd::Broken(fault) => fault,
        other => panic!("{other:?}"),
    }
}

async fn refusal(bytes: Bytes) -> Refusal {
    prepare(&sandbox(), bytes).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn several_memories_of_one_module_count_together() {
    let receive = "(drop (memory.grow (i32.const 64)))
        (loop $more (br_if $more (i32.ne (memory.grow $other (i32.const 16)) (i32.const -1)))) unreachable";
    let script = Script { receive, functions: "(memory $other 1) (memory $third 1)", ..Script::default() };
    let fault = fault_beside_a_neighbour(script, Limits::default().with(Limit::Memory, 8)).await;
    assert_eq!(named(&fault), ("memory", Some("sandbox.memory_mib")));
    assert_eq!((fault.limit, fault.value), (Some(8), Some(9)));
    let five = "(memory 1) (memory 1) (memory 1) (memory 1)";
    let refused = refusal(build(&Script { functions: five, ..Script::default() })).await;
    assert!(refused.to_string().contains("`host.memories`"), "{refused}");
}

#[tokio::test]
async fn code_that_runs_before_any_export_is_bounded_too() {
    let boot = Script { functions: "(func $boot (loop $again (br $again))) (start $boot)", ..Script::default() };
    let refused = refusal(build(&boot)).await;
    assert_eq!((refused.code(), &refused.context()["setting"]), ("cannot_describe", &"host.describe_fuel".into()));
    let deep = Script { functions: "(func $deep (call $deep)) (start $deep)", ..Script::default() };
    let refused = refusal(build(&deep)).await;
    assert_eq!((refused.code(), &refused.context()["setting"]), ("cannot_describe", &"host.stack_kib".into()));
    let outside = Script { functions: "(data (i32.const 70000) \"x\")", ..Script::default() };
    assert_eq!(refusal(build(&outside)).await.code(), "cannot_describe");
}

#[tokio::test]
async fn a_guest_that_denies_the_host_memory_harms_only_itself() {
    let sandbox = sandbox();
    // `describe` works, because it needs no memory of the guest.
    for (realloc, kind) in [
        (LOOP, "fuel"),
        ("unreachable", "panic"),
        ("(return (i32.const 0x7fffffff))", "trap"),
        ("(return (i32.const 65535))", "trap"),
        (EMIT, "trap"),
    ] {
        let component = prepare(&sandbox, build(&Script { realloc, ..Script::default() })).await.unwrap();
        let limits = Limits::default().with(Limit::StartFuel, 1_000_000);
        match sandbox.start(&component, setup(limits)).await.err().unwrap() {
            StartFault::Broken(fault) => assert_eq!(fault.kind.name(), kind, "`{realloc}`: {fault}"),
            other => panic!("`{realloc}`: {other:?}"),
        }
    }
    assert_eq!(sandbox.live(), 0);
}

#[tokio::test]
async fn the_cleanup_after_an_answer_is_part_of_the_turn() {
    let post = |what: &str| {
        let export = "cabi_post_guildhall:agent/agent@0.1.0#receive";
        &*format!("(func (export \"{export}\") (param i32) {what})").leak()
    };
    for (what, kind) in [("unreachable", "panic"), (LOOP, "fuel"), (EMIT, "trap")] {
        let script = Script { functions: post(what), ..receive(EMIT) };
        // The turn broke, so what it emitted is dropped.
        let fault = fault_beside_a_neighbour(script, Limits::default().with(Limit::Fuel, 1_000_000)).await;
        assert_eq!(fault.kind.name(), kind, "`{what}`: {fault}");
    }
}

#[tokio::test]
async fn arguments_that_are_not_valid_are_the_guests_fault() {
    for (what, kind) in [
        // A payload of 4 GiB, one that begins outside of the memory, one that is no UTF-8.
        ("(i32.store (i32.const 3084) (i32.const -1))", "trap"),
        ("(i32.store (i32.const 3080) (i32.const -4))", "trap"),
        ("(i32.store8 (i32.const 540) (i32.const 0xff))", "trap"),
        // More topics than there can be, more than the host copies, and an option that is neither.
        ("(i32.store (i32.const 3092) (i32.const 0x0fffffff))", "trap"),
        ("(drop (memory.grow (i32.const 100))) (i32.store (i32.const 3092) (i32.const 600000))", "copy_limit"),
        ("(i32.store8 (i32.const 3104) (i32.const 7))", "trap"),
    ] {
        let script = receive(format!("{what} {EMIT}").leak());
        let fault = fault_beside_a_neighbour(script, Limits::default()).await;
        assert_eq!(fault.kind.name(), kind, "`{what}`: {fault}");
        assert!(fault.message.len() < 5_000);
    }
}

#[tokio::test]
async fn names_as_long_as_a_component_are_cut_in_reports() {
    let long = "n".repeat(100_000);
    let functions = format!("(func ${long} unreachable)").leak();
    let script = Script { functions, ..receive(format!("(call ${long})").leak()) };
    let fault = fault(script, Limits::default()).await;
    assert!(fault.backtrace.len() >= 2, "{:?}", fault.backtrace.len());
    assert!(fault.backtrace.iter().all(|frame| frame.len() < 300), "{}", fault.backtrace[0].len());

    let odd = "o".repeat(60_000);
    for text in [
        format!(
            r#"(component (import "{odd}" (func)) (instance $i) (export "guildhall:agent/agent@0.1.0" (instance $i)))"#
        ),
        format!(r#"(component (instance $i) (export "{odd}" (instance $i)))"#),
        format!(
            r#"(component (import "wasi:cli/{odd}@0.2.0" (instance)) (instance $i)
                (export "guildhall:agent/agent@0.1.0" (instance $i)))"#
        ),
    ] {
        let refused = refusal(wat::parse_str(text).unwrap().into()).await;
        assert!(refused.to_string().len() < 5_000, "{}", refused.code());
        assert!(refused.context().to_string().len() < 5_000, "{}", refused.code());
    }
}

#[tokio::test]
async fn a_snapshot_that_never_ends_ends_only_its_agent() {
    let endless = |save: &str, restore: &str| {
        let functions = format!(
            r#"(func (export "guildhall:agent/snapshot@0.1.0#save") (result i32) {save} (i32.const 2304))
            (func (export "guildhall:agent/snapshot@0.1.0#restore") (param i32 i32 i32 i32) (result i32)
                {restore} (i32.const 2048))"#
        );
        Script { functions: functions.leak(), ..Script::default() }
    };
    let sandbox = sandbox();
    let limits = || Limits::default().with(Limit::Fuel, 1_000_000).with(Limit::StartFuel, 1_000_000);
    let (instance, saved) = started(&sandbox, endless(LOOP, ""), limits()).await.save().await;
    assert!(instance.is_none());
    assert_eq!(named(&saved.unwrap_err()), ("fuel", Some("sandbox.fuel")));
    let instance = started(&sandbox, endless("", LOOP), limits()).await;
    let (instance, restored) = instance.restore("1".into(), b"all".to_vec()).await;
    assert!(instance.is_none());
    assert_eq!(named(&restored.unwrap_err()), ("fuel", Some("host.start_fuel")));
    assert_eq!(sandbox.live(), 0);
}

#[tokio::test]
async fn thousands_of_types_imports_and_instances_are_refused_before_they_are_compiled() {
    let agent = r#"(instance $agent) (export "guildhall:agent/agent@0.1.0" (instance $agent))"#;
    let many = |count: usize, item: fn(usize) -> String| (0..count).map(item).collect::<String>();
    let too_many = 100_001;
    for (items, setting) in [
        (many(too_many, |_| "(type u32)".into()), "host.component_items"),
        (
            format!("(core module {})", many(too_many, |n| format!("(global i32 (i32.const {n}))"))),
            "host.component_items",
        ),
        (
            format!("(core module {})", many(too_many, |n| format!("(import \"a\" \"{n}\" (func))"))),
            "host.component_items",
        ),
        (many(1_001, |_| "(component)".into()), "host.component_parts"),
        (many(1_001, |_| "(core module)".into()), "host.component_parts"),
        ("(component ".repeat(40) + &")".repeat(40), "host.component_nesting"),
    ] {
        let bytes = wat::parse_str(format!("(component {items} {agent})")).unwrap();
        let began = Instant::now();
        let refused = refusal(bytes.into()).await;
        assert!(refused.to_string().contains(setting), "{refused}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn unused_components_are_forgotten_and_loaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let compiler = CompilerConfig { program: "/bin/false".into(), cache_dir: dir.path().into() };
    let sandbox = Sandbox::new(SandboxConfig { compiler: Some(compiler), ..config(20) }).unwrap();
    let cache = sandbox.registry().cache().unwrap();
    let mut digests = Vec::new();
    for number in 0..20 {
        let bytes = build(&receive(format!("(drop (i32.const {number}))").leak()));
        let code = sandbox.engine().precompile_component(&bytes).unwrap();
        let kept = cache.begin().unwrap();
        kept.writer().unwrap().write_all(&code).unwrap();
        cache.keep(&digest_of(&bytes), kept).unwrap();
        let component = prepare(&sandbox, bytes.clone()).await.unwrap();
        digests.push((component.digest.clone(), bytes, (number == 0).then_some(component)));
    }
    let ready = digests.iter().filter(|(digest, ..)| sandbox.get(digest).is_some()).count();
    assert_eq!(ready, 10, "the eight that were used last, the newest, and the one in use");
    assert!(sandbox.get(&digests[0].0).is_some() && sandbox.get(&digests[1].0).is_none());
    assert!(prepare(&sandbox, digests[1].1.clone()).await.is_ok());
}

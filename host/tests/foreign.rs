//! What reads foreign bytes, fed with mutations of texts that mean something. The same
//! functions are targets of `cargo fuzz` in `fuzz/`, which goes deeper.

#[path = "../../fuzz/foreign.rs"]
mod foreign;

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;

/// Far more than any call needs, and less than a hang on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// One change of a text.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Cut(Index, Index),
    /// Repeats a part up to fifty times.
    Repeat(Index, Index, usize),
    /// Puts a part of another seed in.
    Splice(Index, Index, Index),
    Insert(Index, &'static str),
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\0",
    "..",
    "$",
    "*",
    "/a",
    ",",
    ":",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\ud800",
    "é",
    "{{#a}}",
    "{{/a}}",
    "(",
    ")",
    "{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"},",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        any::<(Index, Index)>().prop_map(|(from, to)| Mutation::Cut(from, to)),
        (any::<(Index, Index)>(), 1..50_usize).prop_map(|((from, to), times)| Mutation::Repeat(from, to, times)),
        any::<(Index, Index, Index)>().prop_map(|(at, from, to)| Mutation::Splice(at, from, to)),
        (any::<Index>(), proptest::sample::select(PIECES)).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
    ]
}

fn mutated(seed: &str, other: &str, mutations: &[Mutation]) -> Vec<u8> {
    let range = |from: &Index, to: &Index, length: usize| {
        let (from, to) = (from.index(length + 1), to.index(length + 1));
        from.min(to)..from.max(to)
    };
    let mut bytes = seed.as_bytes().to_vec();
    for mutation in mutations {
        let length = bytes.len();
        match mutation {
            Mutation::Set(at, byte) if length > 0 => bytes[at.index(length)] = *byte,
            Mutation::Set(..) => {}
            Mutation::Cut(from, to) => drop(bytes.drain(range(from, to, length))),
            Mutation::Repeat(from, to, times) => {
                let range = range(from, to, length);
                let part = bytes[range.clone()].repeat(*times);
                bytes.splice(range, part.into_iter().take(64 << 10));
            }
            Mutation::Splice(at, from, to) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, other.as_bytes()[range(from, to, other.len())].iter().copied());
            }
            Mutation::Insert(at, piece) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

/// Calls a target with the seeds and with mutations of them.
fn run(seeds: &'static [&'static str], target: fn(&[u8])) {
    guildhall::sandbox::install_expressions();
    for seed in seeds {
        target(seed.as_bytes());
    }
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let seed = || proptest::sample::select(seeds);
    let strategy = (seed(), seed(), proptest::collection::vec(mutation(), 0..6));
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let slowest = Cell::new(Duration::ZERO);
    let outcome = runner.run(&strategy, |(seed, other, mutations)| {
        let bytes = mutated(seed, other, &mutations);
        let start = Instant::now();
        target(&bytes);
        slowest.set(slowest.get().max(start.elapsed()));
        prop_assert!(start.elapsed() < PATIENCE, "{:?} for {:?}", start.elapsed(), String::from_utf8_lossy(&bytes));
        Ok(())
    });
    println!("the slowest of {cases} took {:?}", slowest.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn frames_are_read_or_refused() {
    let seeds: &[&str] = &[
        r#"{"id":"msg123","format":"text","payload":{"text":"Hello @Echo!"},"conversationId":"c","priority":"HIGH"}"#,
        r#"{"format":"FilesWithTextFormat","data":{"a":[1,2.5,null]},"topics":["t"," u "],"recipientList":[{"id":"e"}],
            "session_state":{"k":{}},"traceparent":"00-a"}"#,
        r#"{"format":"x.Y","payload":{"a":1},"routing_slip":{"steps":[{"agent":{"name":"A"},
            "transformer":{"expression":"payload.a"},"destination":{"topics":"t","priority":2},"route_times":-1}]}}"#,
    ];
    run(seeds, foreign::frames);
}

const SPEC: &str = r#"{"id":"g","name":"{{n}}","description":"d","configuration":{"n":"A","l":[1,2]},
    "configuration_schema":{"type":"object"},"properties":{"messaging":{}},"agents":[{"name":"{{n}}","description":"d",
    "class_name":"a.B","additional_topics":["{{#l}}{{.}}{{/l}}"],"predicates":{"h":{"expression":"a=1"}},
    "qos":{"timeout":5,"retry_count":"2"},"resources":{"num_cpus":1.5},"dependency_map":{"k":{"class_name":"c.D"}},
    "sandbox":{"fuel":10}}],"routes":{"steps":[]},"gateway":{"input_formats":[],"output_formats":["*"]}}"#;

const RULE: &str = r#"{"agent":{"name":"A"},"agent_type":"a.*","origin_filter":{"origin_sender":{"id":"s"}},
    "transformer":{"expression_type":"cel","handler":"{'topics': 'x'}"},"guild_state_update":{"state_update":"{'a':1}"},
    "destination":{"topics":["a"],"recipient_list":[{"id":"r"}],"priority":"LOW"},"process_status":"running"}"#;

#[test]
fn specs_are_read_or_refused() {
    run(&[SPEC, RULE, r#"{"name":"G","description":"d"}"#], foreign::specs);
}

#[test]
fn slips_are_read_or_refused() {
    run(&[RULE, r#"{"steps":[{"agent":{"id":"a"}}]}"#, SPEC], foreign::slips);
}

#[test]
fn expressions_end() {
    let seeds: &[&str] = &[
        "$map(a, function($x) { $x & '!' })\0{\"a\": [1, 2]}",
        "($f := function($n) { $n < 2 ? 1 : $f($n - 1) + $f($n - 2) }; $f(12))",
        "a[type = 'x'].{'k': $sum(n), 'l': [1..20]}\0{\"a\": [{\"type\": \"x\", \"n\": 1}]}",
        "a.filter(x, x > 1).map(x, x * 2) + [size(a)]\0{\"a\": [1, 2]}",
        "{'a': b == 1 ? 'x' : string(b), 'c': has(d.e)}\0{\"b\": 1, \"d\": {}}",
        "$match('aaaaaaaaaaaaaaaa', /(a+)+b/)",
    ];
    run(seeds, foreign::expressions);
}

#[test]
fn patches_apply_or_are_refused() {
    let seeds: &[&str] = &[
        r#"{"path":"$.a..b[0]['c'][1:2][?x > 1][*]","state":{"a":{"b":[{"c":[1,{"x":2}]}]}},"update":{"k":{"l":null}}}"#,
        r#"{"state_owner":"agent","agent_id":"a","update_format":"json-patch","state":{"a":{"a":{}},"l":[1]},
            "update":{"operations":[{"op":"copy","from":"/a","path":"/a/a"},{"op":"move","from":"/l","path":"/a/m"},
            {"op":"add","path":"/l/-","value":{"x":[]}},{"op":"test","path":"/a","value":1},{"op":"remove","path":"/a"}]}}"#,
    ];
    run(seeds, foreign::patches);
}

#[test]
fn ids_are_read_or_refused() {
    let seeds: &[&str] = &[
        "9338584534570004483",
        "\" HIGH \"",
        "-1",
        "\"sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\"",
        r#"{"sender":{"id":"a"},"topics":"t","payload":{"a":1},"format":"text","thread":[1,2],"priority":3}"#,
    ];
    run(seeds, foreign::ids);
}

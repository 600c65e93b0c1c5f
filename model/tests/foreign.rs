//! What reads foreign bytes, fed with mutations of texts that mean something, those of
//! `fuzz/seeds`. The same functions are targets of `cargo fuzz`, which goes deeper and
//! begins with the same texts; an input that it finds is kept there.

#[path = "../../fuzz/foreign.rs"]
mod foreign;

use std::cell::Cell;
use std::path::Path;
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

fn mutated(seed: &[u8], other: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let range = |from: &Index, to: &Index, length: usize| {
        let (from, to) = (from.index(length + 1), to.index(length + 1));
        from.min(to)..from.max(to)
    };
    let mut bytes = seed.to_vec();
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
                bytes.splice(at..at, other[range(from, to, other.len())].iter().copied());
            }
            Mutation::Insert(at, piece) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

/// The seeds of a target, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("targets have seeds")
        .map(|entry| entry.expect("the folder is read").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no seeds");
    files.iter().map(|file| std::fs::read(file).expect("seeds are read")).collect()
}

/// Calls a target with its seeds and with mutations of them.
fn run(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    for seed in &seeds {
        target(seed);
    }
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let seed = || proptest::sample::select(seeds.clone());
    let strategy = (seed(), seed(), proptest::collection::vec(mutation(), 0..6));
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let slowest = Cell::new(Duration::ZERO);
    let outcome = runner.run(&strategy, |(seed, other, mutations)| {
        let bytes = mutated(&seed, &other, &mutations);
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
    run("frames", foreign::frames);
}

#[test]
fn specs_are_read_or_refused() {
    run("specs", foreign::specs);
}

#[test]
fn slips_are_read_or_refused() {
    run("slips", foreign::slips);
}

#[test]
fn patches_apply_or_are_refused() {
    run("patches", foreign::patches);
}

#[test]
fn ids_are_read_or_refused() {
    run("ids", foreign::ids);
}

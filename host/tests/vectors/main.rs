//! Runs a folder of test vectors (`CASES_DIR`, else `tests/data/cases`) against the
//! functions of the host, and against guilds where nothing less will do. Each file
//! holds one case: `{area, name, input, expected}`. `tests/data/cases.json` lists the
//! areas that do not apply here, each with its reason, and `known` tells what differs
//! by what a case holds, never by its name. A case whose name says that it is a defect
//! of the reference is listed. Whatever else differs is a failure.

mod agents;
mod bus;
mod documents;
mod host;
mod kept;
mod known;
mod manager;
mod messages;
mod rules;
mod sending;
mod specs;
mod states;
mod turns;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use serde::Deserialize;
use serde_json::{Value, json};

/// What became of a case: nothing to say, or what differs.
type Outcome = Result<(), String>;

#[derive(Deserialize)]
struct Case {
    area: String,
    name: String,
    input: Value,
    expected: Value,
}

/// Begins the reason of a case that asks for what this host does otherwise on purpose.
const NOT_HERE: &str = "not here: ";

fn not_here(reason: &str) -> Outcome {
    Err(format!("{NOT_HERE}{reason}"))
}

/// The areas that do not apply, with the reasons.
#[derive(Deserialize)]
struct Exceptions {
    areas: HashMap<String, String>,
}

#[derive(Default)]
struct Count {
    passed: usize,
    listed: usize,
    /// Different by a rule of `known`.
    known: usize,
    defects: usize,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { passed, listed, known, defects } = self;
        write!(f, "passed {passed:3}  listed {listed:3}  known {known:3}  defects {defects:3}")
    }
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

fn run(case: &Case) -> Option<Outcome> {
    let (input, expected) = (&case.input, &case.expected);
    Some(match case.area.as_str() {
        "agent_spec" => specs::agent_spec(input, expected),
        "guild_spec" => specs::guild_spec(input, expected),
        "rule_parse" => specs::rule_parse(input, expected),
        "rule_match" => rules::rule_match(input, expected),
        "slip_steps" => rules::slip_steps(input, expected),
        "hashid" => rules::hash(input, expected),
        "is_tagged" => rules::is_tagged(input, expected),
        "tag_detect" => rules::tag_detect(input, expected),
        "jsonata" => rules::jsonata(input, expected),
        "cel" => rules::cel(input, expected),
        "predicate" => sending::predicate(input, expected),
        "reply" | "slip_eval" => sending::reply(input, expected),
        "upa" => sending::upa(input, expected),
        "state" => states::state(input, expected),
        "json_path_read" => states::read_path(input, expected),
        "json_path_write" => states::write_path(input, expected),
        "health_aggregate" => wire::health_aggregate(input, expected),
        "health_report_shape" => wire::health_report(input, expected),
        "heartbeat_qos" => wire::heartbeat_qos(input, expected),
        "priority_levels" => wire::priorities(expected),
        "topics" => wire::topics(input, expected),
        "splitter" => agents::splitter(input, expected),
        "aggregator" => agents::aggregator(input, expected),
        "collector" => agents::collector(input, expected),
        "dispatch" => turns::dispatch(input, expected),
        "enrich_history" => turns::enrich_history(input, expected),
        "direct_send" | "self_send" => sending::direct(input, expected),
        "dead_letter_message" => turns::dead_letter(input, expected),
        "delivery" => bus::delivery(input, expected),
        "bus_delivery" => bus::bus_delivery(input, expected),
        "bus_query" => bus::bus_query(input, expected),
        "manager" => manager::manager(input, expected, known::is_defect(&case.name)),
        "message_parse" => messages::parse(input, expected),
        "message_wire" => messages::wire(input, expected),
        "generated_id" => messages::generated_id(expected),
        "participants" => messages::participants(input, expected),
        "template" => documents::template(input, expected),
        "guild_build" => documents::guild_build(input, expected),
        "yaml_load" => documents::yaml_load(input, expected),
        "ui_format" => documents::ui_format(input, expected),
        "media_link" => documents::media_link(input, expected),
        "guild_db_roundtrip" => kept::guild_roundtrip(input, expected),
        "rule_db_roundtrip" => kept::rule_roundtrip(input, expected),
        _ => return None,
    })
}

/// Compares JSON as the vectors mean it: numbers by value, and the placeholders.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(text), Value::String(wanted)) if wanted == "<any-string>" => !text.is_empty(),
        // Ours begin with the agent's name.
        (Value::String(id), Value::String(wanted)) if wanted == "<generated-22-char-id>" => id.len() >= 22,
        (_, Value::String(wanted)) if wanted == "<not compared>" => true,
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && other.iter().all(|(name, wanted)| one.get(name).is_some_and(|found| same(found, wanted)))
        }
        (one, other) => one == other,
    }
}

/// What is done beside what is expected of each.
fn in_pairs<'c>(done: &'c Value, expected: &'c Value) -> Result<Vec<(&'c Value, &'c Value)>, String> {
    match (done.as_array(), expected.as_array()) {
        (Some(done), Some(expected)) if done.len() == expected.len() => Ok(done.iter().zip(expected).collect()),
        _ => Err(format!("{done} and {expected} are not lists of one length")),
    }
}

fn check(found: &Value, expected: &Value) -> Outcome {
    if same(found, expected) { Ok(()) } else { Err(format!("found {found}\n    expected {expected}")) }
}

/// How many cases run at once; most of a guild's time is waiting.
const AT_ONCE: usize = 8;

/// Runs the cases, several at once, and gives their outcomes in their order.
fn run_all(cases: &[Case]) -> Vec<Option<Outcome>> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<OnceLock<Option<Outcome>>> = cases.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let _ = outcomes[index].set(run(case));
                }
            });
        }
    });
    outcomes.into_iter().map(|outcome| outcome.into_inner().expect("every case was run")).collect()
}

#[test]
fn the_vectors_hold() {
    host::sandbox();
    let dir = env::var_os("CASES_DIR").map_or_else(|| data("cases"), PathBuf::from);
    let text = fs::read_to_string(data("cases.json")).expect("the list of exceptions is there");
    let exceptions: Exceptions = serde_json::from_str(&text).expect("the list of exceptions can be read");
    let (listed, cases): (Vec<Case>, Vec<Case>) =
        read_cases(&dir).into_iter().partition(|case| exceptions.areas.contains_key(&case.area));
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for case in &listed {
        counts.entry(&case.area).or_default().listed += 1;
    }
    let mut wrong = Vec::new();
    for (case, outcome) in cases.iter().zip(run_all(&cases)) {
        let id = format!("{}__{}", case.area, case.name);
        let count = counts.entry(&case.area).or_default();
        match judge(case, outcome) {
            Verdict::Passed => count.passed += 1,
            Verdict::Listed(reason) => {
                println!("not here: {id}: {reason}");
                count.listed += 1;
            }
            Verdict::Known(reason) => {
                println!("known: {id}: {reason}");
                count.known += 1;
            }
            Verdict::Defect { is_copied } => {
                println!("defect: {id}: {}", if is_copied { "the same here" } else { "not copied" });
                count.defects += 1;
            }
            Verdict::Wrong(difference) => wrong.push(format!("{id}: {difference}")),
        }
    }
    let mut all = Count::default();
    for (area, count) in &counts {
        println!("{area:24} {count}");
        all.passed += count.passed;
        all.listed += count.listed;
        all.known += count.known;
        all.defects += count.defects;
    }
    println!("{:24} {all}", "all");
    assert!(!counts.is_empty(), "{} holds no cases", dir.display());
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn read_cases(dir: &Path) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .expect("the folder of cases is there")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a case can be read");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is no case: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}

#[derive(Debug)]
enum Verdict {
    Passed,
    /// It asks for what this host does otherwise on purpose.
    Listed(String),
    /// Different by a rule of `known`.
    Known(&'static str),
    Defect {
        is_copied: bool,
    },
    Wrong(String),
}

fn judge(case: &Case, outcome: Option<Outcome>) -> Verdict {
    if known::is_defect(&case.name) {
        return Verdict::Defect { is_copied: outcome == Some(Ok(())) };
    }
    match outcome {
        None => Verdict::Wrong("nothing runs this area, and it is not listed".to_owned()),
        Some(Ok(())) => Verdict::Passed,
        Some(Err(difference)) => match (difference.strip_prefix(NOT_HERE), known::reason(case, &difference)) {
            (Some(reason), _) => Verdict::Listed(reason.to_owned()),
            (None, Some(reason)) => Verdict::Known(reason),
            (None, None) => Verdict::Wrong(difference),
        },
    }
}

/// Something that is expected nowhere: the other verdict, one more thing, another value.
fn otherwise(expected: &Value) -> Value {
    match expected {
        Value::Bool(expected) => (!expected).into(),
        Value::Array(items) => items.iter().map(otherwise).chain([json!({"more": true})]).collect(),
        Value::Object(members) => {
            let change = |(name, value): (&String, &Value)| (name.clone(), otherwise(value));
            let changed: serde_json::Map<String, Value> = members.iter().map(change).collect();
            changed.into()
        }
        Value::Null | Value::Number(_) | Value::String(_) => "expected nowhere".into(),
    }
}

/// Left out are cases that take a guild, for their time, and those of which the
/// reference's words cannot be compared: its patches, its errors in properties.
#[test]
fn what_is_expected_otherwise_fails() {
    host::sandbox();
    let applies = |case: &Case| {
        let has_words = case.area == "collector" || case.expected.get("spec_error").is_some();
        case.area != "manager" && !has_words && !known::is_defect(&case.name)
    };
    let cases: Vec<Case> = read_cases(&data("cases")).into_iter().filter(applies).collect();
    let passed: Vec<bool> = run_all(&cases).into_iter().map(|outcome| outcome == Some(Ok(()))).collect();
    let cases = cases.into_iter().zip(passed).filter(|(_, passed)| *passed);
    let changed = cases.map(|(case, _)| Case { expected: otherwise(&case.expected), ..case });
    let changed: Vec<Case> = changed.collect();
    let verdicts = changed.iter().zip(run_all(&changed)).map(|(case, outcome)| (case, judge(case, outcome)));
    let hidden = verdicts.filter(|(_, verdict)| !matches!(verdict, Verdict::Wrong(_)));
    // A mistake where none is, or none where one is, may be excused by what the case holds.
    let hidden =
        hidden.filter(|(case, verdict)| case.expected.get("ok").is_none() || matches!(verdict, Verdict::Passed));
    let hidden: Vec<String> =
        hidden.map(|(case, verdict)| format!("{}__{}: {verdict:?}", case.area, case.name)).collect();
    assert!(hidden.is_empty(), "{} wrong expectations are not found:\n{}", hidden.len(), hidden.join("\n"));
}

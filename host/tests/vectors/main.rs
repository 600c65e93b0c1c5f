//! Runs a folder of test vectors (`CASES_DIR`, else `tests/data/cases`) against the
//! pure functions of the host. Each file holds one case: `{area, name, input,
//! expected}`. `tests/data/cases.json` lists the areas and cases that do not apply
//! here, each with its reason; whatever else differs is a failure, and so is a
//! listed case that passes.

mod agents;
mod bus;
mod manager;
mod rules;
mod sending;
mod specs;
mod states;
mod turns;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::{env, fs};

use serde::Deserialize;
use serde_json::Value;

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

/// Whether the name of a case says that it records a defect.
fn is_defect(name: &str) -> bool {
    name.starts_with("quirk_")
        || ["quirk", "in_reference", "by_reference", "breaks_reference", "_lost"].iter().any(|part| name.contains(part))
}

/// What does not apply, by area and by case, with the reasons.
#[derive(Deserialize)]
struct Exceptions {
    areas: HashMap<String, String>,
    cases: HashMap<String, String>,
}

#[derive(Default)]
struct Count {
    passed: usize,
    listed: usize,
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
        "manager" => manager::manager(input, expected),
        _ => return None,
    })
}

/// Compares JSON as the vectors mean it: numbers by value, and the placeholders.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(text), Value::String(wanted)) if wanted == "<any-string>" => !text.is_empty(),
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

fn check(found: &Value, expected: &Value) -> Outcome {
    if same(found, expected) { Ok(()) } else { Err(format!("found {found}\n    expected {expected}")) }
}

#[test]
fn the_vectors_hold() {
    guildhall::sandbox::install_expressions();
    let dir = env::var_os("CASES_DIR").map_or_else(|| data("cases"), PathBuf::from);
    let text = fs::read_to_string(data("cases.json")).expect("the list of exceptions is there");
    let exceptions: Exceptions = serde_json::from_str(&text).expect("the list of exceptions can be read");
    let mut paths: Vec<PathBuf> = fs::read_dir(&dir)
        .expect("the folder of cases is there")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a case can be read");
        let case: Case = serde_json::from_str(&text).expect("a case has its four members");
        let id = format!("{}__{}", case.area, case.name);
        let count = counts.entry(case.area.clone()).or_default();
        if exceptions.areas.contains_key(&case.area) {
            count.listed += 1;
            continue;
        }
        match (run(&case), exceptions.cases.contains_key(&id)) {
            (None, _) => wrong.push(format!("{id}: nothing runs this area, and it is not listed")),
            (Some(Ok(())), false) => count.passed += 1,
            (Some(Ok(())), true) if is_defect(&case.name) => count.passed += 1,
            (Some(Ok(())), true) => wrong.push(format!("{id}: is listed and passes")),
            (Some(Err(_)), true) => count.listed += 1,
            (Some(Err(difference)), false) if is_defect(&case.name) || difference.starts_with(NOT_HERE) => {
                count.listed += 1;
                println!("{id}: {}", difference.lines().next().unwrap_or_default());
            }
            (Some(Err(difference)), false) => wrong.push(format!("{id}: {difference}")),
        }
    }
    for (area, Count { passed, listed }) in &counts {
        println!("{area:24} passed {passed:3}  listed {listed:3}");
    }
    let total = |of: fn(&Count) -> usize| counts.values().map(of).sum::<usize>();
    println!("{:24} passed {:3}  listed {:3}", "all", total(|count| count.passed), total(|count| count.listed));
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

//! Runs a folder of test vectors (`CASES_DIR`, else `tests/data/cases`) against the
//! pure functions of the host. Each file holds one case: `{area, name, input,
//! expected}`. `tests/data/cases.json` lists the areas and cases that do not apply
//! here, each with its reason, and `known` tells what differs by what a case holds.
//! A case whose name says that it is a defect of the reference is listed. Whatever
//! else differs is a failure, and so is a listed case that passes.

mod agents;
mod bus;
mod documents;
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
        "manager" => manager::manager(input, expected),
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
        if known::is_defect(&case.name) {
            let outcome = if run(&case) == Some(Ok(())) { "the same here" } else { "not copied" };
            println!("defect: {id}: {outcome}");
            count.defects += 1;
            continue;
        }
        match (run(&case), exceptions.cases.contains_key(&id)) {
            (None, _) => wrong.push(format!("{id}: nothing runs this area, and it is not listed")),
            (Some(Ok(())), false) => count.passed += 1,
            (Some(Ok(())), true) => wrong.push(format!("{id}: is listed and passes")),
            (Some(Err(_)), true) => count.listed += 1,
            (Some(Err(difference)), false) if difference.starts_with(NOT_HERE) => {
                println!("{id}: {}", difference.lines().next().unwrap_or_default());
                count.listed += 1;
            }
            (Some(Err(difference)), false) => match known::reason(&case) {
                Some(reason) => {
                    println!("known: {id}: {reason}");
                    count.known += 1;
                }
                None => wrong.push(format!("{id}: {difference}")),
            },
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
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

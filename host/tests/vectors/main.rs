//! Runs the vectors that need more than the model, see `tests/data/README.md`: a journal, a store, agents, whole guilds.
//! `CASES_DIR` names another folder of cases, `CASES_DIFFERENCES` another list of differences.

mod agents;
mod bus;
mod documents;
mod manager;
mod shared;
mod stored;
mod turns;
#[path = "../../../tests/vectors/mod.rs"]
mod vectors;

use vectors::Part;
use vectors::cases::Case;
use vectors::compare::Outcome;
use vectors::differences::Differences;
use vectors::report::{vectors_hold, wrong_expectations_are_found};

fn run(case: &Case, differences: &Differences) -> Option<Outcome> {
    let (input, expected) = (&case.input, &case.expected);
    Some(match case.area.as_str() {
        "aggregator" => agents::aggregator(input, expected),
        "bus_delivery" => bus::bus_delivery(input, expected),
        "bus_query" => bus::bus_query(input, expected),
        "collector" => agents::collector(input, expected),
        "delivery" => bus::delivery(input, expected),
        "dispatch" => turns::dispatch(input, expected),
        "enrich_history" => turns::enrich_history(input, expected),
        "guild_db_roundtrip" => stored::guild_roundtrip(input, expected),
        "manager" => manager::manager(case, differences),
        "rule_db_roundtrip" => stored::rule_roundtrip(input, expected),
        "splitter" => agents::splitter(input, expected),
        "yaml_load" => documents::yaml_load(input, expected),
        _ => return None,
    })
}

#[test]
fn the_vectors_of_the_host_hold() {
    vectors_hold(Part::Host, run);
}

/// Leaves out cases with a guild, because they take long, and cases that expect texts of the reference which cannot be
/// compared: its patches, and its errors in properties.
#[test]
fn a_wrong_expectation_is_found() {
    wrong_expectations_are_found(Part::Host, run, |case| {
        let has_texts = case.area == "collector" || case.expected.get("spec_error").is_some();
        case.area == "manager" || has_texts
    });
}

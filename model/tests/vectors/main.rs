//! Runs the vectors that need this crate alone, see `tests/data/README.md`. `CASES_DIR` names another folder of cases,
//! `CASES_DIFFERENCES` another list of differences.

mod dead_letters;
mod documents;
mod messages;
mod proxy;
mod rules;
mod sending;
mod specs;
mod states;
#[path = "../../../tests/vectors/mod.rs"]
mod vectors;
mod wire;

use serde_json::Value;

use vectors::Part;
use vectors::cases::Case;
use vectors::compare::Outcome;
use vectors::differences::Differences;
use vectors::report::{vectors_hold, wrong_expectations_are_found};

fn run(case: &Case, _: &Differences) -> Option<Outcome> {
    let (input, expected) = (&case.input, &case.expected);
    Some(match case.area.as_str() {
        "agent_spec" => specs::agent_spec(input, expected),
        "cel" => rules::cel(input, expected),
        "dead_letter_message" => dead_letters::dead_letter(input, expected),
        "direct_send" | "self_send" => sending::direct(input, expected),
        "generated_id" => messages::generated_id(expected),
        "guild_build" => documents::guild_build(input, expected),
        "guild_spec" => specs::guild_spec(input, expected),
        "hashid" => rules::hash(input, expected),
        "health_aggregate" => wire::health_aggregate(input, expected),
        "health_report_shape" => wire::health_report(input, expected),
        "heartbeat_qos" => wire::heartbeat_qos(input, expected),
        "is_tagged" => rules::is_tagged(input, expected),
        "json_path_read" => states::read_path(input, expected),
        "json_path_write" => states::write_path(input, expected),
        "jsonata" => rules::jsonata(input, expected),
        "media_link" => documents::media_link(input, expected),
        "message_parse" => messages::parse(input, expected),
        "message_wire" => messages::wire(input, expected),
        "participants" => messages::participants(input, expected),
        "predicate" => rules::predicate(input, expected),
        "priority_levels" => wire::priorities(expected),
        "reply" | "slip_eval" => sending::reply(input, expected),
        "rule_match" => rules::rule_match(input, expected),
        "rule_parse" => specs::rule_parse(input, expected),
        "slip_steps" => rules::slip_steps(input, expected),
        "state" => states::state(input, expected),
        "tag_detect" => rules::tag_detect(input, expected),
        "template" => documents::template(input, expected),
        "topics" => wire::topics(input, expected),
        "ui_format" => documents::ui_format(input, expected),
        "upa" => proxy::proxy(input, expected),
        _ => return None,
    })
}

/// Pairs what a case does with what it expects of each step.
fn in_pairs<'c>(done: &'c Value, expected: &'c Value) -> Result<Vec<(&'c Value, &'c Value)>, String> {
    match (done.as_array(), expected.as_array()) {
        (Some(done), Some(expected)) if done.len() == expected.len() => Ok(done.iter().zip(expected).collect()),
        _ => Err(format!("{done} and {expected} are not lists of one length")),
    }
}

#[test]
fn the_vectors_of_the_model_hold() {
    vectors_hold(Part::Model, run);
}

#[test]
fn a_wrong_expectation_is_found() {
    wrong_expectations_are_found(Part::Model, run, |_| false);
}

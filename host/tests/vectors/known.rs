//! What differs on purpose by what a case holds, so that cases nobody has seen are
//! judged too. Asked only about cases that differ.

use guildhall::model::expression::{self, Language};
use serde_json::Value;

use super::Case;

/// Words in a case's name that mark a defect of the reference: listed, never a failure.
const DEFECTS: [&str; 5] = ["quirk", "in_reference", "by_reference", "breaks_reference", "_lost"];

pub fn is_defect(name: &str) -> bool {
    DEFECTS.iter().any(|word| name.contains(word))
}

/// Why a case differs, if its content tells.
pub fn reason(case: &Case) -> Option<&'static str> {
    let is_spec = matches!(
        case.area.as_str(),
        "agent_spec" | "guild_spec" | "guild_build" | "rule_parse" | "slip_eval" | "message_parse"
    );
    let accepted = case.expected["ok"] != false;
    if is_spec && accepted && any(&case.input, &has_broken_expression) {
        return Some("an expression that is broken, or that is missing, is refused where it is read");
    }
    if is_spec && !accepted && any(&case.input, &is_sound_cel) {
        return Some("defect: CEL is checked as CEL");
    }
    if is_spec && accepted && has_twins(&case.input) {
        return Some("two agents may not share an id");
    }
    match case.area.as_str() {
        "agent_spec" | "guild_spec" | "guild_build" if is_about_classes(&case.input, &case.expected) => {
            Some("classes are the catalog's, and properties are judged by the component that serves them")
        }
        "guild_build" if case.input["gateway"].is_object() => Some("a gateway is no agent that is added to a spec"),
        "yaml_load" if is_yaml_1_1(&case.input) => {
            Some("numbers are those of YAML 1.2: no octals by a leading zero, no base 60, no underscores")
        }
        _ => None,
    }
}

/// Whether this holds for a value or for anything in it.
fn any(value: &Value, holds: &impl Fn(&Value) -> bool) -> bool {
    holds(value)
        || match value {
            Value::Array(items) => items.iter().any(|item| any(item, holds)),
            Value::Object(fields) => fields.values().any(|field| any(field, holds)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
}

/// The language and the sources of an object that holds expressions.
fn sources(value: &Value) -> Option<(Option<Language>, Vec<&str>)> {
    let kind = value.get("expression_type").or_else(|| value.get("predicate_type")).and_then(Value::as_str);
    let language = match kind {
        None | Some("jsonata" | "jsonata_fn") => Some(Language::Jsonata),
        Some("cel" | "cel_fn") => Some(Language::Cel),
        Some(_) => None,
    };
    let found: Vec<&str> = ["expression", "handler", "state_update", "script"]
        .iter()
        .filter_map(|name| value.get(*name).and_then(Value::as_str))
        .collect();
    (!found.is_empty()).then_some((language, found))
}

fn has_broken_expression(value: &Value) -> bool {
    let lacks_one = value.get("transformer").and_then(Value::as_object).is_some_and(|transformer| {
        ["expression", "handler", "script"].iter().all(|name| transformer.get(*name).is_none_or(Value::is_null))
    });
    lacks_one
        || match sources(value) {
            Some((Some(language), found)) => found.iter().any(|source| expression::check(language, source).is_err()),
            Some((None, _)) => true,
            None => false,
        }
}

fn is_sound_cel(value: &Value) -> bool {
    match sources(value) {
        Some((Some(Language::Cel), found)) => {
            found.iter().all(|source| expression::check(Language::Cel, source).is_ok())
        }
        Some(_) | None => false,
    }
}

fn has_twins(spec: &Value) -> bool {
    let ids: Vec<&str> =
        spec["agents"].as_array().into_iter().flatten().filter_map(|agent| agent["id"].as_str()).collect();
    (1..ids.len()).any(|index| ids[..index].contains(&ids[index]))
}

/// What a spec itself has; mistakes in these are ours to find.
const MEMBERS: [&str; 14] = [
    "id",
    "name",
    "description",
    "class_name",
    "additional_topics",
    "listen_to_default_topic",
    "act_only_when_tagged",
    "predicates",
    "dependency_map",
    "additional_dependencies",
    "resources",
    "qos",
    "routes",
    "gateway",
];

/// The reference loads the class and asks it about its properties: mistakes of an agent
/// as a whole, though it names a class, and of members that are not the spec's.
fn is_about_classes(input: &Value, expected: &Value) -> bool {
    let spec = if input["spec"].is_object() { &input["spec"] } else { input };
    let names_class = |agent: &Value| agent["class_name"].as_str().is_some_and(|class| class.trim().contains('.'));
    let Some(errors) = expected["error"]["errors"].as_array() else {
        return names_class(spec)
            && !matches!(expected["properties_kind"].as_str(), None | Some("BaseAgentProps" | "OpaqueProps"));
    };
    errors.iter().all(|error| {
        let loc: Vec<&Value> = error["loc"].as_array().into_iter().flatten().collect();
        let (agent, loc) = match loc.as_slice() {
            [agents, index, rest @ ..] if *agents == "agents" => {
                (&spec["agents"][index.as_u64().unwrap_or_default() as usize], rest)
            }
            loc => (spec, loc),
        };
        let is_foreign = match loc.first().and_then(|name| name.as_str()) {
            None => error["type"] == "value_error",
            Some(name) => !MEMBERS.contains(&name) && name != "agents",
        };
        names_class(agent) && is_foreign
    })
}

/// Whether a file has a number that YAML 1.1 and 1.2 read differently.
fn is_yaml_1_1(input: &Value) -> bool {
    let is_old = |word: &str| {
        let digits = word.trim_start_matches(['+', '-']);
        digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | ':' | '.'))
            && (digits.contains(['_', ':']) || (digits.len() > 1 && digits.starts_with('0') && !digits.contains('.')))
    };
    let files = input["files"].as_object().into_iter().flatten();
    files.filter_map(|(_, text)| text.as_str()).any(|text| text.split([' ', '\n', ',', '[', ']', '{', '}']).any(is_old))
}

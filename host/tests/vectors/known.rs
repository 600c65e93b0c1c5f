//! What differs on purpose by what a case holds, so that cases nobody has seen are
//! judged too. Asked only about cases that differ.

use guildhall_model::expression::Language;

use super::rules::expressions;
use guildhall_model::format;
use serde_json::Value;

use super::Case;

/// Words in a case's name that mark a defect of the reference: listed, never a failure.
const DEFECTS: [&str; 5] = ["quirk", "in_reference", "by_reference", "breaks_reference", "_lost"];

pub fn is_defect(name: &str) -> bool {
    DEFECTS.iter().any(|word| name.contains(word))
}

/// Why a case differs, if its content tells. `difference` says how: what is refused here
/// excuses nothing that is read otherwise.
pub fn reason(case: &Case, difference: &str) -> Option<&'static str> {
    let (input, expected) = (&case.input, &case.expected);
    let is_refused_here = difference.starts_with("refused") && expected["ok"] != false;
    let is_read_here = difference.starts_with("read as") && expected["ok"] == false;
    match case.area.as_str() {
        "message_parse" if input["topics"].as_array().is_some_and(|names| names.iter().all(is_blank)) => {
            Some("topics without a name are none: it goes to the default topic")
        }
        "agent_spec" | "guild_spec" | "guild_build" | "rule_parse" | "message_parse" => {
            if is_refused_here && any(input, &has_broken_expression) {
                return Some("an expression that is broken, or that is missing, is refused where it is read");
            }
            if is_read_here && any(input, &is_sound_cel) {
                return Some("defect: CEL is checked as CEL");
            }
            if expected["ok"] == true && any(input, &has_script) {
                return Some("`script` is read for what it means, as older documents write it");
            }
            if is_refused_here && has_twins(input) {
                return Some("two agents may not share an id");
            }
            if expected["ok"] == false && !is_read_here && has_two_paths(expected) {
                return Some("one mistake has one path");
            }
            if input["gateway"].is_object() && lacks_gateway_agent(difference) {
                return Some("a gateway is no agent that is added to a spec");
            }
            is_about_classes(input, expected, difference)
                .then_some("classes are the catalog's, and properties are judged by the component that serves them")
        }
        "slip_eval" if any(input, &has_broken_expression) => {
            Some("an expression that is broken, or that is missing, is refused where it is read")
        }
        "yaml_load" if is_yaml_1_1(input) => {
            Some("numbers are those of YAML 1.2: no octals by a leading zero, no base 60, no underscores")
        }
        "cel" if expected["ok"] == true && difference.contains("Unsupported binary operator") => {
            Some("CEL has no arithmetic of int and double")
        }
        "cel"
            if expected["ok"] == false
                && any(&input["variables"], &|value| value.as_i64().is_none() && value.is_u64()) =>
        {
            Some("defect: integers beyond 63 bits are uint")
        }
        "health_aggregate" if input["statuses"].as_array().is_some_and(Vec::is_empty) => {
            Some("a guild without agents is ok: clients wait for it")
        }
        "state" => operations(input).find_map(known_of_state),
        "upa" | "tag_detect" if input["participants_known"] == false => {
            Some("defect: who can be mentioned is known from the beginning")
        }
        "upa" => known_of_user(input, expected),
        _ => None,
    }
}

/// What this host does otherwise with one operation on a state.
fn known_of_state(operation: &Value) -> Option<&'static str> {
    if operation.get("guild_id").is_some_and(|id| id != "g1") {
        return Some("the states of other guilds are refused");
    }
    if operation["state_owner"] == "agent" && operation["agent_id"].is_null() {
        return Some("defect: the state of an agent is that of a named one");
    }
    if !operation["update_version"].is_null() {
        return Some("defect: the version that a state must have is looked at");
    }
    let patches = operation["state_update"]["operations"].as_array().into_iter().flatten();
    let loses = |patch: &Value| patch.get("from").is_some() || patch.get("value").is_some_and(Value::is_null);
    patches.into_iter().any(loses).then_some("defect: nothing is taken out of a JSON patch before it is applied")
}

fn operations(input: &Value) -> impl Iterator<Item = &Value> {
    input["operations"].as_array().into_iter().flatten()
}

fn is_blank(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The members that a user's message has in the reference.
const OF_USERS: [&str; 21] = [
    "id",
    "sender",
    "topics",
    "recipient_list",
    "payload",
    "format",
    "in_response_to",
    "thread",
    "conversation_id",
    "forward_header",
    "routing_slip",
    "message_history",
    "ttl",
    "is_error_message",
    "traceparent",
    "session_state",
    "topic_published_to",
    "enrich_with_history",
    "process_status",
    "origin_guild_stack",
    "priority",
];

fn known_of_user(input: &Value, expected: &Value) -> Option<&'static str> {
    let inner = &input["message"]["payload"];
    let is_error = expected["published"][0]["is_error_message"] == true;
    let is_frame = input["message"]["format"] == format::MESSAGE;
    let mut members = inner.as_object().filter(|_| is_frame)?.keys();
    if is_error && inner["topics"].is_null() {
        return Some("a message without topics goes to the default topic");
    }
    if is_error && members.any(|name| !OF_USERS.contains(&name.as_str())) {
        return Some("unknown members are dropped at the edge");
    }
    (inner["id"].as_u64()? >> 61 == 0).then_some("defect: priority 0 is kept")
}

/// Whether the reference tells a mistake of a transformer once for each kind there is.
fn has_two_paths(expected: &Value) -> bool {
    let kinds = ["PayloadTransformer", "FunctionalTransformer"];
    let errors = expected["error"]["errors"].as_array().into_iter().flatten();
    errors
        .flat_map(|error| error["loc"].as_array().into_iter().flatten())
        .any(|step| step.as_str().is_some_and(|step| kinds.contains(&step)))
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
            Some((Some(language), found)) => found.iter().any(|source| expressions().check(language, source).is_err()),
            Some((None, _)) => true,
            None => false,
        }
}

fn has_script(value: &Value) -> bool {
    value.get("transformer").is_some_and(|transformer| transformer["script"].is_string())
}

fn is_sound_cel(value: &Value) -> bool {
    match sources(value) {
        Some((Some(Language::Cel), found)) => {
            found.iter().all(|source| expressions().check(Language::Cel, source).is_ok())
        }
        Some(_) | None => false,
    }
}

fn has_twins(spec: &Value) -> bool {
    let ids: Vec<&str> =
        spec["agents"].as_array().into_iter().flatten().filter_map(|agent| agent["id"].as_str()).collect();
    (1..ids.len()).any(|index| ids[..index].contains(&ids[index]))
}

/// What a spec itself has; errors in these are ours to find.
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

/// The reference loads the class and asks it about its properties: errors of an agent
/// as a whole, though it names a class, of members that are not the spec's, and what it
/// makes of the properties. Nothing else may differ.
fn is_about_classes(input: &Value, expected: &Value, difference: &str) -> bool {
    let spec = if input["spec"].is_object() { &input["spec"] } else { input };
    let names_class = |agent: &Value| agent["class_name"].as_str().is_some_and(|class| class.trim().contains('.'));
    let Some(errors) = expected["error"]["errors"].as_array() else {
        return compared(difference)
            .is_some_and(|(found, wanted)| super::same(&without_properties(found), &without_properties(wanted)));
    };
    difference.starts_with("read as")
        && errors.iter().all(|error| {
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

/// What was found and what was expected, of a difference that has both.
fn compared(difference: &str) -> Option<(Value, Value)> {
    let (found, wanted) = difference.strip_prefix("found ")?.split_once("\n    expected ")?;
    Some((serde_json::from_str(found).ok()?, serde_json::from_str(wanted).ok()?))
}

/// Whether all that is missing is the agent that the reference adds for a gateway.
fn lacks_gateway_agent(difference: &str) -> bool {
    compared(difference).is_some_and(|(found, mut wanted)| {
        let Some(agents) = wanted["agents"].as_array_mut() else { return false };
        agents.retain(|agent| agent["id"] != "gateway");
        super::same(&found, &wanted)
    })
}

/// A spec without the properties of its agents, which have a class.
fn without_properties(mut spec: Value) -> Value {
    match &mut spec {
        Value::Object(members) => {
            if members.contains_key("class_name") {
                members.shift_remove("properties");
            }
            for member in members.values_mut() {
                *member = without_properties(member.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_properties(item.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    spec
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

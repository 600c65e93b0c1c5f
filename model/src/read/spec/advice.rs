//! Advice about a spec that is valid and does not do what its author expects: unknown keys, rules about agents that are
//! not there, topics without listeners. Each piece is a sentence that begins with the place.

use serde_json::{Map, Value};

use crate::routing::{handler_of, subscriptions};
use crate::spec::{GuildSpec, RoutingRule};
use crate::topic::{self, Topics};

/// The most sentences about one document.
const MAX_ADVICE: usize = 32;
/// The longest key or name in a sentence, in characters.
const MAX_SHOWN: usize = 64;
/// How alike two keys are for "did you mean", from 0 to 1.
const ALIKE: f64 = 0.6;

/// The keys of the spec of a guild.
const GUILD: &[&str] = &[
    "id",
    "name",
    "description",
    "properties",
    "agents",
    "dependency_map",
    "routes",
    "gateway",
    "configuration",
    "configuration_schema",
];
const AGENT: &[&str] = &[
    "id",
    "name",
    "description",
    "class_name",
    "additional_topics",
    "properties",
    "listen_to_default_topic",
    "act_only_when_tagged",
    "predicates",
    "dependency_map",
    "additional_dependencies",
    "resources",
    "qos",
    "component",
    "sandbox",
];
const RULE: &[&str] = &[
    "agent",
    "agent_type",
    "method_name",
    "origin_filter",
    "message_format",
    "destination",
    "mark_forwarded",
    "route_times",
    "transformer",
    "agent_state_update",
    "guild_state_update",
    "process_status",
    "reason",
];
const TRANSFORMER: &[&str] = &["style", "output_format", "expression_type", "type", "expression", "script", "handler"];
const BLUEPRINT: &[&str] = &[
    "name",
    "description",
    "version",
    "exposure",
    "author_id",
    "organization_id",
    "category_id",
    "icon",
    "intro_msg",
    "spec",
    "tags",
    "commands",
    "starter_prompts",
    "agent_icons",
];

/// Returns the known key of a guild that a misspelt `agents` stands for: a spec without agents that has such a key
/// means it.
pub(super) fn misspelt_agents(spec: &Map<String, Value>) -> Option<&str> {
    if spec.contains_key("agents") {
        return None;
    }
    let unknown = spec.keys().filter(|key| !GUILD.contains(&key.as_str()));
    unknown.map(String::as_str).find(|key| meant(key, GUILD) == Some("agents"))
}

/// Returns a sentence for each unknown key of a blueprint, without its spec.
#[must_use]
pub fn unknown_keys_of_blueprint(blueprint: &Value) -> Vec<String> {
    let mut advice = Vec::new();
    unknown(blueprint, BLUEPRINT, "", &mut advice);
    advice
}

/// Returns the key of a document that a misspelt `spec` stands for: a document without a spec that has such a key is a
/// blueprint.
#[must_use]
pub fn misspelt_spec(document: &Value) -> Option<&str> {
    let members = document.as_object().filter(|members| !members.contains_key("spec"))?;
    let unknown = members.iter().filter(|(key, value)| value.is_object() && !GUILD.contains(&key.as_str()));
    unknown.map(|(key, _)| key.as_str()).find(|key| meant(key, BLUEPRINT) == Some("spec"))
}

/// Returns a sentence for each unknown key of a guild's spec, at most 32. Free objects, such as properties, are not
/// looked into.
#[must_use]
pub fn unknown_keys(spec: &Value) -> Vec<String> {
    let mut advice = Vec::new();
    let out = &mut advice;
    unknown(spec, GUILD, "", out);
    for (at, agent) in items(&spec["agents"], "agents") {
        unknown(agent, AGENT, &at, out);
        unknown(&agent["qos"], &["timeout", "retry_count", "latency"], &format!("{at}.qos"), out);
        unknown(&agent["resources"], &["num_cpus", "num_gpus", "custom_resources"], &format!("{at}.resources"), out);
        for (name, predicate) in agent["predicates"].as_object().into_iter().flatten() {
            let keys = &["predicate_type", "expression", "expected_type"];
            unknown(predicate, keys, &format!("{at}.predicates.{}", shown(name)), out);
        }
    }
    unknown(&spec["routes"], &["steps"], "routes", out);
    for (at, rule) in items(&spec["routes"]["steps"], "routes.steps") {
        unknown(rule, RULE, &at, out);
        unknown(&rule["agent"], &["id", "name"], &format!("{at}.agent"), out);
        let origin = &["origin_sender", "origin_topic", "origin_message_format"];
        unknown(&rule["origin_filter"], origin, &format!("{at}.origin_filter"), out);
        let destination = &["topics", "recipient_list", "priority"];
        unknown(&rule["destination"], destination, &format!("{at}.destination"), out);
        unknown(&rule["transformer"], TRANSFORMER, &format!("{at}.transformer"), out);
        for key in ["agent_state_update", "guild_state_update"] {
            let keys = &["expression_type", "update_format", "state_update"];
            unknown(&rule[key], keys, &format!("{at}.{key}"), out);
        }
    }
    advice
}

/// Returns a sentence for each value given at a launch that has no effect, at most 32: neither the configuration of the
/// document, nor its schema, nor any other part of it has the name.
#[must_use]
pub fn unknown_values(document: &Value, given: &Map<String, Value>) -> Vec<String> {
    let of_schema = document["configuration_schema"]["properties"].as_object();
    let known = document["configuration"].as_object().into_iter().chain(of_schema);
    let known: Vec<&str> = known.flat_map(Map::keys).map(String::as_str).collect();
    let templates = [&document["agents"], &document["routes"]].map(Value::to_string);
    let is_used = |name: &str| templates.iter().any(|text| text.contains(name));
    let given = given.iter().filter(|(name, _)| !is_used(name)).map(|(name, value)| (name.clone(), value.clone()));
    let mut advice = Vec::new();
    unknown(&Value::Object(given.collect()), &known, "configuration", &mut advice);
    advice
}

fn items<'v>(list: &'v Value, at: &'v str) -> impl Iterator<Item = (String, &'v Value)> {
    list.as_array().into_iter().flatten().enumerate().map(move |(index, item)| (format!("{at}.{index}"), item))
}

fn unknown(object: &Value, known: &[&str], at: &str, advice: &mut Vec<String>) {
    for key in object.as_object().into_iter().flat_map(Map::keys).filter(|key| !known.contains(&key.as_str())) {
        if advice.len() >= MAX_ADVICE {
            return;
        }
        let dot = if at.is_empty() { "" } else { "." };
        let meant = meant(key, known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        advice.push(format!("{at}{dot}{}: this key is unknown and has no effect{meant}", shown(key)));
    }
}

/// Returns the known key that an unknown one is most like.
fn meant<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let key = shown(key);
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&key.to_lowercase(), known);
    let best = known.iter().map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, known)| known)
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect()
}

/// Returns a sentence for each part of a spec that cannot have an effect in this guild as it is, at most 32.
#[must_use]
pub fn advice(spec: &GuildSpec) -> Vec<String> {
    let mut advice = Vec::new();
    if spec.agents.is_empty() {
        advice.push("agents: the guild has no agents, so nobody answers until one is launched in it".to_owned());
    }
    for (index, agent) in spec.agents.iter().enumerate() {
        let handler = handler_of(&agent.class_name);
        for name in agent.predicates.keys().filter(|name| *name != handler) {
            let text = format!(
                "agents.{index}.predicates.{}: the class has no handler of this name, so that the predicate has no \
                 effect; its handler is `{handler}`",
                shown(name)
            );
            advice.push(text);
        }
    }
    let heard: Vec<String> = spec.agents.iter().flat_map(subscriptions).collect();
    for (index, rule) in spec.routes.steps.iter().enumerate() {
        advice.extend(missing_agent(rule, spec).map(|name| {
            format!("routes.steps.{index}.agent: the guild has no agent {}; the rule has no effect", shown(&name))
        }));
        for name in rule.destination.iter().filter_map(|to| to.topics.as_ref()).flat_map(Topics::as_slice) {
            let name = topic::canonical(name);
            let is_heard = name.is_empty()
                || heard.contains(&name)
                || name == topic::BROADCAST
                || topic::owner(&name).is_some()
                || topic::is_reserved(&name)
                || topic::is_self_inbox(&name)
                || name == topic::agent_inbox(&crate::ids::AgentId::manager_of(&spec.id));
            if !is_heard {
                let text = format!(
                    "routes.steps.{index}.destination.topics: no agent of the guild listens to {}",
                    shown(&name)
                );
                advice.push(text);
            }
        }
        if advice.len() >= MAX_ADVICE {
            break;
        }
    }
    advice.truncate(MAX_ADVICE);
    advice
}

/// Returns the agent of a rule if the guild has no such agent. The manager and user proxies are not in a spec.
fn missing_agent(rule: &RoutingRule, spec: &GuildSpec) -> Option<String> {
    let tag = rule.agent.as_ref().filter(|tag| !tag.is_blank())?;
    let is_proxy = tag.id.as_deref().is_some_and(|id| id.starts_with("upa-"));
    let is_there = tag.is_manager_of(&spec.id) || is_proxy || spec.agents.iter().any(|agent| tag.matches(&agent.tag()));
    (!is_there).then(|| tag.name.clone().or_else(|| tag.id.clone()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_spec_makes_a_blueprint() {
        assert_eq!(misspelt_spec(&json!({"name": "B", "spek": {}})), Some("spek"));
        for other in [json!({"name": "B", "spec": {}, "spek": {}}), json!({"name": "G", "agents": []}), json!([1])] {
            assert_eq!(misspelt_spec(&other), None);
        }
    }

    #[test]
    fn a_value_that_nothing_of_a_blueprint_uses_is_named() {
        let document = json!({
            "configuration": {"greeting": "hi"}, "agents": [{"name": "{{who}}"}],
            "configuration_schema": {"properties": {"count": {"type": "integer"}}},
        });
        let given = json!({"greeting": "ho", "who": "A", "count": 1, "greetin": "oh"});
        let advice = unknown_values(&document, given.as_object().unwrap());
        let text = "configuration.greetin: this key is unknown and has no effect; did you mean `greeting`?";
        assert_eq!(advice, [text]);
        assert!(unknown_values(&document, &Map::new()).is_empty());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_key_that_was_meant() {
        let spec = json!({
            "name": "G", "descripton": "d", "properties": {"anything": 1},
            "agents": [{"name": "A", "listen_to_default_topics": true, "qos": {"retries": 1},
                        "predicates": {"receive": {"predicate": "x"}}, "sandbox": {"free": 1}}],
            "routes": {"steps": [{"agent": {"nme": "A"}, "destination": {"topic": "t"}, "transformer": {"expr": "$"}}]},
        });
        let advice = unknown_keys(&spec);
        let places: Vec<&str> = advice.iter().map(|text| text.split(':').next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "descripton",
                "agents.0.listen_to_default_topics",
                "agents.0.qos.retries",
                "agents.0.predicates.receive.predicate",
                "routes.steps.0.agent.nme",
                "routes.steps.0.destination.topic",
                "routes.steps.0.transformer.expr",
            ]
        );
        assert!(advice[0].contains("did you mean `description`?"), "{}", advice[0]);
        assert!(advice[1].contains("did you mean `listen_to_default_topic`?"), "{}", advice[1]);
        assert!(advice[5].contains("did you mean `topics`?"), "{}", advice[5]);
        assert_eq!(unknown_keys(&json!([1])), Vec::<String>::new());
        let many: Map<String, Value> = (0..1_000).map(|n| (format!("k{n}"), Value::Null)).collect();
        assert_eq!(unknown_keys(&Value::Object(many)).len(), MAX_ADVICE);
        assert_eq!(unknown_keys_of_blueprint(&json!({"name": "B", "exposur": "public"})).len(), 1);
    }

    #[test]
    fn a_misspelt_list_of_agents_is_found() {
        let of = |spec: Value| misspelt_agents(spec.as_object().unwrap()).map(str::to_owned);
        for key in ["agnets", "agent", "Agents", "agnts"] {
            assert_eq!(of(json!({"name": "G", (key): []})).as_deref(), Some(key));
        }
        assert_eq!(of(json!({"name": "G", "agents": [], "agnets": []})), None);
        assert_eq!(of(json!({"name": "G", "comment": ""})), None);
    }

    #[test]
    fn rules_about_what_is_not_there_are_named() {
        let spec: GuildSpec = serde_json::from_value(json!({
            "id": "g", "name": "G", "description": "d",
            "agents": [{"id": "e", "name": "Echo", "description": "d", "class_name": "a.B",
                        "additional_topics": ["in"], "predicates": {
                            "receive": {"predicate_type": "type_equals", "expected_type": "x"},
                            "other": {"predicate_type": "type_equals", "expected_type": "x"}}}],
            "routes": {"steps": [
                {"agent": {"name": "Echo"}, "destination": {"topics": ["in", "user_message_broadcast", "agent_inbox:e"]}},
                {"agent": {"name": "Eco"}, "destination": {"topics": "out"}},
                {"agent_type": "a.*", "destination": {"topics": "default_topic"}},
            ]},
        }))
        .unwrap();
        let advice = advice(&spec);
        let places: Vec<&str> = advice.iter().map(|text| text.split(':').next().unwrap()).collect();
        assert_eq!(
            places,
            ["agents.0.predicates.other", "routes.steps.1.agent", "routes.steps.1.destination.topics"],
            "{advice:?}"
        );
    }
}

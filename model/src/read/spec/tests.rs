use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expression::{Language, native::NativeEvaluator};
use crate::read::{FieldError, document};
use crate::spec::Transformer;

const CEILINGS: SandboxCeilings = SandboxCeilings {
    fuel: 1000,
    memory_mib: 64,
    timeout_ms: 500,
    emits: 8,
    http_calls: 4,
    http_response_kib: 64,
    keyvalue_keys: 10,
    keyvalue_kib: 16,
    slip_rules: 1_000,
    slip_bytes: 64 << 10,
};
const ECHO: &str = "rustic_ai.core.agents.testutils.echo_agent.EchoAgent";

/// Returns another value at each call.
fn random_bits() -> u128 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    u128::from(LAST.fetch_add(1, Ordering::Relaxed)) << 80
}

fn read(value: &Value) -> Result<GuildSpec, Vec<FieldError>> {
    let expressions = Expressions::unshared(&NativeEvaluator);
    document(
        value,
        &["spec"],
        guild(SpecContext { ceilings: &CEILINGS, expressions: &expressions, random: random_bits }),
    )
}

fn errors(value: &Value) -> Vec<(String, String)> {
    read(value).err().unwrap_or_default().into_iter().map(|e| (e.path(), e.kind.to_owned())).collect()
}

fn with_agent(agent: &Value) -> Value {
    json!({"name": "G", "description": "d", "agents": [agent]})
}

#[test]
fn defaults_and_ids_are_filled_in_and_blanks_are_trimmed() {
    let spec = read(&with_agent(&json!({
        "id": "", "name": " Echo Agent ", "description": " d ", "class_name": ECHO, "additional_topics": [" t "],
    })))
    .unwrap();
    let agent = &spec.agents[0];
    assert!(agent.id.as_str().starts_with("echoagent-"));
    assert_eq!((agent.name.as_str(), agent.additional_topics[0].as_str()), ("Echo Agent", "t"));
    assert!(agent.listen_to_default_topic && !agent.act_only_when_tagged);
    assert_eq!(spec.id.as_str().len(), 22);
}

#[test]
fn every_error_has_its_place() {
    let spec = json!({
        "name": "n".repeat(65),
        "agents": [
            {"name": "", "class_name": ECHO, "additional_topics": "t", "qos": {"timeout": 1.5}},
            {"name": "X", "description": "x"},
            {"name": "X", "description": "x", "class_name": "Echo"},
        ],
        "dependency_map": {"fs": {"class_name": "", "properties": "x"}},
        "routes": {"steps": [{}, {"agent": {"name": "a"}, "destination": {"priority": 9}}]},
    });
    let expected = [
        ("spec.name", "string_too_long"),
        ("spec.description", "missing"),
        ("spec.agents.0.name", "string_too_short"),
        ("spec.agents.0.description", "missing"),
        ("spec.agents.0.additional_topics", "list_type"),
        ("spec.agents.0.qos.timeout", "int_from_float"),
        ("spec.agents.1", "value_error"),
        ("spec.agents.2", "value_error"),
        ("spec.dependency_map.fs.class_name", "string_too_short"),
        ("spec.dependency_map.fs.properties", "dict_type"),
        ("spec.routes.steps.0", "value_error"),
        ("spec.routes.steps.1.destination.priority", "enum"),
    ];
    assert_eq!(errors(&spec), expected.map(|(path, kind)| (path.to_owned(), kind.to_owned())));
}

#[test]
fn a_sandbox_beyond_the_ceilings_is_refused_with_both_numbers() {
    let agent =
        json!({"name": "A", "description": "d", "class_name": ECHO, "sandbox": {"fuel": 2000, "memory_mib": 8}});
    let errors = read(&with_agent(&agent)).unwrap_err();
    assert_eq!(errors[0].path(), "spec.agents.0.sandbox.fuel");
    assert_eq!(errors[0].msg, "Input should be less than or equal to 1000");
    assert_eq!(errors[0].input, json!(2000));
}

#[test]
fn a_sandbox_setting_that_is_not_known_is_refused() {
    let agent = json!({"name": "A", "description": "d", "class_name": ECHO, "sandbox": {"fule": 1}});
    assert_eq!(errors(&with_agent(&agent)), [("spec.agents.0.sandbox.fule".into(), "extra_forbidden".into())]);
}

#[test]
fn a_component_is_identified_by_a_digest() {
    let agent = |component: &str| {
        with_agent(&json!({"name": "A", "description": "d", "class_name": ECHO, "component": component}))
    };
    let digest = format!("sha256:{}", "0a".repeat(32));
    assert_eq!(read(&agent(&digest)).unwrap().agents[0].component.as_deref(), Some(digest.as_str()));
    assert_eq!(errors(&agent("sha256:xyz")), [("spec.agents.0.component".into(), "value_error".into())]);
}

#[test]
fn an_unsupported_part_is_reported() {
    let gateway = json!({"input_formats": [], "output_formats": []});
    let document = json!({"name": "G", "description": "d", "gateway": gateway});
    assert_eq!(unsupported(&read(&document).unwrap()), ["gateway is not supported yet"]);
    let plain = with_agent(&json!({"name": "A", "description": "d", "class_name": ECHO}));
    assert_eq!(unsupported(&read(&plain).unwrap()), Vec::<String>::new());
}

#[test]
fn an_invalid_expression_is_refused_at_its_place() {
    let rule = |part: &str, value: Value| {
        json!({"name": "G", "description": "d", "routes": {"steps": [
            {"agent": {"name": "A"}, part: value},
        ]}})
    };
    for (part, value) in [
        ("transformer", json!({"expression": "{{{"})),
        ("transformer", json!({"handler": "a &&", "expression_type": "cel"})),
        ("transformer", json!({"style": "simple"})),
        ("agent_state_update", json!({"state_update": "{{{"})),
        ("guild_state_update", json!({"state_update": "a && b"})),
    ] {
        let expected = [(format!("spec.routes.steps.0.{part}"), "value_error".to_owned())];
        assert_eq!(errors(&rule(part, value.clone())), expected, "{value}");
    }
    let unknown = rule("transformer", json!({"expression": "a", "expression_type": "Jsonata"}));
    assert_eq!(errors(&unknown)[0].1, "enum");
    let agent = json!({"name": "A", "description": "d", "class_name": ECHO, "predicates": {"h": {"expression": "("}}});
    assert_eq!(errors(&with_agent(&agent)), [("spec.agents.0.predicates.h.jsonata_fn".into(), "value_error".into())]);
    let older = rule("transformer", json!({"type": "cel", "script": "{'a': b == 1}"}));
    assert!(matches!(
        read(&older).unwrap().routes.steps[0].transformer.as_deref(),
        Some(Transformer::Payload { expression_type: Language::Cel, .. })
    ));
}

#[test]
fn a_value_of_several_kinds_reports_the_errors_of_each_kind() {
    let at = |path: &str, value: &Value| {
        let mut spec = json!({
            "name": "G", "description": "d",
            "agents": [{"name": "A", "description": "d", "class_name": ECHO, "resources": {}, "predicates": {}}],
            "routes": {"steps": [{"agent": {"name": "A"}, "destination": {}}]},
        });
        let (parent, key) = path.rsplit_once('/').unwrap();
        spec.pointer_mut(parent).unwrap()[key] = value.clone();
        let found =
            errors(&spec).into_iter().map(|(path, kind)| format!("{} {kind}", path.trim_start_matches("spec.")));
        found.collect::<Vec<_>>().join(", ")
    };
    let (agent, rule) = ("agents.0", "routes.steps.0");
    let (of_payload, of_function) = ("transformer.PayloadTransformer", "transformer.FunctionalTransformer");
    for (path, value, expected) in [
        ("/agents/0/class_name", json!(null), format!("{agent} value_error")),
        ("/agents/0/class_name", json!(" "), format!("{agent} value_error")),
        ("/agents/0/class_name", json!([1]), format!("{agent} value_error")),
        ("/agents/0/properties", json!(null), format!("{agent}.properties model_attributes_type")),
        (
            "/agents/0/resources/num_cpus",
            json!("x"),
            format!("{agent}.resources.num_cpus.int int_parsing, {agent}.resources.num_cpus.float float_parsing"),
        ),
        ("/agents/0/resources/num_cpus", json!("1.5"), String::new()),
        ("/agents/0/predicates/h", json!(1), format!("{agent}.predicates.h.jsonata_fn model_attributes_type")),
        ("/agents/0/predicates/h", json!({}), format!("{agent}.predicates.h.jsonata_fn.expression missing")),
        (
            "/agents/0/predicates/h",
            json!({"predicate_type": "type_equals"}),
            format!("{agent}.predicates.h.type_equals.expected_type missing"),
        ),
        (
            "/agents/0/predicates/h",
            json!({"predicate_type": null}),
            format!("{agent}.predicates.h union_tag_not_found"),
        ),
        ("/agents/0/predicates/h", json!({"predicate_type": 1}), format!("{agent}.predicates.h union_tag_invalid")),
        (
            "/routes/steps/0/destination/topics",
            json!(1),
            format!("{rule}.destination.topics.str string_type, {rule}.destination.topics.list[str] list_type"),
        ),
        (
            "/routes/steps/0/destination/topics",
            json!(["a", 1]),
            format!("{rule}.destination.topics.str string_type, {rule}.destination.topics.list[str].1 string_type"),
        ),
        ("/routes/steps/0/destination/priority", json!(4.0), String::new()),
        ("/routes/steps/0/destination/priority", json!(8), format!("{rule}.destination.priority enum")),
        (
            "/routes/steps/0/transformer",
            json!({"expression": 1}),
            format!("{rule}.{of_payload}.expression string_type, {rule}.{of_function}.handler missing"),
        ),
        (
            "/routes/steps/0/transformer",
            json!("x"),
            format!("{rule}.{of_payload} model_attributes_type, {rule}.{of_function} model_attributes_type"),
        ),
        ("/routes/steps/0/transformer", json!({"expression": 1, "handler": "$"}), String::new()),
    ] {
        assert_eq!(at(path, &value), expected, "{path} {value}");
    }
}

#[test]
fn backends_of_other_implementations_are_reported_and_stored() {
    let spec = read(&json!({"name": "G", "description": "d", "properties": {
        "messaging": {"backend_module": "m", "backend_class": "RedisMessagingBackend", "backend_config": {}},
        "execution_engine": "x.SyncExecutionEngine",
    }}))
    .unwrap();
    let warnings = external_backends(&spec);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("RedisMessagingBackend"), "{warnings:?}");
    assert_eq!(spec.properties["messaging"]["backend_class"], "RedisMessagingBackend");
}

#[test]
fn messaging_is_complete_or_absent() {
    for (properties, missing) in [
        (json!({}), [].as_slice()),
        (json!({"messaging": null}), &[]),
        (json!({"messaging": {"backend_module": "m", "backend_class": "C", "backend_config": {}}}), &[]),
        (json!({"messaging": {"backend_module": "m"}}), &["backend_class", "backend_config"]),
    ] {
        let spec = read(&json!({"name": "G", "description": "d", "properties": properties})).unwrap();
        let paths: Vec<_> = check_messaging(&spec).err().unwrap_or_default().iter().map(FieldError::path).collect();
        let expected: Vec<_> = missing.iter().map(|key| format!("properties.messaging.{key}")).collect();
        assert_eq!(paths, expected);
    }
}

#[test]
fn two_agents_cannot_share_an_id() {
    let agent = json!({"id": "same", "name": "A", "description": "d", "class_name": ECHO});
    let spec = read(&json!({"name": "G", "description": "d", "agents": [agent, agent]})).unwrap();
    assert_eq!(duplicate_agent(&spec), Some(&AgentId::from("same")));
}

proptest! {
    #[test]
    fn a_spec_reads_back_as_itself(name in "[a-zA-Z]{1,20}", topic in "[a-z_]{0,9}", times in -1i64..5, priority in 0u8..8) {
        let spec = read(&json!({
            "name": name, "description": "d",
            "agents": [{"name": name, "description": "d", "class_name": ECHO, "additional_topics": [topic]}],
            "routes": {"steps": [{
                "agent": {"name": name}, "route_times": times, "destination": {"topics": topic, "priority": priority},
            }]},
        })).unwrap();
        let again = read(&serde_json::to_value(&spec).unwrap()).unwrap();
        prop_assert_eq!(again, spec);
    }
}

#[test]
fn rules_cannot_write_to_topics_of_the_host() {
    let with_rule = |topics: Value| {
        let rule = json!({"agent_type": "a.B", "destination": {"topics": topics}});
        errors(&json!({"name": "G", "description": "d", "routes": {"steps": [rule]}}))
    };
    for name in ["guildhall_ending", "guildhall_events", "system_topic", " guild_status_topic ", "dead_letter_queue"] {
        let place = "spec.routes.steps.0.destination.topics";
        assert_eq!(with_rule(json!(name)), [(place.to_owned(), "value_error".to_owned())], "{name}");
        assert_eq!(with_rule(json!(["t", name])), [(format!("{place}.1"), "value_error".to_owned())], "{name}");
    }
    for name in ["t", "state_topic", "error_topic", "user_message_broadcast", "agent_inbox:a", ""] {
        assert!(with_rule(json!(name)).is_empty(), "{name}");
    }
    let spy = json!({"name": "A", "description": "d", "class_name": ECHO, "additional_topics": ["guildhall_events"]});
    assert_eq!(errors(&with_agent(&spy))[0].0, "spec.agents.0.additional_topics.0");
}

#[test]
fn names_with_characters_that_cannot_be_seen_are_refused_with_the_position() {
    let agent = json!({
        "name": "Ec\u{200B}ho", "description": "d", "class_name": "a.\u{202E}B", "additional_topics": ["t"],
    });
    let found = read(&with_agent(&agent)).unwrap_err();
    assert_eq!(found[0].path(), "spec.agents.0", "{found:?}");
    assert!(found[0].msg.contains("U+202E at position 3"), "{}", found[0].msg);
    let agent = json!({
        "name": "Ec\u{200B}ho", "description": "d", "class_name": "a.B", "additional_topics": ["t\u{1}x"],
    });
    let found = read(&with_agent(&agent)).unwrap_err();
    let places: Vec<String> = found.iter().map(FieldError::path).collect();
    assert_eq!(places, ["spec.agents.0.name", "spec.agents.0.additional_topics.0"]);
    assert!(found[0].msg.contains("U+200B at position 3") && found[1].msg.contains("U+0001 at position 2"));
}

#[test]
fn a_guild_has_a_bounded_number_of_rules_and_bytes_of_them() {
    let with_rules =
        |rules: Vec<Value>| json!({"name": "G", "description": "d", "agents": [], "routes": {"steps": rules}});
    let rule = |reason: &str| json!({"agent": {"name": "a"}, "reason": reason});
    assert!(read(&with_rules(vec![rule(""); 100])).is_ok());
    for (rules, wanted) in [
        (vec![rule(""); 5_000], "a guild may have 1000 rules, not 5000 (`host.slip_rules`)"),
        (vec![rule(&"x".repeat(2_000)); 40], "(`host.slip_bytes`)"),
    ] {
        let errors = read(&with_rules(rules)).unwrap_err();
        assert_eq!((errors.len(), errors[0].path().as_str()), (1, "spec.routes"));
        assert!(errors[0].msg.contains(wanted), "{}", errors[0].msg);
    }
}

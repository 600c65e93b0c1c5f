//! Matches rules and tags, and evaluates expressions and predicates.

use std::sync::Arc;

use guildhall_model::expression::Language;
use guildhall_model::routing::hashid::{canonical_text, hashid};
use guildhall_model::routing::{self, RuleInput, Scope, mentions, take_matching};
use guildhall_model::spec::{Predicate, RoutingRule, RoutingSlip};
use guildhall_model::tag::AgentTag;
use serde_json::{Value, json};

use super::in_pairs;
use super::vectors::compare::{Outcome, check, differs};
use super::vectors::inputs::{expressions, message, read, speaker, text};

/// Takes the rules that match out of a slip, and counts them down.
fn take(slip: &mut Arc<RoutingSlip>, context: &Value) -> Result<Vec<Arc<RoutingRule>>, String> {
    let agent = &context["agent"];
    let speaker = speaker(&agent["id"], &agent["name"], &context["agent_type"], &context["method_name"]);
    let origin: AgentTag = read(&context["origin"]["origin_sender"])?;
    let (topic, origin_format) =
        (text(&context["origin"]["origin_topic"]), text(&context["origin"]["origin_message_format"]));
    let format = text(&context["message_format"]);
    let speaking = RuleInput {
        sender: &speaker,
        origin_sender: &origin,
        origin_topic: &topic,
        origin_format: &origin_format,
        format: &format,
    };
    Ok(take_matching(slip, &speaking))
}

pub fn rule_match(input: &Value, expected: &Value) -> Outcome {
    let mut slip = Arc::new(RoutingSlip { steps: vec![read(&input["rule"])?] });
    let taken = take(&mut slip, &input["context"])?;
    check(&json!(!taken.is_empty()), expected)
}

pub fn slip_steps(input: &Value, expected: &Value) -> Outcome {
    let mut slip: Arc<RoutingSlip> = read(&input["slip"])?;
    for (context, expected) in in_pairs(&input["calls"], expected)? {
        let taken = take(&mut slip, context)?;
        check(&json!(taken.len()), &json!(expected["matched_positions"].as_array().map(Vec::len)))?;
        let mut after: RoutingSlip = read(&expected["slip_after"])?;
        // In the reference a rule without a limit counts down below -1.
        for rule in &mut after.steps {
            let rule = Arc::make_mut(rule);
            rule.route_times = rule.route_times.max(-1);
        }
        check(&json!(slip), &json!(after))?;
    }
    Ok(())
}

pub fn hash(input: &Value, expected: &Value) -> Outcome {
    let rule: RoutingRule =
        guildhall_model::read::document(input, &[], guildhall_model::read::spec::rule(&expressions()))
            .map_err(|errors| format!("{errors:?}"))?;
    check(&json!({"canonical_text": canonical_text(&rule), "sha256_hex": hashid(&rule)}), expected)
}

pub fn is_tagged(input: &Value, expected: &Value) -> Outcome {
    let (tags, agent): (Vec<AgentTag>, AgentTag) = (read(&input["recipient_list"])?, read(&input["agent"])?);
    check(&json!(tags.iter().any(|tag| tag.matches(&agent))), expected)
}

pub fn tag_detect(input: &Value, expected: &Value) -> Outcome {
    let agents: Vec<AgentTag> = read(&input["agents"])?;
    // The text of a case is that of a payload: JSON, or the text itself.
    let text = text(&input["text"]);
    let found = match serde_json::from_str::<Value>(&text) {
        Ok(payload) if payload.is_object() => mentions::in_payload(&payload, &agents),
        _ => mentions::in_text(&text, &agents),
    };
    let sorted = |value: Value| {
        let mut texts: Vec<String> = value.as_array().into_iter().flatten().map(ToString::to_string).collect();
        texts.sort();
        json!(texts)
    };
    check(&sorted(json!(found)), &sorted(expected["tags_unordered"].clone()))
}

pub fn jsonata(input: &Value, expected: &Value) -> Outcome {
    let result = expressions().evaluate(Language::Jsonata, &text(&input["expression"]), &input["data"].to_string());
    match result {
        Ok(value) if expected["ok"] == true => {
            let value = value.unwrap_or_default();
            check(&json!(value.is_null()), &expected["undefined_or_null"])?;
            check(&value, &expected["value"])
        }
        Err(_) if expected["ok"] != true => Ok(()),
        other => differs(format!("{other:?}, expected {expected}")),
    }
}

pub fn cel(input: &Value, expected: &Value) -> Outcome {
    let result = expressions().evaluate(Language::Cel, &text(&input["expression"]), &input["variables"].to_string());
    match result {
        Ok(value) if expected["ok"] == true => check(&value.unwrap_or_default(), &expected["value"]),
        Err(_) if expected["ok"] != true => Ok(()),
        other => differs(format!("{other:?}, expected {expected}")),
    }
}

pub fn predicate(input: &Value, expected: &Value) -> Outcome {
    let mut given = input["predicate"].clone();
    if given.get("predicate_type").is_none() {
        given["predicate_type"] = "jsonata_fn".into();
    }
    let predicate: Predicate = read(&given)?;
    let (agent, guild) = (input["agent_state"].to_string(), input["guild_state"].to_string());
    let expressions = expressions();
    let scope = Scope { expressions: &expressions, agent_state: &agent, guild_state: &guild };
    let topic = text(&input["message"]["topic_published_to"]);
    let holds = routing::holds(&predicate, &message(&input["message"])?, &topic, scope);
    check(&json!(holds), &expected["runs_handler"])
}

//! Rules, tags and expressions.

use std::sync::Arc;

use guildhall_model::expression::native::NativeEvaluator;
use guildhall_model::expression::{Expressions, Language};
use guildhall_model::routing::hashid::{canonical_text, hashid};
use guildhall_model::routing::{RuleInput, Sender, mentions, take_matching};
use guildhall_model::spec::{RoutingRule, RoutingSlip};
use guildhall_model::tag::AgentTag;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Outcome, check, in_pairs};

pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn speaker(id: &Value, name: &Value, class: &Value, method: &Value) -> Sender {
    Sender {
        id: text(id).into(),
        tag: AgentTag::new(text(id), text(name)),
        class_name: text(class),
        method: text(method).leak(),
        to_default: false,
    }
}

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
        // There a rule for ever counts down below zero.
        for rule in &mut after.steps {
            let rule = Arc::make_mut(rule);
            rule.route_times = rule.route_times.max(-1);
        }
        check(&json!(slip), &json!(after))?;
    }
    Ok(())
}

/// Evaluates without bounds.
pub fn expressions() -> Expressions<'static> {
    Expressions::unshared(&NativeEvaluator)
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
    // The vectors' text is that of a payload: JSON, or the text itself.
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
        other => Err(format!("{other:?}, expected {expected}")),
    }
}

pub fn cel(input: &Value, expected: &Value) -> Outcome {
    let result = expressions().evaluate(Language::Cel, &text(&input["expression"]), &input["variables"].to_string());
    match result {
        Ok(value) if expected["ok"] == true => check(&value.unwrap_or_default(), &expected["value"]),
        Err(_) if expected["ok"] != true => Ok(()),
        other => Err(format!("{other:?}, expected {expected}")),
    }
}

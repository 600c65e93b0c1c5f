//! Reads routing rules and predicates. Expressions are checked in their language, and a rule that could never apply is
//! refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::expression::{Expressions, Language};
use crate::priority::Priority;
use crate::python_repr::repr;
use crate::read::spec::sandbox::SandboxCeilings;
use crate::read::{
    FieldErrors, Fields, boolean, document, integer, is_named, list, map, name, nullable, object, one_of, text,
};
use crate::spec::{
    Destination, OriginFilter, Predicate, RoutingRule, RoutingSlip, StateUpdate, Transformer, TransformerStyle,
    UpdateFormat,
};
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

/// Returns a reader for a routing slip.
pub fn slip<'e>(expressions: &'e Expressions<'e>) -> impl Fn(&Value, &mut FieldErrors) -> Option<RoutingSlip> + 'e {
    let shared = |value: &Value, errors: &mut FieldErrors| rule(expressions)(value, errors).map(Arc::new);
    move |value, errors| {
        object(|f| Some(RoutingSlip { steps: f.or("steps", Vec::new(), list(shared))? }))(value, errors)
    }
}

/// Returns a reader for the rules of a guild. They are bounded, because they are stored with each message.
pub fn guild_slip<'e>(
    most: &'e SandboxCeilings,
    expressions: &'e Expressions<'e>,
) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<RoutingSlip> + 'e {
    move |value, errors| {
        let rules = value.get("steps").and_then(Value::as_array).map_or(0, Vec::len);
        if rules as u64 > most.slip_rules {
            let text = format!("a guild may have {} rules, not {rules} (`host.slip_rules`)", most.slip_rules);
            return errors.refuse(&text, &json!({"steps": rules}));
        }
        let slip = slip(expressions)(value, errors)?;
        let bytes = slip.stored_bytes();
        if bytes as u64 > most.slip_bytes {
            let text = format!("the rules may have {} bytes, not {bytes} (`host.slip_bytes`)", most.slip_bytes);
            return errors.refuse(&text, &json!({"steps": rules}));
        }
        Some(slip)
    }
}

/// Returns a reader for one rule of a slip. It checks the rule's expressions in their language.
pub fn rule<'e>(expressions: &'e Expressions<'e>) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<RoutingRule> + 'e {
    object(|f| {
        let agent = f.optional("agent", tag);
        let agent_type = f.optional("agent_type", name(text));
        let method_name = f.optional("method_name", text);
        let origin_filter = f.optional("origin_filter", origin_filter);
        let message_format = f.optional("message_format", name(text));
        let destination = f.optional("destination", destination);
        let mark_forwarded = f.or("mark_forwarded", false, boolean);
        let route_times = f.or("route_times", 1, integer);
        let transformer = f.optional("transformer", |value, errors| transformer(value, errors, expressions));
        let update = |value: &Value, errors: &mut FieldErrors| state_update(value, errors, expressions);
        let agent_state_update = f.optional("agent_state_update", update);
        let guild_state_update = f.optional("guild_state_update", update);
        let process_status =
            f.optional("process_status", one_of(PROCESS_STATUSES, "'running', 'error' or 'completed'"));
        let reason = f.optional("reason", text);
        let (agent, agent_type) = (agent?, agent_type?);
        let has_no_tag = agent.as_ref().is_none_or(AgentTag::is_blank);
        if has_no_tag && agent_type.as_deref().is_none_or(str::is_empty) {
            return f.errors.refuse("Either agent or agent_type must be provided for a routing rule.", f.whole());
        }
        Some(RoutingRule {
            agent,
            agent_type,
            method_name: method_name?,
            origin_filter: origin_filter?,
            message_format: message_format?,
            destination: destination?,
            mark_forwarded: mark_forwarded?,
            route_times: route_times?,
            transformer: transformer?.map(Arc::new),
            agent_state_update: agent_state_update?.map(Arc::new),
            guild_state_update: guild_state_update?.map(Arc::new),
            process_status: process_status?,
            reason: reason?,
        })
    })
}

const PROCESS_STATUSES: &[(&str, ProcessStatus)] =
    &[("running", ProcessStatus::Running), ("error", ProcessStatus::Error), ("completed", ProcessStatus::Completed)];

fn tag(value: &Value, errors: &mut FieldErrors) -> Option<AgentTag> {
    object(|f| {
        let (id, name) = (f.optional("id", text), f.optional("name", text));
        Some(AgentTag { id: id?, name: name? })
    })(value, errors)
}

fn origin_filter(value: &Value, errors: &mut FieldErrors) -> Option<OriginFilter> {
    object(|f| {
        let origin_sender = f.optional("origin_sender", tag);
        let origin_topic = f.optional("origin_topic", text);
        let origin_message_format = f.optional("origin_message_format", text);
        Some(OriginFilter {
            origin_sender: origin_sender?,
            origin_topic: origin_topic?,
            origin_message_format: origin_message_format?,
        })
    })(value, errors)
}

fn destination(value: &Value, errors: &mut FieldErrors) -> Option<Destination> {
    object(|f| {
        let topics = f.optional("topics", topics);
        let recipient_list = f.or("recipient_list", Vec::new(), list(tag));
        let priority = f.optional("priority", priority);
        Some(Destination { topics: topics?, recipient_list: recipient_list?, priority: priority? })
    })(value, errors)
}

/// Reads a topic or a list of topics. When both readings fail, the errors of both are reported, each below its name.
fn topics(value: &Value, errors: &mut FieldErrors) -> Option<Topics> {
    match (document(value, &[], text), document(value, &[], list(text))) {
        (Ok(_), _) => open_topic(value, errors).map(Topics::One),
        (_, Ok(_)) => list(open_topic)(value, errors).map(Topics::Many),
        (Err(one), Err(many)) => {
            errors.note_all("str", one);
            errors.note_all("list[str]", many);
            None
        }
    }
}

/// Reads a topic that a rule may write to.
fn open_topic(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    let name = name(text)(value, errors)?;
    if topic::is_closed_to_rules(&topic::canonical(&name)) {
        return errors
            .refuse(&format!("{} is a topic of the host's own; rules cannot write to it", name.trim()), value);
    }
    Some(name)
}

fn priority(value: &Value, errors: &mut FieldErrors) -> Option<Priority> {
    const EXPECTED: &str = "7, 6, 5, 4, 3, 2, 1 or 0";
    let number = || u8::try_from(document(value, &[], integer).ok()?).ok();
    match Priority::read(value).or_else(|| Priority::new(number()?)) {
        Some(priority) => Some(priority),
        None => errors.note_with("enum", format!("Input should be {EXPECTED}"), value, json!({"expected": EXPECTED})),
    }
}

const LANGUAGES: &[(&str, Language)] = &[("jsonata", Language::Jsonata), ("cel", Language::Cel)];
const STYLES: &[(&str, TransformerStyle)] =
    &[("simple", TransformerStyle::Simple), ("content_based_router", TransformerStyle::ContentBasedRouter)];
const UPDATE_FORMATS: &[(&str, UpdateFormat)] =
    &[("json-patch", UpdateFormat::JsonPatch), ("json-merge-patch", UpdateFormat::MergePatch)];

fn language(value: &Value, errors: &mut FieldErrors) -> Option<Language> {
    one_of(LANGUAGES, "'jsonata' or 'cel'")(value, errors)
}

/// Checks an expression in its language and reports its error at `at`.
fn checked(
    language: Language,
    source: String,
    at: &Value,
    errors: &mut FieldErrors,
    expressions: &Expressions<'_>,
) -> Option<String> {
    match expressions.check(language, &source) {
        Ok(()) => Some(source),
        Err(error) => errors.refuse(&error.to_string(), at),
    }
}

fn style(value: &Value, errors: &mut FieldErrors) -> Option<TransformerStyle> {
    const EXPECTED: &str = "<TransformationType.SIMPLE: 'simple'> or <TransformationType.CBR: 'content_based_router'>";
    let found = value.as_str().and_then(|word| {
        STYLES.iter().find(|(name, _)| is_named(word, name) || (word == "CBR" && *name == "content_based_router"))
    });
    match found {
        Some((_, style)) => Some(*style),
        None => {
            let msg = format!("Input should be {EXPECTED}");
            errors.note_with("literal_error", msg, value, json!({"expected": EXPECTED}))
        }
    }
}

/// Reads a transformer: one with an expression computes a payload, one with a handler alone changes members. When both
/// readings fail, the errors of both are reported, each below its name.
fn transformer(value: &Value, errors: &mut FieldErrors, expressions: &Expressions<'_>) -> Option<Transformer> {
    match (document(value, &[], payload_transformer()), document(value, &[], functional_transformer())) {
        (Ok((style, output_format, expression_type, Some(source))), _) => {
            let expression = checked(expression_type, source, value, errors, expressions)?;
            Some(Transformer::Payload { style, output_format, expression_type, expression })
        }
        (_, Ok((style, expression_type, source))) => {
            let handler = checked(expression_type, source, value, errors, expressions)?;
            Some(Transformer::Functional { style, expression_type, handler })
        }
        (Ok((.., None)), Err(_)) => errors
            .refuse("a transformer needs an expression or a handler: without one it would drop every message", value),
        (Err(payload), Err(functional)) => {
            errors.note_all("PayloadTransformer", payload);
            errors.note_all("FunctionalTransformer", functional);
            None
        }
    }
}

/// The style, the format, the language and the expression of a transformer.
type PayloadParts = (TransformerStyle, Option<String>, Language, Option<String>);

/// Returns a reader for a transformer of payloads. Older documents write `script` for `expression` and `type` for
/// `expression_type`.
fn payload_transformer() -> impl FnOnce(&Value, &mut FieldErrors) -> Option<PayloadParts> {
    object(|f| {
        let style = f.or("style", TransformerStyle::Simple, style);
        let output_format = f.or("output_format", Some("generic_json".to_owned()), nullable(name(text)));
        let language = f.or(language_key(f), Language::Jsonata, language);
        let expression = f.optional(if f.has("expression") { "expression" } else { "script" }, text);
        Some((style?, output_format?, language?, expression?))
    })
}

/// Returns a reader for a functional transformer: its style, its language and its handler.
fn functional_transformer() -> impl FnOnce(&Value, &mut FieldErrors) -> Option<(TransformerStyle, Language, String)> {
    object(|f| {
        let style = f.or("style", TransformerStyle::Simple, style);
        let language = f.or(language_key(f), Language::Jsonata, language);
        let handler = f.required("handler", text);
        Some((style?, language?, handler?))
    })
}

fn language_key(f: &Fields<'_, '_>) -> &'static str {
    if f.has("expression_type") { "expression_type" } else { "type" }
}

fn state_update(value: &Value, errors: &mut FieldErrors, expressions: &Expressions<'_>) -> Option<StateUpdate> {
    object(|f| {
        let language = f.or("expression_type", Language::Jsonata, language);
        let format = f.or(
            "update_format",
            UpdateFormat::MergePatch,
            one_of(UPDATE_FORMATS, "'json-patch' or 'json-merge-patch'"),
        );
        let source = f.required("state_update", text);
        let (language, format) = (language?, format?);
        let at = f.whole().clone();
        let state_update = checked(language, source?, &at, f.errors, expressions)?;
        Some(StateUpdate { expression_type: language, update_format: format, state_update })
    })(value, errors)
}

/// Returns a reader for the predicates of an agent, by the name of a handler.
pub(super) fn predicates<'e>(
    expressions: &'e Expressions<'e>,
) -> impl Fn(&Value, &mut FieldErrors) -> Option<BTreeMap<String, Predicate>> + 'e {
    move |value, errors| {
        let read = |value: &Value, errors: &mut FieldErrors| predicate(value, errors, expressions);
        map(read)(value, errors).map(BTreeMap::from_iter)
    }
}

/// Reads a predicate, whose kind is one of its members. Errors are reported below the name of the kind.
fn predicate(value: &Value, errors: &mut FieldErrors, expressions: &Expressions<'_>) -> Option<Predicate> {
    const DISCRIMINATOR: &str = "predicate_type_discriminator()";
    const KINDS: &str = "'jsonata_fn', 'cel_fn', 'type_equals'";
    let kind = match value.get("predicate_type") {
        None => "jsonata_fn".to_owned(),
        Some(Value::String(kind)) => {
            let value = ["jsonata_fn", "cel_fn", "type_equals"].into_iter().find(|value| is_named(kind, value));
            value.unwrap_or(kind).to_owned()
        }
        Some(Value::Null) => {
            let msg = format!("Unable to extract tag using discriminator {DISCRIMINATOR}");
            return errors.note_with("union_tag_not_found", msg, value, json!({"discriminator": DISCRIMINATOR}));
        }
        Some(other) => repr(other),
    };
    let language = match kind.as_str() {
        "jsonata_fn" => Some(Language::Jsonata),
        "cel_fn" => Some(Language::Cel),
        "type_equals" => None,
        _ => {
            let msg = format!(
                "Input tag '{kind}' found using {DISCRIMINATOR} does not match any of the expected tags: {KINDS}"
            );
            let ctx = json!({"discriminator": DISCRIMINATOR, "tag": kind, "expected_tags": KINDS});
            return errors.note_with("union_tag_invalid", msg, value, ctx);
        }
    };
    let read = object(|f| match language {
        Some(language) => expression(f, language, expressions),
        None => Some(Predicate::TypeEquals { expected_type: f.required("expected_type", text)? }),
    });
    errors.inside(kind.as_str().into(), |errors| read(value, errors))
}

fn expression(f: &mut Fields<'_, '_>, language: Language, expressions: &Expressions<'_>) -> Option<Predicate> {
    let source = f.required("expression", text)?;
    let expression = checked(language, source, f.whole(), f.errors, expressions)?;
    Some(match language {
        Language::Jsonata => Predicate::Jsonata { expression },
        Language::Cel => Predicate::Cel { expression },
    })
}

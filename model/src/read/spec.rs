//! Reads the spec of a guild: trims texts, fills in defaults, creates missing ids and reports every error with its
//! place. The rules are those of the reference's API models and of the operator's ceilings for the sandbox.

mod advice;
mod rules;
mod sandbox;

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::component::ComponentRef;
use crate::expression::Expressions;
use crate::ids::{AgentId, short_uuid};
use crate::python_repr::repr;
use crate::read::{
    FieldError, FieldErrors, Fields, boolean, document, integer_or_float, length, list, map, name, object,
    object_as_is, text, trimmed, whole,
};
use crate::spec::{AgentSpec, GuildSpec, QosSpec, ResourceSpec, RoutingSlip};
use crate::topic;

pub use advice::{advice, misspelt_spec, unknown_keys, unknown_keys_of_blueprint, unknown_values};
pub use rules::{rule, slip};
pub use sandbox::{SandboxCeilings, sandbox};

use rules::{guild_slip, predicates};

/// The longest name of a guild or an agent, in characters.
pub const MAX_NAME: usize = 64;

/// The values that a reader of specs needs in addition to the document.
#[derive(Clone, Copy)]
pub struct SpecContext<'c> {
    /// The operator's ceilings.
    pub ceilings: &'c SandboxCeilings,
    /// Checks the expressions of rules and predicates.
    pub expressions: &'c Expressions<'c>,
    /// Returns 128 new random bits at each call, for ids that the document does not have.
    pub random: fn() -> u128,
}

/// Returns a reader for the spec of a guild.
pub fn guild<'c>(context: SpecContext<'c>) -> impl FnOnce(&Value, &mut FieldErrors) -> Option<GuildSpec> + 'c {
    object(move |f| {
        let id = f.or("id", None, given_id);
        let name = f.required("name", name(length(1, MAX_NAME)));
        let description = f.required("description", length(1, usize::MAX));
        let properties = f.or("properties", Map::new(), object_as_is);
        let agents = f.or("agents", Vec::new(), list(|value, errors| agent(value, errors, context)));
        let dependency_map = f.or("dependency_map", Map::new(), dependencies);
        let routes = f.or("routes", RoutingSlip::default(), guild_slip(context.ceilings, context.expressions));
        let gateway = f.optional("gateway", gateway);
        if let Some(key) = f.whole().as_object().and_then(advice::misspelt_agents) {
            let value = f.whole()[key].clone();
            return f.errors.inside(key.into(), |errors| {
                errors.note("extra_forbidden", "This key is unknown; did you mean `agents`?", &value)
            });
        }
        Some(GuildSpec {
            id: id?.unwrap_or_else(|| short_uuid((context.random)())).into(),
            name: name?,
            description: description?,
            properties: properties?,
            agents: agents?,
            dependency_map: dependency_map?,
            routes: routes?,
            gateway: gateway?,
        })
    })
}

/// Reads the spec of an agent. Without a class its other errors are not reported, because they depend on the class.
pub fn agent(value: &Value, errors: &mut FieldErrors, context: SpecContext<'_>) -> Option<AgentSpec> {
    object(|f| {
        let class_name = class_name(f)?;
        let id = f.or("id", None, given_id);
        let name = f.required("name", name(length(1, MAX_NAME)));
        let description = f.required("description", length(1, usize::MAX));
        let additional_topics = f.or("additional_topics", Vec::new(), list(own_topic));
        let properties = f.or("properties", Map::new(), properties);
        let listen_to_default_topic = f.or("listen_to_default_topic", true, boolean);
        let act_only_when_tagged = f.or("act_only_when_tagged", false, boolean);
        let predicates = f.or("predicates", BTreeMap::new(), predicates(context.expressions));
        let dependency_map = f.or("dependency_map", Map::new(), dependencies);
        let additional_dependencies = f.or("additional_dependencies", Vec::new(), list(trimmed));
        let resources = f.or("resources", ResourceSpec::default(), resources);
        let qos = f.or("qos", QosSpec::default(), qos);
        let component = f.optional("component", ComponentRef::read);
        let sandbox = f.optional("sandbox", |value, errors| sandbox(value, errors, context.ceilings));
        let name = name?;
        Some(AgentSpec {
            id: id?.map_or_else(|| AgentId::for_name(&name, (context.random)()), AgentId::from),
            name,
            description: description?,
            class_name,
            additional_topics: additional_topics?,
            properties: properties?,
            listen_to_default_topic: listen_to_default_topic?,
            act_only_when_tagged: act_only_when_tagged?,
            predicates: predicates?,
            dependency_map: dependency_map?,
            additional_dependencies: additional_dependencies?,
            resources: resources?,
            qos: qos?,
            component: component?,
            sandbox: sandbox?,
        })
    })(value, errors)
}

/// The longest id, in bytes.
const MAX_ID: usize = 256;

/// Reads an id that the author chose; an empty one counts as absent. Ids are parts of paths and topics.
fn given_id(value: &Value, errors: &mut FieldErrors) -> Option<Option<String>> {
    let id = name(trimmed)(value, errors)?;
    let is_forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if id.len() > MAX_ID || id.contains(is_forbidden) || matches!(id.as_str(), "." | "..") {
        let msg = format!("An id has at most {MAX_ID} bytes, without slashes and control characters");
        return errors.refuse(&msg, value);
    }
    Some(Some(id).filter(|id| !id.is_empty()))
}

fn class_name(f: &mut Fields<'_, '_>) -> Option<String> {
    match f.whole().get("class_name") {
        None | Some(Value::Null) => f.errors.refuse("class_name is required", f.whole()),
        Some(Value::String(class)) if class.is_empty() => f.errors.refuse("class_name is required", f.whole()),
        Some(class @ Value::String(text)) if text.contains('.') => name(trimmed)(class, f.errors),
        Some(Value::String(class)) => f.errors.refuse(&format!("Invalid class name: {class}"), f.whole()),
        Some(other) => f.errors.refuse(&format!("Invalid class name: {}", repr(other)), f.whole()),
    }
}

/// Reads a topic that an agent listens to. Those that are internal to the host are none for agents.
fn own_topic(value: &Value, errors: &mut FieldErrors) -> Option<String> {
    let name = name(trimmed)(value, errors)?;
    if topic::is_internal(&topic::canonical(&name)) {
        return errors.refuse(&format!("{name} is a topic of the host's own; agents cannot listen to it"), value);
    }
    Some(name)
}

fn properties(value: &Value, errors: &mut FieldErrors) -> Option<Map<String, Value>> {
    if value.is_null() { object(|_| None)(value, errors) } else { object_as_is(value, errors) }
}

fn dependencies(value: &Value, errors: &mut FieldErrors) -> Option<Map<String, Value>> {
    let dependency = |value: &Value, errors: &mut FieldErrors| {
        object(|f| {
            let class_name = f.required("class_name", length(1, usize::MAX));
            let properties = f.or("properties", Map::new(), object_as_is);
            Some(json!({"class_name": class_name?, "properties": properties?}))
        })(value, errors)
    };
    map(dependency)(value, errors).map(Map::from_iter)
}

fn resources(value: &Value, errors: &mut FieldErrors) -> Option<ResourceSpec> {
    object(|f| {
        let num_cpus = f.optional("num_cpus", integer_or_float);
        let num_gpus = f.optional("num_gpus", integer_or_float);
        let custom_resources = f.or("custom_resources", Vec::new(), map(integer_or_float));
        Some(ResourceSpec {
            num_cpus: num_cpus?,
            num_gpus: num_gpus?,
            custom_resources: custom_resources?.into_iter().collect(),
        })
    })(value, errors)
}

fn qos(value: &Value, errors: &mut FieldErrors) -> Option<QosSpec> {
    object(|f| {
        let timeout = f.optional("timeout", whole(0, u64::MAX));
        let retry_count = f.optional("retry_count", small);
        let latency = f.optional("latency", whole(0, u64::MAX));
        Some(QosSpec { timeout: timeout?, retry_count: retry_count?, latency: latency? })
    })(value, errors)
}

fn small(value: &Value, errors: &mut FieldErrors) -> Option<u32> {
    let number = whole(0, u64::from(u32::MAX))(value, errors)?;
    u32::try_from(number).ok()
}

fn gateway(value: &Value, errors: &mut FieldErrors) -> Option<Value> {
    object(|f| {
        let enabled = f.or("enabled", true, boolean);
        let input_formats = f.required("input_formats", list(name(trimmed)));
        let output_formats = f.required("output_formats", list(trimmed));
        let returned_formats = f.or("returned_formats", Vec::new(), list(trimmed));
        Some(json!({
            "enabled": enabled?,
            "input_formats": input_formats?,
            "output_formats": output_formats?,
            "returned_formats": returned_formats?,
        }))
    })(value, errors)
}

/// Returns the first agent id that occurs twice in a guild.
#[must_use]
pub fn duplicate_agent(spec: &GuildSpec) -> Option<&AgentId> {
    let mut seen = HashSet::new();
    spec.agents.iter().map(|agent| &agent.id).find(|id| !seen.insert(*id))
}

/// Returns the parts of a spec that this host does not support, each as a sentence. A spec with such a part is refused.
#[must_use]
pub fn unsupported(spec: &GuildSpec) -> Vec<String> {
    let mut found = Vec::new();
    if spec.gateway.as_ref().is_some_and(|gateway| gateway["enabled"] == true) {
        found.push("gateway is not supported yet".to_owned());
    }
    found
}

/// Returns the properties that choose a backend of another implementation, each as a sentence. The host stores and
/// shows these properties and uses its own backends.
#[must_use]
pub fn external_backends(spec: &GuildSpec) -> Vec<String> {
    const KNOWN: [(&str, &str); 4] = [
        ("messaging", "messages go through the journal of this host"),
        ("execution_engine", "agents run in the sandbox of this host"),
        ("client_type", "agents are reached through the journal of this host"),
        ("state_manager", "states are stored by this host"),
    ];
    let warning = |(key, instead): &(&str, &str)| {
        let value = spec.properties.get(*key).filter(|value| !value.is_null())?;
        let name = value.get("backend_class").unwrap_or(value);
        let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        Some(format!("properties.{key} ({name}) is stored but not used: {instead}"))
    };
    KNOWN.iter().filter_map(warning).collect()
}

/// Checks that the messaging property of a guild is complete, although the host does not use it.
///
/// # Errors
/// The errors, with paths that start at the spec.
pub fn check_messaging(spec: &GuildSpec) -> Result<(), Vec<FieldError>> {
    let Some(messaging) = spec.properties.get("messaging").filter(|messaging| !messaging.is_null()) else {
        return Ok(());
    };
    let read = object(|f| {
        let module = f.required("backend_module", text);
        let class = f.required("backend_class", text);
        let config = f.required("backend_config", object_as_is);
        module.and(class).and(config).map(drop)
    });
    document(messaging, &["properties", "messaging"], read)
}

#[cfg(test)]
mod tests;

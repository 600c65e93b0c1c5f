//! Specs: a guild, its agents and its rules, as a blueprint describes them. The document itself is stored whole, and
//! these types are what the host acts on. [`crate::read::spec`] reads untrusted JSON into them and reports every error.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::expression::Language;
use crate::ids::{AgentId, GuildId};
use crate::origin::Origin;
use crate::priority::Priority;
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic::Topics;
use crate::{format, topic};

/// The specification of a guild.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GuildSpec {
    /// The guild's id.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub id: GuildId,
    /// The display name, at most 64 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    /// A description for people.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub description: String,
    /// Free properties. Those that choose a backend of another implementation have no effect.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// The agents.
    #[serde(default)]
    pub agents: Vec<AgentSpec>,
    /// The dependencies that all agents share, by key.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::openapi::DependencySpec>))]
    pub dependency_map: Map<String, Value>,
    /// The rules of the guild.
    #[serde(default)]
    pub routes: RoutingSlip,
    /// The gateway to other guilds, which the host does not support.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::GatewayConfig>))]
    pub gateway: Option<Value>,
}

/// The specification of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentSpec {
    /// The agent's id, unique in its guild.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub id: AgentId,
    /// The display name, at most 64 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    /// A description for people.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub description: String,
    /// The agent class.
    #[cfg_attr(feature = "openapi", schema(pattern = r"\."))]
    pub class_name: String,
    /// The topics that the agent listens to in addition to its inboxes.
    #[serde(default)]
    pub additional_topics: Vec<String>,
    /// The properties of the class.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// Whether the agent listens to the default topic.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub listen_to_default_topic: bool,
    /// Whether the agent handles only messages that are tagged for it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub act_only_when_tagged: bool,
    /// The conditions under which a handler runs, by the name of the handler.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::openapi::Predicate>))]
    pub predicates: BTreeMap<String, Predicate>,
    /// The dependencies of the agent, by key.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::openapi::DependencySpec>))]
    pub dependency_map: Map<String, Value>,
    /// The keys of further dependencies.
    #[serde(default)]
    pub additional_dependencies: Vec<String>,
    /// The resources that the agent asks for.
    #[serde(default)]
    pub resources: ResourceSpec,
    /// The quality of service that the agent asks for.
    #[serde(default)]
    pub qos: QosSpec,
    /// The component that serves the agent: a digest (`sha256:…`), or in a document of a client any
    /// [`ComponentRef`](crate::component::ComponentRef). `None` takes the catalog's binding of `class_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The limits and grants that the agent asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxSpec>,
}

impl AgentSpec {
    /// Returns the spec of a guild's manager.
    #[must_use]
    pub fn manager_of(guild: &GuildSpec) -> Self {
        Self {
            id: AgentId::manager_of(&guild.id),
            name: format!("GuildManagerAgent4{}", guild.id),
            description: format!("Guild Manager Agent for {}", guild.name),
            class_name: format::MANAGER_CLASS.to_owned(),
            additional_topics: [topic::SYSTEM, topic::HEARTBEAT, topic::GUILD_STATUS].map(str::to_owned).into(),
            properties: Map::new(),
            listen_to_default_topic: false,
            act_only_when_tagged: false,
            predicates: BTreeMap::new(),
            dependency_map: Map::new(),
            additional_dependencies: Vec::new(),
            resources: ResourceSpec::default(),
            qos: QosSpec::default(),
            component: None,
            sandbox: None,
        }
    }

    /// Returns the id and the name of the agent.
    #[must_use]
    pub fn tag(&self) -> AgentTag {
        AgentTag::new(self.id.as_str(), self.name.as_str())
    }
}

const fn yes() -> bool {
    true
}

/// The resources that an agent asks for. They are stored and have no effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceSpec {
    /// The number of processors.
    #[serde(default)]
    pub num_cpus: Option<f64>,
    /// The number of graphics processors.
    #[serde(default)]
    pub num_gpus: Option<f64>,
    /// Other resources, by name.
    #[serde(default)]
    pub custom_resources: BTreeMap<String, f64>,
}

/// The quality of service that an agent asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = QOSSpec))]
pub struct QosSpec {
    /// The seconds that a turn may take. It only lowers `sandbox.timeout_ms`.
    #[serde(default)]
    pub timeout: Option<u64>,
    /// The number of times that a message is redelivered after `retry`; the default is 3.
    #[serde(default)]
    pub retry_count: Option<u32>,
    /// The milliseconds that a message may wait before the agent is `backlogged`.
    #[serde(default)]
    pub latency: Option<u64>,
}

/// The limits and grants that an agent asks for, within the operator's ceilings and policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SandboxSpec {
    /// The fuel of one turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub fuel: Option<u64>,
    /// The MiB of linear memory, for all memories of the instance together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub memory_mib: Option<u64>,
    /// The milliseconds of one turn, host calls included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub timeout_ms: Option<u64>,
    /// The number of messages that one turn may emit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub emits: Option<u64>,
    /// The number of HTTP requests that one turn may send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub http_calls: Option<u64>,
    /// The KiB of HTTP responses that one turn may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub http_response_kib: Option<u64>,
    /// The number of keys in a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub keyvalue_keys: Option<u64>,
    /// The KiB of a bucket, keys and values together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub keyvalue_kib: Option<u64>,
    /// The origins to which the agent sends requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub http: Vec<Origin>,
    /// Whether the agent uses key-value buckets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyvalue: bool,
    /// The configuration that the agent reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, String>>,
    /// The names of the secrets that the host may put into the agent's requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The names of the secrets that the agent may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reveal: Vec<String>,
    /// The names of the host's environment variables that the agent sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The seconds without a message after which the instance is dropped; 0 means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_unload_s: Option<u64>,
}

/// A routing slip: the rules that travel with a message. Messages share the rules that they have not changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingSlip {
    /// The rules, in the order in which they apply.
    #[serde(default)]
    pub steps: Vec<Arc<RoutingRule>>,
}

impl RoutingSlip {
    /// Returns whether a rule has an expression.
    #[must_use]
    pub fn has_expressions(&self) -> bool {
        let has_one = |rule: &Arc<RoutingRule>| {
            rule.transformer.is_some() || rule.agent_state_update.is_some() || rule.guild_state_update.is_some()
        };
        self.steps.iter().any(has_one)
    }
}

/// A rule of a routing slip. It applies when all of its conditions hold; one that is absent holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingRule {
    /// Condition: the agent that sends.
    #[serde(default)]
    pub agent: Option<AgentTag>,
    /// Condition: the class of the sender, exact or as a shell pattern.
    #[serde(default)]
    pub agent_type: Option<String>,
    /// Condition: the handler that sends.
    #[serde(default)]
    pub method_name: Option<String>,
    /// Condition: the message that the sender handles.
    #[serde(default)]
    pub origin_filter: Option<OriginFilter>,
    /// Condition: the format of the message that is sent.
    #[serde(default)]
    pub message_format: Option<String>,
    /// Where the message goes; `None` keeps the topics of the origin.
    #[serde(default)]
    pub destination: Option<Destination>,
    /// Whether the message is marked as forwarded.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub mark_forwarded: bool,
    /// How often the rule may apply; -1 means without limit.
    #[serde(default = "once")]
    #[cfg_attr(feature = "openapi", schema(default = 1))]
    pub route_times: i64,
    /// Changes the message.
    #[serde(default, deserialize_with = "readable")]
    pub transformer: Option<Arc<Transformer>>,
    /// Changes the sender's state.
    #[serde(default, deserialize_with = "readable")]
    pub agent_state_update: Option<Arc<StateUpdate>>,
    /// Changes the guild's state.
    #[serde(default, deserialize_with = "readable")]
    pub guild_state_update: Option<Arc<StateUpdate>>,
    /// The new process status of the message.
    #[serde(default)]
    pub process_status: Option<ProcessStatus>,
    /// The reason for the message history.
    #[serde(default)]
    pub reason: Option<String>,
}

impl RoutingSlip {
    /// Returns about how many bytes the slip has in the log.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.steps.iter().map(|rule| rule.stored_bytes()).sum()
    }
}

impl RoutingRule {
    /// Returns about how many bytes the rule has in the log.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let tag = |tag: &Option<AgentTag>| tag.as_ref().map_or(0, AgentTag::stored_bytes);
        let update =
            |update: &Option<Arc<StateUpdate>>| update.as_ref().map_or(0, |update| update.state_update.len() + 96);
        let origin = self.origin_filter.as_ref().map_or(0, |filter| {
            tag(&filter.origin_sender) + text(&filter.origin_topic) + text(&filter.origin_message_format) + 80
        });
        let destination = self.destination.as_ref().map_or(0, |destination| {
            let topics = destination.topics.iter().flat_map(Topics::as_slice).map(|topic| topic.len() + 3);
            let recipients = destination.recipient_list.iter().map(AgentTag::stored_bytes);
            topics.sum::<usize>() + recipients.sum::<usize>() + 56
        });
        let transformer = self.transformer.as_deref().map_or(0, |transformer| match transformer {
            Transformer::Payload { output_format, expression, .. } => text(output_format) + expression.len() + 96,
            Transformer::Functional { handler, .. } => handler.len() + 72,
        });
        RULE_BYTES
            + tag(&self.agent)
            + text(&self.agent_type)
            + text(&self.method_name)
            + origin
            + text(&self.message_format)
            + destination
            + transformer
            + update(&self.agent_state_update)
            + update(&self.guild_state_update)
            + text(&self.reason)
    }
}

/// About how many bytes a stored rule has besides its texts.
const RULE_BYTES: usize = 280;

/// Reads a value that an earlier version stored as its client wrote it. A value that cannot be read becomes `None`.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(given: D) -> Result<Option<Arc<T>>, D::Error> {
    let value = Value::deserialize(given)?;
    Ok(serde_json::from_value(value).ok().map(Arc::new))
}

const fn once() -> i64 {
    1
}

/// A condition about the message that a sender handles (the origin). All members that are present must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = RoutingOrigin))]
pub struct OriginFilter {
    /// The sender of the origin.
    #[serde(default)]
    pub origin_sender: Option<AgentTag>,
    /// The topic on which the origin was received.
    #[serde(default)]
    pub origin_topic: Option<String>,
    /// The format of the origin.
    #[serde(default)]
    pub origin_message_format: Option<String>,
}

/// Where a rule sends a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = RoutingDestination))]
pub struct Destination {
    /// The topics; `None` or an empty text keeps the topics of the origin.
    #[serde(default)]
    pub topics: Option<Topics>,
    /// The recipients; an empty list keeps those of the message.
    #[serde(default)]
    pub recipient_list: Vec<AgentTag>,
    /// The priority; `None` keeps that of the message.
    #[serde(default)]
    pub priority: Option<Priority>,
}

/// Changes the message that a rule sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Transformer {
    /// Computes a new payload from the old one.
    Payload {
        /// The purpose, without effect.
        #[serde(default)]
        style: TransformerStyle,
        /// The new format; `None` keeps the old one.
        #[serde(default = "generic_json")]
        output_format: Option<String>,
        /// The language of the expression.
        #[serde(default)]
        expression_type: Language,
        /// The text of the expression.
        expression: String,
    },
    /// Computes members of the message, which replace those of the same name.
    Functional {
        /// The purpose, without effect.
        #[serde(default)]
        style: TransformerStyle,
        /// The language of the expression.
        #[serde(default)]
        expression_type: Language,
        /// The text of the expression.
        handler: String,
    },
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that may be null")]
fn generic_json() -> Option<String> {
    Some("generic_json".to_owned())
}

/// The purpose of a transformer. It has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TransformerStyle {
    /// Changes the payload.
    #[default]
    Simple,
    /// Chooses where the message goes.
    ContentBasedRouter,
}

/// Changes a state when a rule sends a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = StateTransformer))]
pub struct StateUpdate {
    /// The language of the expression.
    #[serde(default)]
    pub expression_type: Language,
    /// The notation of the update.
    #[serde(default)]
    pub update_format: UpdateFormat,
    /// The expression that computes the update.
    pub state_update: String,
}

/// The notation of a state change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = StateUpdateFormat))]
pub enum UpdateFormat {
    /// RFC 6902, as `{"operations": [...]}`.
    #[serde(rename = "json-patch")]
    JsonPatch,
    /// RFC 7396.
    #[default]
    #[serde(rename = "json-merge-patch")]
    MergePatch,
}

/// A condition under which a handler runs for a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "predicate_type")]
pub enum Predicate {
    /// A JSONata expression.
    #[serde(rename = "jsonata_fn")]
    Jsonata {
        /// The text of the expression.
        expression: String,
    },
    /// A CEL expression.
    #[serde(rename = "cel_fn")]
    Cel {
        /// The text of the expression.
        expression: String,
    },
    /// The message's format must be this one.
    #[serde(rename = "type_equals")]
    TypeEquals {
        /// The format.
        expected_type: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_that_an_earlier_version_stored_is_read() {
        let rule = |value: Value| serde_json::from_value::<RoutingRule>(value).unwrap();
        let read = rule(json!({
            "transformer": {"expression": "$", "expression_type": "cel"},
            "agent_state_update": {"state_update": "$"},
            "guild_state_update": {"state_update": null},
        }));
        let expected = Transformer::Payload {
            style: TransformerStyle::Simple,
            output_format: Some("generic_json".into()),
            expression_type: Language::Cel,
            expression: "$".into(),
        };
        assert_eq!(read.transformer.as_deref(), Some(&expected));
        assert_eq!(read.agent_state_update.as_ref().unwrap().update_format, UpdateFormat::MergePatch);
        assert_eq!(read.guild_state_update, None);
        assert!(rule(json!({"transformer": {"handler": "$"}})).transformer.is_some());
        assert_eq!(rule(json!({"transformer": {"style": 7}})).transformer, None);
        assert_eq!(rule(json!({"transformer": null})), rule(json!({})));
    }
}

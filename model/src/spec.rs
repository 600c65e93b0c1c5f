//! Specs: what a blueprint says about a guild, its agents and its routes. The
//! document is stored whole; these are the typed views the host acts on.
//! [`super::read`] turns foreign JSON into them and names every mistake.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::expression::Language;
use super::ids::{AgentId, GuildId};
use super::message::{AgentTag, Priority, ProcessStatus, Topics};
use super::origin::Origin;
use super::{format, topic};

/// One guild as its author wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GuildSpec {
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub id: GuildId,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub description: String,
    #[serde(default)]
    pub properties: Map<String, Value>,
    #[serde(default)]
    pub agents: Vec<AgentSpec>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::openapi::DependencySpec>))]
    pub dependency_map: Map<String, Value>,
    #[serde(default)]
    pub routes: RoutingSlip,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::GatewayConfig>))]
    pub gateway: Option<Value>,
}

/// One agent of a guild.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentSpec {
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub id: AgentId,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub description: String,
    #[cfg_attr(feature = "openapi", schema(pattern = r"\."))]
    pub class_name: String,
    #[serde(default)]
    pub additional_topics: Vec<String>,
    #[serde(default)]
    pub properties: Map<String, Value>,
    #[serde(default = "yes")]
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub listen_to_default_topic: bool,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub act_only_when_tagged: bool,
    /// By the name of a handler: whether it is to run.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::openapi::Predicate>))]
    pub predicates: BTreeMap<String, Predicate>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::openapi::DependencySpec>))]
    pub dependency_map: Map<String, Value>,
    #[serde(default)]
    pub additional_dependencies: Vec<String>,
    #[serde(default)]
    pub resources: ResourceSpec,
    #[serde(default)]
    pub qos: QosSpec,
    /// A digest (`sha256:…`), or in what a client sent another [`ComponentRef`](super::component::ComponentRef);
    /// without one the catalog's binding of `class_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxSpec>,
}

impl AgentSpec {
    /// The entry of the guild's own manager.
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

    #[must_use]
    pub fn tag(&self) -> AgentTag {
        AgentTag::new(self.id.as_str(), self.name.as_str())
    }
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceSpec {
    #[serde(default)]
    pub num_cpus: Option<f64>,
    #[serde(default)]
    pub num_gpus: Option<f64>,
    #[serde(default)]
    pub custom_resources: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = QOSSpec))]
pub struct QosSpec {
    /// Seconds that one turn may take; lowers `sandbox.timeout_ms`.
    #[serde(default)]
    pub timeout: Option<u64>,
    /// How often a message is redelivered after `retry`; 3 unless given.
    #[serde(default)]
    pub retry_count: Option<u32>,
    /// Milliseconds a message may wait before the agent is `backlogged`.
    #[serde(default)]
    pub latency: Option<u64>,
}

/// What a blueprint asks of the sandbox, within the operator's ceilings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SandboxSpec {
    /// Fuel per turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub fuel: Option<u64>,
    /// MiB of linear memory, over all memories of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub memory_mib: Option<u64>,
    /// Wall time of one turn, host calls included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub timeout_ms: Option<u64>,
    /// Messages that one turn may emit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub emits: Option<u64>,
    /// HTTP requests that one turn may send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub http_calls: Option<u64>,
    /// KiB of responses that one turn may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub http_response_kib: Option<u64>,
    /// Keys of a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub keyvalue_keys: Option<u64>,
    /// KiB of a bucket, keys and values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub keyvalue_kib: Option<u64>,
    /// Where it sends requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub http: Vec<Origin>,
    /// Whether it keeps values under keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyvalue: bool,
    /// What it reads as its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, String>>,
    /// Secrets that it may have put into its requests, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Those of them that it may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reveal: Vec<String>,
    /// Variables of the host's environment that it sees, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Seconds without a message after which the instance is dropped; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_unload_s: Option<u64>,
}

/// Rules that decide where what an agent says goes. Each message has a slip; rules that
/// are not used up are shared by all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingSlip {
    #[serde(default)]
    pub steps: Vec<Arc<RoutingRule>>,
}

/// One rule of a slip; all conditions given must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingRule {
    /// The agent that sends.
    #[serde(default)]
    pub agent: Option<AgentTag>,
    /// Its class, exact or as a shell pattern.
    #[serde(default)]
    pub agent_type: Option<String>,
    /// The handler that sends.
    #[serde(default)]
    pub method_name: Option<String>,
    /// About the message being handled.
    #[serde(default)]
    pub origin_filter: Option<OriginFilter>,
    /// The format of what is sent.
    #[serde(default)]
    pub message_format: Option<String>,
    #[serde(default)]
    pub destination: Option<Destination>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub mark_forwarded: bool,
    /// How often the rule may fire; -1 means for ever.
    #[serde(default = "once")]
    #[cfg_attr(feature = "openapi", schema(default = 1))]
    pub route_times: i64,
    #[serde(default, deserialize_with = "if_read")]
    pub transformer: Option<Arc<Transformer>>,
    #[serde(default, deserialize_with = "if_read")]
    pub agent_state_update: Option<Arc<StateUpdate>>,
    #[serde(default, deserialize_with = "if_read")]
    pub guild_state_update: Option<Arc<StateUpdate>>,
    #[serde(default)]
    pub process_status: Option<ProcessStatus>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Reads what older rows hold as their clients wrote it; what cannot be read is none.
fn if_read<'de, D: Deserializer<'de>, T: DeserializeOwned>(given: D) -> Result<Option<Arc<T>>, D::Error> {
    let value = Value::deserialize(given)?;
    Ok(serde_json::from_value(value).ok().map(Arc::new))
}

const fn once() -> i64 {
    1
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = RoutingOrigin))]
pub struct OriginFilter {
    #[serde(default)]
    pub origin_sender: Option<AgentTag>,
    #[serde(default)]
    pub origin_topic: Option<String>,
    #[serde(default)]
    pub origin_message_format: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = RoutingDestination))]
pub struct Destination {
    #[serde(default)]
    pub topics: Option<Topics>,
    #[serde(default)]
    pub recipient_list: Vec<AgentTag>,
    #[serde(default)]
    pub priority: Option<Priority>,
}

/// Changes what a rule sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Transformer {
    /// Gives a new payload for an old one.
    Payload {
        #[serde(default)]
        style: TransformerStyle,
        /// `None`: the format stays.
        #[serde(default = "generic_json")]
        output_format: Option<String>,
        #[serde(default)]
        expression_type: Language,
        expression: String,
    },
    /// Gives members of what is sent, which replace those that were there.
    Functional {
        #[serde(default)]
        style: TransformerStyle,
        #[serde(default)]
        expression_type: Language,
        handler: String,
    },
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that may be null")]
fn generic_json() -> Option<String> {
    Some("generic_json".to_owned())
}

/// What a transformer is meant for; without effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TransformerStyle {
    #[default]
    Simple,
    ContentBasedRouter,
}

/// Changes a state when a rule sends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = StateTransformer))]
pub struct StateUpdate {
    #[serde(default)]
    pub expression_type: Language,
    #[serde(default)]
    pub update_format: UpdateFormat,
    /// Gives the body of the update.
    pub state_update: String,
}

/// How a change of a state is written.
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

/// Whether a handler is to run for a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "predicate_type")]
pub enum Predicate {
    #[serde(rename = "jsonata_fn")]
    Jsonata { expression: String },
    #[serde(rename = "cel_fn")]
    Cel { expression: String },
    /// The message's format must be this one.
    #[serde(rename = "type_equals")]
    TypeEquals { expected_type: String },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_of_an_older_row_can_be_read() {
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

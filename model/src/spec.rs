//! Specs: a guild, its agents and its rules, as a blueprint describes them. The document itself is stored whole, and
//! these types are what the host acts on. [`crate::read::spec`] reads untrusted JSON into them and reports every error.

mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{AgentId, GuildId};
use crate::origin::Origin;
use crate::tag::AgentTag;
use crate::{format, topic};

pub use rules::{
    Destination, OriginFilter, RoutingRule, RoutingSlip, StateUpdate, Transformer, TransformerStyle, UpdateFormat,
};

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

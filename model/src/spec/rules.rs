//! The rules of routing slips: their conditions, and what they change and where they send.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::expression::Language;
use crate::priority::Priority;
use crate::status::ProcessStatus;
use crate::tag::AgentTag;
use crate::topic::Topics;

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

    /// Returns about how many bytes the slip has in the log.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.steps.iter().map(|rule| rule.stored_bytes()).sum()
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

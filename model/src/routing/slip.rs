//! Routing slips: which rules of a slip apply, and what a rule does to a message.

use std::sync::Arc;

use crate::message::{ForwardHeader, Message};
use crate::spec::{OriginFilter, RoutingRule, RoutingSlip};
use crate::tag::AgentTag;
use crate::topic::Topics;
use crate::{format, topic};

use super::{Speaker, pattern};

/// Who says what, in answer to what: all that a rule's conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Speaking<'a> {
    pub speaker: &'a Speaker,
    pub origin_sender: &'a AgentTag,
    /// The topic on which the speaker heard what it answers.
    pub origin_topic: &'a str,
    pub origin_format: &'a str,
    pub format: &'a str,
}

/// Takes the rules that apply out of a slip, in its order: each counts down once
/// (-1 never does), and what is used up leaves the slip, whether or not it applied.
pub fn take_matching(slip: &mut Arc<RoutingSlip>, speaking: &Speaking<'_>) -> Vec<Arc<RoutingRule>> {
    let mut taken = Vec::new();
    let steps = &mut Arc::make_mut(slip).steps;
    for rule in &mut *steps {
        if rule.applies(speaking) {
            taken.push(rule.clone());
            if rule.route_times > 0 {
                Arc::make_mut(rule).route_times -= 1;
            }
        }
    }
    steps.retain(|rule| rule.route_times != 0);
    taken
}

impl RoutingRule {
    /// Whether all conditions given hold.
    #[must_use]
    pub fn applies(&self, speaking: &Speaking<'_>) -> bool {
        let given = |condition: &Option<String>, actual: &str| {
            condition.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == actual)
        };
        self.agent.as_ref().is_none_or(|tag| tag.matches(&speaking.speaker.tag))
            && self.agent_type.as_deref().is_none_or(|pattern| matches_class(pattern, &speaking.speaker.class_name))
            && given(&self.method_name, speaking.speaker.method)
            && given(&self.message_format.clone().map(format::canonical), speaking.format)
            && self.origin_filter.as_ref().is_none_or(|filter| filter.admits(speaking))
    }

    /// The topics this rule sends to, if it names any.
    pub(super) fn topics(&self) -> Option<Topics> {
        let topics = self.destination.as_ref()?.topics.as_ref().filter(|topics| !topics.is_empty())?;
        Some(match topics {
            Topics::One(name) => Topics::One(topic::canonical(name)),
            Topics::Many(names) => Topics::Many(names.iter().map(|name| topic::canonical(name)).collect()),
        })
    }

    /// What the rule changes besides the topics.
    pub(super) fn apply(&self, message: &mut Message, origin: &Message) {
        if let Some(destination) = &self.destination {
            if !destination.recipient_list.is_empty() {
                message.recipients.clone_from(&destination.recipient_list);
            }
            message.priority = destination.priority.unwrap_or(message.priority);
        }
        if self.mark_forwarded {
            message.forward_header = Some(origin.forward_header.clone().unwrap_or_else(|| ForwardHeader {
                origin_message_id: origin.id,
                on_behalf_of: origin.sender.clone(),
            }));
        }
        message.process_status = self.process_status.or(message.process_status);
    }
}

impl OriginFilter {
    fn admits(&self, speaking: &Speaking<'_>) -> bool {
        let given = |condition: &Option<String>, actual: &str| {
            condition.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == actual)
        };
        self.origin_sender.as_ref().is_none_or(|tag| tag.matches(speaking.origin_sender))
            && given(&self.origin_topic.as_deref().map(topic::canonical), speaking.origin_topic)
            && given(&self.origin_message_format, speaking.origin_format)
    }
}

/// Whether a class name is meant: exactly, or by a shell pattern when there is a
/// `*`, `?` or `[` in it.
fn matches_class(pattern: &str, class_name: &str) -> bool {
    if pattern.is_empty() || pattern == class_name {
        return true;
    }
    pattern.contains(['*', '?', '[']) && pattern::matches(pattern, class_name)
}

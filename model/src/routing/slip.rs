//! Routing slips: which rules of a slip apply to a message, and how a rule changes the message.

use std::sync::Arc;

use crate::message::{ForwardHeader, Message};
use crate::spec::{OriginFilter, RoutingRule, RoutingSlip};
use crate::tag::AgentTag;
use crate::topic::Topics;
use crate::{format, topic};

use crate::routing::pattern;
use crate::routing::sender::Sender;

/// Everything that the conditions of a rule look at: the sender, the format that it sends, and the message that it
/// answers (the origin).
#[derive(Clone, Copy, Debug)]
pub struct RuleInput<'a> {
    /// The agent that sends.
    pub sender: &'a Sender,
    /// The sender of the origin.
    pub origin_sender: &'a AgentTag,
    /// The topic on which `sender` received the origin.
    pub origin_topic: &'a str,
    /// The format of the origin.
    pub origin_format: &'a str,
    /// The format of the message that is sent.
    pub format: &'a str,
}

/// Returns the rules of a slip that apply, in its order, and counts each of them down once; a count of -1 stays. Every
/// rule whose count is 0 then leaves the slip, whether or not it applied.
pub fn take_matching(slip: &mut Arc<RoutingSlip>, input: &RuleInput<'_>) -> Vec<Arc<RoutingRule>> {
    let mut taken = Vec::new();
    let steps = &mut Arc::make_mut(slip).steps;
    for rule in &mut *steps {
        if rule.applies(input) {
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
    /// Returns whether all conditions of the rule hold.
    #[must_use]
    pub fn applies(&self, input: &RuleInput<'_>) -> bool {
        let fits = |condition: &Option<String>, actual: &str| {
            condition.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == actual)
        };
        self.agent.as_ref().is_none_or(|tag| tag.matches(&input.sender.tag))
            && self.agent_type.as_deref().is_none_or(|pattern| matches_class(pattern, &input.sender.class_name))
            && fits(&self.method_name, input.sender.method)
            && fits_format(&self.message_format, input.format)
            && self.origin_filter.as_ref().is_none_or(|filter| filter.admits(input))
    }

    /// Returns the topics that the rule sends to, if it has any.
    pub(super) fn topics(&self) -> Option<Topics> {
        let topics = self.destination.as_ref()?.topics.as_ref().filter(|topics| !topics.is_empty())?;
        Some(match topics {
            Topics::One(name) => Topics::One(topic::canonical(name)),
            Topics::Many(names) => Topics::Many(names.iter().map(|name| topic::canonical(name)).collect()),
        })
    }

    /// Applies the changes of the rule other than its topics.
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
    fn admits(&self, input: &RuleInput<'_>) -> bool {
        let fits = |condition: &Option<String>, actual: &str| {
            condition.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == actual)
        };
        self.origin_sender.as_ref().is_none_or(|tag| tag.matches(input.origin_sender))
            && fits(&self.origin_topic.as_deref().map(topic::canonical), input.origin_topic)
            && fits_format(&self.origin_message_format, input.origin_format)
    }
}

/// Returns whether a format is the wanted one, by any of its names. Without a wanted one every format is.
fn fits_format(wanted: &Option<String>, actual: &str) -> bool {
    wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || format::is_same(wanted, actual))
}

/// Returns whether a class name equals `pattern`, or matches it as a shell pattern if it contains `*`, `?` or `[`. An
/// empty pattern matches every class.
fn matches_class(pattern: &str, class_name: &str) -> bool {
    if pattern.is_empty() || pattern == class_name {
        return true;
    }
    pattern.contains(['*', '?', '[']) && pattern::matches(pattern, class_name)
}

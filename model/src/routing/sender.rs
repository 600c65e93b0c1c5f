//! The agent that sends a message, with what rules ask about it.

use crate::format;
use crate::ids::{AgentId, UserId};
use crate::tag::AgentTag;

/// The agent or the user proxy that sends a message.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The agent's id.
    pub id: AgentId,
    /// The agent's id and name.
    pub tag: AgentTag,
    /// The agent's class.
    pub class_name: String,
    /// The name of the handler that sends, see [`handler_of`].
    pub method: &'static str,
    /// Whether a message that no rule routes goes to the default topic. Otherwise it goes to the topics of the message
    /// that it answers.
    pub to_default: bool,
}

impl Sender {
    /// Returns the proxy of a user as a sender.
    #[must_use]
    pub fn proxy_of(user: &UserId, name: &str) -> Self {
        let proxy = AgentId::proxy_of(user);
        Self {
            tag: AgentTag::new(proxy.as_str(), name),
            id: proxy,
            class_name: format::USER_PROXY_CLASS.to_owned(),
            method: "unwrap_and_forward_message",
            to_default: false,
        }
    }
}

/// The class whose unrouted messages go to the default topic.
pub const WIRING_CLASS: &str = "rustic_ai.core.agents.eip.basic_wiring_agent.BasicWiringAgent";

/// Returns the name by which rules and predicates know the handler of a class: the reference's name for the reference's
/// own classes, and `receive` for all others.
#[must_use]
pub fn handler_of(class_name: &str) -> &'static str {
    match class_name {
        "rustic_ai.core.agents.testutils.echo_agent.EchoAgent" => "echo_message",
        WIRING_CLASS => "wire_message",
        "rustic_ai.core.agents.eip.splitter_agent.SplitterAgent" => "split_and_send",
        "rustic_ai.core.agents.eip.aggregating_agent.AggregatingAgent"
        | "rustic_ai.core.agents.testutils.probe_agent.ProbeAgent" => "collect_message",
        _ => "receive",
    }
}

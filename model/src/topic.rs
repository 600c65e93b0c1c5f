//! The topics of a message and the names of the host's topics. Inside the host a topic has the spelling of the
//! reference (`user_notifications:{user}`). The names of the wire document are aliases, which are translated where
//! messages enter and leave the host.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, UserId};
use crate::names;

/// The topics of a message. A single topic that was written as a text stays a text on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Topics {
    /// One topic, written as a text.
    One(String),
    /// A list of topics.
    Many(Vec<String>),
}

impl Topics {
    /// Returns the topics as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(topic) => std::slice::from_ref(topic),
            Self::Many(topics) => topics,
        }
    }

    /// Removes the blanks around each topic.
    #[must_use]
    pub fn trimmed(self) -> Self {
        match self {
            Self::One(topic) => Self::One(topic.trim().to_owned()),
            Self::Many(topics) => Self::Many(topics.iter().map(|topic| topic.trim().to_owned()).collect()),
        }
    }

    /// Returns whether there is no topic but empty ones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().iter().all(String::is_empty)
    }
}

/// The topic of messages without another one.
pub const DEFAULT: &str = "default_topic";
/// The requests to the manager.
pub const SYSTEM: &str = "system_topic";
/// The requests about states, and the announcements of state changes.
pub const STATE: &str = "state_topic";
/// The health reports of the manager.
pub const GUILD_STATUS: &str = "guild_status_topic";
/// The health checks of the agents.
pub const HEARTBEAT: &str = "heartbeat";
/// The error messages of failed turns.
pub const ERRORS: &str = "error_topic";
/// The dead letters.
pub const DEAD_LETTERS: &str = "dead_letter_queue";
/// Internal to the host: closes the sockets of a guild that has ended.
pub const ENDING: &str = "guildhall_ending";
/// Internal to the host: the events for the system sockets that ask for them.
pub const EVENTS: &str = "guildhall_events";
/// The messages that all users of a guild see.
pub const BROADCAST: &str = "user_message_broadcast";

/// Returns the topic on which a user's messages enter the guild.
#[must_use]
pub fn user_inbox(user: &UserId) -> String {
    format!("user:{user}")
}

/// Returns the topic on which agents send to one user.
#[must_use]
pub fn user_outbox(user: &UserId) -> String {
    format!("user_outbox:{user}")
}

/// Returns the topic that a user's socket shows.
#[must_use]
pub fn user_notifications(user: &UserId) -> String {
    format!("user_notifications:{user}")
}

/// Returns the topics of a user's conversation, the user's own notifications first.
#[must_use]
pub fn of_conversation(user: &UserId) -> Vec<String> {
    vec![user_notifications(user), user_outbox(user), BROADCAST.to_owned()]
}

/// Returns the topic that a user's system socket shows in addition to the guild's status.
#[must_use]
pub fn user_system_notification(user: &UserId) -> String {
    format!("user_system_notification:{user}")
}

/// Returns the inbox of an agent.
#[must_use]
pub fn agent_inbox(agent: &AgentId) -> String {
    format!("agent_inbox:{agent}")
}

/// Returns the topic on which only the agent itself can send to the agent.
#[must_use]
pub fn agent_self_inbox(agent: &AgentId) -> String {
    format!("agent_self_inbox:{agent}")
}

/// Returns whether an agent receives only its own messages on a topic. The name has no colon here: a topic such as
/// `agent_self_inbox_notes` counts too, as in the reference.
#[must_use]
pub fn is_self_inbox(name: &str) -> bool {
    name.starts_with("agent_self_inbox")
}

/// Returns a topic in the host's spelling. The wire document writes `user:{u}:inbox` for `user:{u}`, and
/// `user:{u}:notifications` for `user_notifications:{u}`.
#[must_use]
pub fn canonical(name: &str) -> String {
    let name = name.trim();
    if let Some(rest) = name.strip_prefix("user:") {
        if let Some(user) = rest.strip_suffix(":notifications") {
            return format!("user_notifications:{user}");
        }
        if let Some(user) = rest.strip_suffix(":inbox") {
            return format!("user:{user}");
        }
    }
    name.to_owned()
}

/// Returns a topic in the spelling of the wire document.
#[must_use]
pub fn as_document(name: &str) -> String {
    match name.strip_prefix("user_notifications:") {
        Some(user) => format!("user:{user}:notifications"),
        None => name.to_owned(),
    }
}

/// Returns whether only the host may send to a topic, which is in the host's spelling.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    matches!(name, SYSTEM | STATE | GUILD_STATUS | HEARTBEAT | ERRORS | DEAD_LETTERS | ENDING | EVENTS)
        || name.starts_with("agent_self_inbox:")
        || names::check(name).is_err()
}

/// Returns whether a topic is internal to the host: nobody else may write to it or listen to it.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    matches!(name, ENDING | EVENTS)
}

/// Returns whether a rule may not write to a topic, which is in the host's spelling. On these topics the host and its
/// sockets trust what they read: requests to the manager, reports, dead letters and the end of a guild.
#[must_use]
pub fn is_closed_to_rules(name: &str) -> bool {
    is_internal(name) || matches!(name, SYSTEM | GUILD_STATUS | HEARTBEAT | DEAD_LETTERS)
}

/// Returns the user whose inbox, outbox, notifications or system topic this is.
#[must_use]
pub fn owner(name: &str) -> Option<&str> {
    ["user:", "user_outbox:", "user_notifications:", "user_system:", "user_system_notification:"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_with_the_prefix_are_self_inboxes_and_only_those_of_agents_are_reserved() {
        assert!(is_self_inbox("agent_self_inbox:a1") && is_reserved("agent_self_inbox:a1"));
        assert!(is_self_inbox("agent_self_inbox_notes") && !is_reserved("agent_self_inbox_notes"));
        assert!(!is_self_inbox("agent_inbox:a1") && !is_self_inbox("my_agent_self_inbox"));
    }

    #[test]
    fn names_of_the_wire_document_are_aliases() {
        assert_eq!(canonical("user:ada:inbox"), "user:ada");
        assert_eq!(canonical("user:ada:notifications"), "user_notifications:ada");
        assert_eq!(canonical(" echo_topic "), "echo_topic");
        assert_eq!(as_document("user_notifications:ada"), "user:ada:notifications");
        assert_eq!(owner("user_outbox:a:b"), Some("a:b"));
    }
}

//! Names of topics. Inside the host a topic is always in the spelling of the
//! reference (`user_notifications:{user}`); the document's names are aliases
//! which the edge reads and writes.

use super::ids::{AgentId, UserId};

pub const DEFAULT: &str = "default_topic";
pub const SYSTEM: &str = "system_topic";
pub const STATE: &str = "state_topic";
pub const GUILD_STATUS: &str = "guild_status_topic";
pub const HEARTBEAT: &str = "heartbeat";
pub const ERRORS: &str = "error_topic";
pub const DEAD_LETTERS: &str = "dead_letter_queue";
/// Host-internal: tells the sockets of a guild that it has ended.
pub const ENDING: &str = "guildhall_ending";
/// Host-internal: what happens, for the system sockets that ask for it.
pub const EVENTS: &str = "guildhall_events";
pub const BROADCAST: &str = "user_message_broadcast";

/// Where a user's own words enter the guild.
#[must_use]
pub fn user_inbox(user: &UserId) -> String {
    format!("user:{user}")
}

/// Where agents write to one user.
#[must_use]
pub fn user_outbox(user: &UserId) -> String {
    format!("user_outbox:{user}")
}

/// What the user's socket shows.
#[must_use]
pub fn user_notifications(user: &UserId) -> String {
    format!("user_notifications:{user}")
}

/// What a user's conversation is made of, his own notifications first.
#[must_use]
pub fn seen_by(user: &UserId) -> Vec<String> {
    vec![user_notifications(user), user_outbox(user), BROADCAST.to_owned()]
}

/// What the user's system socket shows besides the guild's status.
#[must_use]
pub fn user_system_notification(user: &UserId) -> String {
    format!("user_system_notification:{user}")
}

#[must_use]
pub fn agent_inbox(agent: &AgentId) -> String {
    format!("agent_inbox:{agent}")
}

/// Where an agent writes to itself, and nobody else.
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

/// A topic as the document, or a client that thinks in it, writes it, in the
/// host's spelling: `user:{u}:inbox` is `user:{u}`, `user:{u}:notifications`
/// is `user_notifications:{u}`.
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

/// A topic in the document's spelling.
#[must_use]
pub fn as_document(name: &str) -> String {
    match name.strip_prefix("user_notifications:") {
        Some(user) => format!("user:{user}:notifications"),
        None => name.to_owned(),
    }
}

/// Whether only the host itself writes to a topic (its name in the host's
/// spelling).
#[must_use]
pub fn is_hosts(name: &str) -> bool {
    matches!(name, SYSTEM | STATE | GUILD_STATUS | HEARTBEAT | ERRORS | DEAD_LETTERS | ENDING | EVENTS)
        || name.starts_with("agent_self_inbox:")
        || name.chars().any(char::is_control)
}

/// The user whose inbox, outbox, notifications or system topic this is.
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
    fn every_topic_with_the_prefix_is_a_self_inbox_and_only_those_of_agents_are_the_hosts() {
        assert!(is_self_inbox("agent_self_inbox:a1") && is_hosts("agent_self_inbox:a1"));
        assert!(is_self_inbox("agent_self_inbox_notes") && !is_hosts("agent_self_inbox_notes"));
        assert!(!is_self_inbox("agent_inbox:a1") && !is_self_inbox("my_agent_self_inbox"));
    }

    #[test]
    fn the_documents_names_are_aliases() {
        assert_eq!(canonical("user:ada:inbox"), "user:ada");
        assert_eq!(canonical("user:ada:notifications"), "user_notifications:ada");
        assert_eq!(canonical(" echo_topic "), "echo_topic");
        assert_eq!(as_document("user_notifications:ada"), "user:ada:notifications");
        assert_eq!(owner("user_outbox:a:b"), Some("a:b"));
    }
}

//! Who takes part in a guild, as people are told.

use serde::Serialize;

use crate::format::USER_PROXY_CLASS;
use crate::tag::AgentTag;

/// One of a guild: an agent, the manager, or a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Participant {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ParticipantKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantKind {
    Bot,
    Human,
}

impl Participant {
    /// Who stands behind an agent is told by its class: users have proxies.
    #[must_use]
    pub fn new(tag: AgentTag, class_name: &str) -> Self {
        let kind = if class_name == USER_PROXY_CLASS { ParticipantKind::Human } else { ParticipantKind::Bot };
        Self { id: tag.id.unwrap_or_default(), name: tag.name.unwrap_or_default(), kind }
    }
}

/// Puts participants in the order in which they are told: by name, and those of one
/// name as they were.
pub fn sort(participants: &mut [Participant]) {
    participants.sort_by(|one, other| one.name.cmp(&other.name));
}

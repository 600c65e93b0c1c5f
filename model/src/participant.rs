//! The participants of a guild, as clients see them.

use serde::Serialize;

use crate::format::USER_PROXY_CLASS;
use crate::tag::AgentTag;

/// A participant of a guild: an agent, the manager or a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Participant {
    /// The agent's id; for a user, the id of the proxy.
    pub id: String,
    /// The display name.
    pub name: String,
    /// Whether it is a person, `type` on the wire.
    #[serde(rename = "type")]
    pub kind: ParticipantKind,
}

/// The kind of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ParticipantKind {
    /// An agent or the manager.
    Bot,
    /// A user.
    Human,
}

impl Participant {
    /// Returns the participant behind an agent. An agent of the proxy class is a user, any other is a bot.
    #[must_use]
    pub fn new(tag: AgentTag, class_name: &str) -> Self {
        let kind = if class_name == USER_PROXY_CLASS { ParticipantKind::Human } else { ParticipantKind::Bot };
        Self { id: tag.id.unwrap_or_default(), name: tag.name.unwrap_or_default(), kind }
    }
}

/// Sorts participants by name. Those with the same name keep their order.
pub fn sort(participants: &mut [Participant]) {
    participants.sort_by(|one, other| one.name.cmp(&other.name));
}

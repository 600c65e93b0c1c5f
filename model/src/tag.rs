//! The tag of an agent: its id, its name, or both. A tag names one agent, or it is a pattern that selects agents.
//! It has no class and no state; those are in the agent's spec.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, GuildId};

/// Names an agent by id, by name, or by both. A member that is absent matches every agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentTag {
    /// The agent's id within its guild.
    #[serde(default)]
    pub id: Option<String>,
    /// The agent's display name.
    #[serde(default)]
    pub name: Option<String>,
}

impl AgentTag {
    /// Returns a tag with both an id and a name.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: Some(id.into()), name: Some(name.into()) }
    }

    /// Returns the tag of a guild's manager.
    #[must_use]
    pub fn manager_of(guild: &GuildId) -> Self {
        Self::new(AgentId::manager_of(guild).into_string(), format!("GuildManagerAgent4{guild}"))
    }

    /// Returns whether this is the tag of the manager of `guild`.
    #[must_use]
    pub fn is_manager_of(&self, guild: &GuildId) -> bool {
        self.id.as_deref().is_some_and(|id| id == AgentId::manager_of(guild).as_str())
    }

    /// Returns whether this tag selects `agent`: each member set here must equal the same member of `agent`.
    /// The comparison is case-sensitive, and an empty member counts as absent.
    #[must_use]
    pub fn matches(&self, agent: &Self) -> bool {
        let fits = |mine: &Option<String>, theirs: &Option<String>| match mine.as_deref() {
            None | Some("") => true,
            given => given == theirs.as_deref(),
        };
        fits(&self.id, &agent.id) && fits(&self.name, &agent.name)
    }

    /// Returns about how many bytes the tag has in the log.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        24 + self.id.as_ref().map_or(0, String::len) + self.name.as_ref().map_or(0, String::len)
    }

    /// Returns whether both members are absent or empty, so that the tag selects every agent.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.id.as_deref().unwrap_or("").is_empty() && self.name.as_deref().unwrap_or("").is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_on_the_members_it_has() {
        let echo = AgentTag::new("e1", "Echo");
        assert!(AgentTag::default().matches(&echo));
        assert!(AgentTag { id: None, name: Some("Echo".into()) }.matches(&echo));
        assert!(!AgentTag::new("e1", "echo").matches(&echo));
    }
}

//! What routing knows of a guild: its rules, its agents and its users. It is a copy that the caller makes; nothing here
//! changes the guild.

use std::sync::Arc;

use crate::ids::{AgentId, GuildId, UserId};
use crate::message::Message;
use crate::spec::{AgentSpec, RoutingSlip};
use crate::tag::AgentTag;
use crate::topic;

use crate::routing::room::Bounds;

/// The number of hops that a thread may have unless the operator sets another one (`limits.hops`).
pub const HOP_LIMIT: u32 = 1_000;

/// What routing knows of a guild.
#[derive(Clone, Debug)]
pub struct GuildView {
    /// The guild's id.
    pub id: GuildId,
    /// The guild's name.
    pub name: String,
    /// The rules of the guild; empty for a guild without routes.
    pub routes: Arc<RoutingSlip>,
    /// The agents of the guild, without the manager and the user proxies.
    pub agents: Vec<AgentSpec>,
    /// The users who joined: their ids and the names of their proxies.
    pub users: Vec<(UserId, String)>,
    /// The number of messages that may follow one another in a thread without one from a person.
    pub hop_limit: u32,
    /// The bounds of what routing makes.
    pub bounds: Bounds,
    /// The number of earlier messages that are attached to a message of a user.
    pub conversation_history: u32,
}

impl GuildView {
    /// Returns the tags that a text can mention: those of the agents, then those of the user proxies.
    #[must_use]
    pub fn mentionable(&self) -> Vec<AgentTag> {
        let proxy =
            |(user, name): &(UserId, String)| AgentTag::new(AgentId::proxy_of(user).into_string(), name.as_str());
        self.agents.iter().map(AgentSpec::tag).chain(self.users.iter().map(proxy)).collect()
    }

    /// Returns whether the guild has rules of its own. Without them the two default rules hold.
    #[must_use]
    pub fn has_routes(&self) -> bool {
        !self.routes.steps.is_empty()
    }

    /// Adds the notification topics of the users whose proxies are among the recipients, unless the message goes there
    /// already. A user who is tagged receives the message whatever topics it has.
    pub(crate) fn notify_tagged_users(&self, message: &mut Message) {
        if message.recipients.is_empty() {
            return;
        }
        for (user, name) in &self.users {
            let proxy = AgentTag::new(AgentId::proxy_of(user).into_string(), name.as_str());
            let to = topic::user_notifications(user);
            let is_there = message.topics.as_slice().contains(&to) || message.also.contains(&to);
            let is_tagged = message.recipients.iter().any(|tag| !tag.is_blank() && tag.matches(&proxy));
            if is_tagged && !is_there {
                message.also.push(to);
            }
        }
    }
}

/// Returns the topics that an agent listens to, each once: its two inboxes, the default topic unless it opted out, and
/// its additional topics.
#[must_use]
pub fn subscriptions(agent: &AgentSpec) -> Vec<String> {
    let mut topics = vec![topic::agent_inbox(&agent.id), topic::agent_self_inbox(&agent.id)];
    if agent.listen_to_default_topic {
        topics.push(topic::DEFAULT.to_owned());
    }
    for name in &agent.additional_topics {
        let name = topic::canonical(name);
        if !topics.contains(&name) {
            topics.push(name);
        }
    }
    topics
}

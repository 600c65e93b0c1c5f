//! Messages that reach nobody. A user whose message led to one is told why. Messages to the host, to other users and to
//! the agent itself are meant to be silent.

use crate::fault::{Fault, FaultKind};
use crate::ids::AgentId;
use crate::message::Message;
use crate::routing::guild_view::GuildView;
use crate::routing::sender::Sender;
use crate::routing::slip::RuleInput;
use crate::spec::AgentSpec;
use crate::{format, topic};

/// Returns why what a turn emitted goes nowhere: the first rule that failed, else the first rule that made nothing if
/// no message came of it, else `no_recipient` if no message of the turn reaches anybody. A turn without an outgoing
/// message is no loss: an agent need not answer.
#[must_use]
pub fn lost_of_turn(emitted: &[Message], dropped: Vec<Fault>, sender: &Sender, guild: &GuildView) -> Option<Fault> {
    lost(emitted.is_empty(), dropped).or_else(|| {
        let first = emitted.first()?;
        if emitted.iter().any(|message| reaches(message, sender, guild)) {
            return None;
        }
        let (names, agent) = (first.topics.as_slice().join(", "), sender.tag.name.as_deref().unwrap_or_default());
        let text = format!("a message of {agent} goes nowhere: no agent and no user of this guild listens to {names}");
        Some(Fault::new(FaultKind::NoRecipient, text))
    })
}

/// Returns why a user's message goes nowhere although the guild has rules. A message that other users see is for them.
pub(super) fn lost_of_user(
    first: &Message,
    copies: &[Message],
    dropped: Vec<Fault>,
    sender: &Sender,
    guild: &GuildView,
) -> Option<Fault> {
    lost(copies.is_empty(), dropped).or_else(|| {
        let is_heard = is_for_other_users(first, guild)
            || receiving_agents(first, guild).next().is_some()
            || copies.iter().any(|copy| reaches(copy, sender, guild));
        if is_heard {
            return None;
        }
        let names = first.topics.as_slice().iter().chain(copies.iter().flat_map(|copy| copy.topics.as_slice()));
        let names: Vec<&str> = names.map(String::as_str).collect();
        let text = format!("the message goes nowhere: no agent of this guild listens to {}", names.join(", "));
        Some(Fault::new(FaultKind::NoRecipient, text))
    })
}

fn lost(is_nothing_left: bool, mut dropped: Vec<Fault>) -> Option<Fault> {
    let told = dropped.iter().position(|fault| fault.kind != FaultKind::RuleDropped);
    match told {
        Some(index) => Some(dropped.swap_remove(index)),
        None if is_nothing_left => dropped.into_iter().next(),
        None => None,
    }
}

/// Returns whether a message of a user is one for other users too: they see it, or it is on one of their topics.
#[must_use]
pub fn is_for_other_users(message: &Message, guild: &GuildView) -> bool {
    let own = message.user.as_ref();
    let is_others = |user: &str| own.is_none_or(|own| own.as_str() != user);
    message.topics.as_slice().iter().chain(&message.also).any(|name| match topic::owner(name) {
        Some(owner) => is_others(owner),
        None => name == topic::BROADCAST && guild.users.iter().any(|(user, _)| is_others(user.as_str())),
    })
}

/// Returns whether the guild's rules make copies of a user's own message. What happens to it is told by its copies.
#[must_use]
pub fn is_copied(message: &Message, guild: &GuildView) -> bool {
    let Some(user) = message.user.as_ref().filter(|_| message.in_response_to.is_none()) else { return false };
    let sender = Sender::proxy_of(user, message.sender.name.as_deref().unwrap_or_default());
    let inbox = topic::user_inbox(user);
    let input = RuleInput {
        sender: &sender,
        origin_sender: &message.sender,
        origin_topic: &inbox,
        origin_format: format::MESSAGE,
        format: &message.format,
    };
    // A rule that was used up has left the slip of the message, and is still one of the guild.
    guild.routes.steps.iter().any(|rule| rule.applies(&input))
}

/// Returns the agents that receive a message, without those that do not hear what they send themselves.
pub fn receiving_agents<'g>(message: &'g Message, guild: &'g GuildView) -> impl Iterator<Item = &'g AgentSpec> {
    let names = message.topics.as_slice().iter().chain(&message.also);
    guild.agents.iter().filter(move |agent| {
        let is_own = message.sender.id.as_deref() == Some(agent.id.as_str());
        names.clone().any(|name| is_own == topic::is_self_inbox(name) && listens(agent, name))
    })
}

/// Returns whether a message of an agent reaches an agent, a user or the host.
fn reaches(message: &Message, sender: &Sender, guild: &GuildView) -> bool {
    let names = || message.topics.as_slice().iter().chain(&message.also);
    let manager = AgentId::manager_of(&guild.id);
    names().any(|name| {
        name == topic::BROADCAST
            || topic::owner(name).is_some()
            || topic::is_reserved(name)
            || name.strip_prefix("agent_inbox:") == Some(manager.as_str())
    }) || guild.agents.iter().any(|agent| {
        let is_own = agent.id == sender.id;
        names().any(|name| is_own == topic::is_self_inbox(name) && listens(agent, name))
    })
}

/// Returns whether an agent listens to a topic, as [`super::subscriptions`] has them.
fn listens(agent: &AgentSpec, name: &str) -> bool {
    let inbox = name.strip_prefix("agent_inbox:").or_else(|| name.strip_prefix("agent_self_inbox:"));
    inbox == Some(agent.id.as_str())
        || (agent.listen_to_default_topic && name == topic::DEFAULT)
        || agent.additional_topics.iter().any(|own| is_same(own.trim(), name))
}

/// Returns whether a topic as its author wrote it is this one. Only the topics of users have aliases.
fn is_same(own: &str, name: &str) -> bool {
    own == name || (own.starts_with("user:") && topic::canonical(own) == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::raw_json;
    use crate::tag::AgentTag;
    use crate::topic::Topics;

    fn view(agents: &[(&str, &str)], users: &[&str]) -> GuildView {
        let agent = |(id, topic): &(&str, &str)| {
            let spec = json!({"id": id, "name": id, "description": "d", "class_name": "x.Y",
                              "additional_topics": [topic], "listen_to_default_topic": false});
            serde_json::from_value(spec).unwrap()
        };
        GuildView {
            id: "g".into(),
            name: "G".into(),
            routes: Default::default(),
            agents: agents.iter().map(agent).collect(),
            users: users.iter().map(|user| ((*user).into(), (*user).to_owned())).collect(),
            hop_limit: 10,
            bounds: Default::default(),
            conversation_history: 0,
        }
    }

    fn from(sender: &str, topics: &[&str]) -> Message {
        let topics = Topics::Many(topics.iter().map(|name| (*name).to_owned()).collect());
        Message::draft(AgentTag::new(sender, sender), topics, "f.x", raw_json(&json!({"a": 1})))
    }

    fn sender(id: &str) -> Sender {
        Sender {
            id: id.into(),
            tag: AgentTag::new(id, id),
            class_name: "x.Y".into(),
            method: "receive",
            to_default: false,
        }
    }

    #[test]
    fn a_message_that_nobody_listens_to_is_lost() {
        let view = view(&[("a", "in"), ("b", "work"), ("c", "agent_self_inbox_notes")], &["ann"]);
        let kind = |topics: &[&str]| {
            lost_of_turn(&[from("a", topics)], Vec::new(), &sender("a"), &view).map(|fault| fault.kind)
        };
        for silent in [
            &["work"][..],
            &["nowhere", "work"],
            &["agent_inbox:b"],
            &["agent_self_inbox:a"],
            &["user_notifications:ann"],
            &["user_message_broadcast"],
            &["state_topic"],
            &["agent_inbox:g#manager_agent"],
        ] {
            assert_eq!(kind(silent), None, "{silent:?}");
        }
        for lost in [&["nowhere"][..], &["in"], &["agent_inbox:gone"], &["agent_self_inbox_notes"]] {
            assert_eq!(kind(lost), Some(FaultKind::NoRecipient), "{lost:?}");
        }
        assert_eq!(lost_of_turn(&[], Vec::new(), &sender("a"), &view), None, "an agent need not answer");
        let one_arrives = [from("a", &["nowhere"]), from("a", &["work"])];
        assert_eq!(lost_of_turn(&one_arrives, Vec::new(), &sender("a"), &view), None);
    }

    #[test]
    fn a_rule_that_fails_is_told_and_one_that_makes_nothing_only_if_nothing_is_left() {
        let view = view(&[("b", "work")], &[]);
        let fault = |kind| Fault::new(kind, "why");
        let kind = |emitted: &[Message], dropped: Vec<Fault>| {
            lost_of_turn(emitted, dropped, &sender("a"), &view).map(|fault| fault.kind)
        };
        let arrives = [from("a", &["work"])];
        assert_eq!(kind(&arrives, vec![fault(FaultKind::RuleDropped)]), None);
        assert_eq!(kind(&[], vec![fault(FaultKind::RuleDropped)]), Some(FaultKind::RuleDropped));
        let both = vec![fault(FaultKind::RuleDropped), fault(FaultKind::RuleFailed)];
        assert_eq!(kind(&arrives, both), Some(FaultKind::RuleFailed));
    }

    #[test]
    fn a_message_among_users_is_for_them() {
        let mut message = from("upa-ann", &["default_topic"]);
        message.user = Some("ann".into());
        message.also = vec!["user_notifications:ann".into(), topic::BROADCAST.into()];
        assert!(!is_for_other_users(&message, &view(&[], &["ann"])));
        assert!(is_for_other_users(&message, &view(&[], &["ann", "bob"])));
    }
}

//! Who is told that a message goes nowhere: each user once for a message, and at most `limits.notices` times a second.
//! One value for each guild, shared by its agents, its manager and its ingress. It remembers a bounded number of
//! messages and users; of older ones it knows nothing any more.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;

use guildhall_model::ids::{AgentId, MessageId, UserId};
use guildhall_sandbox::Limit;

/// The most messages that are remembered: those that users were told about, and those that some agent did not accept.
const MAX_MESSAGES: usize = 1_024;
/// The most users whose notices are counted.
const MAX_USERS: usize = 1_024;

/// Counts the notices of one guild.
#[derive(Debug)]
pub struct Notices {
    /// How many notices a user may get in a second.
    per_s: u64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    told: VecDeque<MessageId>,
    declined: VecDeque<(MessageId, Vec<AgentId>)>,
    users: HashMap<UserId, Second>,
}

/// How many notices a user has had in a second.
#[derive(Debug, Default)]
struct Second {
    number: u64,
    notices: u64,
}

impl Notices {
    /// Notices of a guild; a user gets at most `per_s` in a second.
    #[must_use]
    pub fn new(per_s: u64) -> Self {
        Self { per_s, known: Mutex::default() }
    }

    /// Returns whether a user is told about a message now, and counts it. `message` is `None` if the message has no id
    /// yet.
    #[must_use]
    pub fn admit(&self, user: &UserId, message: Option<MessageId>, now_ms: u64) -> bool {
        let mut known = self.known.lock();
        if message.is_some_and(|id| known.told.contains(&id)) || !known.count(user, now_ms / 1_000, self.per_s) {
            return false;
        }
        if let Some(id) = message {
            if known.told.len() >= MAX_MESSAGES {
                known.told.pop_front();
            }
            known.told.push_back(id);
        }
        true
    }

    /// Records that an agent does not act on a message. Returns whether now none of `receivers` does.
    #[must_use]
    pub fn declined(&self, message: MessageId, agent: &AgentId, receivers: &[&AgentId]) -> bool {
        if receivers.iter().all(|receiver| *receiver == agent) {
            return true;
        }
        let mut known = self.known.lock();
        let place = known.declined.iter().position(|(id, _)| *id == message);
        let (_, mut agents) = place.and_then(|place| known.declined.remove(place)).unwrap_or((message, Vec::new()));
        if !agents.contains(agent) {
            agents.push(agent.clone());
        }
        if receivers.iter().all(|receiver| agents.contains(receiver)) {
            return true;
        }
        if known.declined.len() >= MAX_MESSAGES {
            known.declined.pop_front();
        }
        known.declined.push_back((message, agents));
        false
    }
}

impl Known {
    fn count(&mut self, user: &UserId, second: u64, per_s: u64) -> bool {
        if self.users.len() >= MAX_USERS && !self.users.contains_key(user) {
            self.users.retain(|_, counted| counted.number == second);
            if self.users.len() >= MAX_USERS {
                Limit::Notices.count();
                return false;
            }
        }
        let counted = self.users.entry(user.clone()).or_default();
        if counted.number != second {
            *counted = Second { number: second, notices: 0 };
        }
        if counted.notices >= per_s {
            Limit::Notices.count();
            return false;
        }
        counted.notices += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_once_for_a_message_and_so_often_in_a_second() {
        let notices = Notices::new(2);
        let (ann, bob) = (UserId::from("ann"), UserId::from("bob"));
        let told = |user, id, now_ms| notices.admit(user, Some(MessageId::new(id)), now_ms);
        assert!(told(&ann, 1, 1_000));
        assert!(!told(&ann, 1, 1_001), "once for a message");
        assert!(told(&ann, 2, 1_999));
        assert!(!told(&ann, 3, 1_999), "twice in a second");
        assert!(told(&bob, 4, 1_999), "each user has a count of his own");
        assert!(told(&ann, 3, 2_000));
        assert!(notices.admit(&ann, None, 2_000) && !notices.admit(&ann, None, 2_001));
        for user in 0..2 * MAX_USERS {
            let _ = notices.admit(&UserId::from(format!("u{user}").as_str()), None, 5_000);
        }
        assert!(notices.known.lock().users.len() <= MAX_USERS);
    }

    #[test]
    fn the_last_agent_that_does_not_act_completes_the_count() {
        let notices = Notices::new(2);
        let (a, b) = (AgentId::from("a"), AgentId::from("b"));
        let id = MessageId::new;
        assert!(notices.declined(id(1), &a, &[&a]));
        assert!(!notices.declined(id(2), &a, &[&a, &b]));
        assert!(!notices.declined(id(2), &a, &[&a, &b]), "twice the same");
        assert!(notices.declined(id(2), &b, &[&a, &b]));
        for number in 10..10 + 2 * MAX_MESSAGES as u64 {
            assert!(!notices.declined(id(number), &a, &[&a, &b]));
        }
        assert!(notices.known.lock().declined.len() <= MAX_MESSAGES);
    }
}

//! Mentions: the agents that `@name` or `@id` in a user's text refers to. The search reads decoded texts, never their
//! escaped JSON form.

use serde_json::Value;

use crate::tag::AgentTag;

/// The search skips values that are nested deeper than this.
const MAX_DEPTH: usize = 32;

/// Returns the agents that a text mentions, in the order of the text. Each name and each id counts once. At each `@`
/// the longest matching name or id wins, and of two agents with the same name the last one. A name may be followed by
/// any character, because not every script separates words.
#[must_use]
pub fn in_text(text: &str, agents: &[AgentTag]) -> Vec<AgentTag> {
    let mut found = Found::default();
    found.search(text, agents);
    found.tags(agents)
}

/// Returns the agents that any text of a payload mentions, names of members included.
#[must_use]
pub fn in_payload(payload: &Value, agents: &[AgentTag]) -> Vec<AgentTag> {
    let mut found = Found::default();
    found.walk(payload, agents, 0);
    found.tags(agents)
}

/// The names and ids found so far: the index of the agent, and whether its id was found (rather than its name).
#[derive(Default)]
struct Found(Vec<(usize, bool)>);

impl Found {
    fn walk(&mut self, value: &Value, agents: &[AgentTag], depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::String(text) => self.search(text, agents),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, agents, depth + 1)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.search(name, agents);
                    self.walk(value, agents, depth + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn search(&mut self, text: &str, agents: &[AgentTag]) {
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            rest = &rest[at + 1..];
            let Some((agent, by_id, length)) = longest(rest, agents) else { continue };
            if !self.0.contains(&(agent, by_id)) {
                self.0.push((agent, by_id));
            }
            rest = &rest[length..];
        }
    }

    fn tags(self, agents: &[AgentTag]) -> Vec<AgentTag> {
        self.0.into_iter().filter_map(|(agent, _)| agents.get(agent).cloned()).collect()
    }
}

/// Returns the agent, whether its id matched, and the length of the longest name or id that the text starts with.
fn longest(text: &str, agents: &[AgentTag]) -> Option<(usize, bool, usize)> {
    let mut best: Option<(usize, bool, usize)> = None;
    for (place, agent) in agents.iter().enumerate() {
        for (key, by_id) in [(&agent.name, false), (&agent.id, true)] {
            let Some(key) = key.as_deref().filter(|key| !key.is_empty() && text.starts_with(key)) else { continue };
            if best.is_none_or(|(_, _, length)| key.len() >= length) {
                best = Some((place, by_id, key.len()));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agents() -> Vec<AgentTag> {
        vec![
            AgentTag::new("e1", "Echo"),
            AgentTag::new("e2", "Echo Agent"),
            AgentTag::new("x", "Jörg"),
            AgentTag::new("z", "助手"),
        ]
    }

    fn ids(payload: &Value) -> Vec<String> {
        in_payload(payload, &agents()).into_iter().filter_map(|tag| tag.id).collect()
    }

    #[test]
    fn the_longest_name_wins_in_every_script() {
        assert_eq!(ids(&json!({"text": "hi @Echo Agent and @Echo"})), ["e2", "e1"]);
        assert_eq!(ids(&json!({"text": "@Jörg, 请@助手看"})), ["x", "z"]);
        assert_eq!(ids(&json!({"a": [{"@e1": "@@Echo"}], "b": "@Nobody @"})), ["e1", "e1"]);
    }
}

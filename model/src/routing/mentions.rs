//! Mentions: the agents that `@name` or `@id` in a user's text refers to. The search reads decoded texts, never their
//! escaped JSON form. It compares each name and each id with the few places of the text that have an `@`, so its time
//! is linear in the text and in the agents.

use serde_json::Value;

use crate::tag::AgentTag;

/// The search skips values that are nested deeper than this.
const MAX_DEPTH: usize = 32;
/// At most this many `@` of a payload are looked at, the first ones.
pub const MAX_MENTIONS: usize = 64;

/// Returns the agents that a text mentions, in the order of the text. Each name and each id counts once. At each `@`
/// the longest matching name or id wins, and of two agents with the same name the last one. A name may be followed by
/// any character, because not every script separates words. Only the first 64 `@` are looked at.
#[must_use]
pub fn in_text(text: &str, agents: &[AgentTag]) -> Vec<AgentTag> {
    let mut places = Places::default();
    places.add(text);
    places.found(agents)
}

/// Returns the agents that any text of a payload mentions, names of members included.
#[must_use]
pub fn in_payload(payload: &Value, agents: &[AgentTag]) -> Vec<AgentTag> {
    let mut places = Places::default();
    places.walk(payload, 0);
    places.found(agents)
}

/// What follows an `@`.
struct Place<'t> {
    /// The rest of the text behind the `@`.
    rest: &'t str,
    /// The number of the text, and the position of `rest` in it.
    text: usize,
    at: usize,
    /// The longest name or id that `rest` begins with: the index of the agent, whether it is its id, and the length.
    best: Option<(usize, bool, usize)>,
}

/// The places of a payload that have an `@`, in their order.
#[derive(Default)]
struct Places<'t> {
    places: Vec<Place<'t>>,
    texts: usize,
}

impl<'t> Places<'t> {
    fn walk(&mut self, value: &'t Value, depth: usize) {
        if depth > MAX_DEPTH || self.places.len() >= MAX_MENTIONS {
            return;
        }
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, depth + 1)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.add(name);
                    self.walk(value, depth + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn add(&mut self, text: &'t str) {
        self.texts += 1;
        let left = MAX_MENTIONS - self.places.len();
        let behind = text.match_indices('@').map(|(at, sign)| at + sign.len()).take(left);
        let number = self.texts;
        self.places.extend(behind.map(|at| Place { rest: &text[at..], text: number, at, best: None }));
    }

    /// Returns the agents at the places, each name and each id once.
    fn found(mut self, agents: &[AgentTag]) -> Vec<AgentTag> {
        let mut sorted: Vec<usize> = (0..self.places.len()).collect();
        sorted.sort_by_key(|index| self.places[*index].rest);
        for (agent, tag) in agents.iter().enumerate() {
            for (key, by_id) in [(&tag.name, false), (&tag.id, true)] {
                let Some(key) = key.as_deref().filter(|key| !key.is_empty()) else { continue };
                let first = sorted.partition_point(|index| self.places[*index].rest < key);
                for index in &sorted[first..] {
                    let place = &mut self.places[*index];
                    if !place.rest.starts_with(key) {
                        break;
                    }
                    if place.best.is_none_or(|(_, _, length)| key.len() >= length) {
                        place.best = Some((agent, by_id, key.len()));
                    }
                }
            }
        }
        self.tags(agents)
    }

    fn tags(self, agents: &[AgentTag]) -> Vec<AgentTag> {
        let mut found: Vec<(usize, bool)> = Vec::new();
        // An `@` inside of a name that was found mentions nobody.
        let mut end = (0, 0);
        for Place { text, at, best, .. } in self.places {
            let Some((agent, by_id, length)) = best.filter(|_| end <= (text, at)) else { continue };
            end = (text, at + length + 1);
            if !found.contains(&(agent, by_id)) {
                found.push((agent, by_id));
            }
        }
        found.into_iter().filter_map(|(agent, _)| agents.get(agent).cloned()).collect()
    }
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

    #[test]
    fn a_sign_inside_of_a_name_that_was_found_mentions_nobody() {
        let agents = [AgentTag::new("a", "a@b"), AgentTag::new("b", "b")];
        let found = |text: &str| in_text(text, &agents).into_iter().filter_map(|tag| tag.id).collect::<Vec<_>>();
        assert_eq!(found("@a@b"), ["a"]);
        assert_eq!(found("@a@b@b"), ["a", "b"]);
    }

    #[test]
    fn many_mentions_and_many_agents_take_little_time() {
        let agents: Vec<_> = (0..9_000).map(|n| AgentTag::new(format!("id{n}"), format!("E{n}"))).collect();
        let text = "@E".repeat(40_000);
        let began = std::time::Instant::now();
        assert_eq!(in_payload(&json!({"text": text, "more": [text]}), &agents), []);
        let worst = "@E8999".repeat(40_000);
        assert_eq!(in_payload(&json!({"text": worst}), &agents).len(), 1);
        // Without the bound it took seconds.
        assert!(began.elapsed() < std::time::Duration::from_millis(500), "{:?}", began.elapsed());
        let many: String = (0..100).map(|n| format!("@E{n} ")).collect();
        assert_eq!(in_text(&many, &agents).len(), MAX_MENTIONS);
    }
}

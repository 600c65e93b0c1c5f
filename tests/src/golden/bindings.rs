//! Maps the generated ids of recordings to those of this server.

use std::collections::HashMap;

/// The letters of generated ids.
const ALPHABET: &str = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const LENGTH: usize = 22;

/// Pairs of a recorded id and this server's id. A pair is bound when it is first compared.
#[derive(Debug, Default)]
pub struct Bindings {
    ours: HashMap<String, String>,
    theirs: HashMap<String, String>,
}

impl Bindings {
    /// Returns whether `ours` stands for `recorded`. Binds the two if both are new.
    pub fn agree(&mut self, recorded: &str, ours: &str) -> bool {
        match (self.ours.get(recorded), self.theirs.get(ours)) {
            (Some(bound), _) => bound == ours,
            (None, Some(_)) => false,
            (None, None) => {
                let is_new = is_generated(recorded) && is_ours(ours);
                if is_new {
                    self.ours.insert(recorded.to_owned(), ours.to_owned());
                    self.theirs.insert(ours.to_owned(), recorded.to_owned());
                }
                is_new
            }
        }
    }

    /// Returns the recorded id that is bound to one of this server's ids.
    #[must_use]
    pub fn recorded(&self, ours: &str) -> Option<&str> {
        self.theirs.get(ours).map(String::as_str)
    }

    /// Returns a recorded text with this server's ids in the places of the recorded ones.
    #[must_use]
    pub fn translate(&self, text: &str) -> String {
        self.ours
            .iter()
            .filter(|(recorded, _)| text.contains(*recorded))
            .fold(text.to_owned(), |text, (recorded, ours)| text.replace(recorded, ours))
    }
}

/// Returns whether a recorded text is a generated id.
pub fn is_generated(text: &str) -> bool {
    text.len() == LENGTH && text.chars().all(|c| ALPHABET.contains(c))
}

/// Returns whether a text is an id of this server. It may begin with a name: `echoagent-…`.
fn is_ours(text: &str) -> bool {
    is_generated(text.rsplit('-').next().unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "33weUMe8yVAQ7MY4jYLNd8";
    const OURS: &str = "6Z9dHvf3qWEqnFqUioFS7H";

    #[test]
    fn an_id_is_bound_once_and_one_to_one() {
        let mut bindings = Bindings::default();
        assert!(bindings.agree(THEIRS, OURS));
        assert!(bindings.agree(THEIRS, OURS));
        assert!(!bindings.agree(THEIRS, "Z9HPX55vwwTkmNYFf5E8xf"));
        assert!(!bindings.agree("Z9HPX55vwwTkmNYFf5E8xf", OURS));
        assert!(!bindings.agree("not an id", "another"));
        assert!(bindings.agree("aK4HXhdnP8JctmnqPRHEXk", "echoagent-2KoepZBbJ5tJAjJLt63Zmm"));
        assert_eq!(bindings.translate(&format!("/x/{THEIRS}/Ü?a={THEIRS}#")), format!("/x/{OURS}/Ü?a={OURS}#"));
        assert_eq!(bindings.translate(&format!("Agent4{THEIRS}")), format!("Agent4{OURS}"));
    }
}

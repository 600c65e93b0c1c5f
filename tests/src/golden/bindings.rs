//! Which generated id of a recording is which of this host's.

use std::collections::HashMap;

/// The letters of ids that servers of this API generate.
const ALPHABET: &str = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const LENGTH: usize = 22;

/// Recorded ids, and ours in their place: bound on first sight.
#[derive(Debug, Default)]
pub struct Bindings {
    ours: HashMap<String, String>,
    theirs: HashMap<String, String>,
}

impl Bindings {
    /// Whether `ours` can be what `recorded` was; binds them when both are new.
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

    /// The recorded id of one of ours.
    #[must_use]
    pub fn recorded(&self, ours: &str) -> Option<&str> {
        self.theirs.get(ours).map(String::as_str)
    }

    /// A recorded text with our ids in it.
    #[must_use]
    pub fn translate(&self, text: &str) -> String {
        self.ours
            .iter()
            .filter(|(recorded, _)| text.contains(*recorded))
            .fold(text.to_owned(), |text, (recorded, ours)| text.replace(recorded, ours))
    }
}

/// Whether a recorded text is a generated id.
pub fn is_generated(text: &str) -> bool {
    text.len() == LENGTH && text.chars().all(|c| ALPHABET.contains(c))
}

/// Ours may begin with a name: `echoagent-…`.
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

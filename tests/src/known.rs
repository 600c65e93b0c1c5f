//! Reads a list of intended differences: names, or patterns of names (`*` and `?`), each with its reason. A difference that
//! is not listed is an error, and so is a listed name that no longer differs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use glob::Pattern;
use serde_json::{Map, Value};

/// The intended differences of one data file.
#[derive(Debug)]
pub struct Known(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    pattern: Pattern,
    reason: String,
}

impl Known {
    /// Reads `{"reason": ["name", "pattern*", …], …}`. If several entries match a name, the first counts.
    ///
    /// # Panics
    /// If the file cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let read = serde_json::from_str(&text);
        let reasons: Map<String, Value> = read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::new(&reasons)
    }

    fn new(reasons: &Map<String, Value>) -> Self {
        let entry = |reason: &str, name: &Value| {
            let name = name.as_str().unwrap_or_else(|| panic!("{name} is no name"));
            let pattern = Pattern::new(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            Entry { pattern, reason: reason.to_owned() }
        };
        let names = |(reason, names): (&String, &Value)| -> Vec<Entry> {
            let names = names.as_array().unwrap_or_else(|| panic!("{names} is no list of names"));
            names.iter().map(|name| entry(reason, name)).collect()
        };
        Self(reasons.iter().flat_map(names).collect())
    }

    /// Returns the first entry that matches a name.
    fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.pattern.matches(name))
    }

    /// Groups names that differ by their reason.
    #[must_use]
    pub fn by_reason<'n>(&self, names: impl Iterator<Item = &'n String>) -> BTreeMap<&str, Vec<&'n str>> {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in names {
            if let Some(entry) = self.find(name) {
                reasons.entry(&entry.reason).or_default().push(name);
            }
        }
        reasons
    }

    /// Returns a line for each difference that is not listed.
    #[must_use]
    pub fn unknown(&self, differences: &BTreeMap<String, String>) -> Vec<String> {
        let unknown = differences.iter().filter(|(name, _)| self.find(name).is_none());
        unknown.map(|(name, how)| format!("{name}: {how}")).collect()
    }

    /// Returns a line for each entry that no longer matches a difference. An entry that matches no name at all counts only
    /// if `all` names were compared.
    #[must_use]
    pub fn outdated<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
        differences: &BTreeMap<String, String>,
        all: bool,
    ) -> Vec<String> {
        let is_outdated = |entry: &&Entry| {
            let mut about = names.clone().filter(|name| entry.pattern.matches(name)).peekable();
            if about.peek().is_none() { all } else { !about.any(|name| differences.contains_key(name)) }
        };
        let outdated = self.0.iter().filter(is_outdated);
        outdated.map(|entry| format!("{} differs no longer ({})", entry.pattern, entry.reason)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_differences_and_found_differences_are_the_same() {
        let reasons = serde_json::json!({"because": ["a_*", "gone"]});
        let known = Known::new(reasons.as_object().unwrap());
        let differences =
            BTreeMap::from([("a_1", "x"), ("b", "y")].map(|(name, how)| (name.to_owned(), how.to_owned())));
        assert_eq!(known.unknown(&differences), ["b: y"]);
        assert_eq!(known.outdated(["a_1", "a_2", "b", "gone"].into_iter(), &differences, true).len(), 1);
        assert!(known.outdated(["a_1", "b"].into_iter(), &differences, false).is_empty());
        assert_eq!(known.outdated(["b"].into_iter(), &differences, true).len(), 2);
    }
}

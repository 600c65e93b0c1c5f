//! The list of the cases that do not have their expected result here, each by its name and with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{env, fs};

use serde::Deserialize;

use super::cases::Case;

/// Reasons, each with the names of the cases that it is about.
type Reasons = BTreeMap<String, Vec<String>>;

/// The content of `tests/data/cases-differences.json`. A name is `area__name`, or `area__name/step` for one step of a
/// case that has steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    /// Cases that run here and have another result.
    differs: Reasons,
    /// Cases that ask for something that does not exist here.
    does_not_apply: Reasons,
}

/// How a listed case is expected to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    Differs,
    DoesNotApply,
}

impl Differences {
    /// Reads the file that `CASES_DIFFERENCES` names, else that of this project.
    ///
    /// # Panics
    /// If the file cannot be read.
    pub fn read() -> Self {
        let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/cases-differences.json");
        let path = env::var_os("CASES_DIFFERENCES").map_or_else(own, PathBuf::from);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Returns how a case is listed, and why; `None` if it is not.
    pub fn of(&self, case: &Case) -> Option<(Listed, &str)> {
        let id = case.id();
        find(&self.differs, &id)
            .map(|reason| (Listed::Differs, reason))
            .or_else(|| find(&self.does_not_apply, &id).map(|reason| (Listed::DoesNotApply, reason)))
    }

    /// Returns all listed names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.differs.values().chain(self.does_not_apply.values()).flatten().map(String::as_str)
    }

    /// Returns the listed names that are listed twice or that no case has.
    pub fn stale(&self, cases: &[Case]) -> Vec<String> {
        let ids: BTreeSet<String> = cases.iter().map(Case::id).collect();
        let mut seen = BTreeSet::new();
        let mut stale = Vec::new();
        for name in self.names() {
            let id = name.split_once('/').map_or(name, |(id, _)| id);
            if !ids.contains(id) || !seen.insert(name) {
                stale.push(name.to_owned());
            }
        }
        stale
    }
}

fn find<'r>(reasons: &'r Reasons, id: &str) -> Option<&'r str> {
    let (reason, _) = reasons.iter().find(|(_, names)| names.iter().any(|name| name == id))?;
    Some(reason)
}

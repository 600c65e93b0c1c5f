//! Finds the name that somebody meant who wrote another one.

/// How like a wrong name must be to a known one to be taken for it, of 1.
const ALIKE: f64 = 0.7;

/// Returns the known name that a wrong name is most like: by all of it, or by its last part (after the last dot).
#[must_use]
pub fn meant<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let likeness = |known: &str| {
        let known = known.to_lowercase();
        let last = known.rsplit('.').next().unwrap_or(&known);
        let whole = strsim::normalized_damerau_levenshtein(&name, &known);
        whole.max(strsim::normalized_damerau_levenshtein(&name, last))
    };
    let best = known.into_iter().map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, known)| known)
}

/// Returns `; did you mean …?` for the name that was meant, or an empty text.
#[must_use]
pub fn did_you_mean<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    meant(name, known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_is_found_and_another_one_is_not() {
        let known = ["Demo", "Support desk", "limits.agent_lag"];
        for (wrong, wanted) in
            [("demo", Some("Demo")), ("suport desk", Some("Support desk")), ("agentlag", Some("limits.agent_lag"))]
        {
            assert_eq!(meant(wrong, known), wanted, "{wrong}");
        }
        assert_eq!(meant("other", known), None);
        assert_eq!(did_you_mean("demmo", known), "; did you mean `Demo`?");
        assert_eq!(did_you_mean("", known), "");
    }
}

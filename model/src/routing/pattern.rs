//! Shell patterns for class names in rules: `*`, `?`, `[a-z]` and `[!a]`. A dot is an ordinary character, letters are
//! case-sensitive, and a `[` without a `]` stands for itself.

/// The largest product of the lengths of a pattern and a text, in bytes. It bounds the steps of a comparison.
const MAX_STEPS: usize = 1 << 20;

/// Returns whether a whole text matches a pattern. A pattern and a text above [`MAX_STEPS`] do not match.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    if pattern.len().saturating_mul(text.len()) > MAX_STEPS {
        return false;
    }
    let (mut pattern, mut text) = (pattern, text);
    // The pattern after the last `*` and the text it was tried on. On a mismatch the `*` takes one more character.
    let mut again: Option<(&str, &str)> = None;
    loop {
        if let Some(after) = pattern.strip_prefix('*') {
            again = Some((after, text));
            pattern = after;
            continue;
        }
        let mut rest = text.chars();
        match (rest.next(), first(pattern)) {
            (None, None) => return true,
            (Some(c), Some((part, after))) if part.admits(c) => (pattern, text) = (after, rest.as_str()),
            _ => {
                let Some((after, from)) = again else { return false };
                let mut longer = from.chars();
                if longer.next().is_none() {
                    return false;
                }
                again = Some((after, longer.as_str()));
                (pattern, text) = (after, longer.as_str());
            }
        }
    }
}

/// A part of a pattern that matches one character.
enum Part<'p> {
    Any,
    This(char),
    /// A character of the set, or one outside of it if negated.
    Of {
        set: &'p str,
        is_negated: bool,
    },
}

/// Splits a pattern that does not start with `*` into its first part and the remaining pattern.
fn first(pattern: &str) -> Option<(Part<'_>, &str)> {
    let mut chars = pattern.chars();
    let part = match chars.next()? {
        '?' => Part::Any,
        '[' => match bracket(chars.as_str()) {
            Some(found) => return Some(found),
            None => Part::This('['),
        },
        c => Part::This(c),
    };
    Some((part, chars.as_str()))
}

/// Reads a set after its `[`. A `]` directly after the `[` or `[!` belongs to the set.
fn bracket(inside: &str) -> Option<(Part<'_>, &str)> {
    let (is_negated, inside) = match inside.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, inside),
    };
    let from = inside.chars().next()?.len_utf8();
    let end = from + inside[from..].find(']')?;
    Some((Part::Of { set: &inside[..end], is_negated }, &inside[end + 1..]))
}

impl Part<'_> {
    fn admits(&self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::This(this) => *this == c,
            Self::Of { set, is_negated } => is_in(set, c) != *is_negated,
        }
    }
}

/// Returns whether a set contains a character; `a-z` in the set is a range.
fn is_in(set: &str, c: char) -> bool {
    let mut rest = set.chars();
    while let Some(from) = rest.next() {
        let mut range = rest.clone();
        let to = match (range.next(), range.next()) {
            (Some('-'), Some(to)) => {
                rest = range;
                to
            }
            _ => from,
        };
        if (from..=to).contains(&c) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_matches_as_in_a_shell() {
        for (pattern, text) in [
            ("*", ""),
            ("**", "a.b"),
            ("a.*.C", "a.b.b.C"),
            ("*b*b*", "abcb"),
            ("?.[A-C]x", "é.Bx"),
            ("[!a]b", "xb"),
            ("a[b", "a[b"),
            ("[]a]", "]"),
            ("[a-]", "-"),
            ("*[", "x["),
            ("[[]x", "[x"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a.*.C", "a.b.c"),
            ("?", ""),
            ("[!a]b", "ab"),
            ("[z-a]", "b"),
            ("a*", "ba"),
            ("*a", "ab"),
            ("[^a]", "b"),
            ("pkg.[lpha", "pkg.Alpha"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_with_many_stars_is_fast() {
        assert!(!matches(&"*a".repeat(100), &"a".repeat(99)));
        assert!(!matches(&format!("{}b", "*a".repeat(64)), &"a".repeat(256)));
        assert!(matches(&"*".repeat(1_024), &"a".repeat(1_024)));
        assert!(!matches(&"*".repeat(1_025), &"a".repeat(1_024)), "too long together");
    }
}

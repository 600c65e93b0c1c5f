//! The patterns of a schema. A short pattern can compile to megabytes, so each is compiled here with a limit before the
//! validator sees it, and all of them have a limit together.

use std::collections::HashSet;

use regex_automata::nfa::thompson;
use serde_json::Value;

/// The limits of the patterns of one schema. The sizes are those of the compiled automata; a validator uses a small
/// multiple of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaLimits {
    /// The most bytes of one pattern: `host.schema_pattern_kib`.
    pub pattern_bytes: usize,
    /// The most bytes of all patterns together: `host.schema_patterns_kib`.
    pub patterns_bytes: usize,
}

impl Default for SchemaLimits {
    /// Returns the limits of a host whose operator sets none.
    fn default() -> Self {
        Self { pattern_bytes: 256 << 10, patterns_bytes: 2 << 20 }
    }
}

/// Checks the sizes of all patterns of a schema. A text that is no pattern is left to the validator.
///
/// # Errors
/// A sentence for the author that names the pattern's path, the limit and the setting.
pub(super) fn check(schema: &Value, limits: SchemaLimits) -> Result<(), String> {
    let mut patterns = Patterns { limits, used: 0, seen: HashSet::new() };
    patterns.walk(schema, &mut Vec::new())
}

struct Patterns<'s> {
    limits: SchemaLimits,
    /// The bytes of the patterns so far.
    used: usize,
    /// The validator compiles each text once.
    seen: HashSet<&'s str>,
}

impl<'s> Patterns<'s> {
    fn walk(&mut self, value: &'s Value, path: &mut Vec<String>) -> Result<(), String> {
        match value {
            Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                path.push(index.to_string());
                self.walk(item, path)?;
                path.pop();
                Ok(())
            }),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                path.push(name.clone());
                if let ("pattern", Value::String(pattern)) = (name.as_str(), member) {
                    self.add(pattern, path)?;
                }
                if let ("patternProperties", Value::Object(patterns)) = (name.as_str(), member) {
                    patterns.keys().try_for_each(|pattern| self.add(pattern, path))?;
                }
                self.walk(member, path)?;
                path.pop();
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn add(&mut self, pattern: &'s str, path: &[String]) -> Result<(), String> {
        if !self.seen.insert(pattern) {
            return Ok(());
        }
        let SchemaLimits { pattern_bytes, patterns_bytes } = self.limits;
        let left = patterns_bytes - self.used;
        let Ok(translated) = jsonschema_regex::to_rust_regex(pattern) else { return Ok(()) };
        let most = pattern_bytes.min(left);
        let config = thompson::Config::new().nfa_size_limit(Some(most));
        match thompson::Compiler::new().configure(config).build(&translated) {
            // A small automaton may be a little over its limit, which is checked as it grows.
            Ok(automaton) => {
                self.used = patterns_bytes.min(self.used.saturating_add(automaton.memory_usage()));
                Ok(())
            }
            Err(error) if error.size_limit().is_none() => Ok(()),
            Err(_) if pattern_bytes <= left => Err(format!(
                "the pattern at `/{}` compiles to more than {} KiB, the limit of one pattern \
                 (`host.schema_pattern_kib`)",
                path.join("/"),
                pattern_bytes >> 10
            )),
            Err(_) => Err(format!(
                "with the pattern at `/{}` the patterns of the schema compile to more than {} KiB, the limit of all \
                 together (`host.schema_patterns_kib`)",
                path.join("/"),
                patterns_bytes >> 10
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_that_compiles_to_much_is_refused_with_its_path() {
        let limits = SchemaLimits::default();
        let usual = json!({"properties": {
            "id": {"pattern": "^[a-zA-Z0-9_-]{1,64}$"}, "name": {"pattern": "^\\p{L}[\\p{L} ]*$"},
            "mail": {"pattern": "^[^@\\s]{1,64}@[a-z0-9.-]{1,255}$"}, "other": {"pattern": "("},
        }});
        assert_eq!(check(&usual, limits), Ok(()));
        let large = json!({"properties": {"a": {"anyOf": [{"pattern": "[\\p{L}\\p{N}]{1,200}"}]}}});
        let refused = check(&large, limits).unwrap_err();
        assert!(refused.contains("`/properties/a/anyOf/0/pattern`"), "{refused}");
        assert!(refused.contains("256 KiB") && refused.contains("host.schema_pattern_kib"), "{refused}");
        let key = json!({"patternProperties": {"([a-z]{100}){100}": {}}});
        assert!(check(&key, limits).unwrap_err().contains("`/patternProperties`"));
    }

    #[test]
    fn many_patterns_have_a_limit_together() {
        let many = |count: usize| -> Value {
            (0..count).map(|n| (n.to_string(), json!({"pattern": format!("^{n}[\\p{{L}}]$")}))).collect()
        };
        let schema = |count| json!({"properties": many(count)});
        assert_eq!(check(&schema(5), SchemaLimits::default()), Ok(()));
        let began = std::time::Instant::now();
        let refused = check(&schema(600), SchemaLimits::default()).unwrap_err();
        assert!(refused.contains("2048 KiB") && refused.contains("host.schema_patterns_kib"), "{refused}");
        assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
        let same: Value = (0..600).map(|n| (n.to_string(), json!({"pattern": "^[\\p{L}]$"}))).collect();
        assert_eq!(check(&json!({"properties": same}), SchemaLimits::default()), Ok(()), "it is compiled once");
    }
}

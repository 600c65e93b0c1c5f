//! Paths into states: names and indexes, and for reading also wildcards, slices, filters and descendants
//! (`$.a["b c"].l[0]`, `l[*].n`, `l[?n > 1]`, `$..n`). They are a subset of JSONPath; a leading `$` is optional.

mod parser;
mod search;
mod step;

use serde_json::{Map, Value};

use parser::{Parser, SyntaxError};
use search::Search;
use step::{Step, position};

/// Why a path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is not a path; the position counts characters from 0.
    #[error("the path cannot be read at character {0}")]
    Syntax(usize),
    /// The path has too many bytes or steps.
    #[error("a path has at most {MAX_BYTES} bytes and {MAX_STEPS} steps")]
    TooLong,
    /// The path may lead to several places.
    #[error("a path that is written to has names and indexes only")]
    NotOne,
    /// The list has no element with this index.
    #[error("the list has no element {0}")]
    NoElement(i64),
    /// The value at an index is not a list.
    #[error("an index needs a list")]
    NoList,
}

/// The longest path, in bytes.
const MAX_BYTES: usize = 1_024;
/// The most steps of a path.
const MAX_STEPS: usize = 64;

/// A path that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Path(Vec<Step>);

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `Syntax` with the position of the error, or `TooLong`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_BYTES {
            return Err(PathError::TooLong);
        }
        let steps = Parser::new(text).steps().map_err(|SyntaxError(at)| PathError::Syntax(at))?;
        if steps.len() > MAX_STEPS { Err(PathError::TooLong) } else { Ok(Self(steps)) }
    }

    /// Returns the first value that the path leads to. The search visits at most 200,000 lists and objects.
    #[must_use]
    pub fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        Search::default().first(&self.0, value)
    }

    /// Returns the one place that the path leads to. Missing objects on the way are created and scalars are replaced,
    /// but an element of a list must exist.
    ///
    /// # Errors
    /// `NotOne` when the path has other steps than names and indexes, `NoElement` and `NoList` for an index without its
    /// element.
    pub fn make<'v>(&self, value: &'v mut Value) -> Result<&'v mut Value, PathError> {
        self.0.iter().try_fold(value, |place, step| match step {
            Step::Name(name) => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                match place {
                    Value::Object(members) => Ok(members.entry(name.as_str()).or_insert(Value::Null)),
                    _ => Err(PathError::NotOne),
                }
            }
            Step::Index(index) => {
                let Value::Array(items) = place else { return Err(PathError::NoList) };
                let position = position(*index, items.len());
                position.and_then(|at| items.get_mut(at)).ok_or(PathError::NoElement(*index))
            }
            Step::All | Step::Below | Step::Slice(..) | Step::Filter(_) => Err(PathError::NotOne),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::search::MAX_VISITS;
    use super::*;

    #[test]
    fn a_path_finds_the_first_match() {
        let data = json!({"a": {"b": {"c": 1, "d-e": 2, "f g": 3}}, "l": [{"n": 1}, {"n": 2}], "x.y": 9});
        for (path, expected) in [
            ("$", Some(data.clone())),
            ("a.b.d-e", Some(json!(2))),
            ("$.a.b[\"f g\"]", Some(json!(3))),
            ("['x.y']", Some(json!(9))),
            ("l[-1].n", Some(json!(2))),
            ("l[*].n", Some(json!(1))),
            ("l[1:].n", Some(json!(2))),
            ("l[?(@.n > 1)].n", Some(json!(2))),
            ("$..n", Some(json!(1))),
            ("l[9].n", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().first(&data).cloned(), expected, "{path}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_path_is_refused() {
        for path in ["a..[", "a[", "a.", "[]", "a]", "[?]", "['a", "$a"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\$a-c.\\[\\]*?@()'\"<>=!:0-9 -]{0,24}") {
            if let Ok(path) = Path::parse(&text) {
                let mut value = json!({"a": [{"b": 1}], "b": {"c": null}});
                let _ = path.first(&value);
                let _ = path.make(&mut value);
            }
        }
    }

    #[test]
    fn a_search_visits_a_bounded_number_of_values() {
        let path = Path::parse(&("$".to_owned() + &"..*".repeat(30) + "..b")).unwrap();
        let mut search = Search::default();
        let scalars = json!({"l": vec![0; 100_000]});
        assert_eq!(search.first(&path.0, &scalars), None);
        assert!(search.failed.len() < 100, "{}", search.failed.len());
        let lists = json!({"l": vec![json!([[]]); 100_000]});
        let mut search = Search::default();
        assert_eq!((search.first(&path.0, &lists), search.visits), (None, MAX_VISITS));
        let last: Vec<_> = (0..100_000).map(|n| json!({"n": n})).collect();
        assert_eq!(Path::parse("$..[?n == 99999].n").unwrap().first(&json!(last)), Some(&json!(99_999)));
    }

    #[test]
    fn a_path_with_many_descents_ends() {
        let deep = (0..60).fold(json!(1), |below, _| json!({"a": below}));
        let path = Path::parse(&("$".to_owned() + &"..a".repeat(20) + "..b")).unwrap();
        assert_eq!(path.first(&deep), None);
        let found = Path::parse("$..a..a..a").unwrap();
        assert_eq!(found.first(&json!({"a": [{"a": {"b": {"a": 7}}}]})), Some(&json!(7)));
    }
}

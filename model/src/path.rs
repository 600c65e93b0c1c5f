//! The paths into states: names, indexes, and for reading also wildcards, slices,
//! filters and descendants (`$.a["b c"].l[0]`, `l[*].n`, `l[?n > 1]`, `$..n`). A
//! subset of JSONPath; a leading `$` may be left out.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path cannot be read at character {0}")]
    Syntax(usize),
    #[error("the path may have {MAX_BYTES} bytes and {MAX_STEPS} steps")]
    TooLong,
    #[error("a path that is written to may have names and indexes only")]
    NotOne,
    #[error("the list has no element {0}")]
    NoElement(i64),
    #[error("an index needs a list")]
    NoList,
}

const MAX_BYTES: usize = 1_024;
const MAX_STEPS: usize = 64;
/// How many lists and objects one search looks into; what is not found by then is not.
const MAX_LOOKS: usize = 200_000;

/// A path that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(String),
    Index(i64),
    All,
    /// The next step, at any depth.
    Below,
    Slice(Option<i64>, Option<i64>),
    Filter(Filter),
}

/// `name`, or a comparison of it with a value.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    names: Vec<String>,
    compare: Option<(Comparison, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// With the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_BYTES {
            return Err(PathError::TooLong);
        }
        let mut parser = Parser { chars: text.trim().chars().collect(), at: 0 };
        let steps = parser.steps()?;
        if steps.len() > MAX_STEPS { Err(PathError::TooLong) } else { Ok(Self(steps)) }
    }

    /// The first value that the path leads to.
    #[must_use]
    pub fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        Search::default().first(&self.0, value)
    }

    /// The place that the path leads to. Objects on the way that are missing are
    /// made, scalars on it replaced; a list's element must be there.
    ///
    /// # Errors
    /// The path may lead to several places, or an element is missing.
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

/// A search for the first match. Where the rest of a path was not found below a value
/// it is not looked for again: `..a..a..a` would look as often as there are ways.
#[derive(Default)]
struct Search {
    /// How many steps were left, and where.
    in_vain: HashSet<(usize, *const Value)>,
    looks: usize,
}

impl Search {
    fn first<'v>(&mut self, steps: &[Step], value: &'v Value) -> Option<&'v Value> {
        let Some((step, rest)) = steps.split_first() else { return Some(value) };
        // No step leads on from a scalar.
        if !(value.is_object() || value.is_array()) || self.looks == MAX_LOOKS {
            return None;
        }
        self.looks += 1;
        match step {
            Step::Name(name) => self.first(rest, value.get(name.as_str())?),
            Step::Index(index) => {
                let items = value.as_array()?;
                self.first(rest, items.get(position(*index, items.len())?)?)
            }
            Step::All => children(value).find_map(|child| self.first(rest, child)),
            Step::Below => {
                if !self.in_vain.insert((steps.len(), std::ptr::from_ref(value))) {
                    return None;
                }
                self.first(rest, value).or_else(|| children(value).find_map(|child| self.first(steps, child)))
            }
            Step::Slice(from, to) => {
                let items = value.as_array()?;
                let bound = |bound: i64| {
                    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                    let bound = if bound < 0 { length.saturating_add(bound) } else { bound };
                    usize::try_from(bound.clamp(0, length)).unwrap_or_default()
                };
                let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
                items.get(from..to)?.iter().find_map(|item| self.first(rest, item))
            }
            Step::Filter(filter) => {
                children(value).filter(|child| filter.admits(child)).find_map(|child| self.first(rest, child))
            }
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Where an index points; a negative one counts from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { length.saturating_add(index) } else { index }).ok()
}

impl Filter {
    fn admits(&self, value: &Value) -> bool {
        let found = self.names.iter().try_fold(value, |value, name| value.get(name.as_str()));
        match (&self.compare, found) {
            (None, found) => found.is_some_and(|found| !found.is_null()),
            (Some(_), None) => false,
            (Some((comparison, wanted)), Some(found)) => comparison.holds(found, wanted),
        }
    }
}

impl Comparison {
    fn holds(self, found: &Value, wanted: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (found, wanted) {
            (Value::Number(one), Value::Number(other)) => {
                one.as_f64().zip(other.as_f64()).and_then(|(one, other)| one.partial_cmp(&other))
            }
            (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
            (one, other) if one == other => Some(Equal),
            _ => None,
        };
        match self {
            Self::Equal => order == Some(Equal),
            Self::NotEqual => order != Some(Equal),
            Self::Less => order == Some(Less),
            Self::LessOrEqual => matches!(order, Some(Less | Equal)),
            Self::Greater => order == Some(Greater),
            Self::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
        }
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = wanted.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    fn blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    const fn mistake<T>(&self) -> Result<T, PathError> {
        Err(PathError::Syntax(self.at))
    }

    fn steps(&mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        let mut may_name = !self.take("$");
        while let Some(next) = self.peek() {
            if next == '[' {
                steps.push(self.bracket()?);
            } else if self.take("..") {
                steps.push(Step::Below);
                if self.peek() != Some('[') {
                    steps.push(self.name()?);
                }
            } else if may_name || self.take(".") {
                steps.push(self.name()?);
            } else {
                return self.mistake();
            }
            may_name = false;
        }
        if steps.last() == Some(&Step::Below) { self.mistake() } else { Ok(steps) }
    }

    fn name(&mut self) -> Result<Step, PathError> {
        if self.take("*") {
            return Ok(Step::All);
        }
        let name = self.word(|c| !matches!(c, '.' | '[' | ']'));
        if name.is_empty() { self.mistake() } else { Ok(Step::Name(name)) }
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            word.push(c);
            self.at += 1;
        }
        word
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        self.at += 1;
        self.blanks();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::All
            }
            Some('?') => {
                self.at += 1;
                Step::Filter(self.filter()?)
            }
            Some('"' | '\'') => Step::Name(self.quoted()?),
            _ => self.index_or_slice()?,
        };
        self.blanks();
        if self.take("]") { Ok(step) } else { self.mistake() }
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let quote = self.peek();
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return self.mistake(),
                end if end == quote => break,
                Some('\\') => {
                    self.at += 1;
                    let Some(c) = self.peek() else { return self.mistake() };
                    text.push(c);
                }
                Some(c) => text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(text)
    }

    fn index_or_slice(&mut self) -> Result<Step, PathError> {
        let from = self.integer()?;
        self.blanks();
        if self.take(":") {
            self.blanks();
            return Ok(Step::Slice(from, self.integer()?));
        }
        from.map_or_else(|| self.mistake(), |index| Ok(Step::Index(index)))
    }

    fn integer(&mut self) -> Result<Option<i64>, PathError> {
        let word = self.word(|c| c == '-' || c.is_ascii_digit());
        if word.is_empty() {
            return Ok(None);
        }
        word.parse().map_or_else(|_| self.mistake(), |number| Ok(Some(number)))
    }

    fn filter(&mut self) -> Result<Filter, PathError> {
        self.blanks();
        let is_wrapped = self.take("(");
        self.blanks();
        let _ = self.take("@.");
        let mut names = Vec::new();
        loop {
            let name = self.word(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            if name.is_empty() {
                return self.mistake();
            }
            names.push(name);
            if !self.take(".") {
                break;
            }
        }
        self.blanks();
        let compare = match self.comparison() {
            Some(comparison) => {
                self.blanks();
                Some((comparison, self.literal()?))
            }
            None => None,
        };
        self.blanks();
        if is_wrapped && !self.take(")") { self.mistake() } else { Ok(Filter { names, compare }) }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        const ALL: [(&str, Comparison); 7] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
        ALL.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, comparison)| comparison)
    }

    fn literal(&mut self) -> Result<Value, PathError> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.quoted().map(Value::String);
        }
        let word = self.word(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'));
        serde_json::from_str(&word).or_else(|_| self.mistake())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
    fn what_is_no_path_is_refused() {
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
    fn a_search_looks_only_so_often() {
        let path = Path::parse(&("$".to_owned() + &"..*".repeat(30) + "..b")).unwrap();
        let mut search = Search::default();
        let scalars = json!({"l": vec![0; 100_000]});
        assert_eq!(search.first(&path.0, &scalars), None);
        assert!(search.in_vain.len() < 100, "{}", search.in_vain.len());
        let lists = json!({"l": vec![json!([[]]); 100_000]});
        let mut search = Search::default();
        assert_eq!((search.first(&path.0, &lists), search.looks), (None, MAX_LOOKS));
        let last: Vec<_> = (0..100_000).map(|n| json!({"n": n})).collect();
        assert_eq!(Path::parse("$..[?n == 99999].n").unwrap().first(&json!(last)), Some(&json!(99_999)));
    }

    #[test]
    fn a_path_of_many_descents_comes_to_an_end() {
        let deep = (0..60).fold(json!(1), |below, _| json!({"a": below}));
        let path = Path::parse(&("$".to_owned() + &"..a".repeat(20) + "..b")).unwrap();
        assert_eq!(path.first(&deep), None);
        let found = Path::parse("$..a..a..a").unwrap();
        assert_eq!(found.first(&json!({"a": [{"a": {"b": {"a": 7}}}]})), Some(&json!(7)));
    }
}

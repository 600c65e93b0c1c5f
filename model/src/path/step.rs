//! The steps of a path and the conditions of its filters.

use serde_json::Value;

/// One step of a path, from a value to the values below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// The member with this name.
    Name(String),
    /// The element of a list; a negative index counts from the end.
    Index(i64),
    /// All members or elements.
    All,
    /// The value itself and all values below it, at any depth.
    Below,
    /// The elements from an index up to and without another one.
    Slice(Option<i64>, Option<i64>),
    /// The members or elements for which a condition holds.
    Filter(Filter),
}

/// A condition of a filter: the value under `names` exists and is not null, or it compares as `compare` says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    pub names: Vec<String>,
    pub compare: Option<(Comparison, Value)>,
}

/// An operator that compares two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Returns whether the condition holds for a value.
    pub(super) fn admits(&self, value: &Value) -> bool {
        let found = self.names.iter().try_fold(value, |value, name| value.get(name.as_str()));
        match (&self.compare, found) {
            (None, found) => found.is_some_and(|found| !found.is_null()),
            (Some(_), None) => false,
            (Some((comparison, wanted)), Some(found)) => comparison.holds(found, wanted),
        }
    }
}

impl Comparison {
    /// Returns whether `found` compares to `wanted` in this way. Numbers and texts have an order; other values are only
    /// equal or not.
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

/// Returns the elements of a list, or the values of an object.
pub(super) fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Returns the position of an index in a list of `length` elements. A negative index counts from the end.
pub(super) fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { length.saturating_add(index) } else { index }).ok()
}

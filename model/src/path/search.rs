//! The search for the first value that a path leads to, in bounded time.

use std::collections::HashSet;

use serde_json::Value;

use crate::path::step::{Step, children, position};

/// The most lists and objects that one search visits. A match that is found later does not count.
pub(super) const MAX_VISITS: usize = 200_000;

/// A search for the first match. It remembers where the rest of a path was not found: without that, `..a..a..a` would
/// visit a value once for each way that leads there.
#[derive(Default)]
pub(super) struct Search {
    /// The number of remaining steps and the value for each search that found nothing.
    pub failed: HashSet<(usize, *const Value)>,
    /// The number of lists and objects visited so far.
    pub visits: usize,
}

impl Search {
    /// Returns the first value that the steps lead to from `value`.
    pub(super) fn first<'v>(&mut self, steps: &[Step], value: &'v Value) -> Option<&'v Value> {
        let Some((step, rest)) = steps.split_first() else { return Some(value) };
        // A scalar has no values below it.
        if !(value.is_object() || value.is_array()) || self.visits == MAX_VISITS {
            return None;
        }
        self.visits += 1;
        match step {
            Step::Name(name) => self.first(rest, value.get(name.as_str())?),
            Step::Index(index) => {
                let items = value.as_array()?;
                self.first(rest, items.get(position(*index, items.len())?)?)
            }
            Step::All => children(value).find_map(|child| self.first(rest, child)),
            Step::Below => {
                if !self.failed.insert((steps.len(), std::ptr::from_ref(value))) {
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

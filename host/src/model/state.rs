//! States of guilds and agents as JSON, and how they change: merge patches (RFC
//! 7396), JSON patches (RFC 6902), at the root or at a path, with a version as
//! precondition. A change is applied whole or not at all.

use serde_json::{Map, Value};

use super::ids::AgentId;
use super::path::{Path, PathError};
use super::spec::UpdateFormat;

/// Whose state it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StateOwner {
    Guild,
    Agent(AgentId),
}

/// One change of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateChange {
    pub format: UpdateFormat,
    /// A JSON object; of a JSON patch, with the member `operations`.
    pub update: Value,
    /// The part to change; none or empty: all of it.
    pub path: Option<String>,
    /// The version that the state must have.
    pub version: Option<i64>,
}

impl StateChange {
    /// A merge patch of the whole state.
    #[must_use]
    pub const fn merge(update: Value) -> Self {
        Self { format: UpdateFormat::MergePatch, update, path: None, version: None }
    }
}

/// The most bytes that a state may have as JSON.
pub const MAX_STATE_BYTES: usize = 1 << 20;

/// Why a state does not change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("the state has version {actual}, not {expected}")]
    Version { expected: i64, actual: i64 },
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("the patch does not apply: {0}")]
    Patch(String),
    #[error("state_too_large: the state would have {bytes} bytes, the limit is {MAX_STATE_BYTES}")]
    TooLarge {
        /// At least.
        bytes: usize,
    },
}

/// The state as it is after a change.
///
/// # Errors
/// The precondition does not hold, the path leads nowhere, the patch does not
/// apply, or the state would be too large.
pub fn changed(state: &Value, version: i64, change: &StateChange) -> Result<Value, StateError> {
    if let Some(expected) = change.version.filter(|expected| *expected != version) {
        return Err(StateError::Version { expected, actual: version });
    }
    let mut next = state.clone();
    let part = match change.path.as_deref().filter(|path| !path.is_empty()) {
        Some(path) => Path::parse(path)?.make(&mut next)?,
        None => &mut next,
    };
    if !matches!(part, Value::Object(_) | Value::Array(_)) {
        *part = Value::Object(Map::new());
    }
    match change.format {
        UpdateFormat::MergePatch => json_patch::merge(part, &change.update),
        UpdateFormat::JsonPatch => {
            let refused = |error: String| StateError::Patch(error);
            let operations =
                change.update.get("operations").ok_or_else(|| refused("`operations` is missing".into()))?;
            let patch: json_patch::Patch =
                serde_json::from_value(operations.clone()).map_err(|error| refused(error.to_string()))?;
            patch_bounded(part, &patch)?;
        }
    }
    if !next.is_object() {
        return Err(StateError::Patch("a state is an object".to_owned()));
    }
    Ok(next)
}

/// The text of a state, which is within its limit.
///
/// # Errors
/// `TooLarge`.
pub fn text_of(state: &Value) -> Result<String, StateError> {
    let text = state.to_string();
    if text.len() > MAX_STATE_BYTES { Err(StateError::TooLarge { bytes: text.len() }) } else { Ok(text) }
}

/// Applies a patch operation by operation, so that copies of copies cannot grow
/// without bound.
fn patch_bounded(part: &mut Value, patch: &json_patch::Patch) -> Result<(), StateError> {
    for operation in &patch.0 {
        json_patch::patch(part, std::slice::from_ref(operation))
            .map_err(|error| StateError::Patch(error.to_string()))?;
        if matches!(operation, json_patch::PatchOperation::Copy(_)) && !is_within(part, MAX_STATE_BYTES) {
            return Err(StateError::TooLarge { bytes: MAX_STATE_BYTES + 1 });
        }
    }
    Ok(())
}

/// Whether a value has about so many bytes at the most.
fn is_within(value: &Value, bytes: usize) -> bool {
    fn rest(value: &Value, left: usize) -> Option<usize> {
        let left = left.checked_sub(2)?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(left),
            Value::String(text) => left.checked_sub(text.len()),
            Value::Array(items) => items.iter().try_fold(left, |left, item| rest(item, left)),
            Value::Object(members) => {
                members.iter().try_fold(left, |left, (name, value)| rest(value, left.checked_sub(name.len())?))
            }
        }
    }
    rest(value, bytes).is_some()
}

/// What a fetch gives: without a path the whole state, else the first match; an
/// object as it is, anything else under the last part of the path, nothing as
/// `{}`.
///
/// # Errors
/// The path cannot be read.
pub fn fetched(state: &Value, path: Option<&str>) -> Result<Value, PathError> {
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(state.clone()) };
    Ok(match Path::parse(path)?.first(state) {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(found @ Value::Object(_)) => found.clone(),
        Some(found) => {
            let name = path.rsplit('.').next().unwrap_or(path);
            Value::Object(Map::from_iter([(name.to_owned(), found.clone())]))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(path: &str, update: Value) -> StateChange {
        StateChange { path: Some(path.into()), ..StateChange::merge(update) }
    }

    #[test]
    fn a_merge_at_a_path_makes_what_is_missing_and_replaces_scalars() {
        let change = at("a.b.c", json!({"x": 1}));
        assert_eq!(changed(&json!({}), 0, &change), Ok(json!({"a": {"b": {"c": {"x": 1}}}})));
        assert_eq!(changed(&json!({"a": 5}), 0, &change), Ok(json!({"a": {"b": {"c": {"x": 1}}}})));
        assert_eq!(changed(&json!({"l": [{}]}), 0, &at("l[0]", json!({"x": 1}))), Ok(json!({"l": [{"x": 1}]})));
        assert!(matches!(changed(&json!({"l": []}), 0, &at("l[0]", json!({"x": 1}))), Err(StateError::Path(_))));
        assert!(matches!(changed(&json!({"l": []}), 0, &at("l[*]", json!({"x": 1}))), Err(StateError::Path(_))));
    }

    #[test]
    fn a_stale_version_changes_nothing() {
        let change = StateChange { version: Some(3), ..StateChange::merge(json!({"a": 1})) };
        assert_eq!(changed(&json!({}), 4, &change), Err(StateError::Version { expected: 3, actual: 4 }));
        assert_eq!(changed(&json!({}), 3, &change), Ok(json!({"a": 1})));
    }

    #[test]
    fn copies_of_copies_stop_at_the_limit() {
        let operations: Vec<Value> = (0..60).map(|_| json!({"op": "copy", "from": "", "path": "/a"})).collect();
        let wide: Vec<Value> = (0..60)
            .flat_map(|_| {
                [
                    json!({"op": "copy", "from": "/l", "path": "/l/-"}),
                    json!({"op": "copy", "from": "/l", "path": "/l/-"}),
                ]
            })
            .collect();
        for operations in [operations, wide] {
            let change = StateChange {
                format: UpdateFormat::JsonPatch,
                ..StateChange::merge(json!({"operations": operations}))
            };
            let _ = changed(&json!({"l": ["x"], "a": 1}), 0, &change);
        }
    }
}

//! The states of guilds and agents, JSON objects, and their changes: merge patches (RFC 7396) and JSON patches (RFC
//! 6902) at the root or at a path, with a version as the precondition. A change is applied as a whole or not at all.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::format;
use crate::ids::{AgentId, GuildId};
use crate::message::{Message, raw_json};
use crate::path::{Path, PathError};
use crate::payload::MAX_DEPTH;
use crate::spec::UpdateFormat;
use crate::tag::AgentTag;
use crate::topic;
use crate::topic::Topics;

/// The owner of a state or of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StateOwner {
    /// The guild.
    Guild,
    /// An agent of the guild.
    Agent(AgentId),
}

impl StateOwner {
    /// Returns the members `state_owner` and `agent_id` that describe the owner in messages.
    #[must_use]
    pub const fn wire_names(&self) -> (&'static str, Option<&AgentId>) {
        match self {
            Self::Guild => ("guild", None),
            Self::Agent(agent) => ("agent", Some(agent)),
        }
    }
}

/// A state with its version.
#[derive(Clone, Debug)]
pub struct VersionedState {
    /// The number of changes; 0 for a state that was never stored.
    pub version: i64,
    /// The time of the last change, in milliseconds since 1970.
    pub updated_ms: u64,
    /// A JSON object.
    pub text: Arc<str>,
}

impl Default for VersionedState {
    fn default() -> Self {
        Self { version: 0, updated_ms: 0, text: "{}".into() }
    }
}

impl VersionedState {
    /// Returns the payload of a `StateUpdateResponse`, which has the state after a change.
    #[must_use]
    pub fn to_payload(&self, guild: &GuildId, owner: &StateOwner) -> Value {
        let (owner_name, agent) = owner.wire_names();
        json!({
            "state_owner": owner_name,
            "guild_id": guild,
            "agent_id": agent,
            "state": serde_json::from_str(&self.text).unwrap_or_else(|_| json!({})),
            "version": self.version,
            "timestamp": self.updated_ms,
        })
    }

    /// Returns the message by which the manager announces a change that was made without a request.
    #[must_use]
    pub fn announcement(&self, guild: &GuildId, owner: &StateOwner) -> Message {
        let topics = Topics::Many(vec![topic::STATE.to_owned()]);
        let payload = raw_json(&self.to_payload(guild, owner));
        Message::draft(AgentTag::manager_of(guild), topics, format::STATE_UPDATE_RESPONSE, payload)
    }
}

/// A change of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateChange {
    /// The notation of `update`.
    pub format: UpdateFormat,
    /// A JSON object; for a JSON patch, with the member `operations`.
    pub update: Value,
    /// The path of the part that changes; `None` or an empty path is the whole state.
    pub path: Option<String>,
    /// The version that the state must have; `None` accepts any.
    pub version: Option<i64>,
}

impl StateChange {
    /// Returns a merge patch of the whole state, without a precondition.
    #[must_use]
    pub const fn merge(update: Value) -> Self {
        Self { format: UpdateFormat::MergePatch, update, path: None, version: None }
    }
}

/// The most bytes that the operations of one JSON patch add, replace, copy or move.
const MAX_PATCHED_BYTES: usize = 2 << 20;
/// A patch adds, replaces, copies or moves more than that.
const TOO_MUCH: StateError = StateError::TooLarge { bytes: MAX_PATCHED_BYTES + 1, limit: MAX_PATCHED_BYTES };
/// The most elements of lists that the operations of one JSON patch shift.
const MAX_SHIFTED: usize = 4 << 20;

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The precondition does not hold.
    #[error("the state has version {actual}, not {expected}")]
    Version {
        /// The version of the precondition.
        expected: i64,
        /// The version of the state.
        actual: i64,
    },
    /// The path cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The patch cannot be applied.
    #[error("the patch does not apply: {0}")]
    Patch(String),
    /// The state, or what a patch moves, would be too large.
    #[error("state_too_large: the state would have {bytes} bytes, the limit is {limit} (`host.state_bytes`)")]
    TooLarge {
        /// The size that the state would have, or a lower bound of it.
        bytes: usize,
        /// The limit, in bytes of JSON.
        limit: usize,
    },
    /// The state would be nested too deep to be read back.
    #[error("state_too_deep: the state would be nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Returns a state after a change. Its size is not checked here: see [`text_of`].
///
/// # Errors
/// `Version` when the precondition does not hold, `Path` when the path cannot be used, `Patch` when the patch cannot be
/// applied or moves too much, `TooLarge` when the patch copies too much, `TooDeep` when the state would be nested too
/// deep.
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
    // The size is checked after all changes of a turn: see `text_of`.
    measured(&next, usize::MAX, MAX_DEPTH)?;
    Ok(next)
}

/// Returns a state as JSON text of at most `limit` bytes.
///
/// # Errors
/// `TooLarge` when the text is longer.
pub fn text_of(state: &Value, limit: usize) -> Result<String, StateError> {
    let text = state.to_string();
    if text.len() > limit { Err(StateError::TooLarge { bytes: text.len(), limit }) } else { Ok(text) }
}

/// Applies a JSON patch one operation at a time. This bounds the bytes that copies of copies add, the depth of the
/// result and the work.
fn patch_bounded(part: &mut Value, patch: &json_patch::Patch) -> Result<(), StateError> {
    use json_patch::PatchOperation as Operation;
    let (mut left, mut shifts_left) = (MAX_PATCHED_BYTES, MAX_SHIFTED);
    for operation in &patch.0 {
        let (to, moved) = match operation {
            Operation::Add(add) => (&add.path, Some(&add.value)),
            Operation::Replace(replace) => (&replace.path, Some(&replace.value)),
            Operation::Copy(copy) => (&copy.path, part.pointer(copy.from.as_str())),
            Operation::Move(moving) => (&moving.path, part.pointer(moving.from.as_str())),
            Operation::Remove(remove) => (&remove.path, None),
            Operation::Test(test) => (&test.path, None),
        };
        let depth = MAX_DEPTH.checked_sub(to.count()).ok_or(StateError::TooDeep)?;
        if let Some(moved) = moved {
            left = measured(moved, left, depth)?;
        }
        let shifts = match operation {
            Operation::Move(moving) => shifted(part, &moving.from) + shifted(part, to),
            Operation::Add(_) | Operation::Copy(_) | Operation::Remove(_) => shifted(part, to),
            Operation::Replace(_) | Operation::Test(_) => 0,
        };
        let too_much = || StateError::Patch("it moves too much".to_owned());
        shifts_left = shifts_left.checked_sub(shifts).ok_or_else(too_much)?;
        if let Operation::Test(test) = operation
            && part.pointer(test.path.as_str()).is_some_and(|found| are_equal(found, &test.value))
        {
            continue;
        }
        json_patch::patch(part, std::slice::from_ref(operation))
            .map_err(|error| StateError::Patch(error.to_string()))?;
    }
    Ok(())
}

/// Whether two values are equal by RFC 6902, section 4.6: numbers by their value, so 1 is 1.0.
fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || whole(one).is_some_and(|n| whole(other) == Some(n))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_there = |(name, value)| other.get(name).is_some_and(|other| are_equal(value, other));
            one.len() == other.len() && one.iter().all(is_there)
        }
        _ => one == other,
    }
}

/// Returns a number without a fraction, exactly.
fn whole(number: &serde_json::Number) -> Option<i128> {
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    #[expect(clippy::cast_possible_truncation, reason = "a whole number far below 2^127")]
    let of_float = |float: f64| (float.fract() == 0.0 && float.abs() < 1e30).then_some(float as i128);
    integer.or_else(|| number.as_f64().and_then(of_float))
}

/// Returns the number of elements of a list that shift when an element is added or removed at a place.
fn shifted(part: &Value, place: &json_patch::jsonptr::Pointer) -> usize {
    let Some((parent, last)) = place.split_back() else { return 0 };
    let Some(Value::Array(items)) = part.pointer(parent.as_str()) else { return 0 };
    last.decoded().parse().map_or(0, |index: usize| items.len().saturating_sub(index))
}

/// Subtracts the approximate size of a value from `left` bytes. A value that is nested deeper than `depth` is an error.
fn measured(value: &Value, left: usize, depth: usize) -> Result<usize, StateError> {
    let less = |left: usize, bytes: usize| left.checked_sub(bytes).ok_or(TOO_MUCH);
    let below = || depth.checked_sub(1).ok_or(StateError::TooDeep);
    let left = less(left, 2)?;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(left),
        Value::String(text) => less(left, text.len()),
        Value::Array(items) => {
            let depth = below()?;
            items.iter().try_fold(left, |left, item| measured(item, left, depth))
        }
        Value::Object(members) => {
            let depth = below()?;
            members.iter().try_fold(left, |left, (name, value)| measured(value, less(left, name.len())?, depth))
        }
    }
}

/// Returns the part of a state that a fetch asks for, always an object. Without a path it is the whole state, otherwise
/// the first match. A match that is not an object becomes the member with the last part of the path as its name, and no
/// match becomes `{}`.
///
/// # Errors
/// [`PathError`] when the path cannot be read.
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
    fn a_merge_at_a_path_creates_missing_objects_and_replaces_scalars() {
        let change = at("a.b.c", json!({"x": 1}));
        assert_eq!(changed(&json!({}), 0, &change), Ok(json!({"a": {"b": {"c": {"x": 1}}}})));
        assert_eq!(changed(&json!({"a": 5}), 0, &change), Ok(json!({"a": {"b": {"c": {"x": 1}}}})));
        assert_eq!(changed(&json!({"l": [{}]}), 0, &at("l[0]", json!({"x": 1}))), Ok(json!({"l": [{"x": 1}]})));
        assert!(matches!(changed(&json!({"l": []}), 0, &at("l[0]", json!({"x": 1}))), Err(StateError::Path(_))));
        assert!(matches!(changed(&json!({"l": []}), 0, &at("l[*]", json!({"x": 1}))), Err(StateError::Path(_))));
    }

    #[test]
    fn a_change_with_another_version_is_refused() {
        let change = StateChange { version: Some(3), ..StateChange::merge(json!({"a": 1})) };
        assert_eq!(changed(&json!({}), 4, &change), Err(StateError::Version { expected: 3, actual: 4 }));
        assert_eq!(changed(&json!({}), 3, &change), Ok(json!({"a": 1})));
    }

    #[test]
    fn a_test_compares_numbers_by_their_value() {
        let tested = |state: Value, value: Value| {
            let operations =
                json!([{"op": "test", "path": "/n", "value": value}, {"op": "add", "path": "/ok", "value": 1}]);
            let change = StateChange::merge(json!({"operations": operations}));
            changed(&json!({"n": state}), 0, &StateChange { format: UpdateFormat::JsonPatch, ..change }).is_ok()
        };
        for (one, other) in [
            (json!(1), json!(1.0)),
            (json!(-2.0), json!(-2)),
            (json!(0.0), json!(-0.0)),
            (json!({"a": [1, {"b": 2}], "c": 3}), json!({"c": 3.0, "a": [1.0, {"b": 2.0}]})),
            (json!(9_007_199_254_740_992_u64), json!(9_007_199_254_740_992.0)),
        ] {
            assert!(tested(one.clone(), other.clone()) && tested(other.clone(), one.clone()), "{one} {other}");
        }
        for (one, other) in [
            (json!(1), json!("1")),
            (json!(1), json!(true)),
            (json!(1), json!(1.5)),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0)),
            (json!(u64::MAX), json!(-1)),
            (json!([1]), json!([1, 1])),
            (json!({"a": 1}), json!({"b": 1})),
            (json!(null), json!(0)),
        ] {
            assert!(!tested(one.clone(), other.clone()) && !tested(other.clone(), one.clone()), "{one} {other}");
        }
    }

    #[test]
    fn copies_of_copies_stop_at_the_limit() {
        let operations: Vec<Value> = (0..80).map(|_| json!({"op": "copy", "from": "", "path": "/a"})).collect();
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
            let refused = changed(&json!({"l": ["x"], "a": 1}), 0, &change);
            assert!(matches!(refused, Err(StateError::TooLarge { .. } | StateError::TooDeep)), "{refused:?}");
        }
    }

    #[test]
    fn a_patch_that_shifts_too_many_elements_is_refused() {
        let state = json!({"l": vec![0; 100_000]});
        let patched = |operations: Vec<Value>| {
            let change = StateChange::merge(json!({"operations": operations}));
            changed(&state, 0, &StateChange { format: UpdateFormat::JsonPatch, ..change })
        };
        let too_much = Err(StateError::Patch("it moves too much".into()));
        for first in [
            json!({"op": "remove", "path": "/l/0"}),
            json!({"op": "add", "path": "/l/0", "value": 1}),
            json!({"op": "copy", "from": "/l/5", "path": "/l/0"}),
            json!({"op": "move", "from": "/l/0", "path": "/l/-"}),
        ] {
            assert!(patched(vec![first.clone(); 40]).is_ok(), "{first}");
            assert_eq!(patched(vec![first; 50]), too_much);
        }
        assert!(patched(vec![json!({"op": "add", "path": "/l/-", "value": 1}); 1_000]).is_ok(), "appended");
        assert!(patched(vec![json!({"op": "replace", "path": "/l/0", "value": 1}); 1_000]).is_ok(), "replaced");
    }

    #[test]
    fn a_change_that_nests_a_state_too_deep_is_refused() {
        let deep = |levels: usize| "/a".repeat(levels);
        let operations: Vec<Value> =
            (0..14).map(|level| json!({"op": "copy", "from": "/a", "path": deep((1 << level) + 1)})).collect();
        let change =
            StateChange { format: UpdateFormat::JsonPatch, ..StateChange::merge(json!({"operations": operations})) };
        assert_eq!(changed(&json!({"a": {"a": {}}}), 0, &change), Err(StateError::TooDeep));
        let path = vec!["a"; 64].join(".");
        assert_eq!(changed(&json!({}), 0, &at(&path, json!({"x": 1}))), Err(StateError::TooDeep));
    }
}

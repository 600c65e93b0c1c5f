//! The size of a schema, which bounds the work of comparing values with it. It is counted before the validator sees the
//! schema.

use std::collections::HashMap;

use serde_json::Value;

/// The most schemas that a schema may contain after each reference is replaced by its target, as the validator does. A
/// small text can stand for 2^40 of them.
const MAX_UNFOLDED: usize = 20_000;
/// The deepest nesting of schemas.
const MAX_DEPTH: usize = 128;
/// The keys of references.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
/// The keys of anchors, which references may name.
const ANCHORS: [&str; 2] = ["$anchor", "$dynamicAnchor"];

/// About the most visits of a value. A schema that contains itself twice visits each level of a value twice as often as
/// the level above.
const MAX_VISITS: f64 = 1_000_000.0;

/// The largest product of the parts of a schema and the parts of a value: each of many options may be compared with
/// each of many elements.
const MAX_WORK: usize = 50_000_000;

/// The size of a schema after its references are replaced by their targets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    /// The number of schemas.
    schemas: usize,
    /// The number of schemas, keys and elements of lists.
    parts: usize,
    /// The number of references by which the schema contains itself.
    loops: usize,
}

impl Size {
    /// Counts the size of a schema.
    ///
    /// # Errors
    /// A sentence for the author when the schema is too large or too deep, or refers to a place outside of it.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let mut unfolding = Unfolding { root: schema, anchors: HashMap::new(), sizes: HashMap::new() };
        unfolding.find_anchors(schema, 0)?;
        unfolding.size(schema, 0)
    }

    fn add(&mut self, other: Self) {
        self.schemas = self.schemas.saturating_add(other.schemas);
        self.parts = self.parts.saturating_add(other.parts);
        self.loops = self.loops.saturating_add(other.loops);
    }

    /// Returns why a value is too large to be compared with the schema, if it is.
    pub(super) fn refusal(self, value: &Value) -> Option<String> {
        let max_levels = self.max_levels();
        if levels(value) > max_levels {
            return Some(format!(
                "the value is more than {max_levels} levels deep, the limit for a schema that contains itself"
            ));
        }
        let (parts, nodes) = (self.parts, nodes(value));
        (parts.saturating_mul(nodes) > MAX_WORK).then(|| {
            format!(
                "this schema and this value need too much work to compare: \
                 {parts} parts times {nodes}, the limit is {MAX_WORK}"
            )
        })
    }

    /// Returns the most levels that a value may have.
    fn max_levels(self) -> usize {
        let mut visits = f64::from(u32::try_from(self.schemas).unwrap_or(u32::MAX));
        let times = f64::from(u32::try_from(self.loops).unwrap_or(u32::MAX));
        if self.loops < 2 {
            return usize::MAX;
        }
        let mut levels = 1;
        while visits * times <= MAX_VISITS {
            visits *= times;
            levels += 1;
        }
        levels
    }
}

/// Returns how deep lists and objects are nested; JSON that the host reads has at most 128 levels.
fn levels(value: &Value) -> usize {
    children(value).map(levels).max().unwrap_or(0) + usize::from(value.is_object() || value.is_array())
}

/// Returns the number of values and keys in a value.
fn nodes(value: &Value) -> usize {
    let keys = value.as_object().map_or(0, serde_json::Map::len);
    1 + keys + children(value).map(nodes).sum::<usize>()
}

/// Counts the size of a schema.
struct Unfolding<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    /// The sizes counted so far, by the address of the value; `None` while a size is being counted.
    sizes: HashMap<*const Value, Option<Size>>,
}

impl<'s> Unfolding<'s> {
    fn find_anchors(&mut self, value: &'s Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("the schema is nested more than {MAX_DEPTH} deep"));
        }
        if let Value::Object(fields) = value {
            for anchor in ANCHORS.iter().filter_map(|key| fields.get(*key)?.as_str()) {
                if self.anchors.insert(anchor, value).is_some() {
                    return Err(format!("two parts of the schema have the anchor `{anchor}`"));
                }
            }
            // A part with its own `$id` would change what references inside of it mean.
            let draft = self.root.get("$schema").and_then(Value::as_str).unwrap_or_default();
            let id = if draft.contains("draft-04") { "id" } else { "$id" };
            if depth > 0 && fields.get(id).is_some_and(Value::is_string) {
                return Err("only the whole schema may have an `$id`".to_owned());
            }
        }
        children(value).try_for_each(|child| self.find_anchors(child, depth + 1))
    }

    fn size(&mut self, value: &'s Value, depth: usize) -> Result<Size, String> {
        if !(value.is_object() || value.is_array()) {
            return Ok(Size::default());
        }
        if depth > 2 * MAX_DEPTH {
            return Err(format!("the references of the schema are nested more than {} deep", 2 * MAX_DEPTH));
        }
        match self.sizes.get(&std::ptr::from_ref(value)) {
            Some(Some(size)) => return Ok(*size),
            // The schema contains itself. The validator follows it only as deep as the value is.
            Some(None) => return Ok(Size { schemas: 1, parts: 1, loops: 1 }),
            None => {}
        }
        self.sizes.insert(value, None);
        let mut size = Size { schemas: 1, parts: 1 + children(value).count(), loops: 0 };
        for key in REFERENCES {
            if let Some(reference) = value.get(key).and_then(Value::as_str)
                && let Some(target) = self.target(reference)?
            {
                size.add(self.size(target, depth + 1)?);
            }
        }
        for child in children(value) {
            size.add(self.size(child, depth + 1)?);
        }
        if size.schemas > MAX_UNFOLDED {
            return Err(format!("the schema unfolds to more than {MAX_UNFOLDED} schemas"));
        }
        self.sizes.insert(value, Some(size));
        Ok(size)
    }

    /// Returns the target of a reference. It is `None` for the schema of schemas, whose size is fixed.
    fn target(&self, reference: &str) -> Result<Option<&'s Value>, String> {
        if reference.starts_with("http://json-schema.org/") || reference.starts_with("https://json-schema.org/") {
            return Ok(None);
        }
        let target = match reference.strip_prefix('#').map(decoded) {
            Some(place) if place.is_empty() || place.starts_with('/') => self.root.pointer(&place),
            Some(anchor) => self.anchors.get(anchor.as_str()).copied(),
            None => None,
        };
        let nothing =
            || format!("the schema refers to `{reference}`, which is not part of it, and the host fetches no schemas");
        target.map(Some).ok_or_else(nothing)
    }
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let (fields, items) = (value.as_object(), value.as_array());
    fields.into_iter().flat_map(|fields| fields.values()).chain(items.into_iter().flatten())
}

fn decoded(fragment: &str) -> String {
    percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned()
}

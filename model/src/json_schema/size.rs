//! The size of a schema, which bounds the work of comparing values with it. It is counted before the validator sees the
//! schema.

use std::collections::HashMap;

use serde_json::Value;
use url::Url;

/// The most schemas that a schema may contain after each reference is replaced by its target, as the validator does. A
/// small text can stand for 2^40 of them.
const MAX_UNFOLDED: usize = 20_000;
/// The deepest nesting of schemas.
const MAX_DEPTH: usize = 128;
/// The keys of references.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
/// The keys of anchors, which references may name.
const ANCHORS: [&str; 2] = ["$anchor", "$dynamicAnchor"];
/// The keys whose values are data: a `$ref` in them is the name of a member.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];
/// The keys whose values have schemas as members, under free names.
const MAPS: [&str; 6] = ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];
/// The address of a schema without an `$id`, as the validator has it.
const NO_ID: &str = "json-schema:///";

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
        let draft = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
        let id = if draft.contains("draft-04") { "id" } else { "$id" };
        let mut unfolding = Unfolding { id, resources: Vec::new(), homes: HashMap::new(), sizes: HashMap::new() };
        let whole = Part { value: schema, kind: Kind::Schema };
        unfolding.find_resources(whole, None, 0)?;
        unfolding.size(whole, 0)
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

/// What a part of a schema is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// A schema, or a list of schemas.
    Schema,
    /// An object with schemas under free names.
    Map,
    /// A value that is no schema.
    Data,
}

/// A part of a schema.
#[derive(Clone, Copy)]
struct Part<'s> {
    value: &'s Value,
    kind: Kind,
}

impl<'s> Part<'s> {
    /// Returns the parts of this part.
    fn parts(self) -> impl Iterator<Item = Part<'s>> {
        let kind_of = move |key: &str| match self.kind {
            Kind::Schema if DATA.contains(&key) => Kind::Data,
            Kind::Schema if MAPS.contains(&key) => Kind::Map,
            Kind::Schema | Kind::Map => Kind::Schema,
            Kind::Data => Kind::Data,
        };
        let (fields, items) = (self.value.as_object(), self.value.as_array());
        let fields = fields.into_iter().flatten().map(move |(key, value)| Part { value, kind: kind_of(key) });
        let kind = if self.kind == Kind::Data { Kind::Data } else { Kind::Schema };
        fields.chain(items.into_iter().flatten().map(move |value| Part { value, kind }))
    }

    /// Returns the text under a keyword; only schemas have keywords.
    fn keyword(self, key: &str) -> Option<&'s str> {
        if self.kind == Kind::Schema { self.value.get(key)?.as_str() } else { None }
    }
}

/// A schema with an address of its own: the whole one, or a part with an `$id`.
struct Resource<'s> {
    root: &'s Value,
    url: Url,
    anchors: HashMap<&'s str, &'s Value>,
}

/// Counts the size of a schema.
struct Unfolding<'s> {
    /// The keyword of addresses.
    id: &'static str,
    resources: Vec<Resource<'s>>,
    /// The resource of each part, by the address of its value.
    homes: HashMap<*const Value, usize>,
    /// The sizes counted so far, by the address of the value; `None` while a size is being counted.
    sizes: HashMap<(*const Value, Kind), Option<Size>>,
}

impl<'s> Unfolding<'s> {
    fn find_resources(&mut self, part: Part<'s>, home: Option<usize>, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("the schema is nested more than {MAX_DEPTH} deep"));
        }
        let home = self.home(part, home)?;
        self.homes.insert(part.value, home);
        for anchor in ANCHORS.iter().filter_map(|key| part.keyword(key)) {
            self.add_anchor(home, anchor, part.value)?;
        }
        part.parts().try_for_each(|inner| self.find_resources(inner, Some(home), depth + 1))
    }

    /// Returns the resource that a part belongs to, which may begin with this part.
    fn home(&mut self, part: Part<'s>, outer: Option<usize>) -> Result<usize, String> {
        let id = part.keyword(self.id);
        let base = outer.map(|outer| self.resources[outer].url.clone());
        let base = base.or_else(|| Url::parse(NO_ID).ok()).ok_or("there is no base address")?;
        match (id, outer) {
            // An anchor in the spelling of older drafts.
            (Some(id), Some(outer)) if id.starts_with('#') => {
                self.add_anchor(outer, id.trim_start_matches('#'), part.value)?;
                return Ok(outer);
            }
            (None, Some(outer)) => return Ok(outer),
            _ => {}
        }
        let mut url = base
            .join(id.unwrap_or_default())
            .map_err(|error| format!("the `$id` `{}` is not an address: {error}", id.unwrap_or_default()))?;
        url.set_fragment(None);
        if self.resources.iter().any(|resource| resource.url == url) {
            return Err(format!("two parts of the schema have the `$id` `{url}`"));
        }
        self.resources.push(Resource { root: part.value, url, anchors: HashMap::new() });
        Ok(self.resources.len() - 1)
    }

    fn add_anchor(&mut self, home: usize, anchor: &'s str, value: &'s Value) -> Result<(), String> {
        match self.resources[home].anchors.insert(anchor, value) {
            Some(other) if !std::ptr::eq(other, value) => {
                Err(format!("two parts of the schema have the anchor `{anchor}`"))
            }
            _ => Ok(()),
        }
    }

    fn size(&mut self, part: Part<'s>, depth: usize) -> Result<Size, String> {
        if !(part.value.is_object() || part.value.is_array()) {
            return Ok(Size::default());
        }
        if part.kind == Kind::Data {
            return Ok(Size { schemas: 0, parts: nodes(part.value), loops: 0 });
        }
        if depth > 2 * MAX_DEPTH {
            return Err(format!("the references of the schema are nested more than {} deep", 2 * MAX_DEPTH));
        }
        let key = (std::ptr::from_ref(part.value), part.kind);
        match self.sizes.get(&key) {
            Some(Some(size)) => return Ok(*size),
            // The schema contains itself. The validator follows it only as deep as the value is.
            Some(None) => return Ok(Size { schemas: 1, parts: 1, loops: 1 }),
            None => {}
        }
        self.sizes.insert(key, None);
        let mut size = Size { schemas: 1, parts: 1 + part.parts().count(), loops: 0 };
        for key in REFERENCES {
            if let Some(reference) = part.keyword(key) {
                let home = self.homes.get(&std::ptr::from_ref(part.value)).copied().unwrap_or_default();
                for target in self.targets(key, reference, home)? {
                    size.add(self.size(Part { value: target, kind: Kind::Schema }, depth + 1)?);
                }
            }
        }
        for inner in part.parts() {
            size.add(self.size(inner, depth + 1)?);
        }
        if size.schemas > MAX_UNFOLDED {
            return Err(format!("the schema unfolds to more than {MAX_UNFOLDED} schemas"));
        }
        self.sizes.insert(key, Some(size));
        Ok(size)
    }

    /// Returns the targets of a reference in a resource. There are none for the schema of schemas, whose size is fixed.
    /// A dynamic reference may mean each anchor of its name.
    fn targets(&self, key: &str, reference: &str, home: usize) -> Result<Vec<&'s Value>, String> {
        let nothing =
            || format!("the schema refers to `{reference}`, which is not part of it, and the host fetches no schemas");
        let url = self.resources[home].url.join(reference).map_err(|_| nothing())?;
        let mut whole = url.clone();
        whole.set_fragment(None);
        let fragment = decoded(url.fragment().unwrap_or_default());
        let Some(resource) = self.resources.iter().find(|resource| resource.url == whole) else {
            let is_of_schemas = whole.host_str() == Some("json-schema.org");
            return if is_of_schemas { Ok(Vec::new()) } else { Err(nothing()) };
        };
        let is_place = fragment.is_empty() || fragment.starts_with('/');
        let target =
            if is_place { resource.root.pointer(&fragment) } else { resource.anchors.get(&*fragment).copied() };
        let mut targets = vec![target.ok_or_else(nothing)?];
        for other in self.resources.iter().filter(|_| key != "$ref") {
            targets.extend(if is_place { Some(other.root) } else { other.anchors.get(&*fragment).copied() });
        }
        targets.dedup_by(|one, other| std::ptr::eq(*one, *other));
        Ok(targets)
    }
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let (fields, items) = (value.as_object(), value.as_array());
    fields.into_iter().flat_map(|fields| fields.values()).chain(items.into_iter().flatten())
}

fn decoded(fragment: &str) -> String {
    percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned()
}

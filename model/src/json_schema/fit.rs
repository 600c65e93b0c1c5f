//! Turns values into what a schema asks for: texts that spell a number or a boolean, because templates only produce
//! texts, and integers that are written with a fraction of zero.

use serde_json::{Map, Value, json};

use crate::read;

/// The deepest nesting of schemas and references that is followed.
const MAX_DEPTH: usize = 64;

/// Turns the parts of a value into the types that the schema asks for, where they spell a value of them. A text stays
/// where the schema also takes texts.
pub(super) fn fit(root: &Value, value: &mut Value) {
    Fit { root }.fit(&[root], value, 0);
}

struct Fit<'s> {
    root: &'s Value,
}

impl<'s> Fit<'s> {
    /// Fits a value into schemas that all hold for it.
    fn fit(&self, schemas: &[&'s Value], value: &mut Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let mut all = Vec::new();
        for schema in schemas {
            self.add(schema, value, depth, &mut all);
        }
        match value {
            Value::String(_) | Value::Number(_) => {
                if let Some(meant) = meant(value, &self.types(&all)) {
                    *value = meant;
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let of_item = |schema: &&'s Value| {
                        schema["prefixItems"]
                            .get(index)
                            .or_else(|| schema.get("items"))
                            .filter(|items| items.is_object())
                    };
                    let inner: Vec<&Value> = all.iter().filter_map(of_item).collect();
                    self.fit(&inner, item, depth + 1);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let of_member = |schema: &&'s Value| {
                        schema["properties"].get(name).or_else(|| schema.get("additionalProperties"))
                    };
                    let inner: Vec<&Value> =
                        all.iter().filter_map(of_member).filter(|inner| inner.is_object()).collect();
                    if !inner.is_empty() {
                        self.fit(&inner, member, depth + 1);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Adds a schema, the schemas that it refers to, and of its alternatives those that may be meant.
    fn add(&self, schema: &'s Value, value: &Value, depth: usize, all: &mut Vec<&'s Value>) {
        if depth > MAX_DEPTH || all.len() > MAX_DEPTH {
            return;
        }
        all.push(schema);
        if let Some(target) = self.target(schema) {
            self.add(target, value, depth + 1, all);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.add(part, value, depth + 1, all);
        }
        if let Value::Object(members) = value {
            for part in alternatives(schema).filter(|part| self.may_be_meant(part, members, depth + 1)) {
                self.add(part, value, depth + 1, all);
            }
        }
        if let Value::Array(_) = value {
            for part in alternatives(schema) {
                self.add(part, value, depth + 1, all);
            }
        }
    }

    fn target(&self, schema: &Value) -> Option<&'s Value> {
        self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    /// Whether an object has the members that an alternative requires, with the values that it fixes.
    fn may_be_meant(&self, part: &Value, members: &Map<String, Value>, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        if let Some(target) = self.target(part) {
            return self.may_be_meant(target, members, depth + 1);
        }
        let has = |name: &Value| name.as_str().is_some_and(|name| members.contains_key(name));
        let is_fixed = |(name, schema): (&String, &Value)| {
            let Some(member) = members.get(name) else { return true };
            let one = schema.get("const").is_none_or(|one| one == member);
            one && schema["enum"].as_array().is_none_or(|options| options.contains(member))
        };
        part["required"].as_array().is_none_or(|names| names.iter().all(has))
            && part["properties"].as_object().is_none_or(|properties| properties.iter().all(is_fixed))
    }

    /// Returns the types that schemas allow, each the types that all of them allow; none when any type is allowed.
    fn types(&self, schemas: &[&'s Value]) -> Vec<&'s str> {
        let mut types: Vec<&str> = Vec::new();
        for schema in schemas {
            let of_alternatives: Vec<&str> = alternatives(schema)
                .flat_map(|part| {
                    let mut all = Vec::new();
                    self.add(part, &Value::Null, 0, &mut all);
                    let own = all.iter().flat_map(|schema| own_types(schema)).collect::<Vec<_>>();
                    if own.is_empty() { vec!["string"] } else { own }
                })
                .collect();
            let own: Vec<&str> = own_types(schema).collect();
            for allowed in [own, of_alternatives] {
                if types.is_empty() {
                    types = allowed;
                } else if !allowed.is_empty() {
                    types.retain(|kind| allowed.contains(kind));
                }
            }
        }
        types
    }
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten()
}

fn own_types(schema: &Value) -> impl Iterator<Item = &str> {
    let one = schema["type"].as_str();
    one.into_iter().chain(schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// Returns the value that a text or a number spells in one of the types.
fn meant(value: &Value, types: &[&str]) -> Option<Value> {
    let takes = |kind| types.contains(&kind);
    if let Value::Number(number) = value {
        let is_float = number.is_f64() && takes("integer") && !takes("number");
        return read::document(value, &[], read::integer).ok().filter(|_| is_float).map(|integer| json!(integer));
    }
    if value.as_str().is_none() || types.is_empty() || takes("string") {
        return None;
    }
    let unsigned = || value.as_str()?.trim().parse::<u64>().ok().map(|integer| json!(integer));
    let integer = || read::document(value, &[], read::integer).ok().map(|integer| json!(integer)).or_else(unsigned);
    let number = || read::document(value, &[], read::number).ok().map(|number| json!(number));
    let boolean = || read::document(value, &[], read::boolean).ok().map(|boolean| json!(boolean));
    let of = |kind, meant: &dyn Fn() -> Option<Value>| if takes(kind) { meant() } else { None };
    of("integer", &integer).or_else(|| of("number", &number)).or_else(|| of("boolean", &boolean)).or_else(|| {
        // A template writes nothing for null.
        of("null", &|| (value == "").then_some(Value::Null))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fits(schema: &Value, value: Value, wanted: &Value) {
        let mut fitted = value;
        fit(schema, &mut fitted);
        assert_eq!(fitted.to_string(), wanted.to_string(), "{schema}");
    }

    #[test]
    fn texts_become_what_the_schema_asks_for() {
        let of = |kind: Value| json!({"properties": {"a": kind}, "$defs": {"n": {"type": "integer"}}});
        let integer = json!({"type": "integer"});
        let either = |one: Value| json!({"anyOf": [one, {"type": "null"}]});
        for (kind, value, wanted) in [
            (integer.clone(), json!("3"), json!(3)),
            (integer.clone(), json!("18446744073709551615"), json!(u64::MAX)),
            (json!({"type": ["integer", "null"]}), json!("3"), json!(3)),
            (json!({"type": ["integer", "null"]}), json!(""), json!(null)),
            (either(integer.clone()), json!("3"), json!(3)),
            (either(json!({"$ref": "#/$defs/n"})), json!("3"), json!(3)),
            (json!({"$ref": "#/$defs/n"}), json!("3"), json!(3)),
            (json!({"allOf": [{"$ref": "#/$defs/n"}]}), json!("3"), json!(3)),
            (json!({"type": "number"}), json!("1.5"), json!(1.5)),
            (json!({"type": "boolean"}), json!("true"), json!(true)),
            (json!({"items": integer.clone()}), json!(["1", "2"]), json!([1, 2])),
            (json!({"additionalProperties": integer.clone()}), json!({"x": "1"}), json!({"x": 1})),
            (json!({"type": ["integer", "string"]}), json!("3"), json!("3")),
            (json!({"anyOf": [integer.clone(), {"type": "string"}]}), json!("3"), json!("3")),
            (json!({}), json!("3"), json!("3")),
            (integer.clone(), json!("three"), json!("three")),
            (integer.clone(), json!(3.0), json!(3)),
            (either(integer.clone()), json!(3.0), json!(3)),
            (integer, json!(3.5), json!(3.5)),
            (json!({"type": "number"}), json!(3.0), json!(3.0)),
        ] {
            fits(&of(kind), json!({"a": value}), &json!({"a": wanted}));
        }
        fits(&json!({"$ref": "#"}), json!("3"), &json!("3"));
    }

    #[test]
    fn the_alternative_that_is_meant_is_fitted() {
        let schema = json!({"$defs": {
            "count": {"properties": {"check": {"const": "count"}, "count": {"type": "integer"}}, "required": ["check"]},
            "name": {"properties": {"check": {"const": "name"}, "count": {"type": "string"}}, "required": ["check"]},
            "list": {"properties": {"check": {"const": "list"}, "of": {"items": {"$ref": "#/$defs/count"}}}},
        }, "properties": {"a": {"oneOf": [
            {"$ref": "#/$defs/count"}, {"$ref": "#/$defs/name"}, {"$ref": "#/$defs/list"},
        ]}}});
        let a = |value: Value| json!({"a": value});
        fits(&schema, a(json!({"check": "count", "count": "2"})), &a(json!({"check": "count", "count": 2})));
        fits(&schema, a(json!({"check": "name", "count": "2"})), &a(json!({"check": "name", "count": "2"})));
        let list = |count: Value| a(json!({"check": "list", "of": [{"check": "count", "count": count}]}));
        fits(&schema, list(json!("2")), &list(json!(2)));
    }
}

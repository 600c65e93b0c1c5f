//! The identity of a rule: SHA-256 of its JSON text. The text has all defaults, and it leaves out null members and the
//! members that change while the rule is used.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ids::hex;
use crate::spec::RoutingRule;

/// Members that do not belong to a rule's identity.
const LEFT_OUT: [&str; 3] = ["route_times", "process_status", "reason"];

/// Returns the hash of a rule in lower-case hex, as the reference computes it.
#[must_use]
pub fn hashid(rule: &RoutingRule) -> String {
    hex(&Sha256::digest(canonical_text(rule)))
}

/// Returns whether a hash identifies this rule. It accepts the hash of the reference, and that of its second
/// implementation, which hashes compact JSON without empty lists.
#[must_use]
pub fn is_meant(rule: &RoutingRule, hash: &str) -> bool {
    hash.eq_ignore_ascii_case(&hashid(rule)) || hash.eq_ignore_ascii_case(&hex(&Sha256::digest(compact_text(rule))))
}

/// Returns the text that is hashed: ASCII, sorted keys, with `", "` between members and `": "` after keys.
#[must_use]
pub fn canonical_text(rule: &RoutingRule) -> String {
    let mut text = String::new();
    write(&identity(rule), [", ", ": "], &mut text);
    text
}

fn compact_text(rule: &RoutingRule) -> String {
    let mut members = identity(rule);
    if let Some(destination) = members.get_mut("destination").and_then(Value::as_object_mut) {
        destination.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    }
    let mut text = String::new();
    write(&members, [",", ":"], &mut text);
    text
}

fn identity(rule: &RoutingRule) -> Value {
    let mut value = serde_json::to_value(rule).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
    }
    without_nulls(&mut value);
    value
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn write(value: &Value, [between, after]: [&str; 2], text: &mut String) {
    match value {
        Value::Object(members) => write_object(members, [between, after], text),
        Value::Array(items) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                text.push_str(if number == 0 { "" } else { between });
                write(item, [between, after], text);
            }
            text.push(']');
        }
        Value::String(string) => write_text(string, text),
        other => text.push_str(&other.to_string()),
    }
}

fn write_object(members: &Map<String, Value>, [between, after]: [&str; 2], text: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|one, other| one.0.cmp(other.0));
    text.push('{');
    for (number, (name, value)) in sorted.into_iter().enumerate() {
        text.push_str(if number == 0 { "" } else { between });
        write_text(name, text);
        text.push_str(after);
        write(value, [between, after], text);
    }
    text.push('}');
}

/// Writes a text as JSON, with `\uXXXX` for each character outside ASCII.
fn write_text(string: &str, text: &mut String) {
    for c in Value::from(string).to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

//! Values in Python's notation. Several texts of this API contain values in that notation, because clients know them
//! from the reference.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Returns a value as Python's `repr` writes it: `{'a': [1, 2.5, None, True]}`.
#[must_use]
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// Returns a text in single quotes, or in double quotes if it contains single quotes and no double ones.
#[must_use]
pub fn repr_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_text(text, &mut out);
    out
}

/// Returns values with commas between them and without brackets.
pub fn repr_each<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    let each: Vec<String> = values.into_iter().map(repr).collect();
    each.join(", ")
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_text(key, out);
                out.push_str(": ");
                write_value(member, out);
            }
            out.push('}');
        }
    }
}

/// Writes a number. The exponent of a float has a sign and at least two digits.
fn write_number(number: &Number, out: &mut String) {
    let text = match number.as_f64() {
        Some(float) if number.is_f64() => format!("{float:?}"),
        Some(_) | None => number.to_string(),
    };
    let Some((digits, exponent)) = text.split_once('e') else { return out.push_str(&text) };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    write!(out, "{digits}e{sign}{exponent:0>2}").expect("writing to a string cannot fail");
}

fn write_text(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_ascii_control() => {
                write!(out, "\\x{:02x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        for (value, text) in [
            (json!(null), "None"),
            (json!([true, false]), "[True, False]"),
            (json!({"a": 1, "b": {"c": []}}), "{'a': 1, 'b': {'c': []}}"),
            (json!([4.0, 2.5, -1, 1e30, 1e16, 0.00001, 123_456.5]), "[4.0, 2.5, -1, 1e+30, 1e+16, 1e-05, 123456.5]"),
            (json!("it's"), "\"it's\""),
            (json!("é\"'"), "'é\"\\''"),
            (json!("a\n\t\\\u{1}"), "'a\\n\\t\\\\\\x01'"),
        ] {
            assert_eq!(repr(&value), text);
        }
        assert_eq!(repr_each(&[json!("a"), json!(1)]), "'a', 1");
    }
}

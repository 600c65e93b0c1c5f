//! The check of JSON objects that are passed through unparsed. Every JSON reader accepts an object that passes the
//! check, so the host can read it back from the log.

use serde::de::IgnoredAny;
use serde_json::Value;

/// The deepest nesting of an object.
pub const MAX_DEPTH: usize = 64;

/// Checks that a text is a JSON object that is nested at most [`MAX_DEPTH`] deep, whose numbers fit in a float and
/// which has no lone surrogates.
///
/// # Errors
/// A phrase that says what is wrong.
pub fn check_object(text: &str) -> Result<(), String> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    let not_json = |error: serde_json::Error| format!("not JSON that every reader accepts: {error}");
    if check_depth(text)? || text.contains("\\u") {
        serde_json::from_str::<Value>(text).map(drop).map_err(not_json)
    } else {
        serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(not_json)
    }
}

/// Checks the payload of a message, an object with at least one member.
///
/// # Errors
/// A phrase that says what is wrong.
pub fn check(text: &str) -> Result<(), String> {
    check_object(text)?;
    if is_empty(text) { Err("it has no members, and a payload needs at least one".to_owned()) } else { Ok(()) }
}

/// Returns whether an object has no members.
fn is_empty(object: &str) -> bool {
    object.trim_ascii().strip_prefix('{').is_some_and(|inside| inside.trim_ascii_start() == "}")
}

/// Refuses a text that is nested too deep. Returns whether it has a number that may not fit in a float, because it has
/// an exponent or more than 300 digits.
fn check_depth(text: &str) -> Result<bool, String> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut digits, mut is_suspect) = (0_usize, false);
    for byte in text.bytes() {
        if !in_text {
            is_suspect |= digits > 0 && (matches!(byte, b'e' | b'E') || digits > 300);
            digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("nested deeper than {MAX_DEPTH} levels"));
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(is_suspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_every_reader_accepts_passes() {
        for text in [r#"{"a":1}"#, r#" {"a":{"b":[1,2.5,-3e10,"\ud83d\ude00"]}}"#, "{}"] {
            assert_eq!(check_object(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn an_object_that_a_reader_may_refuse_does_not_pass() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
        let long = format!(r#"{{"a":{}}}"#, "9".repeat(400));
        for text in ["", "[1]", "5", r#"{"a":}"#, "}}}", r#"{"a":1e999}"#, r#"{"a":"\ud800"}"#, &deep, &long] {
            assert!(check_object(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_object_without_members_is_empty() {
        assert!(is_empty(" { } ") && !is_empty(r#"{"a":1}"#));
    }
}

//! The part of a file that a client asks for (RFC 9110, section 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// The range of a file that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A range outside of the file.
    Nothing,
}

/// Reads what a request asks for of a file of this many bytes. Several ranges, other units and invalid ranges mean the whole
/// file, and so does `If-Range` with another version than `etag`.
pub fn wanted(headers: &HeaderMap, bytes: u64, etag: &str) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_of_this = !headers.contains_key(header::IF_RANGE) || text(header::IF_RANGE) == Some(etag);
    let spelled = text(header::RANGE).filter(|_| is_of_this).and_then(|range| range.strip_prefix("bytes="));
    spelled.and_then(|range| range.trim().split_once('-')).and_then(|ends| part(ends, bytes)).unwrap_or(Wanted::Whole)
}

fn part((first, last): (&str, &str), bytes: u64) -> Option<Wanted> {
    let range = match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => first..bytes,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(bytes),
        (None, Some(length)) if first.is_empty() => bytes.saturating_sub(length)..bytes,
        _ => return None,
    };
    Some(if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) })
}

/// A number of any length; a number that is too large becomes the largest one.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_range_is_a_part_the_whole_or_nothing() {
        for (range, wanted_of_ten) in [
            ("bytes=0-4", Wanted::Part(0..5)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=5-", Wanted::Part(5..10)),
            ("bytes=5-99999999999999999999", Wanted::Part(5..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-12", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999-", Wanted::Nothing),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
            assert_eq!(wanted(&headers, 10, "\"a\""), wanted_of_ten, "{range}");
        }
        assert_eq!(wanted(&HeaderMap::new(), 10, "\"a\""), Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_version_is_the_whole_file() {
        for (version, is_part) in [("\"a\"", true), ("\"b\"", false), ("Sat, 01 Jan 2000 00:00:00 GMT", false)] {
            let headers = [(header::RANGE, "bytes=0-1"), (header::IF_RANGE, version)];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            assert_eq!(wanted(&HeaderMap::from_iter(headers), 10, "\"a\"") == Wanted::Part(0..2), is_part, "{version}");
        }
    }
}

//! The URL functions, as ECMA-262 defines `encodeURI`, `encodeURIComponent` and their counterparts.

/// What no function encodes, beside letters and digits.
const UNRESERVED: &str = "-_.!~*'()";
/// What the functions for whole URLs neither encode nor decode.
const RESERVED: &str = ";/?:@&=+$,#";

/// Whether a function works on a whole URL or on a part of one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Url,
    Component,
}

/// Encodes a text.
pub(super) fn encode(text: &str, of: Of) -> String {
    let stays = |byte: u8| {
        let c = char::from(byte);
        c.is_ascii_alphanumeric() || UNRESERVED.contains(c) || (of == Of::Url && RESERVED.contains(c))
    };
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Decodes a text; `None` when its escapes are not complete or not UTF-8.
pub(super) fn decode(text: &str, of: Of) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte != b'%' {
            out.push(*byte);
            at += 1;
            continue;
        }
        let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        let decoded = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if of == Of::Url && decoded.is_ascii() && RESERVED.contains(char::from(decoded)) {
            out.extend_from_slice(&bytes[at..at + 3]);
        } else if !decoded.is_ascii() {
            // Bytes of a character must all be escaped, so a byte as it is may not complete one.
            let length = [0xC0..=0xDF, 0xE0..=0xEF, 0xF0..=0xF7].iter().position(|range| range.contains(&decoded))?;
            let escaped = text.get(at..at + (length + 2) * 3)?;
            let mut character = Vec::with_capacity(4);
            for escape in escaped.as_bytes().chunks(3) {
                let digits = escape.strip_prefix(b"%").and_then(|digits| std::str::from_utf8(digits).ok())?;
                character.push(u8::from_str_radix(digits, 16).ok()?);
            }
            std::str::from_utf8(&character).ok()?;
            out.extend_from_slice(&character);
            at += escaped.len();
            continue;
        } else {
            out.push(decoded);
        }
        at += 3;
    }
    String::from_utf8(out).ok()
}

//! Reads JSON text as clients send it: in UTF-8, UTF-16 or UTF-32, with or without a byte order mark. A syntax error
//! has a position in characters and the text of Python's decoder, which the clients of this API know.

use serde_json::Value;

/// Why some bytes are not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not text.
    #[error("the text is not valid Unicode")]
    Encoding,
    /// The text is not JSON.
    #[error("{reason} (character {offset})")]
    Syntax {
        /// The position in characters, from 0.
        offset: usize,
        /// The text of Python's decoder.
        reason: &'static str,
    },
}

/// Reads one JSON value. Of equal keys the last one wins. `NaN`, infinities, lone surrogates and text after the value
/// are refused.
///
/// # Errors
/// `Encoding` when the bytes are not text, `Syntax` when the text is not JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = decode(bytes).ok_or(JsonError::Encoding)?;
    serde_json::from_str(&text).map_err(|error| locate(&text, &error))
}

/// An upper bound of the memory that [`parse`] uses for a text, which may come in parts. It counts the decoded text and
/// the values, whose lists and objects grow to up to twice of what they need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    text: usize,
    has_zeros: bool,
    values: usize,
    entries: usize,
}

impl Memory {
    /// An entry of an object besides its value, in bytes: key, hash, place in the index, the key's text.
    const ENTRY: usize = 64;

    /// Adds a part of the text.
    pub fn add(&mut self, part: &[u8]) {
        self.text += part.len();
        self.has_zeros |= part.contains(&0);
        for byte in part {
            self.values += usize::from(matches!(byte, b',' | b'[' | b'{'));
            self.entries += usize::from(*byte == b':');
        }
    }

    /// The bound in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        // UTF-16 and UTF-32 are decoded to a text of their own.
        let decoded = if self.has_zeros { 2 * self.text } else { 0 };
        decoded + 2 * ((self.values + 1) * size_of::<Value>() + self.entries * Self::ENTRY) + self.text
    }
}

/// Decodes bytes as text. The byte order mark or the zeros in the first four bytes give the encoding (RFC 4627, section
/// 3).
fn decode(bytes: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    use std::borrow::Cow;
    let utf8 = |bytes| std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    match *bytes {
        [0xEF, 0xBB, 0xBF, ref rest @ ..] => utf8(rest),
        [0xFF, 0xFE, 0, 0, ref rest @ ..] => utf32(rest, u32::from_le_bytes).map(Cow::Owned),
        [0, 0, 0xFE, 0xFF, ref rest @ ..] => utf32(rest, u32::from_be_bytes).map(Cow::Owned),
        [0xFF, 0xFE, ref rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xFE, 0xFF, ref rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        [0, 0, 0, _, ..] => utf32(bytes, u32::from_be_bytes).map(Cow::Owned),
        [_, 0, 0, 0, ..] => utf32(bytes, u32::from_le_bytes).map(Cow::Owned),
        [0, _, ..] => utf16(bytes, u16::from_be_bytes).map(Cow::Owned),
        [_, 0, ..] => utf16(bytes, u16::from_le_bytes).map(Cow::Owned),
        _ => utf8(bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    if rest.is_empty() { char::decode_utf16(units).collect::<Result<_, _>>().ok() } else { None }
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Option<String> {
    let (quads, rest) = bytes.as_chunks::<4>();
    let mut chars = quads.iter().map(|quad| char::from_u32(unit(*quad)));
    if rest.is_empty() { chars.by_ref().collect() } else { None }
}

/// Finds the position and the text of a parser's error.
fn locate(text: &str, error: &serde_json::Error) -> JsonError {
    let mut scan = Scan { chars: text.chars().collect(), at: 0, depth: 0 };
    match scan.document() {
        Err(found) => JsonError::Syntax { offset: found.0, reason: found.1 },
        Ok(()) => JsonError::Syntax {
            offset: error.column().saturating_sub(1),
            reason: "A number is too large or the nesting too deep",
        },
    }
}

/// The position of a syntax error, and its text.
struct SyntaxError(usize, &'static str);

/// Reads JSON text as Python's decoder does and stops at the first error.
struct Scan {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

/// The deepest nesting, which is also that of the parser.
const MAX_DEPTH: usize = 128;

impl Scan {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn document(&mut self) -> Result<(), SyntaxError> {
        self.blanks();
        self.value()?;
        self.blanks();
        if self.at < self.chars.len() { Err(SyntaxError(self.at, "Extra data")) } else { Ok(()) }
    }

    fn value(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            Some('"') => self.string(),
            Some('-' | '0'..='9') => self.number(),
            _ if self.word("true") || self.word("false") || self.word("null") => Ok(()),
            _ if self.starts("NaN") || self.starts("Infinity") => Err(SyntaxError(self.at, "Not a finite number")),
            _ => Err(SyntaxError(self.at, "Expecting value")),
        }
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Result<(), SyntaxError>) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError(self.at, "Nested too deeply"));
        }
        self.at += 1;
        inside(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), SyntaxError> {
        self.blanks();
        if self.take('}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some('"') {
                return Err(SyntaxError(self.at, "Expecting property name enclosed in double quotes"));
            }
            self.string()?;
            self.blanks();
            if !self.take(':') {
                return Err(SyntaxError(self.at, "Expecting ':' delimiter"));
            }
            self.blanks();
            self.value()?;
            if self.ends('}', "Illegal trailing comma before end of object")? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Result<(), SyntaxError> {
        self.blanks();
        if self.take(']') {
            return Ok(());
        }
        loop {
            self.value()?;
            if self.ends(']', "Illegal trailing comma before end of array")? {
                return Ok(());
            }
        }
    }

    /// Returns whether the container ends here. Otherwise it reads a comma and the blanks after it.
    fn ends(&mut self, close: char, trailing: &'static str) -> Result<bool, SyntaxError> {
        self.blanks();
        if self.take(close) {
            return Ok(true);
        }
        let comma = self.at;
        if !self.take(',') {
            return Err(SyntaxError(comma, "Expecting ',' delimiter"));
        }
        self.blanks();
        if self.peek() == Some(close) { Err(SyntaxError(comma, trailing)) } else { Ok(false) }
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(SyntaxError(start, "Unterminated string starting at")),
                Some('"') => break,
                Some('\\') => self.escape(start)?,
                Some(c) if c < ' ' => return Err(SyntaxError(self.at, "Invalid control character at")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self, start: usize) -> Result<(), SyntaxError> {
        let backslash = self.at;
        self.at += 2;
        match self.chars.get(backslash + 1) {
            None => Err(SyntaxError(start, "Unterminated string starting at")),
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => Ok(()),
            Some('u') => self.surrogates(backslash),
            Some(_) => Err(SyntaxError(backslash, "Invalid \\escape")),
        }
    }

    fn surrogates(&mut self, backslash: usize) -> Result<(), SyntaxError> {
        match self.hex(backslash)? {
            0xD800..=0xDBFF if self.starts("\\u") => {
                let second = self.at;
                self.at += 2;
                match self.hex(second)? {
                    0xDC00..=0xDFFF => Ok(()),
                    _ => Err(SyntaxError(backslash, "Lone surrogate")),
                }
            }
            0xD800..=0xDFFF => Err(SyntaxError(backslash, "Lone surrogate")),
            _ => Ok(()),
        }
    }

    fn hex(&mut self, backslash: usize) -> Result<u32, SyntaxError> {
        let digits: Option<u32> = self
            .chars
            .get(self.at..self.at + 4)
            .and_then(|digits| digits.iter().try_fold(0, |number, digit| Some(number * 16 + digit.to_digit(16)?)));
        self.at += 4;
        digits.ok_or(SyntaxError(backslash + 1, "Invalid \\uXXXX escape"))
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.take('-');
        if self.starts("Infinity") {
            return Err(SyntaxError(start, "Not a finite number"));
        }
        if !self.take('0') && !self.digits() {
            return Err(SyntaxError(start, "Expecting value"));
        }
        let whole = self.at;
        if self.take('.') && !self.digits() {
            self.at = whole;
            return Ok(());
        }
        let mantissa = self.at;
        if self.take('e') || self.take('E') {
            let _sign = self.take('+') || self.take('-');
            if !self.digits() {
                self.at = mantissa;
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn starts(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.starts(word);
        if found {
            self.at += word.len();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn syntax_error(text: &str) -> (usize, &'static str) {
        match parse(text.as_bytes()) {
            Err(JsonError::Syntax { offset, reason }) => (offset, reason),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    fn memory_of(text: &str) -> usize {
        let mut memory = Memory::default();
        let (start, rest) = text.split_at(text.len() / 2);
        memory.add(start.as_bytes());
        memory.add(rest.as_bytes());
        memory.bytes()
    }

    #[test]
    fn the_memory_of_a_text_is_bounded_by_its_commas_and_colons() {
        for (text, most) in [("[0,0,0,0]", 1_000), ("{\"a\":{\"b\":[]}}", 1_000), ("\"a long text\"", 200)] {
            let bytes = memory_of(text);
            assert!(bytes > text.len() + size_of::<Value>() && bytes < most, "{text}: {bytes}");
        }
        let list = json!(vec![0; 1_000]).to_string();
        let Value::Array(values) = parse(list.as_bytes()).unwrap() else { panic!("no list") };
        assert!(values.capacity() * size_of::<Value>() <= memory_of(&list));
    }

    #[test]
    fn a_syntax_error_has_a_position_in_characters_and_a_text() {
        for (text, expected) in [
            ("{", (1, "Expecting property name enclosed in double quotes")),
            ("hello", (0, "Expecting value")),
            ("   ", (3, "Expecting value")),
            ("{\"a\": 1} extra", (9, "Extra data")),
            ("{\"é\": ", (6, "Expecting value")),
            ("{\"agent_name\": \"a\",}", (18, "Illegal trailing comma before end of object")),
            ("[1 2]", (3, "Expecting ',' delimiter")),
            ("{\"a\" 1}", (5, "Expecting ':' delimiter")),
            ("\"abc", (0, "Unterminated string starting at")),
            ("\"\\x\"", (1, "Invalid \\escape")),
            ("{\"a\": NaN}", (6, "Not a finite number")),
            ("\"\\ud800\"", (1, "Lone surrogate")),
        ] {
            assert_eq!(syntax_error(text), expected, "{text}");
        }
    }

    #[test]
    fn every_unicode_encoding_is_read() {
        let text = "{\"n\":\"ü\"}";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let utf32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let bom = format!("\u{feff}{text}").into_bytes();
        for bytes in [text.as_bytes().to_vec(), utf16, marked, utf32, bom] {
            assert_eq!(parse(&bytes), Ok(json!({"n": "ü"})));
        }
        assert_eq!(parse(b"{\"n\": \"\xff\"}"), Err(JsonError::Encoding));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert_eq!(syntax_error(&"[".repeat(100_000)), (128, "Nested too deeply"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_json_like_text_panics(text in "[\\[\\]{}\",:\\\\u0-9a-fDd.eE+ -]{0,40}") {
            let _ = parse(text.as_bytes());
        }
    }
}

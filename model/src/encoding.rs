//! Reads bytes as text, whatever the encoding that a byte-order mark names.

/// Why bytes are not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// The bytes are not UTF-8.
    #[error("it is not UTF-8 (byte {0})")]
    Utf8(usize),
    /// The bytes have the mark or the form of UTF-16, but are not.
    #[error("it begins as UTF-16 and is not UTF-16")]
    Utf16,
}

/// Returns bytes as UTF-8 without a byte-order mark. UTF-16 with a mark is converted, and so is UTF-16 without one when
/// the first character is ASCII, as in JSON and YAML (YAML 1.2.2, section 5.2).
///
/// # Errors
/// The bytes are neither UTF-8 nor UTF-16.
pub fn text(bytes: Vec<u8>) -> Result<String, EncodingError> {
    let units = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| read(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok().filter(|_| rest.is_empty()).ok_or(EncodingError::Utf16)
    };
    match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            std::str::from_utf8(rest).map(str::to_owned).map_err(|error| EncodingError::Utf8(error.valid_up_to() + 3))
        }
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes),
        [1..=0x7F, 0, ..] => units(&bytes, u16::from_le_bytes),
        [0, 1..=0x7F, ..] => units(&bytes, u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|error| EncodingError::Utf8(error.utf8_error().valid_up_to())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_marks_and_of_utf_16_are_read() {
        let utf16 = |mark: bool, write: fn(u16) -> [u8; 2]| {
            let text = if mark { "\u{feff}{\"a\": \"ü😀\"}" } else { "{\"a\": \"ü😀\"}" };
            text.encode_utf16().flat_map(write).collect::<Vec<u8>>()
        };
        for bytes in [
            "{\"a\": \"ü😀\"}".as_bytes().to_vec(),
            "\u{feff}{\"a\": \"ü😀\"}".as_bytes().to_vec(),
            utf16(true, u16::to_le_bytes),
            utf16(true, u16::to_be_bytes),
            utf16(false, u16::to_le_bytes),
            utf16(false, u16::to_be_bytes),
        ] {
            assert_eq!(text(bytes).as_deref(), Ok("{\"a\": \"ü😀\"}"));
        }
        assert_eq!(text(Vec::new()).as_deref(), Ok(""));
        assert_eq!(text("a\u{feff}b".into()).as_deref(), Ok("a\u{feff}b"), "a mark inside stays");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(text(b"caf\xe9".to_vec()), Err(EncodingError::Utf8(3)));
        assert_eq!(text(b"\xef\xbb\xbf\xe9".to_vec()), Err(EncodingError::Utf8(3)));
        for wrong in [&b"\xff\xfea"[..], b"\xff\xfe\x00\xd8", b"a\0b"] {
            assert_eq!(text(wrong.to_vec()), Err(EncodingError::Utf16), "{wrong:?}");
        }
    }
}

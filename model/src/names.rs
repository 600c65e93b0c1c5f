//! Names that people compare by eye: of formats, classes, agents and topics. A name may not hold characters that cannot
//! be seen, because two names that look the same would be different ones.

/// A character of a name that people cannot see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the character U+{code:04X} at position {position} cannot be seen; a name may not hold it", code = u32::from(*character))]
pub struct Unseen {
    /// The position in characters, from 1.
    pub position: usize,
    /// The character.
    pub character: char,
}

/// Checks that a name has no control characters, no characters without width and no characters that change the
/// direction of writing.
///
/// # Errors
/// The first such character.
pub fn check(name: &str) -> Result<(), Unseen> {
    let found = name.chars().enumerate().find(|(_, character)| is_unseen(*character));
    found.map_or(Ok(()), |(index, character)| Err(Unseen { position: index + 1, character }))
}

fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // The soft hyphen, joiners, and marks of direction.
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
            // Separators of lines, overrides and isolates of direction, invisible operators.
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            // Fillers, the mark of the byte order, annotations and tags.
            | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_cannot_be_seen_are_named_with_their_position() {
        for name in ["Echo", "a.b.C", "Zoë", "名前", "смесь", "a b", "emoji 🎲\u{FE0F}", ""] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (name, position, code) in [
            ("Ec\0ho", 3, "U+0000"),
            ("a\r\nb", 2, "U+000D"),
            ("é\u{200B}", 2, "U+200B"),
            ("\u{202E}ohcE", 1, "U+202E"),
            ("a\u{2066}b", 2, "U+2066"),
            ("\u{FEFF}a", 1, "U+FEFF"),
        ] {
            let unseen = check(name).unwrap_err();
            assert_eq!(unseen.position, position, "{name:?}");
            assert!(unseen.to_string().contains(&format!("{code} at position {position}")), "{unseen}");
        }
    }
}

//! The names of files: any text of one line that is not a path.

use serde::{Deserialize, Serialize};

/// The name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileName(String);

/// Why a text is not a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("a file needs a name")]
    Empty,
    #[error("a file name has at most {MAX_BYTES} bytes")]
    Long,
    #[error("a file name has no / or \\")]
    Separator,
    #[error("a file name has no control characters")]
    Control,
    #[error("a file cannot be called . or ..")]
    Dots,
    /// Other servers of this API store metadata under such names.
    #[error("names like .x.meta are reserved")]
    Reserved,
}

/// The longest name.
const MAX_BYTES: usize = 255;

impl FileName {
    /// Checks a name.
    ///
    /// # Errors
    /// See [`BadName`].
    pub fn parse(name: &str) -> Result<Self, BadName> {
        match name {
            "" => Err(BadName::Empty),
            "." | ".." => Err(BadName::Dots),
            _ if name.len() > MAX_BYTES => Err(BadName::Long),
            _ if name.contains(['/', '\\']) => Err(BadName::Separator),
            _ if name.contains(char::is_control) => Err(BadName::Control),
            _ if name.starts_with('.') && name.ends_with(".meta") => Err(BadName::Reserved),
            _ => Ok(Self(name.to_owned())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether lists omit the file.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.0.starts_with('.')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_path() {
        for name in ["test.txt", "a b+c%d.txt", "Ünï cödé 日本.txt", ".hidden", "...", "a..b", "x.meta", "~", "-rf"]
        {
            assert_eq!(FileName::parse(name).map(|name| name.0), Ok(name.to_owned()));
        }
        for (name, why) in [
            ("", BadName::Empty),
            ("..", BadName::Dots),
            ("../x", BadName::Separator),
            ("/etc/passwd", BadName::Separator),
            ("..\\x", BadName::Separator),
            ("a\0b", BadName::Control),
            ("a\r\nb", BadName::Control),
            (".test.txt.meta", BadName::Reserved),
        ] {
            assert_eq!(FileName::parse(name), Err(why), "{name:?}");
        }
        assert_eq!(FileName::parse(&"é".repeat(128)), Err(BadName::Long));
    }
}
